"""The page "where is a record?" of head office."""

from flask import Blueprint, render_template, request

from hq_server.branches.web import scope
from hq_server.runtime import HqRuntime
from hq_server.tracing import queries
from shared.domain.wire_words import RECORD_NAMES, RECORD_NUMBERS, explain
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.context import reading, runtime

blueprint = Blueprint("tracing", __name__, template_folder="templates", url_prefix="/transfers/where")


@blueprint.get("")
@requires(Resource.TRANSFER, Action.READ)
def where() -> str:
    """Ask for a record's number; with one, show where it stands in every branch that has it."""
    record_type = request.args.get("record", "customer")
    record_type = record_type if record_type in RECORD_NUMBERS else "customer"
    number = request.args.get("number", "").strip()[:60]
    with reading() as session:
        around = scope(session)
        bindings = runtime(HqRuntime).bindings
        chosen = sorted(around.chosen)
        found = (
            queries.find_records(session, bindings, record_type, number, branches=chosen) if number else None
        )
        held = {(one.branch.number, one.record_id) for one in found or ()}
        parked = queries.find_refused(session, record_type, number, branches=chosen) if number else None
        refused = [one for one in parked or () if (one.branch.number, one.entry.record_id) not in held]
    return render_template(
        "tracing/where.html",
        record_type=record_type,
        number=number,
        found=found,
        refused=refused,
        parked=parked,
        choices={name: RECORD_NAMES[name] for name in RECORD_NUMBERS},
        scope=around,
        explain=explain,
    )
