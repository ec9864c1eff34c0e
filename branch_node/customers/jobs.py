"""Keeping the customer search up to what others than our pages and imports have written."""

from collections.abc import Callable
from datetime import timedelta
from typing import Final

from branch_node.customers import operations
from shared.errors import N_
from shared.jobs.job import Job, Outcome, Progress
from shared.runtime import NodeRuntime
from shared.stamp import Stamp

AT_ONCE: Final = 2_000


def index_customers(runtime: NodeRuntime, _stamp: Stamp, progress: Progress) -> Outcome:
    """Index what waits, a part a transaction, so that nobody waits long for the write lock."""
    total = sum(
        _index(runtime, progress, index)
        for index in (operations.index_changed, operations.index_contacts_changed)
    )
    return Outcome.done(indexed=total) if total else Outcome.nothing()


def _index(runtime: NodeRuntime, progress: Progress, index: Callable[..., int]) -> int:
    total = 0
    while True:
        with runtime.database.sessions.begin() as session:
            done = index(session, limit=AT_ONCE)
            progress.check_lease(session)
        total += done
        if done < AT_ONCE:
            return total


JOBS: Final = (
    Job(
        "index-customers",
        N_("Bring the customer search up to date"),
        index_customers,
        every=timedelta(minutes=1),
        jitter=timedelta(seconds=5),
    ),
)
