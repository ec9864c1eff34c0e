"""The comparison with head office inside a cycle: a barrier when one is due, and the repair of what differs.

    snapshot:    digests of all rows of a record type but those changed since they were sealed, or undecided
    barrier:     sealed directly behind the batches of that snapshot, sent like any batch
    HQ's answer: the buckets in which it holds something else at that very place
    repair:      tell the rows of those buckets, send again what HQ names, prove it with a new barrier

While the table is read nothing is locked; people go on writing, and what they write is left out on both sides.
"""

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import UNSET
from sqlalchemy.orm import Session

from branch_node.dayclose.closing import close_days
from branch_node.outbound import together
from branch_node.outbound.client import HqClient, Vitals
from branch_node.outbound.models import Membership
from branch_node.outbound.recovered import list_undecided
from branch_node.outbound.versions import Versions
from branch_node.proof import operations, queries
from branch_node.proof.models import RecordProof
from branch_node.proof.queries import MOST_OPEN, Occasion
from branch_node.receivers.queries import is_loading
from branch_node.resend.queries import list_ended_asks
from branch_node.runtime import BranchRuntime
from shared.jobs.job import Progress
from shared.stamp import Stamp, Via
from sync_protocol.catalog import Binding, RecordKind
from sync_protocol.changelog.models import OutboxBatch
from sync_protocol.changelog.sealing import Place, Sender, place_in_chain, seal_barrier
from sync_protocol.contract.messages import Barrier, CompareRequest, Receipt, StateAnswer
from sync_protocol.contract.payload import decompress, parse_payload
from sync_protocol.reconcile import Selection, digest_buckets, list_digests

log = logging.getLogger(__name__)
# Rows told in one request of a comparison; a bucket is never parted.
ROWS_AT_ONCE: Final = 20_000
ACTOR: Final = "sync"
DOUBT: Final = "doubt"
MISSED: Final = "missed"
ENCODING: Final = "zstd"


@dataclass(frozen=True, slots=True)
class _Taken:
    """A barrier and where the chain stood when it was taken."""

    barrier: Barrier
    place: Place
    reason: str


def begin_proof(
    runtime: BranchRuntime,
    member: Membership,
    client: HqClient,
    progress: Progress,
    state: StateAnswer,
    *,
    doubt: bool,
) -> "Prover":
    """Close the days that are over and return what makes this cycle's barriers.

    Everything is proven when there is `doubt` whether HQ holds what it did; the facts, when HQ counts a day
    otherwise than we do although we have counted it again.
    """
    records = [binding.record for binding in runtime.bindings.values()]
    asked = set(state.verify)
    if close_days(runtime, joined_at=member.joined_at, recount=state.recount):
        asked.update(record.name for record in records if record.kind is RecordKind.FACT)
    if doubt:
        with runtime.database.sessions.begin() as session:
            operations.demand(session, (record.name for record in records), DOUBT)
    prover = Prover(runtime, member, client, progress, asked=asked, versions=Versions.told(state))
    prover.answers = [one.id for one in state.resend]
    return prover


