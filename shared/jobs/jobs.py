"""The jobs that keep jobs in order."""

from datetime import time, timedelta
from typing import Final

from shared.errors import N_
from shared.jobs import operations
from shared.jobs.job import Job, Outcome, Progress
from shared.runtime import NodeRuntime
from shared.stamp import Stamp


def trim_runs(runtime: NodeRuntime, stamp: Stamp, progress: Progress) -> Outcome:
    """Forget runs that nobody asks about any more."""
    with runtime.database.sessions.begin() as session:
        removed = operations.trim_runs(session, before=stamp.at - operations.KEEP_RUNS)
        progress.check_lease(session)
    return Outcome.done(removed=removed) if removed else Outcome.nothing()


JOBS: Final = (
    Job(
        "trim-job-runs",
        N_("Forget old job runs"),
        trim_runs,
        at=time(3, 40),
        jitter=timedelta(minutes=10),
    ),
)
