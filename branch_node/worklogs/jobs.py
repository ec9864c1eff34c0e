"""Keeping the search in work logs up to what has been entered and brought in."""

from datetime import timedelta
from typing import Final

from branch_node.worklogs.models import WORK_LOG_SEARCH
from branch_node.worklogs.queries import words_of
from shared.db.search_followed import index_changed
from shared.errors import N_
from shared.jobs.job import Job, Outcome, Progress
from shared.runtime import NodeRuntime
from shared.stamp import Stamp

AT_ONCE: Final = 2_000


def index_work_logs(runtime: NodeRuntime, _stamp: Stamp, progress: Progress) -> Outcome:
    """Index what waits, a part a transaction, so that nobody waits long for the write lock."""
    total = 0
    while True:
        with runtime.database.sessions.begin() as session:
            done = index_changed(session, WORK_LOG_SEARCH, words_of, limit=AT_ONCE)
            progress.check_lease(session)
        total += done
        if done < AT_ONCE:
            return Outcome.done(indexed=total) if total else Outcome.nothing()


JOBS: Final = (
    Job(
        "index-work-logs",
        N_("Bring the search in work logs up to date"),
        index_work_logs,
        every=timedelta(minutes=1),
        jitter=timedelta(seconds=5),
    ),
)
