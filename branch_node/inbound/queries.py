"""Reads of what is in force here: codes to choose from and their words, policies, announcements."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import BindParameter, ColumnElement, bindparam, exists, func, or_, select
from sqlalchemy.orm import Session

from branch_node.inbound.models import AnnouncementReading, FeedPlace, InboundCode, InboundItem
from shared.auth.models import User
from shared.db.base import instant_text
from shared.db.snapshot import once
from shared.domain.published.announcements import Announcement, read_announcement
from shared.domain.published.codes import Code, read_codes
from shared.domain.published.counting import COUNTING, counting_kinds
from shared.domain.published.vocabulary import CodeTable, ItemKind
from sync_protocol.contract.feed import APPLIED, REFUSED, FeedPoint, FeedReceipt


@dataclass(frozen=True, slots=True)
class Notice:
    """An announcement as one person sees it."""

    item: InboundItem
    said: Announcement
    read_at: datetime | None


def find_place(session: Session) -> FeedPlace | None:
    """Return how far this branch has followed, or None before it has followed anything."""
    return once(session, read_place)


def read_place(session: Session) -> FeedPlace | None:
    """Return the same, read anew each time."""
    return session.get(FeedPlace, 1)


def hq_time(session: Session, now: datetime) -> datetime:
    """Return what HQ's clock shows at `now` on ours, as far as is known."""
    place = find_place(session)
    return now + timedelta(milliseconds=place.ahead_ms) if place else now


def list_items(session: Session) -> Sequence[InboundItem]:
    """Return what everybody here obeys, what was refused first, then the latest published; orders are not among it."""
    refused = InboundItem.outcome == REFUSED
    for_all = select(InboundItem).where(InboundItem.kind != ItemKind.PERSONAL_ORDER.value)
    ordered = for_all.order_by(refused.desc(), InboundItem.published_at.desc(), InboundItem.id)
    return session.scalars(ordered).all()


def list_untold(session: Session, *, limit: int) -> Sequence[InboundItem]:
    """Return items of which HQ does not know what became of them."""
    untold = select(InboundItem).where(InboundItem.told.is_(False))
    return session.scalars(untold.order_by(InboundItem.id).limit(limit)).all()


def standing(place: FeedPlace | None) -> tuple[FeedPoint, int]:
    """Return the place in the feed a branch stands at, and the number of the last telling HQ has kept."""
    if place is None:
        return FeedPoint(seq=0, digest=""), 0
    return FeedPoint(seq=place.seq, digest=place.digest), place.telling


def has_unsettled(session: Session) -> bool:
    """Whether something came that cannot be obeyed, or of which HQ does not know what became of it."""
    unsettled = or_(InboundItem.refused.is_not(None), InboundItem.told.is_(False))
    return session.scalar(select(InboundItem.id).where(unsettled).limit(1)) is not None


def policy(session: Session, name: str, *, now: datetime) -> Any | None:  # noqa: ANN401 - the policy's own type
    """Return the value of a policy that is in force, or None: then the node's own setting counts."""
    body = session.scalar(
        select(InboundItem.body).where(
            InboundItem.kind == ItemKind.POLICY.value,
            InboundItem.name == name,
            InboundItem.body.is_not(None),
            _not_over(session, now),
        )
    )
    return body["value"] if body else None


def policies(session: Session, names: Collection[str], *, now: datetime) -> dict[str, Any]:
    """Return the values of those of several policies that are in force, by one read."""
    found = session.execute(_POLICIES, {"names": list(names)})
    return {
        name: body["value"]
        for name, body, expires_at, ahead_ms in found
        if body and (expires_at is None or expires_at > now + timedelta(milliseconds=ahead_ms or 0))
    }


def codes(session: Session, table: CodeTable, *, now: datetime) -> list[Code] | None:
    """Return the codes that may be chosen, in their order; None when no such table is in force: anything goes."""
    if (
        not once(session, has_table, table)
        or session.scalar(_CODES_IN_FORCE, {"table": table.value, "at": hq_time(session, now)}) is None
    ):
        return None
    return [code for code in words_of(session, table) if not code.withdrawn]


def has_table(session: Session, table: CodeTable) -> bool:
    """Tell whether head office has published a table, over by now or not."""
    return bool(session.scalar(select(published(ItemKind.CODE_TABLE, table.value))))


def code_table(session: Session, table: CodeTable, *, now: datetime) -> list[Code] | None:
    """Return a table that is in force as it was published, with all that stands in it; None when none is."""
    body = session.scalar(
        select(InboundItem.body).where(
            InboundItem.kind == ItemKind.CODE_TABLE.value,
            InboundItem.name == table.value,
            InboundItem.body.is_not(None),
            _not_over(session, now),
        )
    )
    return read_codes(body) if body else None


