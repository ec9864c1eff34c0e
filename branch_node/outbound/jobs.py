"""The timed push."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from branch_node.config import BranchSettings
from branch_node.outbound import keys, queries
from branch_node.outbound.cycle import run_cycle
from branch_node.outbound.results import WAITING, CycleResult
from branch_node.runtime import BranchRuntime
from shared.errors import N_
from shared.jobs.job import Job, Outcome, Progress
from shared.jobs.vocabulary import RunOutcome
from shared.stamp import Stamp
from sync_protocol.contract.keys import key_id, public_key_of


def push(runtime: BranchRuntime, _stamp: Stamp, progress: Progress) -> Outcome:
    """Run one cycle; a node that has not joined has nothing to do."""
    with runtime.database.reads() as session:
        if queries.find_membership(session) is None:
            return Outcome.nothing(message="not joined yet")
    return outcome_of(run_cycle(runtime, progress))


def watch_key(runtime: BranchRuntime, stamp: Stamp, progress: Progress) -> Outcome:
    """Raise an alarm when this node's key grows old."""
    pinned = key_id(public_key_of(runtime.private_key))
    with runtime.database.sessions.begin() as session:
        days = keys.watch_age(session, pinned, at=stamp.at)
        progress.check_lease(session)
    return Outcome.nothing(days=days)


def outcome_of(result: CycleResult) -> Outcome:
    """Return how a cycle's result counts as a job's outcome."""
    counts = {"batches": result.batches, "rows": result.rows, "parked": result.parked}
    if result.outcome == "done":
        kind = RunOutcome.DONE if result.batches else RunOutcome.NOTHING
        return Outcome(kind, counts, after=result.wait)
    if result.outcome == WAITING:
        kind = RunOutcome.DONE if result.batches else RunOutcome.NOTHING
        return Outcome(kind, counts, N_("head office takes in others first"), after=result.wait)
    if result.outcome == "retry":
        return Outcome(RunOutcome.RETRY, counts, f"{result.problem}: {result.detail}", after=result.wait)
    return Outcome(RunOutcome.FAILED, counts, f"{result.problem}: {result.detail}")


def _interval(settings: BranchSettings) -> timedelta:
    return timedelta(seconds=settings.push_interval_s)


JOBS: Final[Sequence[Job]] = (
    Job(
        "push", N_("Push to head office"), push, every=_interval, jitter=timedelta(seconds=60), when_full=True
    ),
    Job(
        "watch-key",
        N_("Watch the age of this node's key"),
        watch_key,
        every=timedelta(hours=12),
        when_full=True,
    ),
)
