"""What a comparison needs to know of ingest: refused records, which count as the branch sent them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hq_server.branches.models import Branch
from hq_server.ingest.models import ChainPosition, InboxBatch
from hq_server.parking.newest import line_of, list_refused_types, newest_refused
from hq_server.proof import operations as proof
from hq_server.proof.control import check_control
from hq_server.proof.operations import Holder, Spot
from hq_server.proof.queries import list_proofs
from sync_protocol.catalog import BACKLOG, Binding, Bindings
from sync_protocol.contract.messages import Barrier, BatchHeader, Beside, Held
from sync_protocol.contract.payload import Batch


@dataclass(frozen=True, slots=True)
class Found:
    """The buckets that differ: of the batch's record type (None: not compared), and by type of those beside it."""

    differs: list[str] | None = None
    beside: Mapping[str, list[str] | None] | None = None


def compare(
    session: Session, branch_number: int, batch: Batch, bindings: Bindings, *, entry: int, at: datetime
) -> Found:
    """Compare the rows HQ holds now with the barrier of `batch`, which stands in the inbox under `entry`.

    Must run in the transaction that applies the batch, after its rows and before its chain moves on. Also compares
    the batch's control totals.
    """
    header = batch.header
    check_control(session, batch, at=at)
    barrier = header.barrier
    if not isinstance(barrier, Barrier):
        return Found()
    comparing = _Comparing(session, branch_number, bindings, header, entry, at)
    beside = None
    if isinstance(barrier.beside, dict):
        comparing.foresee()
        beside = {name: comparing.beside(name, one) for name, one in barrier.beside.items()}
    # In the backlog no barrier stands for all rows of a type.
    own = (
        None
        if header.channel == BACKLOG
        else comparing.one(header.record, barrier, header.schema, header.batch_no)
    )
    return Found(own, beside)


class _Comparing:
    """The comparisons of one barrier."""

    def __init__(
        self,
        session: Session,
        branch_number: int,
        bindings: Bindings,
        header: BatchHeader,
        entry: int,
        at: datetime,
    ) -> None:
        self._session = session
        self._branch_number = branch_number
        self._bindings = bindings
        self._header = header
        self._entry = entry
        self._at = at
        self._last = _last_backlogs(session, branch_number, header.lineage)
        self._places = dict[str, int]()
        # Of these there are refused rows; None: not asked yet.
        self._refused: frozenset[str] | None = None

    def foresee(self) -> None:
        """Read at once what every record type would ask for by itself."""
        positions = select(ChainPosition).where(
            ChainPosition.branch_number == self._branch_number, ChainPosition.lineage == self._header.lineage
        )
        self._places = {one.channel: one.batch_no for one in self._session.scalars(positions)}
        # Kept in the session, and found there by each comparison.
        self._known = list_proofs(self._session, [self._branch_number])
        self._refused = list_refused_types(self._session, self._branch_number)

    def beside(self, name: str, held: Beside) -> list[str] | None:
        """Compare a record type whose channel must stand exactly where the branch says; None when it does not."""
        binding = self._bindings.get(name)
        if binding is None or self._places.get(binding.record.channel, 0) != held.after:
            return None
        return self.one(name, held, held.schema, held.after)

    def one(self, name: str, held: Held, schema: int, batch_no: int) -> list[str] | None:
        """Compare one record type as of a batch of its channel; None when that cannot be done here.

        Of the type's backlog exactly that must be in which the branch had sealed: the two channels have no order
        between them, so a barrier may be met earlier or later than it was made.
        """
        binding = self._bindings[name]
        behind = held.backlog if isinstance(held.backlog, int) else 0
        if schema not in binding.record.reads or self._last.get(name, 0) != behind:
            return None
        # The columns the branch counts: of an earlier version, those that version has.
        refused = self._refused is None or name in self._refused
        mine = holder(self._session, self._branch_number, binding.at_version(schema), refused=refused)
        sealed_at = datetime.fromisoformat(self._header.sealed_at)
        spot = Spot(self._header.lineage, batch_no, self._entry, sealed_at, self._at)
        differs = proof.compare_barrier(self._session, mine, held, spot)
        if isinstance(held.answers, list):
            proof.note_answers(
                self._session, self._branch_number, held.answers, equal=not differs, at=self._at
            )
        return differs


def _last_backlogs(session: Session, branch_number: int, lineage: int) -> dict[str, int]:
    """Return the last batch of the backlog with rows of each record type."""
    last = select(InboxBatch.record_type, func.max(InboxBatch.batch_no)).where(
        InboxBatch.branch_number == branch_number,
        InboxBatch.lineage == lineage,
        InboxBatch.channel == BACKLOG,
    )
    return {row[0]: row[1] for row in session.execute(last.group_by(InboxBatch.record_type))}


def holder(session: Session, branch_number: int, binding: Binding, *, refused: bool = True) -> Holder:
    """Return whose rows of a type are compared, with the refused records that stand in for rows, if there are any."""
    code = session.get_one(Branch, branch_number).code
    lines = stand_ins(session, branch_number, binding) if refused else {}
    return Holder(branch_number, code, binding, lines)


def stand_ins(session: Session, branch_number: int, binding: Binding) -> dict[str, bytes]:
    """Return the newest refused line of each record that HQ holds in no newer version, by id.

    The branch has such a record as it was sent, so it differs in nothing: it is refused, and told as that.
    """
    refused = newest_refused(session, branch_number, binding)
    return {record_id: line_of(parked, binding) for record_id, parked in refused.items()}
