"""The page "where is my record?" of a branch."""

from typing import Final

from flask import Blueprint, render_template, request

from branch_node.outbound import tracing
from branch_node.outbound.receivers import views
from branch_node.runtime import BranchRuntime
from shared.domain.wire_words import RECORD_NAMES, RECORD_NUMBERS, column_name, explain
from shared.errors import N_
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.context import may, reading, runtime
from shared.web.lists import choice_argument

blueprint = Blueprint("tracing", __name__, template_folder="templates", url_prefix="/sync/where")
STAGES: Final = {
    tracing.WAITING: (N_("captured, waits to be sent"), "warn"),
    tracing.SEALED: (N_("sealed, not yet acknowledged"), "warn"),
    tracing.DELIVERED: (N_("committed at head office"), "ok"),
    tracing.PARKED: (N_("refused at head office, kept there"), "bad"),
    tracing.TOO_LARGE: (N_("too large to send: set aside here until it is smaller"), "bad"),
    tracing.GIVEN_UP: (N_("sealed anew in a later history"), ""),
}
STAGES_THERE: Final = STAGES | {
    tracing.DELIVERED: (N_("committed there"), "ok"),
    tracing.PARKED: (N_("refused there, kept there"), "bad"),
}
OPS: Final = {"I": N_("made"), "U": N_("changed"), "D": N_("removed")}


@blueprint.get("")
@requires(Resource.TRANSFER, Action.READ)
def where() -> str:
    """Ask for a record's number; with one, show how far each of its changes has come."""
    record_type = choice_argument("record", RECORD_NUMBERS) or "customer"
    number = request.args.get("number", "").strip()
    found: list[tuple[str | None, tracing.Trace]] = []
    missing = False
    if number:
        try:
            found = _traces(runtime(BranchRuntime), record_type, number)
        except tracing.NoSuchNumberError:
            missing = True
    return render_template(
        "outbound/where.html",
        record_type=record_type,
        number=number,
        found=found,
        missing=missing,
        stages=STAGES,
        there=STAGES_THERE,
        ops=OPS,
        choices={name: RECORD_NAMES[name] for name in RECORD_NUMBERS},
        column_name=column_name,
        explain=explain,
        may_resend=may(Resource.TRANSFER, Action.MANAGE),
    )


def _traces(branch: BranchRuntime, record_type: str, number: str) -> list[tuple[str | None, tracing.Trace]]:
    """Follow a record to head office, whose name is None, and to every other receiver that gets its type."""
    others = [view for view in views(branch) if record_type in view.bindings]
    found: list[tuple[str | None, tracing.Trace]] = []
    # Who looks after transfers is told where a record is, whatever they may see of it.
    technical = may(Resource.TRANSFER, Action.MANAGE)
    for name, view in ((None, branch), *((one.receiver, one) for one in others)):
        with reading(of=view.database, as_node=technical) as session:
            found.append((name, tracing.trace(session, branch.bindings, record_type, number)))
    return found
