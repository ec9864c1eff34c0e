"""Where today's changes begin, noted once a cycle."""

from datetime import date
from zoneinfo import ZoneInfo

from branch_node.lanes import operations, queries
from branch_node.lanes.queries import Lanes
from branch_node.outbound.queries import count_under_way
from branch_node.runtime import BranchRuntime
from sync_protocol.changelog.sealing import count_unsealed


def note_day(runtime: BranchRuntime) -> int:
    """Note how far the change log is today, when it has gone on; return the newest change of the days before."""
    today = local_day(runtime)
    with runtime.database.reads() as session:
        log = queries.read_marks(session, today)
    if log.noted is None or log.noted < log.newest:
        with runtime.database.sessions.begin() as session:
            operations.note_day(session, today)
    return log.before


def part(runtime: BranchRuntime) -> Lanes:
    """Return which changes wait behind today's."""
    through, above = note_day(runtime), runtime.settings.backlog_above
    with runtime.database.reads() as session:
        unsealed, under_way = count_unsealed(session), count_under_way(session)
        return queries.plan(session, unsealed, under_way, through=through, above=above)


def local_day(runtime: BranchRuntime) -> date:
    """Return today by the node's own clock and zone."""
    return runtime.clock.now().astimezone(ZoneInfo(runtime.settings.timezone)).date()
