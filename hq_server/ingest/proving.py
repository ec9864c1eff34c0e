"""What a comparison needs to know of ingest: refused records, which count as the branch sent them."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hq_server.branches.models import Branch
from hq_server.ingest.models import InboxBatch
from hq_server.parking.newest import line_of, newest_refused
from hq_server.proof import operations as proof
from hq_server.proof.control import check_control
from hq_server.proof.operations import Holder, Spot
from sync_protocol.catalog import BACKLOG, Binding
from sync_protocol.contract.messages import Barrier, BatchHeader
from sync_protocol.contract.payload import Batch


def compare(
    session: Session, branch_number: int, batch: Batch, binding: Binding, *, at: datetime
) -> list[str] | None:
    """Compare the rows HQ holds now with the barrier of `batch`; None when there is nothing to compare.

    Must run in the transaction that applies the batch, after its rows. Also compares the batch's control totals.
    """
    header = batch.header
    check_control(session, batch, at=at)
    if not isinstance(header.barrier, Barrier) or header.schema not in binding.record.reads:
        return None
    # The columns the branch counts: of an earlier version, those that version has.
    binding = binding.at_version(header.schema)
    if not _in_place(session, branch_number, header, header.barrier):
        return None
    spot = Spot(header.lineage, header.batch_no, datetime.fromisoformat(header.sealed_at), at)
    differs = proof.compare_barrier(session, holder(session, branch_number, binding), header.barrier, spot)
    if isinstance(header.barrier.answers, list):
        proof.note_answers(session, branch_number, header.barrier.answers, equal=not differs, at=at)
    return differs


def _in_place(session: Session, branch_number: int, header: BatchHeader, barrier: Barrier) -> bool:
    """Whether of the record type's backlog exactly that is in which the branch had sealed before the barrier.

    The two channels have no order between them, so a barrier may be met earlier or later than it was made.
    """
    last = select(func.max(InboxBatch.batch_no)).where(
        InboxBatch.branch_number == branch_number,
        InboxBatch.lineage == header.lineage,
        InboxBatch.channel == BACKLOG,
        InboxBatch.record_type == header.record,
    )
    behind = barrier.backlog if isinstance(barrier.backlog, int) else 0
    return header.channel != BACKLOG and (session.scalar(last) or 0) == behind


def holder(session: Session, branch_number: int, binding: Binding) -> Holder:
    """Return whose rows of a type are compared, with the refused records that stand in for rows."""
    code = session.get_one(Branch, branch_number).code
    return Holder(branch_number, code, binding, stand_ins(session, branch_number, binding))


def stand_ins(session: Session, branch_number: int, binding: Binding) -> dict[str, bytes]:
    """Return the newest refused line of each record that HQ holds in no newer version, by id.

    The branch has such a record as it was sent, so it differs in nothing: it is refused, and told as that.
    """
    refused = newest_refused(session, branch_number, binding)
    return {record_id: line_of(parked, binding) for record_id, parked in refused.items()}
