"""What comes of a comparison: its result is kept, and rows HQ does not hold as we do are offered once more."""

from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime
from typing import Final

from sqlalchemy.orm import Session

from branch_node.proof import queries
from branch_node.proof.models import RecordProof
from branch_node.proof.queries import MOST_REPAIRS
from shared.audit.operations import record
from shared.ids import is_id
from shared.stamp import Stamp
from sync_protocol.catalog import Binding
from sync_protocol.changelog.models import OutboxBatch
from sync_protocol.changelog.touching import lock_rows, touch

REPAIR: Final = "repair"
MOST_TOLD: Final = 100


def demand(session: Session, record_types: Iterable[str], reason: str) -> None:
    """Have the next cycle prove these record types, whatever the day."""
    for known in get_proofs(session, record_types).values():
        known.demanded = reason


def get_proofs(session: Session, record_types: Iterable[str]) -> Mapping[str, RecordProof]:
    """Return what is known of these record types, and a beginning of what nothing is known of yet."""
    known = {one.record_type: one for one in queries.list_proofs(session)}
    found = {}
    for name in record_types:
        found[name] = known.get(name) or RecordProof(record_type=name, buckets_differ=0, repairs=0)
    session.add_all(found.values())
    return found


def note_barrier(
    known: RecordProof, batch: OutboxBatch, *, rows: int, day: date, reason: str, version: int
) -> None:
    """Write down that `batch` holds a barrier of a type; one no repair asked for begins the count of repairs anew."""
    known.demanded = None
    known.barrier_id, known.barrier_lineage = batch.id, batch.lineage
    known.barrier_day, known.barrier_rows, known.schema_version = day, rows, version
    if reason != REPAIR:
        known.repairs = 0


def note_result(known: RecordProof, *, through: int, differs: Collection[str], at: datetime) -> bool:
    """Keep what HQ found, as of batch `through` of the type's channel; True when a repair is to be tried."""
    known.buckets_differ = len(differs)
    if not differs:
        known.equal_at, known.equal_through, known.equal_rows = at, through, known.barrier_rows
        known.repairs = 0
        return False
    return known.repairs < MOST_REPAIRS


def plan_repair(
    session: Session, binding: Binding, *, send: Collection[str], remove: Collection[str], by: Stamp
) -> int:
    """Append changes for rows HQ lacks or holds otherwise, so that they travel again with newer versions.

    Only what is true here is told: a record is sent if we hold it and removed if we do not. The
    branch stays the owner, and other rows are not touched. One that somebody is writing goes by that write.
    Returns how many records it is about.
    """
    name = binding.record.name
    held = lock_rows(session, binding, {*send, *remove})
    sent = sorted(one for one in send if one in held.locked)
    removed = sorted(one for one in remove if one not in held.locked | held.busy and is_id(one))
    changes = touch(session, name, changed=sent, removed=removed)
    known = get_proofs(session, [name])[name]
    known.repairs += 1
    known.demanded = REPAIR
    told = {"sent": sent[:MOST_TOLD], "removed": removed[:MOST_TOLD], "rows": len(changes)}
    record(session, "proof.repair", subject=("record", name), by=by, details=told)
    return len(changes)
