"""Taking new batches in: customers into the search index, sums made ready, a branch at a time."""

from datetime import timedelta
from typing import Final

from hq_server.analysis import operations
from hq_server.customers.operations import SEARCHED, index_batches
from shared.errors import N_
from shared.jobs.job import Job, Outcome, Progress
from shared.runtime import NodeRuntime
from shared.stamp import Stamp

# A batch has up to 10,000 rows: a transaction stays short, and the memory small.
BATCHES_AT_ONCE: Final = 4
MOST_BATCHES: Final = 5_000


def take_in(runtime: NodeRuntime, stamp: Stamp, progress: Progress) -> Outcome:
    """Index what waiting batches brought and prepare their branches' sums; stopping half way loses nothing.

    A branch's batches are marked in the transaction that prepares its sums: a run cut short before
    that is done again whole, and doing it twice changes nothing.
    """
    with runtime.database.reads.begin() as session:
        waiting = operations.waiting_batches(session, MOST_BATCHES)
        branches = operations.unprepared_branches(session)
    by_branch: dict[int, list[int]] = {number: [] for number in branches}
    for batch_id, number, _record_type in waiting:
        by_branch.setdefault(number, []).append(batch_id)
    customers = [batch_id for batch_id, _number, record_type in waiting if record_type in SEARCHED]
    indexed = _index(runtime, customers, progress)
    for done, (number, batch_ids) in enumerate(by_branch.items(), start=1):
        progress.check_stop()
        with runtime.database.sessions.begin() as session:
            operations.prepare_branch(session, number, batch_ids, at=stamp.at)
            progress.check_lease(session)
        progress.report(done, len(by_branch))
    if not by_branch:
        return Outcome.nothing()
    return Outcome.done(batches=len(waiting), branches=len(by_branch), customers=indexed)


def _index(runtime: NodeRuntime, batch_ids: list[int], progress: Progress) -> int:
    indexed = 0
    for start in range(0, len(batch_ids), BATCHES_AT_ONCE):
        progress.check_stop()
        with runtime.database.sessions.begin() as session:
            indexed += index_batches(session, batch_ids[start : start + BATCHES_AT_ONCE])
            progress.check_lease(session)
    return indexed


JOBS: Final = (
    Job(
        "take-in",
        N_("Index new customers and prepare the figures"),
        take_in,
        every=timedelta(seconds=15),
        timeout=timedelta(hours=1),
    ),
)
