"""What came of a cycle, and writing it down."""

import logging
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from branch_node.outbound import oversize, queries, versions
from branch_node.outbound.backoff import next_wait
from branch_node.outbound.models import Cycle
from branch_node.runtime import BranchRuntime

log = logging.getLogger(__name__)
DETAIL_LENGTH: Final = 300
WAITING: Final = "waiting"
# Among the counts of a cycle that waits: how many branches go first.
PLACE: Final = "place"


@dataclass
class CycleResult:
    """What one cycle did.

    `outcome` is done, waiting (HQ takes in others first), retry (will be tried again by itself) or failed (needs a
    person).
    """

    outcome: str = "done"
    batches: int = 0
    rows: int = 0
    wire_bytes: int = 0
    parked: int = 0
    problem: str | None = None
    detail: str | None = None
    wait: timedelta | None = None
    unfinished: bool = False
    counts: Counter[str] = field(default_factory=Counter)


def finish(runtime: BranchRuntime, cycle_id: int, result: CycleResult) -> None:
    """Write the outcome of a cycle down, and say in the result when the next may come."""
    with runtime.database.sessions.begin() as session:
        cycle = session.get_one(Cycle, cycle_id)
        cycle.ended_at = runtime.clock.now()
        cycle.outcome = result.outcome
        cycle.batches, cycle.rows, cycle.wire_bytes = result.batches, result.rows, result.wire_bytes
        cycle.parked, cycle.problem = result.parked, result.problem
        cycle.detail = result.detail[:DETAIL_LENGTH] if result.detail else None
        cycle.counts = dict(result.counts)
        oversize.tell(session, runtime.all_bindings, at=cycle.ended_at)
        versions.tell_refusal(session, result.problem, cycle.detail, at=cycle.ended_at)
        session.flush()
        failures = queries.count_failures(session)
    if result.outcome == "retry":
        hint = result.wait.total_seconds() if result.wait else None
        result.wait = next_wait(
            failures, uniform=runtime.uniform, hint_s=round(hint) if hint is not None else None
        )
    elif result.unfinished and result.outcome != WAITING:
        result.wait = timedelta(0)
    log.info(
        "sync cycle ended", extra={"outcome": result.outcome, "batches": result.batches, "rows": result.rows}
    )


def length_ms(cycle: Cycle | None) -> int:
    """Return how long a cycle took, 0 when there was none."""
    if cycle is None or cycle.ended_at is None:
        return 0
    return max(0, round((cycle.ended_at - cycle.started_at).total_seconds() * 1000))
