"""What people ask branches about their data: open, overdue and answered in time, by branch and one by one."""

from typing import Final

from flask import Blueprint, render_template, request

from hq_server.branches import web
from hq_server.branches.queries import coverage, get_branch
from hq_server.personal.requests import Standing, Tally, Today, list_requests, tally_branches
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.context import reading, runtime, stamp

blueprint = Blueprint(
    "personal_requests", __name__, template_folder="templates", url_prefix="/personal-requests"
)
TONES: Final = {
    Standing.OVERDUE: "bad",
    Standing.WAITING: "info",
    Standing.IN_TIME: "ok",
    Standing.LATE: "warn",
}


@blueprint.get("")
@requires(Resource.PERSONAL_DATA, Action.READ)
def index() -> str:
    """Show how many requests of each branch are open, overdue and were answered in time."""
    with reading() as session:
        scope = web.scope(session)
        tallies = tally_branches(session, _today(), sorted(scope.chosen))
        branches = [one for one in scope.branches.values() if not scope.chosen or one.number in scope.chosen]
        return render_template(
            "personal/requests.html",
            scope=scope,
            rows=[(one, tallies.get(one.number, Tally.of(()))) for one in branches],
            totals={one: sum(each.counts[one] for each in tallies.values()) for one in Standing},
            standings=Standing,
        )


@blueprint.get("/<code>")
@requires(Resource.PERSONAL_DATA, Action.READ)
def branch(code: str) -> str:
    """List the requests of one branch by kind and days; who asked is known at the branch alone."""
    with reading() as session:
        found = get_branch(session, code)
        asked = list_requests(session, _today(), [found.number])
        known = {one.value for one in Standing}
        wanted = [one for one in request.args.getlist("standing") if one in known]
        return render_template(
            "personal/requests_of.html",
            branch=found,
            rows=[one for one in asked if not wanted or one.standing.value in wanted],
            standings=web.choices(Standing),
            chosen=wanted,
            covered=coverage(session, stamp().at).only([found.number]),
            tones=TONES,
        )


def _today() -> Today:
    return Today(stamp().at, runtime().settings.timezone)