def counting_papers(session: Session, *, now: datetime) -> dict[str, list[str]]:
    """Return by kind of papers what counts them here, in words: the rules and the policies that are in force."""
    rules = session.scalars(
        select(InboundItem.body).where(
            InboundItem.kind == ItemKind.RULES.value, InboundItem.body.is_not(None), _not_over(session, now)
        )
    )
    return counting_kinds([body for body in rules if body], [*policies(session, COUNTING, now=now).items()])


def words_of(session: Session, table: str) -> list[Code]:
    """Return every code that ever came, with its words: records may hold one that is withdrawn."""
    rows = session.scalars(
        select(InboundCode)
        .where(InboundCode.table_name == str(table))
        .order_by(InboundCode.position, InboundCode.code)
    )
    return [Code(row.code, row.zh, row.en, row.withdrawn) for row in rows]


def list_notices(session: Session, user: User, *, now: datetime) -> list[Notice]:
    """Return the announcements for a person that are in force: unread ones first, then the latest published."""
    if not once(session, has_announcements):
        return []
    at = hq_time(session, now)
    rows = session.execute(_ANNOUNCEMENTS, {"reader": user.id, "at": at})
    notices = (Notice(item, read_announcement(item.body or {}), read_at) for item, read_at in rows)
    return [one for one in notices if one.said.is_for(user.kind) and (one.said.since or at) <= at]


def has_announcements(session: Session) -> bool:
    """Tell whether head office has published any announcement, over by now or not."""
    return bool(session.scalar(select(published(ItemKind.ANNOUNCEMENT))))


def published(kind: ItemKind, name: str | None = None) -> ColumnElement[bool]:
    """Return the question whether anything of a kind has been published and was not withdrawn."""
    named = () if name is None else (InboundItem.name == name,)
    return exists().where(InboundItem.kind == kind.value, InboundItem.body.is_not(None), *named)


def count_readers(session: Session, item: InboundItem) -> tuple[int, int] | None:
    """Return how many people have read an announcement, of how many it is for; None for anything else."""
    if item.kind != ItemKind.ANNOUNCEMENT.value or item.body is None:
        return None
    said = read_announcement(item.body)
    meant = [User.disabled_at.is_(None)]
    if said.kinds:
        meant.append(User.kind.in_(said.kinds))
    readers = session.scalar(select(func.count()).select_from(User).where(*meant)) or 0
    read = session.scalar(
        select(func.count())
        .select_from(AnnouncementReading)
        .join(User, User.id == AnnouncementReading.user_id)
        .where(
            AnnouncementReading.item_id == item.id,
            AnnouncementReading.version == item.body_version,
            *meant,
        )
    )
    return read or 0, readers


def receipt_of(session: Session, item: InboundItem) -> FeedReceipt:
    """Return what HQ is told of an item as it stands."""
    read = count_readers(session, item)
    return FeedReceipt(
        id=item.id,
        version=item.version,
        outcome=item.outcome,
        received_at=instant_text(item.received_at),
        applied_at=instant_text(item.applied_at) if item.applied_at and item.outcome == APPLIED else None,
        reasons=item.reasons,
        reads=read[0] if read else None,
        readers=read[1] if read else None,
    )


def _not_over(session: Session, now: datetime) -> ColumnElement[bool]:
    return _not_over_at(hq_time(session, now))


def _not_over_at(at: datetime | BindParameter[datetime]) -> ColumnElement[bool]:
    return or_(InboundItem.expires_at.is_(None), InboundItem.expires_at > at)


# What every page asks, put together once: that takes longer than asking it.
_AHEAD: Final = select(FeedPlace.ahead_ms).where(FeedPlace.id == 1).scalar_subquery()
_POLICIES: Final = select(InboundItem.name, InboundItem.body, InboundItem.expires_at, _AHEAD).where(
    InboundItem.kind == ItemKind.POLICY.value,
    InboundItem.name.in_(bindparam("names", expanding=True)),
    InboundItem.body.is_not(None),
)
_CODES_IN_FORCE: Final = select(InboundItem.id).where(
    InboundItem.kind == ItemKind.CODE_TABLE.value,
    InboundItem.name == bindparam("table"),
    InboundItem.body.is_not(None),
    _not_over_at(bindparam("at")),
)
_ANNOUNCEMENTS: Final = (
    select(InboundItem, AnnouncementReading.read_at)
    .outerjoin(
        AnnouncementReading,
        (AnnouncementReading.item_id == InboundItem.id)
        & (AnnouncementReading.version == InboundItem.body_version)
        & (AnnouncementReading.user_id == bindparam("reader")),
    )
    .where(
        InboundItem.kind == ItemKind.ANNOUNCEMENT.value,
        InboundItem.body.is_not(None),
        _not_over_at(bindparam("at")),
    )
    .order_by(
        AnnouncementReading.read_at.is_not(None), InboundItem.published_at.desc(), InboundItem.id.desc()
    )
)
