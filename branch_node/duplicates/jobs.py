"""Looking through all customers for those entered twice; only files that changed are compared."""

from datetime import timedelta
from typing import Final

from branch_node.duplicates.operations import changed_behind, look_at
from branch_node.runtime import BranchRuntime
from shared.errors import N_
from shared.jobs.job import Job, Outcome, Progress
from shared.stamp import Stamp

FIRST: Final = "00000000-0000-0000-0000-000000000000"


def find_duplicates(runtime: BranchRuntime, stamp: Stamp, progress: Progress) -> Outcome:
    """Go through the files some at a time; the write lock is taken only where something has changed."""
    changed = pairs = 0
    last: str | None = FIRST
    while last is not None:
        progress.check_stop()
        with runtime.database.reads() as session:
            last, rows = changed_behind(session, last)
        if rows:
            with runtime.database.sessions.begin() as session:
                pairs += look_at(session, rows, now=stamp.at)
                progress.check_lease(session)
        changed += len(rows)
        progress.report(changed)
    return Outcome.done(compared=changed, pairs=pairs) if changed else Outcome.nothing()


JOBS: Final = (
    Job(
        "find-duplicates",
        N_("Look for customers entered twice"),
        find_duplicates,
        every=timedelta(hours=1),
        jitter=timedelta(minutes=5),
        timeout=timedelta(hours=1),
    ),
)
