"""Parting what waits into today's and backlog, once a cycle."""

from datetime import date
from zoneinfo import ZoneInfo

from branch_node.lanes import operations, queries
from branch_node.lanes.queries import Lanes
from branch_node.runtime import BranchRuntime


def part(runtime: BranchRuntime) -> Lanes:
    """Note how far the change log is today, and return which changes wait behind today's."""
    today = local_day(runtime)
    with runtime.database.sessions.begin() as session:
        operations.note_day(session, today)
    with runtime.database.reads() as session:
        through, above = queries.newest_before(session, today), runtime.settings.backlog_above
        return queries.plan(session, runtime.bindings, through=through, above=above)


def local_day(runtime: BranchRuntime) -> date:
    """Return today by the node's own clock and zone."""
    return runtime.clock.now().astimezone(ZoneInfo(runtime.settings.timezone)).date()
