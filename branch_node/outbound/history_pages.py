"""Histories of this node, and the records that came back from HQ after its database was set back."""

from typing import Any, Final

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import Session

from branch_node.outbound import recovered
from branch_node.outbound.models import Lineage, RecoveredRow
from branch_node.runtime import BranchRuntime
from shared.auth.vocabulary import Right
from shared.domain.wire_words import RECORD_NAMES, column_name
from shared.errors import N_
from shared.i18n import gettext as _
from shared.web.access import requires
from shared.web.context import reading, runtime, stamp, writing
from shared.web.forms import notice
from shared.web.paging import PageRequest, paginate

blueprint = Blueprint("histories", __name__, template_folder="templates", url_prefix="/sync/histories")
STATES: Final = {
    recovered.CONFLICT: N_("To decide"),
    recovered.RESTORED: N_("Put back"),
    recovered.SAME: N_("Was here already"),
    recovered.TOOK_HQ: N_("Head office's version taken"),
    recovered.KEPT_OURS: N_("This branch's version kept"),
    recovered.OFFERED: N_("Not looked at yet"),
}
SORTS: Final = {"record": RecoveredRow.record_type}
# The columns by which people know a record.
NAMED_BY: Final = ("customer_no", "manager_no", "bill_no", "log_no", "name", "month")


@blueprint.get("")
@requires(Right.STAFF)
def index() -> str:
    """List the histories, and the recovered records in one state: those to decide first."""
    branch = runtime(BranchRuntime)
    with reading() as session:
        counts = recovered.count_states(session)
        state = request.args.get("state", "")
        if state not in STATES:
            state = next((one for one in STATES if counts.get(one)), recovered.CONFLICT)
        statement = select(RecoveredRow).where(RecoveredRow.state == state)
        page = paginate(
            session,
            statement,
            PageRequest.from_query(SORTS, default="record"),
            sorts=SORTS,
            tie=RecoveredRow.record_id,
        )
        rows = [_row(session, branch, found) for found in page.items]
        lineages = session.scalars(select(Lineage).order_by(Lineage.lineage.desc())).all()
    return render_template(
        "outbound/histories.html",
        lineages=lineages,
        rows=rows,
        page=page,
        state=state,
        states=STATES,
        counts=counts,
        record_names=RECORD_NAMES,
        column_name=column_name,
    )


@blueprint.post("/<int:lineage>/<record_type>/<record_id>")
@requires(Right.STAFF)
def decide(lineage: int, record_type: str, record_id: str) -> ResponseReturnValue:
    """Take HQ's version of a record, or keep this branch's."""
    take = request.form.get("choice") == "hq"
    with writing() as session:
        found = recovered.get_recovered(session, lineage, record_type, record_id)
        if take:
            recovered.take_hq(session, runtime(BranchRuntime).bindings, found, by=stamp())
        else:
            recovered.keep_ours(session, found, by=stamp())
    notice(_("Head office's version is in place.") if take else _("This branch's version stays."))
    return redirect(url_for("histories.index"), code=303)


def _row(session: Session, branch: BranchRuntime, found: RecoveredRow) -> dict[str, Any]:
    binding = branch.bindings[found.record_type]
    differences = recovered.versions(session, binding, found)
    known = recovered.known_values(session, binding, found)
    return {
        "found": found,
        "named": " ".join(str(known[name]) for name in NAMED_BY if known.get(name)),
        "removed": found.line is None,
        "differences": differences if found.state == recovered.CONFLICT else [],
    }
