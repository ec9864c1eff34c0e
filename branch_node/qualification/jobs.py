"""The timed side of qualification: what is past its review expires."""

from datetime import time, timedelta
from typing import Final

from branch_node.inbound.queries import hq_time
from branch_node.qualification import operations
from branch_node.runtime import BranchRuntime
from shared.domain.calendar import local_day
from shared.errors import N_
from shared.jobs.job import Job, Outcome, Progress
from shared.stamp import Stamp

AT_ONCE: Final = 500


def review_qualifications(runtime: BranchRuntime, stamp: Stamp, progress: Progress) -> Outcome:
    """Let qualifications expire whose last day is over by head office's clock, a part a transaction."""
    total = 0
    while True:
        with runtime.database.sessions.begin() as session:
            today = local_day(hq_time(session, stamp.at), runtime.settings.timezone)
            done = operations.expire(session, today, limit=AT_ONCE, by=stamp)
            progress.check_lease(session)
        total += done
        if done < AT_ONCE:
            return Outcome.done(expired=total) if total else Outcome.nothing()
        progress.check_stop()


JOBS: Final = (
    Job(
        "review-qualifications",
        N_("Let qualifications expire that are past their review"),
        review_qualifications,
        at=time(3, 40),
        jitter=timedelta(minutes=15),
    ),
)
