"""Reads of the feed: where it stands, what a branch gets, and the versions of an item."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, and_, func, or_, select
from sqlalchemy.orm import Session, aliased

from hq_server.branches.models import Branch
from hq_server.feed.errors import ItemNotFoundError
from hq_server.feed.models import FeedHead, FeedItem, FeedStanding, FeedVersion
from shared.db.base import instant_text
from shared.domain.published.codes import Code, problem_of, read_codes
from shared.domain.published.policies import POLICIES
from shared.domain.published.vocabulary import CodeTable, ItemKind
from sync_protocol.contract.feed import FeedEntry, FeedPage, FeedPoint
from sync_protocol.contract.messages import FeedState

PAGE: Final = 100
BEGINNING: Final = FeedPoint(seq=0, digest="")


@dataclass(frozen=True, slots=True)
class ItemFilter:
    """Which items are wanted; everything empty means all. `names` are tables and policies that `text` found."""

    text: str = ""
    names: tuple[str, ...] = ()
    kinds: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Standing:
    """An item with the version branches have now and the draft of the next."""

    item: FeedItem
    current: FeedVersion | None
    draft: FeedVersion | None

    def state(self, now: datetime) -> str:
        """Return draft, scheduled, published, expired or withdrawn."""
        if self.current is None:
            return "scheduled" if self.draft and self.draft.publish_at else "draft"
        if self.current.withdrawn:
            return "withdrawn"
        over = self.current.expires_at is not None and self.current.expires_at <= now
        return "expired" if over else "published"


@dataclass(frozen=True, slots=True)
class Out(Standing):
    """An item of which branches have a version, or had one."""

    current: FeedVersion


def head(session: Session) -> FeedPoint:
    """Return where the feed stands."""
    found = session.get(FeedHead, 1)
    return FeedPoint(seq=found.seq, digest=found.digest) if found else BEGINNING


def state_for(session: Session, branch_number: int) -> FeedState:
    """Return what a branch is told of the feed with every contact: it asks for more only when this differs."""
    now = [select(column).where(FeedHead.id == 1) for column in (FeedHead.seq, FeedHead.digest)]
    told = select(FeedStanding.number).where(FeedStanding.branch_number == branch_number)
    columns = [one.scalar_subquery() for one in (*now, told)]
    seq, digest, receipts = session.execute(select(*columns)).one()
    return FeedState(seq=seq or BEGINNING.seq, digest=digest or BEGINNING.digest, receipts=receipts or 0)


def read_page(session: Session, branch: Branch, after: FeedPoint, *, limit: int = PAGE) -> FeedPage:
    """Return what was published after a place, for one branch; from the beginning when we do not know the place.

    The head is read first: publishing is serialised, so everything up to it is there to be seen.
    """
    now = head(session)
    start = after if after == BEGINNING or _is_ours(session, after) else BEGINNING
    found = session.execute(_newest(start.seq, now.seq).limit(limit + 1)).all()
    entries = [
        entry
        for item, version in found[:limit]
        if (entry := _entry(session, item, version, branch.code)) is not None
    ]
    last = found[limit - 1][1] if len(found) > limit else None
    following = FeedPoint(seq=last.seq or 0, digest=last.digest or "") if last else None
    return FeedPage(branch=branch.code, after=after, start=start, entries=entries, head=now, next=following)


def get_item(session: Session, item_id: str) -> FeedItem:
    """Return one item that people publish, so no order; raises ItemNotFoundError."""
    found = session.get(FeedItem, item_id)
    if found is None or found.kind is ItemKind.PERSONAL_ORDER:
        raise ItemNotFoundError
    return found


def list_versions(session: Session, item_id: str) -> Sequence[FeedVersion]:
    """Return every version of an item, newest first, a draft included."""
    statement = select(FeedVersion).where(FeedVersion.item_id == item_id)
    return session.scalars(statement.order_by(FeedVersion.version.desc())).all()


def standing_of(session: Session, item: FeedItem) -> Standing:
    """Return an item with its present version and its draft."""
    versions = list_versions(session, item.id)
    return Standing(
        item,
        next((one for one in versions if one.is_published), None),
        next((one for one in versions if not one.is_published), None),
    )


def find_named(session: Session, kind: ItemKind, name: str) -> FeedItem | None:
    """Return the item of a table or a policy, or None."""
    return session.scalar(select(FeedItem).where(FeedItem.kind == kind, FeedItem.name == name))


def code_words(session: Session, table: CodeTable) -> list[Code]:
    """Return the codes of a table as they are published now, with their words; empty when none is."""
    item = find_named(session, ItemKind.CODE_TABLE, table.value)
    current = standing_of(session, item).current if item is not None else None
    if current is None or current.withdrawn or problem_of(table.value, current.body) is not None:
        return []
    return read_codes(current.body)


def policies_for_all(session: Session, names: Collection[str], *, now: datetime) -> dict[str, Any]:
    """Return the values of those policies that are published to every branch: head office obeys them as well."""
    versions = session.execute(
        select(FeedItem.name, FeedVersion)
        .join(FeedVersion, FeedVersion.item_id == FeedItem.id)
        .where(FeedItem.kind == ItemKind.POLICY, FeedItem.name.in_(names), FeedVersion.seq.is_not(None))
        .order_by(FeedVersion.seq)
    )
    newest: dict[str, FeedVersion] = {name: version for name, version in versions}  # noqa: C416 - rows, not pairs
    return {
        name: version.body["value"]
        for name, version in newest.items()
        if not (version.withdrawn or version.branches)
        and (version.expires_at is None or version.expires_at > now)
        # A value that no program of ours published is none: nobody could sign in to put it right.
        and POLICIES[name].type.problem_of(version.body.get("value")) is None
    }


def list_standings(session: Session, wanted: ItemFilter) -> list[Standing]:
    """Return the items wanted, the latest made first."""
    items = session.scalars(_items(wanted).order_by(FeedItem.made_at.desc(), FeedItem.id.desc())).all()
    ids = {item.id for item in items}
    current: dict[str, FeedVersion] = {}
    drafts: dict[str, FeedVersion] = {}
    for version in session.scalars(_latest()):
        if version.item_id in ids:
            (current if version.is_published else drafts)[version.item_id] = version
    return [Standing(item, current.get(item.id), drafts.get(item.id)) for item in items]


def list_out(session: Session, kind: ItemKind, now: datetime) -> list[Out]:
    """Return the items of a kind that were ever published, those in force first, the latest made first."""
    found = list_standings(session, ItemFilter(kinds=frozenset({kind.value})))
    out = [Out(one.item, one.current, one.draft) for one in found if one.current is not None]
    return sorted(out, key=lambda each: each.state(now) != "published")


def list_due(session: Session, at: datetime) -> Sequence[FeedVersion]:
    """Return the drafts whose time to be published has come, the earliest first."""
    due = (FeedVersion.seq.is_(None), FeedVersion.publish_at <= at)
    ordered = select(FeedVersion).where(*due).order_by(FeedVersion.publish_at, FeedVersion.item_id)
    return session.scalars(ordered).all()


def _is_ours(session: Session, place: FeedPoint) -> bool:
    found = select(FeedVersion.seq).where(FeedVersion.seq == place.seq, FeedVersion.digest == place.digest)
    return session.scalar(found) is not None


def _newest(after: int, through: int) -> Select[FeedItem, FeedVersion]:
    """Return the statement of items published in a stretch, each in the version that is newest at its end."""
    newer = aliased(FeedVersion)
    superseded = select(newer.seq).where(
        newer.item_id == FeedVersion.item_id, newer.seq > FeedVersion.seq, newer.seq <= through
    )
    return (
        select(FeedItem, FeedVersion)
        .join(FeedVersion, FeedVersion.item_id == FeedItem.id)
        .where(FeedVersion.seq > after, FeedVersion.seq <= through, ~superseded.exists())
        .order_by(FeedVersion.seq)
    )


def _entry(session: Session, item: FeedItem, version: FeedVersion, code: str) -> FeedEntry | None:
    """Return what a branch gets of a version: its body, that it is withdrawn, or nothing if it never had the item."""
    addressed = version.addresses(code)
    if not addressed and not _had(session, version, code):
        return None
    assert version.seq is not None
    assert version.published_at is not None
    return FeedEntry(
        seq=version.seq,
        id=item.id,
        kind=item.kind.value,
        name=item.name,
        version=version.version,
        withdrawn=not addressed,
        body=version.body if addressed else None,
        published_at=instant_text(version.published_at),
        expires_at=instant_text(version.expires_at) if version.expires_at else None,
    )


def _had(session: Session, version: FeedVersion, code: str) -> bool:
    before = select(FeedVersion).where(
        FeedVersion.item_id == version.item_id, FeedVersion.seq < version.seq, FeedVersion.seq.is_not(None)
    )
    return any(one.addresses(code) for one in session.scalars(before))


def _items(wanted: ItemFilter) -> Select[FeedItem]:
    statement = select(FeedItem).where(FeedItem.kind != ItemKind.PERSONAL_ORDER)
    if wanted.text:
        word = FeedItem.title.icontains(wanted.text, autoescape=True)
        statement = statement.where(or_(word, FeedItem.name.in_(wanted.names)) if wanted.names else word)
    if wanted.kinds:
        statement = statement.where(FeedItem.kind.in_(sorted(wanted.kinds)))
    return statement


def _latest() -> Select[FeedVersion]:
    """Return the statement of the newest published version of each item, and of its draft."""
    newest = (
        select(FeedVersion.item_id, func.max(FeedVersion.seq).label("seq"))
        .where(FeedVersion.seq.is_not(None))
        .group_by(FeedVersion.item_id)
        .subquery()
    )
    same = and_(newest.c.item_id == FeedVersion.item_id, newest.c.seq == FeedVersion.seq)
    return (
        select(FeedVersion)
        .outerjoin(newest, same)
        .where(or_(newest.c.seq.is_not(None), FeedVersion.seq.is_(None)))
    )
