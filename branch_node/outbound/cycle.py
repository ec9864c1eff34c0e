"""One sync cycle: compare chain heads, then send every channel's batches in order, sealing as it goes.

    state = ask HQ where it stands                       (also tells HQ that we live, and that we are no copy)
    HQ knows what we do not: this node was set back      (get it back, begin a new lineage)
    HQ lost what it had: offer it again
    for each lineage HQ has not come to the end of, oldest first: announce it, send what is sealed of it
    for each record type, in the order of the catalog:   (today's; where much waits from before: backlog after it)
        send what is sealed and not acknowledged         (the same bytes, however often)
        while something is unsealed: seal it, send it    (the next is sealed while a full one is on its way)
    prove what is due: small tables in one barrier
    each receipt is kept before the next batch goes
    something is parked at HQ: fetch the list, for people here to mend

Any error ends the cycle; the next one starts by asking HQ again, so nothing is remembered wrongly.
"""

import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

from branch_node.outbound import (
    due,
    feed,
    first_load,
    histories,
    keys,
    log_head,
    operations,
    queries,
    refusals,
    resending,
    told,
    versions,
)
from branch_node.outbound.alarms import NODE_OLD
from branch_node.outbound.client import HqRefusedError, Vitals, make_client
from branch_node.outbound.due import Due
from branch_node.outbound.models import Membership
from branch_node.outbound.pacing import Pacer
from branch_node.outbound.proof import begin_proof
from branch_node.outbound.results import PLACE, WAITING, CycleResult, finish, length_ms
from branch_node.outbound.transport import NoAnswerError
from branch_node.outbound.versions import Versions
from branch_node.runtime import BranchRuntime
from shared.db.scope import FIRST
from shared.errors import BranchlineError
from shared.jobs.job import Progress
from sync_protocol.catalog import BACKLOG, CHANNELS, Binding
from sync_protocol.changelog.models import OutboxBatch
from sync_protocol.changelog.sealing import (
    Lane,
    Sender,
    count_pending,
    has_unsealed,
    newest_unsealed,
    seal_next,
)
from sync_protocol.contract.codes import Problem

__all__ = ["CycleResult", "run_cycle"]
log = logging.getLogger(__name__)
# A cycle stops at a safe point after this long; the next takes up where it stopped.
LONGEST: Final = timedelta(minutes=8)
# One that is at the backlog stops sooner: what people enter meanwhile goes first in the next.
TURN: Final = timedelta(minutes=1)
# A slot may be so many of this node's own intervals away.
SLOWER: Final = 1.5
# What HQ may have against one batch; the other channels go on.
OF_ONE_CHANNEL: Final = frozenset(
    problem.value.code
    for problem in (Problem.MALFORMED, Problem.GAP, Problem.FORK, Problem.TOO_LARGE, Problem.SCHEMA)
)
# Counting what is pending costs as much as there is pending; below this it is counted before every batch.
NEAR_THE_END: Final = 20_000


def run_cycle(runtime: BranchRuntime, progress: Progress) -> CycleResult:
    """Carry out one cycle and record it; anticipated errors are in the result, not raised.

    Raises NotJoinedError before this node is a branch.
    """
    with runtime.database.reads() as session:
        member = queries.get_membership(session)
        last = queries.find_last_cycle(session, "done")
        pending = count_pending(session, without=member.unknown_there or ())
    with runtime.database.sessions.begin() as session:
        cycle_id = operations.begin_cycle(session, at=runtime.clock.now()).id
    result = CycleResult()
    try:
        _Run(runtime, member, progress, result, last_ms=length_ms(last), pending=pending).run()
    except NoAnswerError as error:
        result.outcome, result.problem, result.detail = (
            "retry",
            error.code,
            str(error.params.get("reason", "")),
        )
    except HqRefusedError as error:
        result.outcome = "retry" if error.retry else "failed"
        if error.place is not None:
            result.outcome, result.counts[PLACE] = WAITING, error.place
        result.problem, result.detail = error.problem, str(error)
        result.wait = timedelta(seconds=error.wait_s) if error.wait_s is not None else None
    except BranchlineError as error:
        result.outcome, result.problem, result.detail = "retry", error.code, str(error)
    finish(runtime, cycle_id, result)
    return result


