"""Taking in what head office published, reading announcements, and noting what HQ has been told."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

import msgspec
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from branch_node.inbound import queries
from branch_node.inbound.alarms import NOT_OBEYED
from branch_node.inbound.models import AnnouncementReading, FeedPlace, InboundCode, InboundGone, InboundItem
from shared.alarms.operations import clear_alarm, raise_alarm
from shared.audit.operations import record
from shared.auth.models import User
from shared.domain.published.codes import read_codes
from shared.domain.published.rules import problem_of
from shared.domain.published.vocabulary import ItemKind
from shared.stamp import Stamp
from sync_protocol.contract.feed import APPLIED, RECEIVED, REFUSED, FeedEntry, FeedPoint, FeedReceipt
from sync_protocol.contract.messages import to_json

SUBJECT = "published"
NAMED_BY_RECORDS: Final = frozenset({ItemKind.QUESTION.value})


def take_in(
    session: Session, entries: Sequence[FeedEntry], head: FeedPoint, *, anew: bool, by: Stamp
) -> None:
    """Apply what was published, each item in its newest version whatever the order, and move on to `head`.

    With `anew` the entries are all there is: HQ does not know the place we were at, so what it does not name any
    more is gone, and what it names counts even where we had a later version.
    """
    if anew:
        _forget_others(session, {entry.id for entry in entries}, by=by)
    for entry in entries:
        present = session.get(InboundItem, entry.id)
        if present is None or anew or entry.version > present.version:
            _take(session, entry, present, by=by)
    place = place_of(session)
    place.seq, place.digest, place.followed_at = head.seq, head.digest, by.at


def place_of(session: Session) -> FeedPlace:
    """Return how far this branch has followed, from the beginning when it has not."""
    place = queries.find_place(session)
    if place is None:
        place = FeedPlace(id=1, seq=0, digest="", telling=0, ahead_ms=0)
        session.add(place)
    return place


def tell_all_again(session: Session) -> None:
    """Have HQ told of every item once more: it lost what it knew, or we did."""
    session.execute(update(InboundItem).values(told=False))


def note_told(session: Session, told: Iterable[FeedReceipt], number: int) -> None:
    """Note that HQ has kept these; an item that has changed or was read by somebody meanwhile is told again."""
    for receipt in told:
        item = session.get(InboundItem, receipt.id, with_for_update=True, populate_existing=True)
        if item is not None and queries.receipt_of(session, item) == receipt:
            item.told = True
    place_of(session).telling = number


def note_read(session: Session, item_id: str, user: User, *, by: Stamp) -> bool:
    """Note that a person has read an announcement as it is in force; HQ is told with the next cycle.

    Returns False when there is nothing to be read by them any more.
    """
    notice = next(
        (one for one in queries.list_notices(session, user, now=by.at) if one.item.id == item_id), None
    )
    if notice is None or notice.item.body_version is None:
        return False
    if notice.read_at is None:
        reading = AnnouncementReading(
            item_id=item_id, version=notice.item.body_version, user_id=user.id, read_at=by.at
        )
        session.add(reading)
        notice.item.told = False
    return True


def try_refused_again(session: Session, *, by: Stamp) -> int:
    """Take in what was refused and can be obeyed now, as after an upgrade; returns how many items that were."""
    again = 0
    for item in session.scalars(select(InboundItem).where(InboundItem.refused.is_not(None))).all():
        entry = msgspec.convert(item.refused, FeedEntry)
        if problem_of(entry.kind, entry.name, entry.body or {}) is None:
            _take(session, entry, item, by=by)
            again += 1
    return again


def note_carried_out(session: Session, item: InboundItem, *, refused: str | None, by: Stamp) -> None:
    """Note what became of an order, which head office is told with the next cycle; it is not carried out again."""
    item.outcome, item.reasons = (REFUSED, [refused]) if refused else (APPLIED, [])
    item.applied_at = None if refused else by.at
    item.told = False
    event = "order.refused" if refused else "order.applied"
    record(session, event, subject=(SUBJECT, item.id), by=by, details=_details(item))


def _take_order(session: Session, entry: FeedEntry, present: InboundItem | None, *, by: Stamp) -> None:
    """Keep an order until it is carried out; one that was, and comes again after a restore, is only told of again."""
    if present is not None and present.outcome != RECEIVED and present.refused is None:
        present.told = False
        return
    item = present or InboundItem(id=entry.id, kind=entry.kind, name=entry.name)
    item.version, item.withdrawn, item.told = entry.version, entry.withdrawn, False
    item.published_at = datetime.fromisoformat(entry.published_at)
    item.received_at, item.applied_at = by.at, None
    item.outcome, item.reasons, item.refused = RECEIVED, [], None
    item.body, item.body_version, item.expires_at = entry.body, entry.version, None
    session.add(item)


def _take(session: Session, entry: FeedEntry, present: InboundItem | None, *, by: Stamp) -> None:
    is_order = entry.kind == ItemKind.PERSONAL_ORDER and entry.body is not None
    if is_order and problem_of(entry.kind, entry.name, entry.body or {}) is None:
        _take_order(session, entry, present, by=by)
        return
    item = present or InboundItem(id=entry.id, kind=entry.kind, name=entry.name)
    body = entry.body or {}
    reason = None if entry.withdrawn else problem_of(entry.kind, entry.name, body)
    item.version, item.withdrawn, item.told = entry.version, entry.withdrawn, False
    item.published_at = datetime.fromisoformat(entry.published_at)
    item.received_at = by.at
    item.outcome, item.reasons = (REFUSED, [reason]) if reason else (APPLIED, [])
    item.refused = to_json(entry) if reason else None
    if reason is None:
        item.applied_at = by.at
        if entry.withdrawn:
            _keep_words(session, item)
        item.body, item.body_version = (None, None) if entry.withdrawn else (body, entry.version)
        item.expires_at = datetime.fromisoformat(entry.expires_at) if entry.expires_at else None
        if entry.kind == ItemKind.CODE_TABLE.value:
            _take_codes(session, entry)
    session.add(item)
    session.flush()
    _tell_people(session, item, by=by)


def _take_codes(session: Session, entry: FeedEntry) -> None:
    """Offer exactly the codes of the table; those it had before stay readable."""
    codes = [] if entry.withdrawn else read_codes(entry.body or {})
    known = {
        row.code: row
        for row in session.scalars(select(InboundCode).where(InboundCode.table_name == entry.name))
    }
    for row in known.values():
        row.withdrawn = True
    for position, code in enumerate(codes):
        row = known.get(code.code) or InboundCode(table_name=entry.name, code=code.code)
        row.zh, row.en, row.position, row.withdrawn = code.zh, code.en, position, code.withdrawn
        session.add(row)


def _keep_words(session: Session, item: InboundItem) -> None:
    """Keep what an item that goes away said last, where records name it."""
    if item.kind in NAMED_BY_RECORDS and item.body is not None:
        session.merge(InboundGone(kind=item.kind, name=item.name, version=item.body_version, body=item.body))


def _forget_others(session: Session, named: set[str], *, by: Stamp) -> None:
    for item in session.scalars(select(InboundItem).where(InboundItem.id.not_in(named))).all():
        if item.kind == ItemKind.CODE_TABLE.value:
            session.execute(
                update(InboundCode).where(InboundCode.table_name == item.name).values(withdrawn=True)
            )
        _keep_words(session, item)
        clear_alarm(session, NOT_OBEYED, (SUBJECT, item.id), at=by.at)
        record(session, "published.forgotten", subject=(SUBJECT, item.id), by=by, details=_details(item))
        session.execute(delete(InboundItem).where(InboundItem.id == item.id))
        session.expunge(item)


def _tell_people(session: Session, item: InboundItem, *, by: Stamp) -> None:
    """Write down what became of an item; one that cannot be obeyed is an alarm until a later version can."""
    about = (SUBJECT, item.id)
    if item.outcome == REFUSED:
        details = {**_details(item), "reason": item.reasons[0]}
        raise_alarm(session, NOT_OBEYED, about, at=by.at, details=details)
        record(session, "published.refused", subject=about, by=by, details=details)
        return
    clear_alarm(session, NOT_OBEYED, about, at=by.at)
    event = "published.withdrawn" if item.withdrawn else "published.applied"
    record(session, event, subject=about, by=by, details=_details(item))


def _details(item: InboundItem) -> dict[str, object]:
    return {"kind": item.kind, "name": item.name, "version": item.version}
