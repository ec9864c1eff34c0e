"""The first pages of a branch manager and of an administrator."""

from collections.abc import Sequence

from flask import Blueprint, render_template

from branch_node.desk import queries as desk
from branch_node.documents.queries import count_expiring
from branch_node.home import queries
from branch_node.inbound import pages as inbound
from branch_node.outbound import queries as outbound
from branch_node.outbound.refusals import count_refused
from branch_node.qualification import queries as qualification
from branch_node.runtime import BranchRuntime
from shared.alarms import queries as alarms
from shared.domain.calendar import local_day
from shared.jobs.job import Job
from shared.jobs.queries import list_states
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.context import reading, runtime, stamp

MOST_ALARMS = 8


def home_blueprint(jobs: Sequence[Job]) -> Blueprint:
    """Return the board of the branch and the page of the node, which shows how `jobs` stand."""
    blueprint = Blueprint("home", __name__, template_folder="templates")

    @blueprint.get("/board")
    @requires(Resource.MANAGER, Action.UPDATE)
    def board() -> str:
        """Show a branch manager who has written a log today and who has not, and what waits for a decision."""
        zone, now = runtime().settings.timezone, stamp().at
        today = local_day(now, zone)
        with reading() as session:
            return render_template(
                "home/board.html",
                today=today,
                notices=inbound.notices(session),
                days=queries.day_by_manager(session, today, timezone=zone),
                needs=desk.needs(session, manager_id=None, now=now, timezone=zone),
                short=desk.SHORT_LIST,
                refused=count_refused(session),
                conflicts=queries.conflicts(session),
                imports=queries.imports_waiting(session),
                judged=qualification.count_states(session, today),
                papers=count_expiring(session, today),
            )

    @blueprint.get("/node")
    @requires(Resource.NODE, Action.MANAGE)
    def node() -> str:
        """Show an administrator how the node does: the line, alarms, jobs, the disk and the accounts."""
        now = stamp().at
        with reading() as session:
            return render_template(
                "home/node.html",
                notices=inbound.notices(session),
                line=outbound.link(session, now=now),
                cycle=outbound.find_last_cycle(session),
                refused=count_refused(session),
                alarms=alarms.list_open(session)[:MOST_ALARMS],
                open_alarms=alarms.count_open(session),
                jobs=list_states(session, jobs),
                accounts=queries.accounts(session),
                free=runtime(BranchRuntime).space.free_bytes(),
                full=runtime(BranchRuntime).space.is_full,
            )

    return blueprint