class _Run:
    """The steps of one cycle, over what they share."""

    def __init__(
        self,
        runtime: BranchRuntime,
        member: Membership,
        progress: Progress,
        result: CycleResult,
        *,
        last_ms: int,
        pending: int,
    ) -> None:
        self._runtime = runtime
        self._member = member
        self._progress = progress
        self._result = result
        self._client = make_client(runtime, member)
        self._pacer = Pacer(runtime)
        self._versions = Versions(None)
        self._last_ms = last_ms
        self._deadline = runtime.clock.now() + LONGEST
        self._pending = pending
        self._offered_again = 0
        self._due = Due()
        self._lanes = self._due.lanes
        self._stuck: dict[str, HqRefusedError] = {}
        self._sending = ""
        self._unknown: Sequence[str] = ()

    def run(self) -> None:
        """Ask, compare, send."""
        state = keys.begin(self._runtime, self._client, self._vitals(self._pending))
        alarms = told.heed(self._runtime, self._member, state)
        # What is published comes from head office alone.
        ours = self._runtime.receiver == FIRST
        feed_trouble = feed.try_to_follow(self._runtime, self._client, state) if ours else None
        self._versions = versions.follow(self._runtime, self._member, state, known=NODE_OLD.code in alarms)
        self._unknown = self._versions.unknown(self._runtime.bindings)
        self._member, reopened = histories.settle(self._runtime, self._client, self._member, state)
        self._offered_again = self._result.counts["offered_again"] = reopened
        # From here on the receiver is one that takes what it knows.
        self._runtime = self._versions.narrowed(self._runtime)
        resending.heed(self._runtime, state)
        doubt = self._offered_again > 0
        self._prover = begin_proof(
            self._runtime, self._member, self._client, self._progress, state, doubt=doubt
        )
        self._catch_up_lineages(histories.lineage_at_hq(state))
        more = first_load.top_up(self._runtime, self._progress)
        self._due = due.look(self._runtime, self._prover)
        self._lanes = self._due.lanes
        self._send_today()
        if self._result.unfinished:
            return
        self._send_backlog()
        self._send_again()
        refusals.refresh(
            self._runtime,
            self._client,
            told=state.parked,
            refused_now=self._result.parked,
            shown=self._due.refused,
        )
        if ours:
            log_head.tell(self._runtime, self._client)
        if self._stuck and not self._result.unfinished:
            raise next(iter(self._stuck.values()))
        if feed_trouble is not None and not self._result.unfinished:
            raise feed_trouble
        self._result.unfinished |= more
        self._take_slot(state.next_push_after_s)

    def _send_today(self) -> None:
        """Send every record type's own channel to its end, but for what is backlog, and prove what is due."""
        for binding in self._due.of(self._runtime.bindings):
            if not self._lanes.waits(binding):
                self._send_lane(binding, self._lanes.today(binding), proving=False)
        self._prove()

    def _prove(self) -> None:
        """Prove what is due and has no backlog: what is small together, the rest by itself, and so what is repaired."""
        if self._result.unfinished or not (self._due.proofs or self._result.batches):
            return
        whole = [
            one
            for one in self._runtime.bindings.values()
            if not self._lanes.delays(one) and one.record.channel not in self._stuck
        ]
        carrier = self._prover.seal_together(whole) if self._due.proofs else None
        if carrier is not None:
            self._send_lane(carrier, self._lanes.today(carrier), proving=False)
        with self._runtime.database.reads() as session:
            due = self._prover.list_due(session)
        for binding in whole:
            if binding.record.name in due:
                self._send_lane(binding, self._lanes.today(binding))

    def _send_backlog(self) -> None:
        """Send what waits from earlier days; stops when it is time to look for today's again."""
        self._deadline = min(self._deadline, self._runtime.clock.now() + TURN)
        for binding in self._runtime.bindings.values():
            if binding.record.name in self._lanes.backlog:
                self._send_lane(binding, self._lanes.earlier(binding))
        for binding in self._due.of(self._runtime.bindings):
            if self._lanes.waits(binding):
                self._send_lane(binding, self._lanes.today(binding))

    def _send_again(self) -> None:
        """Send what somebody wants sent once more, some records at a time; the last of them is proven."""
        if not self._due.resend:
            return
        while BACKLOG not in self._stuck and not self._result.unfinished and resending.is_open(self._runtime):
            if self._must_stop():
                return
            taken = resending.take(self._runtime, self._progress)
            if taken is None or taken.busy:
                return
            span = (taken.changes[0] - 1, taken.changes[-1]) if taken.changes else (0, 0)
            lane = Lane(channel=BACKLOG, after=span[0], through=span[1])
            self._send_lane(self._runtime.bindings[taken.record_type], lane)

    def _send_lane(self, binding: Binding, lane: Lane, *, proving: bool = True) -> None:
        """Send one lane to its end, and prove its record type; a channel HQ refuses does not hold up the others."""
        channel = lane.channel or binding.record.channel
        if self._result.unfinished or channel in self._stuck:
            return
        # With backlog behind it a type is proven once, when that is in too.
        last = proving and (channel == BACKLOG or binding.record.name not in self._lanes.backlog)
        try:
            while self._drained(binding, lane) and last and self._proves(binding):
                # The barrier goes; what it shows to differ goes at the next turn, before it is proven again.
                if not self._drained(binding, self._lanes.today(binding)):
                    break
        except HqRefusedError as error:
            if error.problem not in OF_ONE_CHANNEL:
                raise
            self._stuck[self._sending] = error

    def _proves(self, binding: Binding) -> bool:
        return binding.record.channel not in self._stuck and self._prover.seal_barrier(binding)

    def _take_slot(self, after_s: int | None) -> None:
        """Come next when HQ says, so that the branches do not all come together; never at half this node's pace."""
        own_s = self._runtime.settings.push_interval_s
        if after_s is not None and 0 < after_s <= own_s * SLOWER:
            self._result.wait = timedelta(seconds=after_s)

    def _catch_up_lineages(self, at_hq: int | None) -> None:
        """Bring HQ from the lineage it is in to ours: send what it misses of each, announce the next."""
        if at_hq == self._member.lineage:
            return
        if at_hq is None:
            with self._runtime.database.reads() as session:
                at_hq = min(queries.list_lineages(session), default=self._member.lineage)
        with self._runtime.database.reads() as session:
            alive = {*queries.list_lineages(session), self._member.lineage}
        for number in range(at_hq, self._member.lineage):
            self._send_old(number)
            # One without a batch that counts may have begun behind batches HQ has lost for good.
            if number + 1 in alive:
                histories.announce(self._runtime, self._client, number + 1)

    def _send_old(self, lineage: int) -> None:
        for channel in CHANNELS:
            while True:
                with self._runtime.database.reads() as session:
                    waiting = queries.list_unacknowledged(session, channel, lineage=lineage)
                if not waiting:
                    break
                self._send(waiting[0])

    def _drained(self, binding: Binding, lane: Lane) -> bool:
        """Send all there is of a record type in a lane now; False when it is time to stop.

        What people write meanwhile may go into the next cycle: they must not keep the other types waiting.
        """
        with self._runtime.database.reads() as session:
            newest = newest_unsealed(session, binding, lane)
        while waiting := self._waiting(binding, lane, newest):
            if self._must_stop():
                return False
            with self._sealing_ahead(binding, lane, waiting):
                self._send(waiting[0])
        return True

    def _waiting(self, binding: Binding, lane: Lane, newest: int) -> Sequence[OutboxBatch]:
        """Return the first two batches to send, sealing one if there is none; nothing when all is delivered.

        All: the changes of the lane up to `newest`.
        """
        channel = lane.channel or binding.record.channel
        with self._runtime.database.reads() as session:
            waiting = queries.list_unacknowledged(session, channel, lineage=self._member.lineage, limit=2)
            if waiting or not has_unsealed(session, binding, through=newest, lane=lane):
                return waiting
        sealed = self._seal(binding, lane)
        return [sealed] if sealed else []

    @contextmanager
    def _sealing_ahead(self, binding: Binding, lane: Lane, waiting: Sequence[OutboxBatch]) -> Iterator[None]:
        """Seal the next batch while HQ takes in a full one, so that neither side waits for the other.

        Never more than one ahead: what is not sealed yet is still compacted, however long HQ is away.
        """
        with self._runtime.database.reads() as session:
            full = len(waiting) == 1 and self._pacer.fills_another(session, binding, lane)
        if not full:
            yield
            return
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="seal") as pool:
            ahead = pool.submit(self._seal, binding, lane)
            yield
        ahead.result()

    def _seal(self, binding: Binding, lane: Lane) -> OutboxBatch | None:
        # On a full disk what is sealed still goes, and its receipts are kept on the reserve.
        self._runtime.space.check()
        member, pace = self._member, self._pacer.pace
        sender = Sender(
            branch=member.branch_code,
            node=member.node_id,
            lineage=member.lineage,
            lineage_id=member.lineage_id,
        )
        with self._runtime.database.snapshot() as session, session.begin():
            now = self._runtime.clock.now()
            sent = self._versions.to_send(binding)
            sealed = seal_next(session, sent, sender, at=now, limit=pace.changes, size=pace.size, lane=lane)
            self._progress.check_lease(session)
        return sealed

    def _send(self, batch: OutboxBatch) -> None:
        """Deliver one batch and keep its receipt."""
        assert batch.payload is not None
        self._sending = batch.channel
        key = f"{self._member.node_id}/{batch.lineage}/{batch.channel}/{batch.batch_no}"
        try:
            vitals = self._vitals(self._left_after(batch))
            with self._pacer.timed(batch):
                receipt, kept = self._client.push(
                    batch.payload, digest=batch.digest, idempotency_key=key, vitals=vitals
                )
        except HqRefusedError as error:
            self._heed_gap(error, batch)
            raise
        with self._runtime.database.sessions.begin() as session:
            now = self._runtime.clock.now()
            operations.acknowledge(session, batch.id, kept, at=now, took_ms=self._pacer.last_ms)
            self._pacer.keep(session)
            if receipt.backed_up_through is not None:
                held = {batch.channel: (batch.lineage, receipt.backed_up_through)}
                operations.note_backed_up(session, held, at=now, lower=False)
        self._count(batch, parked=len(receipt.parked))
        self._prover.heed(batch, receipt, self._vitals(self._pending))

    def _vitals(self, pending: int) -> Vitals:
        return Vitals(pending, self._last_ms, self._offered_again)

    def _left_after(self, batch: OutboxBatch) -> int:
        """Return the changes left once this batch is delivered; exact towards the end, where HQ relies on it."""
        if self._pending <= NEAR_THE_END:
            with self._runtime.database.reads() as session:
                self._pending = count_pending(session, without=self._unknown)
        self._pending = max(0, self._pending - batch.changes)
        return self._pending

    def _heed_gap(self, error: HqRefusedError, batch: OutboxBatch) -> None:
        """HQ misses an earlier batch: offer everything from there again in the next cycle."""
        expected = error.members.get("expected")
        if error.problem == Problem.GAP.value.code and isinstance(expected, int):
            with self._runtime.database.sessions.begin() as session:
                histories.reopen(session, batch.channel, after=(batch.lineage, expected - 1))

    def _count(self, batch: OutboxBatch, *, parked: int) -> None:
        result = self._result
        result.batches += 1
        result.rows += batch.rows
        result.wire_bytes += batch.payload_bytes
        result.parked += parked
        result.counts[batch.record_type] += batch.rows
        self._progress.report(result.rows)

    def _must_stop(self) -> bool:
        if self._progress.stopping or self._runtime.clock.now() > self._deadline:
            self._result.unfinished = True
        return self._result.unfinished