class Prover:
    """Makes the barriers of one cycle and repairs what they show."""

    def __init__(
        self,
        runtime: BranchRuntime,
        member: Membership,
        client: HqClient,
        progress: Progress,
        *,
        asked: Collection[str],
        versions: Versions,
    ) -> None:
        """Prove for `member`; somebody has asked for the record types in `asked`."""
        self._versions = versions
        self._runtime = runtime
        self._client = client
        self._progress = progress
        self._asked = set(asked)
        # What head office wants sent once more: the barrier behind the last of it says so.
        self.answers: Sequence[str] = ()
        self._joined_on = self._day(member.joined_at)
        self._sender = Sender(
            branch=member.branch_code,
            node=member.node_id,
            lineage=member.lineage,
            lineage_id=member.lineage_id,
        )

    def list_due(self, session: Session) -> dict[str, str]:
        """Return the record types of which a barrier is due now, and why."""
        return queries.list_due(session, self._runtime.bindings, self._occasion())

    def seal_together(self, bindings: Iterable[Binding]) -> Binding | None:
        """Seal one barrier of what is due and small of these; return the record type it goes with, None without."""
        with self._runtime.database.reads() as session:
            reasons = self.list_due(session)
            due = [self._versions.to_compare(one) for one in bindings if one.record.name in reasons]
            group = together.take(session, due, self._sender, self.answers)
        if group is None:
            return None
        now = self._runtime.clock.now()
        with self._runtime.database.sessions.begin() as session:
            if group.has_moved(session, self._sender):
                return None
            place = group.places[group.carrier.record.channel]
            batch = seal_barrier(session, group.carrier, self._sender, group.barrier, place=place, at=now)
            if batch is None:
                return None
            known = operations.get_proofs(session, group.held)
            for one in group.bindings:
                name = one.record.name
                self._note(known[name], batch, one, group.held[name].rows, reasons[name])
            self._progress.check_lease(session)
        self._asked.difference_update(group.held)
        return group.carrier

    def seal_barrier(self, binding: Binding) -> bool:
        """Seal a barrier of a record type when one is due; False when there is nothing to send."""
        binding = self._versions.to_compare(binding)
        taken = self._take(binding)
        if taken is None:
            return False
        now = self._runtime.clock.now()
        with self._runtime.database.sessions.begin() as session:
            batch = seal_barrier(session, binding, self._sender, taken.barrier, place=taken.place, at=now)
            if batch is None:
                return False
            name = binding.record.name
            known = operations.get_proofs(session, [name])[name]
            self._note(known, batch, binding, taken.barrier.rows, taken.reason)
            self._progress.check_lease(session)
        self._asked.discard(binding.record.name)
        return True

    def heed(self, batch: OutboxBatch, receipt: Receipt, vitals: Vitals) -> None:
        """Keep what HQ says of a barrier; where it holds other rows, plan their repair."""
        if batch.lineage != self._sender.lineage or (receipt.differs is None and receipt.beside is UNSET):
            return
        told, missed = _answers(batch, receipt)
        with self._runtime.database.sessions.begin() as session:
            now = self._runtime.clock.now()
            operations.demand(session, missed, MISSED)
            known = operations.get_proofs(session, told)
            repairs = [
                name
                for name, (through, differs) in told.items()
                if operations.note_result(known[name], through=through, differs=differs, at=now)
            ]
        for name, (_through, differs) in told.items():
            if differs:
                log.warning(
                    "HQ holds other rows than this branch",
                    extra={"record": name, "buckets": len(differs), "repair": name in repairs},
                )
        for name in repairs:
            self._repair(self._versions.to_compare(self._runtime.bindings[name]), told[name][1], vitals)

    def _note(self, known: RecordProof, batch: OutboxBatch, binding: Binding, rows: int, reason: str) -> None:
        day, version = self._day(self._runtime.clock.now()), binding.record.version
        operations.note_barrier(known, batch, rows=rows, day=day, reason=reason, version=version)

    def _take(self, binding: Binding) -> _Taken | None:
        name = binding.record.name
        occasion = self._occasion()
        with self._runtime.database.reads() as session:
            reason = queries.why_due(session, name, occasion)
            if (
                reason is None
                or is_loading(session, name)
                or queries.has_undelivered(session, binding.record)
            ):
                return None
            changed = queries.list_unsealed(session, binding) | list_undecided(session, binding.record.name)
            if len(changed) > MOST_OPEN:
                return None
            place = place_in_chain(session, binding.record.channel, self._sender)
            behind = queries.last_backlog(session, name, self._sender.lineage)
            answers = list_ended_asks(session, name, self.answers) if self.answers else []
            found = digest_buckets(session, Selection(binding, without=changed))
        barrier = Barrier(
            rows=found.total().rows,
            buckets=found.named(),
            open=sorted(changed),
            backlog=behind or UNSET,
            answers=answers or UNSET,
        )
        return _Taken(barrier, place, reason)

    def _repair(self, binding: Binding, buckets: Collection[str], vitals: Vitals) -> None:
        """Find out which rows differ and offer them again; what cannot be told now is told after the next barrier."""
        with self._runtime.database.reads() as session:
            if queries.has_undelivered(session, binding.record):
                return
            changed = queries.list_unsealed(session, binding) | list_undecided(session, binding.record.name)
            held = list_digests(session, Selection(binding, without=changed), buckets)
        if len(changed) > MOST_OPEN:
            return
        send: set[str] = set()
        remove: set[str] = set()
        for part in _parts(held):
            asked = CompareRequest(
                record=binding.record.name,
                buckets={bucket: sorted(rows.items()) for bucket, rows in part.items()},
                open=sorted(changed),
                schema=binding.record.version,
            )
            answer = self._client.compare(asked, vitals)
            send.update(answer.send)
            remove.update(answer.remove)
        by = Stamp(at=self._runtime.clock.now(), actor=ACTOR, via=Via.SYNC, terminal="")
        with self._runtime.database.sessions.begin() as session:
            rows = operations.plan_repair(session, binding, send=send, remove=remove, by=by)
        log.warning("rows are sent again", extra={"record": binding.record.name, "rows": rows})

    def _occasion(self) -> Occasion:
        today = self._day(self._runtime.clock.now())
        versions = self._versions.compared(self._runtime.bindings)
        return Occasion(today, self._joined_on, self._sender.lineage, self._asked, versions)

    def _day(self, at: datetime) -> date:
        return at.astimezone(ZoneInfo(self._runtime.settings.timezone)).date()


def _answers(batch: OutboxBatch, receipt: Receipt) -> tuple[dict[str, tuple[int, list[str]]], list[str]]:
    """Return what HQ says by record type, as of which batch of its channel, and the types it has not compared."""
    told: dict[str, tuple[int, list[str]]] = {}
    if receipt.differs is not None:
        told[batch.record_type] = batch.batch_no, receipt.differs
    assert batch.payload is not None
    barrier = parse_payload(decompress(batch.payload, ENCODING)).header.barrier
    asked = barrier.beside if isinstance(barrier, Barrier) and isinstance(barrier.beside, dict) else {}
    said = receipt.beside if isinstance(receipt.beside, dict) else {}
    for name, one in asked.items():
        differs = said.get(name)
        if differs is not None:
            told[name] = one.after, differs
    return told, [name for name in asked if name not in told]


def _parts(held: Mapping[str, Mapping[str, str]]) -> Iterator[dict[str, Mapping[str, str]]]:
    """Part the buckets so that no request tells more rows than it must."""
    part: dict[str, Mapping[str, str]] = {}
    rows = 0
    for bucket, digests in held.items():
        if part and rows + len(digests) > ROWS_AT_ONCE:
            yield part
            part, rows = {}, 0
        part[bucket] = digests
        rows += len(digests)
    if part:
        yield part
