"""How cycles count as runs of a job, and what those jobs are called."""

from collections import Counter
from collections.abc import Mapping
from typing import Final

from branch_node.outbound.results import WAITING, CycleResult
from shared.errors import N_
from shared.jobs.job import Outcome
from shared.jobs.vocabulary import RunOutcome

PUSH: Final = "push"
PUSH_RECEIVERS: Final = "push-receivers"
WORST_FIRST: Final = (RunOutcome.FAILED, RunOutcome.RETRY, RunOutcome.DONE)


def outcome_of_all(results: Mapping[str, CycleResult]) -> Outcome:
    """Return how the cycles with several receivers count as one job's outcome: the worst of them, all counts."""
    outcomes = {name: outcome_of(one) for name, one in results.items()}
    counts: Counter[str] = Counter()
    for one in outcomes.values():
        counts.update(one.counts)
    kinds = {one.kind for one in outcomes.values()}
    kind = next((one for one in WORST_FIRST if one in kinds), RunOutcome.NOTHING)
    message = "; ".join(f"{name}: {one.message}" for name, one in outcomes.items() if one.message)
    return Outcome(kind, counts, message)


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
