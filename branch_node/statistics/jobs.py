"""The night's statistics."""

from datetime import time, timedelta
from typing import Final

from branch_node.statistics import operations, queries
from branch_node.statistics.operations import MonthsComputed
from shared.errors import N_
from shared.jobs.job import Job, Outcome, Progress
from shared.runtime import NodeRuntime
from shared.stamp import Stamp


def compute_months(runtime: NodeRuntime, _stamp: Stamp, progress: Progress) -> Outcome:
    """Compute every month, one a transaction, so that people can work between them."""
    settings = runtime.settings
    with runtime.database.reads.begin() as session:
        months = operations.known_months(session, timezone=settings.timezone)
    total = MonthsComputed()
    for done, month in enumerate(months):
        progress.check_stop()
        with runtime.database.sessions.begin() as session:
            total += operations.compute_months(
                session, timezone=settings.timezone, currency=settings.currency, months=[month]
            )
            progress.check_lease(session)
        progress.report(done + 1, len(months))
    if total == MonthsComputed():
        return Outcome.nothing()
    return Outcome.done(created=total.created, updated=total.updated, removed=total.removed)


JOBS: Final = (
    Job(
        queries.JOB,
        N_("Compute customer months"),
        compute_months,
        at=time(1, 30),
        jitter=timedelta(minutes=10),
        timeout=timedelta(hours=2),
    ),
)
