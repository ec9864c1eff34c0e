"""The timed push."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

from branch_node.config import BranchSettings
from branch_node.outbound import keys, queries, receivers
from branch_node.outbound.cycle import run_cycle
from branch_node.outbound.outcomes import PUSH, PUSH_RECEIVERS, outcome_of, outcome_of_all
from branch_node.runtime import BranchRuntime
from shared.errors import N_
from shared.jobs.job import Job, Outcome, Progress
from shared.stamp import Stamp
from sync_protocol.contract.keys import key_id, public_key_of


def push(runtime: BranchRuntime, _stamp: Stamp, progress: Progress) -> Outcome:
    """Run one cycle; a node that has not joined has nothing to do."""
    with runtime.database.reads() as session:
        if queries.find_membership(session) is None:
            return Outcome.nothing(message="not joined yet")
    return outcome_of(run_cycle(runtime, progress))


def push_to_receivers(runtime: BranchRuntime, _stamp: Stamp, progress: Progress) -> Outcome:
    """Run a cycle with every receiver besides head office whose turn it is; clear up after those removed."""
    receivers.clear_removed(runtime, progress)
    found = outcome_of_all(receivers.push_due(runtime, progress))
    return found if found.after is not None else replace(found, after=receivers.next_due(runtime))


def watch_key(runtime: BranchRuntime, stamp: Stamp, progress: Progress) -> Outcome:
    """Raise an alarm when a key this node signs with grows old."""
    oldest = 0
    for view in (runtime, *receivers.views(runtime)):
        pinned = key_id(public_key_of(view.private_key))
        with view.database.sessions.begin() as session:
            oldest = max(oldest, keys.watch_age(session, pinned, at=stamp.at))
            progress.check_lease(session)
    return Outcome.nothing(days=oldest)


def _interval(settings: BranchSettings) -> timedelta:
    return timedelta(seconds=settings.push_interval_s)


JOBS: Final[Sequence[Job]] = (
    Job(PUSH, N_("Push to head office"), push, every=_interval, jitter=timedelta(seconds=60), when_full=True),
    Job(
        PUSH_RECEIVERS,
        N_("Push to the other receivers"),
        push_to_receivers,
        every=_interval,
        jitter=timedelta(seconds=60),
        when_full=True,
    ),
    Job(
        "watch-key",
        N_("Watch the age of this node's key"),
        watch_key,
        every=timedelta(hours=12),
        when_full=True,
    ),
)
