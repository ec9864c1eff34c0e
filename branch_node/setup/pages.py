"""The wizard that sets a new branch up, and the strip that leads to it until it is done."""

from typing import Final

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from branch_node.outbound.outcomes import PUSH
from branch_node.runtime import BranchRuntime
from branch_node.setup import operations, queries
from branch_node.setup.operations import RegionUnknownError
from branch_node.setup.queries import SetupStep
from shared.domain.regions import Region, find_region, search_regions
from shared.i18n import gettext as _
from shared.i18n import lazy_gettext as _l
from shared.jobs.operations import run_soon
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.context import may, reading, runtime, stamp, writing
from shared.web.errors import STATUS
from shared.web.forms import field_errors, notice
from shared.web.lists import text_argument
from sync_protocol.contract.keys import fingerprint, public_key_of

blueprint = Blueprint("setup", __name__, template_folder="templates", url_prefix="/setup")

WHY: Final = {
    SetupStep.ORGANISATION: _l("Who works where: at least one department."),
    SetupStep.PEOPLE: _l(
        "Somebody of each kind the branch cannot do without, each with a code or a password."
    ),
    SetupStep.REGIONS: _l("The provinces, cities or counties this branch serves."),
    SetupStep.KEY: _l("Head office knows this node by its key: both must show the same fingerprint."),
    SetupStep.CODES: _l("What head office publishes for all branches has come at least once."),
    SetupStep.FIRST_SYNC: _l("Everything is sent, and head office holds exactly the same rows."),
}


@blueprint.get("")
@requires(Resource.SETUP, Action.READ)
def index() -> str:
    """Show every step and what was found; leave and come back whenever you like."""
    return _page()


@blueprint.post("/regions")
@requires(Resource.SETUP, Action.MANAGE)
def choose_region() -> ResponseReturnValue:
    """Add a region the branch serves."""
    try:
        with writing() as session:
            operations.choose_region(session, request.form.get("code", ""), by=stamp())
    except RegionUnknownError as refused:
        return _page(field_errors(refused)), STATUS[refused.kind]
    return redirect(url_for("setup.index") + "#regions", code=303)


@blueprint.post("/regions/<code>/removal")
@requires(Resource.SETUP, Action.MANAGE)
def drop_region(code: str) -> ResponseReturnValue:
    """Take a region away."""
    with writing() as session:
        operations.drop_region(session, code, by=stamp())
    return redirect(url_for("setup.index") + "#regions", code=303)


@blueprint.post("/proof")
@requires(Resource.SETUP, Action.MANAGE)
def ask_for_proof() -> ResponseReturnValue:
    """Have the next cycle compare everything with head office."""
    with writing() as session:
        operations.ask_for_proof(session, runtime(BranchRuntime).bindings, by=stamp())
        run_soon(session, PUSH, now=stamp().at)
    notice(_("Asked for: the next cycle sends what waits and compares every row with head office."))
    return redirect(url_for("setup.index") + "#first_sync", code=303)


@blueprint.post("/finish")
@requires(Resource.SETUP, Action.MANAGE)
def finish() -> ResponseReturnValue:
    """Say that the branch is set up."""
    with writing() as session:
        operations.finish_setup(session, by=stamp())
    notice(_("This branch is set up."))
    return redirect(url_for("setup.index"), code=303)


@blueprint.app_context_processor
def _strip() -> dict[str, object]:
    return {"setup_left": _left}


def _left() -> int | None:
    """Return how many steps are left, for the strip of the home page; None when there is nothing to say."""
    if not may(Resource.SETUP, Action.READ):
        return None
    with reading() as session:
        if queries.is_finished(session):
            return None
        return sum(not one.done for one in queries.list_steps(session))


def _page(errors: dict[str, str] | None = None) -> str:
    with reading() as session:
        steps = queries.list_steps(session)
        finished = queries.find_finished(session)
    query = text_argument("region")
    chosen = next(one for one in steps if one.step is SetupStep.REGIONS).facts["regions"]
    return render_template(
        "setup/index.html",
        steps=steps,
        why=WHY,
        finished=finished,
        done=sum(one.done for one in steps),
        fingerprint=fingerprint(public_key_of(runtime(BranchRuntime).private_key)),
        regions=[region for code in chosen if (region := find_region(code)) is not None],
        query=query,
        hits=_hits(query, chosen),
        errors=errors or {},
        managing=may(Resource.SETUP, Action.MANAGE),
    )


def _hits(query: str, chosen: list[str]) -> list[Region]:
    return [region for region in search_regions(query) if region.code not in chosen] if query else []
