"""Counting the months each night."""

from datetime import time, timedelta
from typing import Final

from branch_node.opstats import operations, queries
from shared.domain.calendar import local_month, months_between
from shared.errors import N_
from shared.jobs.job import Job, Outcome, Progress
from shared.runtime import NodeRuntime
from shared.stamp import Stamp

# What was entered later for a month before stands in it too; further back only when months are missing.
COUNTED_AGAIN: Final = 2


def count_operations(runtime: NodeRuntime, stamp: Stamp, progress: Progress) -> Outcome:
    """Count this month and the last again, and months that were never counted; one a transaction."""
    zone = runtime.settings.timezone
    with runtime.database.reads.begin() as session:
        first = operations.first_month(session, timezone=zone)
        known = set(queries.list_months(session))
    if first is None:
        return Outcome.nothing()
    months = months_between(first, local_month(stamp.at, zone))
    wanted = [month for month in months if month not in known or month in months[-COUNTED_AGAIN:]]
    changed = 0
    for done, month in enumerate(wanted):
        progress.check_stop()
        with runtime.database.sessions.begin() as session:
            changed += operations.count_month(session, month, timezone=zone)
            progress.check_lease(session)
        progress.report(done + 1, len(wanted))
    return Outcome.done(changed=changed) if changed else Outcome.nothing()


JOBS: Final = (
    Job(
        queries.JOB,
        N_("Count what account managers did"),
        count_operations,
        at=time(1, 50),
        jitter=timedelta(minutes=10),
        timeout=timedelta(hours=1),
    ),
)
