"""What is sent once more, inside a cycle: what head office asks is taken up, and the next records get their turn."""

from typing import Final

from branch_node.resend import operations, queries
from branch_node.resend.operations import AT_ONCE, Taken
from branch_node.runtime import BranchRuntime
from shared.jobs.job import Progress
from shared.stamp import Stamp, Via
from sync_protocol.contract.messages import StateAnswer

ACTOR: Final = "sync"


def heed(runtime: BranchRuntime, state: StateAnswer) -> None:
    """Begin what head office asks to be sent once more; what is known already goes on as it does."""
    if not state.resend:
        return
    with runtime.database.sessions.begin() as session:
        for asked in state.resend:
            by = Stamp(at=runtime.clock.now(), actor=asked.by, via=Via.SYNC, terminal="")
            operations.ask_for_hq(session, runtime.bindings, asked.id, asked.record, asked.reason, by=by)


def is_open(runtime: BranchRuntime) -> bool:
    """Whether something is to be sent once more."""
    with runtime.database.reads() as session:
        return queries.find_current(session, runtime.bindings) is not None


def take(runtime: BranchRuntime, progress: Progress) -> Taken | None:
    """Give the next records a newer change each, in a transaction of its own; they are sealed in the one after it."""
    by = Stamp(at=runtime.clock.now(), actor=ACTOR, via=Via.SYNC, terminal="")
    # On a full disk nothing more is taken on.
    runtime.space.check()
    with runtime.database.sessions.begin() as session:
        zone = runtime.settings.timezone
        taken = operations.take(session, runtime.bindings, zone=zone, by=by, limit=AT_ONCE)
        progress.check_lease(session)
    return taken
