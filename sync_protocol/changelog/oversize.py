"""Records too large for any batch: set aside where they are made, on record, until a newer change of them fits.

Sent, such a record would be refused at every push and hold up its channel for ever.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.orm import Session

from sync_protocol.changelog.models import SET_ASIDE, Change, OversizeRecord


@dataclass(frozen=True, slots=True)
class Size:
    """Bytes of a batch that holds one record alone: as it is, and as it goes over the line."""

    payload: int
    wire: int


def list_oversize(session: Session, record_type: str | None = None) -> Sequence[OversizeRecord]:
    """Return the records that are set aside now, of one type or of all."""
    found = select(OversizeRecord).order_by(OversizeRecord.record_type, OversizeRecord.record_id)
    return session.scalars(
        found if record_type is None else found.where(OversizeRecord.record_type == record_type)
    ).all()


def set_aside(
    session: Session, record_type: str, chosen: Sequence[ColumnElement[bool]], size: Size, *, at: datetime
) -> None:
    """Keep the chosen changes, all of one record, out of batches until a newer one fits."""
    record_id = session.scalars(select(Change.record_id).where(*chosen).limit(1)).one()
    first, last = session.execute(select(func.min(Change.id), func.max(Change.id)).where(*chosen)).one()
    session.execute(
        update(Change).where(*chosen).values(batch_id=SET_ASIDE).execution_options(synchronize_session=False)
    )
    known = session.get(OversizeRecord, (record_type, record_id))
    if known is None:
        known = OversizeRecord(
            record_type=record_type, record_id=record_id, first_change=first, last_change=last
        )
        session.add(known)
    known.first_change, known.last_change = min(known.first_change, first), max(known.last_change, last)
    known.payload_bytes, known.wire_bytes, known.set_aside_at = size.payload, size.wire, at
    session.flush()


def settle(session: Session, record_type: str, chosen: Sequence[ColumnElement[bool]], batch_id: int) -> None:
    """Count what was set aside of records with a newer change among the chosen as sealed with that, in `batch_id`."""
    waiting = {one.record_id: one for one in list_oversize(session, record_type)}
    if not waiting:
        return
    newest = select(Change.record_id, func.max(Change.id)).where(
        *chosen, Change.record_id.in_(sorted(waiting))
    )
    for record_id, change in session.execute(newest.group_by(Change.record_id)).all():
        one = waiting[record_id]
        if change < one.last_change:
            continue
        session.execute(
            update(Change)
            .where(
                Change.id.between(one.first_change, one.last_change),
                Change.record_type == record_type,
                Change.record_id == record_id,
                Change.batch_id == SET_ASIDE,
            )
            .values(batch_id=batch_id)
            .execution_options(synchronize_session=False)
        )
        session.execute(
            delete(OversizeRecord)
            .where(OversizeRecord.record_type == record_type, OversizeRecord.record_id == record_id)
            .execution_options(synchronize_session=False)
        )
        session.expunge(one)
