"""The jobs that keep jobs in order."""

from contextlib import suppress
from datetime import time, timedelta
from typing import Final

from shared.alarms.operations import clear_alarm, raise_alarm
from shared.db.space import MB, NodeFullError
from shared.errors import N_
from shared.jobs import operations
from shared.jobs.alarms import DISK_FULL
from shared.jobs.job import Job, Outcome, Progress
from shared.runtime import NodeRuntime
from shared.stamp import Stamp

SUBJECT: Final = ("node", "disk")


def trim_runs(runtime: NodeRuntime, stamp: Stamp, progress: Progress) -> Outcome:
    """Forget runs that nobody asks about any more."""
    with runtime.database.sessions.begin() as session:
        removed = operations.trim_runs(session, before=stamp.at - operations.KEEP_RUNS)
        progress.check_lease(session)
    return Outcome.done(removed=removed) if removed else Outcome.nothing()


def watch_space(runtime: NodeRuntime, stamp: Stamp, progress: Progress) -> Outcome:
    """Tell a full disk as an alarm, keep the reserve, and come back to normal when there is room."""
    space = runtime.space
    with suppress(NodeFullError):
        space.check()
    space.keep_reserve()
    free = space.free_bytes() or 0
    with runtime.database.sessions.begin() as session:
        if space.is_full:
            raise_alarm(session, DISK_FULL, SUBJECT, at=stamp.at, details={"free_mb": free // MB})
        else:
            clear_alarm(session, DISK_FULL, SUBJECT, at=stamp.at)
        progress.check_lease(session)
    return Outcome.done(full=1) if space.is_full else Outcome.nothing()


JOBS: Final = (
    Job(
        "watch-space",
        N_("Watch the room on the disk"),
        watch_space,
        every=timedelta(minutes=1),
        when_full=True,
    ),
    Job(
        "trim-job-runs",
        N_("Forget old job runs"),
        trim_runs,
        at=time(3, 40),
        jitter=timedelta(minutes=10),
        when_full=True,
    ),
)
