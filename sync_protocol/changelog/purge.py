"""Giving up what is not needed any more to send again: the bytes of batches, and the changes sealed in them.

What stays for ever is the chain: number, digest and receipt of each batch. Bytes go before changes, in
transactions of their own; whatever is cut off in between, the next run finishes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, and_, delete, exists, func, or_, select, update
from sqlalchemy.orm import Session

from shared.db.scope import EVERY
from sync_protocol.changelog.models import Change, OutboxBatch

AT_ONCE: Final = 200
WINDOW: Final = 20_000
# What a change and its index entries take, roughly; counting them exactly would cost a scan.
CHANGE_BYTES: Final = 120


@dataclass(frozen=True, slots=True)
class Kept:
    """How much is stored to be sent again: bytes of batches, and bytes of changes by estimate."""

    batches: int
    changes: int

    @property
    def total(self) -> int:
        """Bytes in all."""
        return self.batches + self.changes


def measure(session: Session) -> Kept:
    """Return how much is stored, for all receivers."""
    stored = select(func.coalesce(func.sum(OutboxBatch.payload_bytes), 0)).where(
        OutboxBatch.payload.is_not(None)
    )
    span = select(func.coalesce(func.max(Change.id) - func.min(Change.id) + 1, 0))
    stored, span = stored.execution_options(**EVERY), span.execution_options(**EVERY)
    return Kept(int(session.scalar(stored) or 0), int(session.scalar(span) or 0) * CHANGE_BYTES)


def list_spent(
    session: Session,
    channel: str,
    through: tuple[int, int],
    *,
    before: datetime | None = None,
    whatever_age: int = 0,
) -> Sequence[tuple[int, int]]:
    """Return (id, bytes) of the oldest batches of a channel whose bytes may go.

    `through` is the last (lineage, batch number) that the receiver's backups hold; one not acknowledged
    stays in any case. `before` leaves out those sealed later, but not those with an id up to `whatever_age`: they hold
    something that was erased. Batches that were given up go by age alone.
    """
    needless = or_(
        and_(OutboxBatch.acknowledged_at.is_not(None), _up_to(through)), OutboxBatch.voided_at.is_not(None)
    )
    conditions = [OutboxBatch.channel == channel, OutboxBatch.payload.is_not(None), needless]
    if before is not None:
        conditions.append(or_(OutboxBatch.sealed_at < before, OutboxBatch.id <= whatever_age))
    rows = session.execute(
        select(OutboxBatch.id, OutboxBatch.payload_bytes)
        .where(*conditions)
        .order_by(OutboxBatch.id)
        .limit(AT_ONCE)
    )
    return [(row.id, row.payload_bytes) for row in rows]


def drop_bytes(session: Session, batch_ids: Sequence[int]) -> None:
    """Give up the bytes of these batches."""
    session.execute(
        update(OutboxBatch)
        .where(OutboxBatch.id.in_(batch_ids))
        .values(payload=None)
        .execution_options(synchronize_session=False)
    )


def first_change(session: Session, above: int) -> int | None:
    """Return the first change above a number, or None."""
    return session.scalar(select(func.min(Change.id)).where(Change.id > above))


def drop_changes(session: Session, first: int) -> int:
    """Remove the changes of batches without bytes, in a window from `first` on; return how many."""
    gone = exists().where(OutboxBatch.id == Change.batch_id, OutboxBatch.payload.is_(None))
    result = session.execute(
        delete(Change)
        .where(Change.id >= first, Change.id < first + WINDOW, gone)
        .execution_options(synchronize_session=False)
    )
    return int(result.rowcount)  # type: ignore[attr-defined]


def _up_to(point: tuple[int, int]) -> ColumnElement[bool]:
    lineage, batch_no = point
    return or_(
        OutboxBatch.lineage < lineage,
        and_(OutboxBatch.lineage == lineage, OutboxBatch.batch_no <= batch_no),
    )
