"""The timed push."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from branch_node.config import BranchSettings
from branch_node.outbound import queries
from branch_node.outbound.cycle import CycleResult, run_cycle
from branch_node.runtime import BranchRuntime
from shared.errors import N_
from shared.jobs.job import Job, Outcome, Progress
from shared.stamp import Stamp


def push(runtime: BranchRuntime, stamp: Stamp, progress: Progress) -> Outcome:
    """Run one cycle; a node that has not joined has nothing to do."""
    with runtime.database.reads() as session:
        if queries.find_membership(session) is None:
            return Outcome.nothing(message="not joined yet")
    return outcome_of(run_cycle(runtime, progress))


def outcome_of(result: CycleResult) -> Outcome:
    """Return how a cycle's result counts as a job's outcome."""
    counts = {"batches": result.batches, "rows": result.rows, "parked": result.parked}
    if result.outcome == "done":
        kind = Outcome.done if result.batches else Outcome.nothing
        return kind(after=result.wait, **counts)
    if result.outcome == "retry":
        return Outcome.retry(f"{result.problem}: {result.detail}", after=result.wait, **counts)
    return Outcome.failed(f"{result.problem}: {result.detail}", **counts)


def _interval(settings: BranchSettings) -> timedelta:
    return timedelta(seconds=settings.push_interval_s)


JOBS: Final[Sequence[Job]] = (
    Job("push", N_("Push to head office"), push, every=_interval, jitter=timedelta(seconds=60)),
)
