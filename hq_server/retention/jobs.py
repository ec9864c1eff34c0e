"""The timed side of keeping: is there a backup, and which receipts may go."""

from collections.abc import Sequence
from datetime import time, timedelta
from typing import Final

from hq_server.retention import operations
from hq_server.runtime import HqRuntime
from shared.errors import N_
from shared.jobs.job import Job, Outcome, Progress
from shared.stamp import Stamp


def watch_backups(runtime: HqRuntime, stamp: Stamp, progress: Progress) -> Outcome:
    """Raise or clear the alarm of a missing backup."""
    with runtime.database.sessions.begin() as session:
        due = operations.watch_backups(session, days=runtime.settings.backup_alarm_days, at=stamp.at)
        progress.check_lease(session)
    return Outcome.done(due=1) if due else Outcome.nothing()


def trim_receipts(runtime: HqRuntime, stamp: Stamp, progress: Progress) -> Outcome:
    """Empty receipts older than the retention; a batch that is repeated after that gets one made anew."""
    before = stamp.at - timedelta(days=runtime.settings.receipt_retention_days)
    trimmed = 0
    while True:
        with runtime.database.sessions.begin() as session:
            some = operations.trim_receipts(session, before=before)
            progress.check_lease(session)
        trimmed += some
        if some < operations.AT_ONCE:
            break
        progress.check_stop()
    if not trimmed:
        return Outcome.nothing()
    with runtime.database.sessions.begin() as session:
        operations.note_trimmed(session, receipts=trimmed, before=before, by=stamp)
    return Outcome.done(receipts=trimmed)


JOBS: Final[Sequence[Job]] = (
    Job(
        "watch-backups",
        N_("Watch that backups are made"),
        watch_backups,
        every=timedelta(hours=1),
        when_full=True,
    ),
    Job(
        "trim-receipts",
        N_("Empty old receipts"),
        trim_receipts,
        at=time(3, 20),
        jitter=timedelta(minutes=10),
        when_full=True,
    ),
)
