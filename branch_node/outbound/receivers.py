"""The cycles with the receivers besides head office: side by side, each with its own outcome and its own waits."""

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any, Final

from branch_node.outbound import queries
from branch_node.outbound.contacts import ContactBook
from branch_node.outbound.cycle import CycleResult, run_cycle
from branch_node.receivers import operations
from branch_node.receivers.errors import UndeliveredError
from branch_node.receivers.models import Receiver
from branch_node.receivers.queries import get_receiver, list_open_loads, list_receivers, list_to_clear
from branch_node.runtime import BranchRuntime
from shared.db.scope import FIRST
from shared.jobs.job import Progress
from shared.stamp import Stamp
from sync_protocol.changelog.sealing import count_pending

# More at a time would only wait for each other's turn at the database.
AT_ONCE: Final = 4
# Nothing puts a receiver off for longer, so a later time was set by a clock that was wrong.
LONGEST_WAIT: Final = timedelta(days=1)
# So that branches which began together do not come together for ever.
SPREAD: Final = 0.1


def views(runtime: BranchRuntime) -> Sequence[BranchRuntime]:
    """Return this node as it is towards each receiver besides head office."""
    with runtime.database.reads() as session:
        return [runtime.for_receiver(one.name, one.records) for one in list_receivers(session)]


def view_of(runtime: BranchRuntime, name: str) -> BranchRuntime:
    """Return this node as it is towards one receiver, head office among them; raises ReceiverUnknownError."""
    if name == FIRST:
        return runtime
    with runtime.database.reads() as session:
        return runtime.for_receiver(name, get_receiver(session, name).records)


def leave(runtime: BranchRuntime, name: str, *, give_up: bool, by: Stamp) -> int:
    """Send nothing more to a receiver; return how many changes it has not received.

    Raises UndeliveredError when there are some and it is not said that they may be given up, and ReceiverUnknownError.
    """
    view = view_of(runtime, name)
    with view.database.sessions.begin() as session:
        undelivered = count_pending(session)
        if undelivered and not give_up:
            raise UndeliveredError(name=name, count=undelivered)
        operations.remove_receiver(session, name, runtime.bindings, undelivered=undelivered, by=by)
    return undelivered


def standings(runtime: BranchRuntime) -> list[dict[str, Any]]:
    """Return what `branch-node status --json` tells of each receiver besides head office."""
    now, found = runtime.clock.now(), []
    for view in views(runtime):
        with view.database.reads() as session:
            line = queries.link(session, now=now)
            loading = [one.record_type for one in list_open_loads(session)]
        told = {"name": view.receiver, "records": list(view.bindings), "loading": loading}
        found.append(told | {"link": line.state, "pending": line.pending})
    return found


def replace_earlier(runtime: BranchRuntime) -> None:
    """Make a node restored on purpose the one that speaks for the branch, to each receiver; copies are refused then."""
    for view in (runtime, *views(runtime)):
        ContactBook(view.settings.home, view.receiver).replace()


def clear_removed(runtime: BranchRuntime, progress: Progress) -> None:
    """Remove what was kept to be sent to receivers that were removed, piece by piece."""
    with runtime.database.reads() as session:
        names = list_to_clear(session)
    for view in (runtime.for_receiver(name, ()) for name in names):
        above: int | None = 0
        while above is not None:
            with view.database.sessions.begin() as session:
                above = operations.drop_changes(session, above=above)
                if above is None:
                    operations.forget_delivered(session, view.receiver, at=view.clock.now())
                progress.check_lease(session)
            progress.check_stop()


def push_due(runtime: BranchRuntime, progress: Progress) -> Mapping[str, CycleResult]:
    """Run a cycle with every receiver whose wait is over."""
    now = runtime.clock.now()
    with runtime.database.reads() as session:
        due = [one.name for one in list_receivers(session) if not _waits(one, now)]
    return push_to(runtime, progress, due)


def push_to(runtime: BranchRuntime, progress: Progress, names: Collection[str]) -> Mapping[str, CycleResult]:
    """Run a cycle with each of these receivers, waiting or not; one that fails or hangs holds up none of the others."""
    wanted = [view for view in views(runtime) if view.receiver in names]
    if not wanted:
        return {}
    with ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="receiver") as pool:
        running = {view.receiver: pool.submit(_push, view, progress) for view in wanted}
    return {name: one.result() for name, one in running.items()}


def next_due(runtime: BranchRuntime) -> timedelta | None:
    """Return how long the receiver to be tried first waits; None when none of them waits."""
    now = runtime.clock.now()
    with runtime.database.reads() as session:
        waits = [
            one.not_before - now if one.not_before is not None and _waits(one, now) else timedelta(0)
            for one in list_receivers(session)
        ]
    return min(waits, default=None)


def _push(view: BranchRuntime, progress: Progress) -> CycleResult:
    with view.database.reads() as session:
        interval = queries.get_membership(session).push_interval_s
    result = run_cycle(view, progress)
    # Its own next turn: another receiver's failure must not make it come sooner.
    usual = timedelta(seconds=interval * view.uniform(1 - SPREAD, 1 + SPREAD))
    wait = result.wait if result.wait is not None else usual
    with view.database.sessions.begin() as session:
        operations.note_wait(session, view.clock.now() + wait)
    return result


def _waits(receiver: Receiver, now: datetime) -> bool:
    return receiver.not_before is not None and now < receiver.not_before <= now + LONGEST_WAIT
