"""The job that forgets which requests of programs were answered."""

from datetime import time, timedelta
from typing import Final

from shared.errors import N_
from shared.jobs.job import Job, Outcome, Progress
from shared.runtime import NodeRuntime
from shared.stamp import Stamp
from shared.web.api.once import KEPT, forget_answered


def forget(runtime: NodeRuntime, stamp: Stamp, progress: Progress) -> Outcome:
    """Forget the keys of requests that are a week old."""
    with runtime.database.sessions.begin() as session:
        removed = forget_answered(session, before=stamp.at - KEPT)
        progress.check_lease(session)
    return Outcome.done(removed=removed) if removed else Outcome.nothing()


JOBS: Final = (
    Job(
        "forget-answered-requests",
        N_("Forget which requests of programs were answered"),
        forget,
        at=time(3, 30),
        jitter=timedelta(minutes=10),
        when_full=True,
    ),
)
