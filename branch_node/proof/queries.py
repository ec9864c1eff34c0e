"""When a comparison is due, what it covers, and how the last ones ended."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from branch_node.proof.models import RecordProof
from sync_protocol.catalog import BACKLOG, Binding, RecordType
from sync_protocol.changelog.models import Change, OutboxBatch
from sync_protocol.changelog.oversize import list_oversize

# A barrier at least every so many batches of a record type.
EVERY_BATCHES: Final = 200
BATCHES: Final = "batches"
# With more records changed since they were sealed, a barrier waits until they have gone.
MOST_OPEN: Final = 1_000
# So many repairs in a row are tried; if HQ still holds something else, a person must look.
MOST_REPAIRS: Final = 3
FIRST: Final = 1


@dataclass(frozen=True, slots=True)
class Occasion:
    """What may call for a barrier: the day, when this node joined, its lineage, the record types HQ asks for.

    `versions` are those in which record types can be compared now.
    """

    today: date
    joined_on: date
    lineage: int
    asked: Collection[str] = ()
    versions: Mapping[str, int] = field(default_factory=dict)


def find_proof(session: Session, record_type: str) -> RecordProof | None:
    """Return what is known of a record type, or None before its first barrier."""
    return session.get(RecordProof, record_type)


def list_proofs(session: Session) -> Sequence[RecordProof]:
    """Return what is known of every record type."""
    return session.scalars(select(RecordProof).order_by(RecordProof.record_type)).all()


def list_due(session: Session, record_types: Iterable[str], occasion: Occasion) -> dict[str, str]:
    """Return why a barrier is due now, by record type; asks at most three things where none is."""
    known = {one.record_type: one for one in list_proofs(session)}
    names = set(record_types)
    due = {name: why for name in names if (why := _why(name, known.get(name), occasion)) is not None}
    quiet = names - due.keys()
    since = min((known[name].barrier_id or 0 if name in known else 0 for name in quiet), default=0)
    # Fewer of all types together since the oldest of their barriers: then fewer of each.
    if _count_since(session, since) < EVERY_BATCHES:
        return due
    many = (name for name in quiet if _batches_since(session, name, known.get(name)) >= EVERY_BATCHES)
    return due | dict.fromkeys(many, BATCHES)


def why_due(session: Session, record_type: str, occasion: Occasion) -> str | None:
    """Return why a barrier of this record type is to be made now, or None."""
    known = find_proof(session, record_type)
    why = _why(record_type, known, occasion)
    if why is not None:
        return why
    return BATCHES if _batches_since(session, record_type, known) >= EVERY_BATCHES else None


def _why(record_type: str, known: RecordProof | None, occasion: Occasion) -> str | None:
    """Return why a barrier is due, but for the number of batches since the last."""
    if known is not None and known.demanded is not None:
        return known.demanded
    if record_type in occasion.asked:
        return "asked"
    if (known.barrier_lineage if known is not None and known.barrier_lineage else FIRST) != occasion.lineage:
        return "lineage"
    if known is not None and known.barrier_id is not None and _more_columns(known, occasion):
        return "version"
    last_day = known.barrier_day if known is not None and known.barrier_day else occasion.joined_on
    # Not "later than": a clock that was wrong must not put proofs off for years.
    return "day" if last_day != occasion.today else None


def _more_columns(known: RecordProof, occasion: Occasion) -> bool:
    """Whether columns can be compared now that could not at the last barrier: HQ, or this node, is newer."""
    return occasion.versions.get(known.record_type, FIRST) > (known.schema_version or FIRST)


def list_unsealed(session: Session, binding: Binding, *, limit: int = MOST_OPEN + 1) -> set[str]:
    """Return the records with changes that are in no batch, not yet or for their size: HQ cannot hold them so."""
    changed = (
        select(Change.record_id)
        .where(Change.record_type == binding.record.name, Change.batch_id.is_(None))
        .distinct()
        .limit(limit)
    )
    too_large = (one.record_id for one in list_oversize(session, binding.record.name))
    return {*session.scalars(changed), *too_large}


def has_undelivered(session: Session, record: RecordType) -> bool:
    """Whether a sealed batch of the record type's own channel, or one with its backlog, has no receipt yet."""
    waiting = select(OutboxBatch.id).where(
        or_(
            OutboxBatch.channel == record.channel,
            and_(OutboxBatch.channel == BACKLOG, OutboxBatch.record_type == record.name),
        ),
        OutboxBatch.acknowledged_at.is_(None),
        OutboxBatch.voided_at.is_(None),
    )
    return session.scalar(waiting.limit(1)) is not None


def last_backlog(session: Session, record_type: str, lineage: int) -> int:
    """Return the last batch of the backlog channel that holds this record type, 0 when none does."""
    last = select(func.max(OutboxBatch.batch_no)).where(
        OutboxBatch.lineage == lineage,
        OutboxBatch.channel == BACKLOG,
        OutboxBatch.record_type == record_type,
        OutboxBatch.voided_at.is_(None),
    )
    return session.scalar(last) or 0


def _batches_since(session: Session, record_type: str, known: RecordProof | None) -> int:
    last = known.barrier_id if known is not None else None
    return _count_since(session, last or 0, OutboxBatch.record_type == record_type)


def _count_since(session: Session, last: int, *conditions: ColumnElement[bool]) -> int:
    """Return how many batches were sealed after one; counts no further than matters."""
    since = select(OutboxBatch.id).where(OutboxBatch.id > last, *conditions).limit(EVERY_BATCHES)
    return session.scalar(select(func.count()).select_from(since.subquery())) or 0
