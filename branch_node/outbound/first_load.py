"""The first load of a receiver that came later: the rows that were there, put into its change log piece by piece.

Begins once their changes are captured, so nothing falls between; people go on writing. A cycle puts in so much, sends
it, and is followed by the next at once. Cut off anywhere, it goes on where it was.
"""

from branch_node.receivers import operations, queries
from branch_node.receivers.models import FirstLoad
from branch_node.runtime import BranchRuntime
from shared.db.scope import FIRST
from shared.jobs.job import Progress


def top_up(runtime: BranchRuntime, progress: Progress) -> bool:
    """Put the next rows of every load that is not through into the change log; whether more is left for later."""
    if runtime.receiver == FIRST:
        return False
    with runtime.database.reads() as session:
        loads = queries.list_open_loads(session)
    names = [load.record_type for load in loads if load.record_type in runtime.bindings]
    through = [_load(runtime, name, progress) for name in names]
    return not all(through)


def _load(runtime: BranchRuntime, name: str, progress: Progress) -> bool:
    """Load a record type until enough waits to be sealed; True when all of it is in."""
    binding = runtime.bindings[name]
    while not progress.stopping:
        runtime.space.check()
        with runtime.database.sessions.begin() as session:
            load = session.get_one(FirstLoad, name)
            if not operations.room_ahead(session, binding):
                return False
            rows = operations.load_chunk(session, binding, load, at=runtime.clock.now())
            progress.check_lease(session)
        if not rows:
            return load.done_at is not None
    return False
