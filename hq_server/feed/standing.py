"""Which branch has applied which version: what each should have now, against what it told."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session, defer

from hq_server.branches.models import Branch
from hq_server.branches.queries import LinkState, branch_link, list_branches
from hq_server.feed.alarms import FEED_BEHIND
from hq_server.feed.models import FeedItem, FeedTelling, FeedVersion
from shared.alarms.operations import clear_alarm, raise_alarm
from shared.domain.published.vocabulary import ItemKind
from sync_protocol.contract.feed import APPLIED, REFUSED

WAITING: Final = "waiting"
UNJOINED: Final = "unjoined"


@dataclass(frozen=True, slots=True)
class Cell:
    """One item at one branch: the version due there, and what the branch told of it.

    `outcome` is applied, refused, received or waiting, or unjoined where there is no node yet. `applied` is the
    newest version the branch has applied, `telling` its word about the version due.
    """

    branch: Branch
    item: FeedItem
    version: int
    withdrawn: bool
    published_at: datetime
    outcome: str
    applied: int | None
    telling: FeedTelling | None

    @property
    def is_behind(self) -> bool:
        """Whether the branch has a node and has not applied the version due, for whatever reason."""
        return self.outcome not in {APPLIED, UNJOINED}

    @property
    def waits(self) -> bool:
        """Whether the branch has said nothing of it yet; a refusal is another matter."""
        return self.is_behind and self.outcome != REFUSED


@dataclass(frozen=True, slots=True)
class Row:
    """One branch with its cells by item."""

    branch: Branch
    link: LinkState
    cells: Mapping[str, Cell]

    @property
    def behind(self) -> list[Cell]:
        """What it has not applied, the oldest first."""
        return sorted(
            (cell for cell in self.cells.values() if cell.is_behind), key=lambda cell: cell.published_at
        )


def rows(
    session: Session,
    now: datetime,
    *,
    items: Collection[str] = (),
    branches: Collection[int] = (),
    orders: bool = False,
) -> list[Row]:
    """Return branches with what is due there, those furthest behind first; `items` and `branches` narrow (none: all).

    What has expired is due nowhere. Orders about personal data are among it when `items` names them, or with `orders`.
    """
    published = _published(session, items, orders=orders)
    told = _told(session, items, branches)
    found = [
        Row(branch, branch_link(branch, now), dict(_cells(branch, published, told, now)))
        for branch in list_branches(session)
        if not branches or branch.number in branches
    ]
    found.sort(
        key=lambda row: (-len(row.behind), row.behind[0].published_at if row.behind else now, row.branch.code)
    )
    return found


def watch(session: Session, now: datetime, *, hours: int) -> int:
    """Raise or clear the alarm of branches that are heard from and do not follow; returns how many are behind."""
    behind = 0
    for row in rows(session, now, orders=True):
        about = ("branch", row.branch.code)
        late = [cell for cell in row.behind if cell.waits and _since(cell) <= now - timedelta(hours=hours)]
        if late and row.link in {LinkState.UP, LinkState.SLOW}:
            waited = int((now - _since(late[0])).total_seconds() // 3600)
            details = {"items": len(late), "hours": waited}
            raise_alarm(session, FEED_BEHIND, about, at=now, details=details)
            behind += 1
        elif not late:
            # One that is not heard from keeps its alarm: nothing is known to be better.
            clear_alarm(session, FEED_BEHIND, about, at=now)
    return behind


def _since(cell: Cell) -> datetime:
    return max(cell.published_at, cell.branch.joined_at or cell.published_at)


def _published(
    session: Session, items: Collection[str], *, orders: bool
) -> dict[FeedItem, list[FeedVersion]]:
    """Return every item that was ever published with its published versions, oldest first."""
    statement = (
        select(FeedItem, FeedVersion)
        .join(FeedVersion, FeedVersion.item_id == FeedItem.id)
        .where(FeedVersion.seq.is_not(None))
        .order_by(FeedItem.id, FeedVersion.version)
        .options(defer(FeedVersion.body))
    )
    if items:
        statement = statement.where(FeedItem.id.in_(items))
    elif not orders:
        statement = statement.where(FeedItem.kind != ItemKind.PERSONAL_ORDER)
    found: dict[FeedItem, list[FeedVersion]] = {}
    for item, version in session.execute(statement):
        found.setdefault(item, []).append(version)
    return found


def _told(
    session: Session, items: Collection[str], branches: Collection[int]
) -> dict[tuple[int, str], list[FeedTelling]]:
    statement = select(FeedTelling).order_by(FeedTelling.version)
    if items:
        statement = statement.where(FeedTelling.item_id.in_(items))
    if branches:
        statement = statement.where(FeedTelling.branch_number.in_(branches))
    found: dict[tuple[int, str], list[FeedTelling]] = {}
    for telling in session.scalars(statement):
        found.setdefault((telling.branch_number, telling.item_id), []).append(telling)
    return found


def _cells(
    branch: Branch,
    published: Mapping[FeedItem, Sequence[FeedVersion]],
    told: Mapping[tuple[int, str], Sequence[FeedTelling]],
    now: datetime,
) -> Iterable[tuple[str, Cell]]:
    for item, versions in published.items():
        due = versions[-1]
        here = due.addresses(branch.code)
        before = any(one.addresses(branch.code) for one in versions[:-1])
        over = here and due.expires_at is not None and due.expires_at <= now
        if over or not (here or before):
            continue
        tellings = told.get((branch.number, item.id), ())
        about_due = next((one for one in tellings if one.version == due.version), None)
        assert due.published_at is not None
        yield (
            item.id,
            Cell(
                branch=branch,
                item=item,
                version=due.version,
                withdrawn=not here,
                published_at=due.published_at,
                outcome=UNJOINED if branch.joined_at is None else about_due.outcome if about_due else WAITING,
                applied=max((one.version for one in tellings if one.outcome == APPLIED), default=None),
                telling=about_due,
            ),
        )
