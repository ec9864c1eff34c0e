"""What came of a cycle, and writing it down."""

import logging
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import update
from sqlalchemy.orm import Session

from branch_node.outbound import oversize, queries, versions
from branch_node.outbound.alarms import RECORD_TOO_LARGE, VERSION_REFUSED
from branch_node.outbound.backoff import next_wait
from branch_node.outbound.models import Cycle
from branch_node.runtime import BranchRuntime
from shared.alarms.queries import list_open_subjects

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
        _write_down(session, cycle_id, result, at=runtime.clock.now())
        _tell(session, runtime, result)
        failures = queries.count_failures(session) if result.outcome == "retry" else 0
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


def _write_down(session: Session, cycle_id: int, result: CycleResult, *, at: datetime) -> None:
    session.execute(
        update(Cycle)
        .where(Cycle.id == cycle_id)
        .values(
            ended_at=at,
            outcome=result.outcome,
            batches=result.batches,
            rows=result.rows,
            wire_bytes=result.wire_bytes,
            parked=result.parked,
            problem=result.problem,
            detail=_short(result.detail),
            counts=dict(result.counts),
        )
        .execution_options(synchronize_session=False)
    )


def _tell(session: Session, runtime: BranchRuntime, result: CycleResult) -> None:
    """Tell people of records too large to go and of versions HQ does not read, and when that is over."""
    now = runtime.clock.now()
    told = list_open_subjects(session, RECORD_TOO_LARGE, VERSION_REFUSED)
    too_large = {subject for code, subject in told if code == RECORD_TOO_LARGE.code}
    oversize.tell(session, runtime.all_bindings, too_large, at=now)
    refused = len(told) > len(too_large)
    versions.tell_refusal(session, result.problem, _short(result.detail), told=refused, at=now)


def _short(detail: str | None) -> str | None:
    return detail[:DETAIL_LENGTH] if detail else None


def length_ms(cycle: Cycle | None) -> int:
    """Return how long a cycle took, 0 when there was none."""
    if cycle is None or cycle.ended_at is None:
        return 0
    return max(0, round((cycle.ended_at - cycle.started_at).total_seconds() * 1000))
