"""Histories of this node, and the records that came back from HQ after its database was set back."""

from datetime import datetime
from typing import Any, Final

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Enum, select
from sqlalchemy.orm import Session

from branch_node.outbound import recovered
from branch_node.outbound.models import Lineage, RecoveredRow
from branch_node.outbound.receiver_web import named, reading, writing
from branch_node.runtime import BranchRuntime
from shared.domain.vocabulary import Vocabulary
from shared.domain.wire_words import RECORD_NAMES, column_name
from shared.errors import N_
from shared.i18n import format_instant, label
from shared.i18n import gettext as _
from shared.rights.ranges import BY_HAND, rows_seen
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.context import runtime, stamp
from shared.web.forms import notice
from shared.web.lists import choice_argument
from shared.web.paging import PageRequest, paginate
from sync_protocol.catalog import Binding

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
# What nobody decides by.
UNTOLD: Final = frozenset({"id", "created_at", "created_by", "updated_at", "updated_by"})
# Columns that name another record, and the number by which people know it.
REFERS: Final = {"manager_id": ("manager", "manager_no"), "customer_id": ("customer", "customer_no")}
# The columns by which people know a record.
NAMED_BY: Final = ("customer_no", "manager_no", "bill_no", "log_no", "name", "month")


@blueprint.get("")
@requires(Resource.RECOVERED, Action.READ)
def index() -> str:
    """List the histories, and the recovered records in one state: those to decide first."""
    branch = runtime(BranchRuntime)
    with reading() as session:
        counts = recovered.count_states(session)
        state = choice_argument("state", STATES)
        if not state:
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
        receiver=named(),
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
@requires(Resource.RECOVERED, Action.APPROVE)
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
    return redirect(url_for("histories.index", receiver=named()), code=303)


def _row(session: Session, branch: BranchRuntime, found: RecoveredRow) -> dict[str, Any]:
    binding = branch.bindings[found.record_type]
    known = recovered.known_values(session, binding, found)
    open_one = found.state == recovered.CONFLICT and found.line is not None
    return {
        "found": found,
        "named": " ".join(str(known[name]) for name in NAMED_BY if known.get(name)),
        "removed": found.line is None,
        "differences": [
            (
                column,
                _shown(session, branch, binding, column, ours),
                _shown(session, branch, binding, column, theirs),
            )
            for column, ours, theirs in recovered.versions(session, binding, found)
            if column not in UNTOLD
        ]
        if open_one
        else [],
    }


def _shown(session: Session, branch: BranchRuntime, binding: Binding, column: str, value: Any) -> str:  # noqa: ANN401 - any column's value
    """Return a value as people read it."""
    if value is None:
        return ""
    if column in REFERS:
        return _named(session, branch, column, value)
    kind = binding.table.c[column].type
    vocabulary = kind.enum_class if isinstance(kind, Enum) else None
    if vocabulary is not None and issubclass(vocabulary, Vocabulary):
        # What HQ has refused can be any word.
        return next((label(member) for member in vocabulary if member == value), str(value))
    if isinstance(value, datetime):
        return format_instant(value, timezone=branch.settings.timezone)
    if isinstance(value, dict):
        value = [f"{name}: {one}" for name, one in value.items()]
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _named(session: Session, branch: BranchRuntime, column: str, record_id: str) -> str:
    other, number = REFERS[column]
    table = branch.bindings[other].table
    wanted = select(table.c[number], table.c.name).where(table.c.id == record_id, *rows_seen(session, table))
    row = session.execute(wanted.execution_options(**BY_HAND)).first()
    return " ".join(row) if row else record_id
