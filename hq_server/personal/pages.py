"""Legal holds of all branches: the list, ordering one, having one released, and what became of the orders."""

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from hq_server.branches import web
from hq_server.branches.queries import get_branch
from hq_server.customers.queries import get_customer
from hq_server.personal import holds, orders
from hq_server.personal.errors import OrderDayError, OrderNotADayError, OrderReasonError
from hq_server.personal.holds import OPEN, RELEASED
from shared.audit.operations import record
from shared.domain.calendar import local_day
from shared.errors import N_
from shared.files.spreadsheets import Column as SheetColumn
from shared.i18n import gettext as _
from shared.rights.vocabulary import Action, Resource
from shared.twoperson.errors import ActProposedError, ActReasonError
from shared.twoperson.queries import find_waiting
from shared.web.access import requires
from shared.web.context import person, reading, runtime, stamp, writing
from shared.web.errors import STATUS
from shared.web.forms import field_errors, notice
from shared.web.lists import send_table, text_argument
from sync_protocol.contract.feed import APPLIED, RECEIVED, REFUSED

blueprint = Blueprint("holds", __name__, template_folder="templates", url_prefix="/legal-holds")
STATES: Final = {OPEN: N_("in force"), RELEASED: N_("released")}
OUTCOMES: Final = {
    orders.SENT: (N_("sent"), "info"),
    RECEIVED: (N_("received"), "info"),
    APPLIED: (N_("carried out"), "ok"),
    REFUSED: (N_("refused"), "bad"),
}


@blueprint.get("")
@requires(Resource.LEGAL_HOLD, Action.READ)
def index() -> str:
    """List the holds of all branches, the open ones first, and what was ordered."""
    return _list(printing=False)


@blueprint.get("/print")
@requires(Resource.LEGAL_HOLD, Action.PRINT)
def print_view() -> str:
    """Show the list ready for paper; that is logged."""
    with writing() as session:
        record(session, "hold.printed", subject=None, by=stamp(), details={"rows": len(_found(session))})
    return _list(printing=True)


@blueprint.route("/export.<any(xlsx, csv):kind>", methods=["GET", "POST"])
@requires(Resource.LEGAL_HOLD, Action.EXPORT)
def export(kind: str) -> ResponseReturnValue:
    """Answer with the list as a file, customers by their numbers; that is logged."""
    with reading() as session:
        found = _found(session)
        rows = [
            [
                one.branch.code,
                one.customer.customer_no if one.customer else "",
                one.hold.reason,
                one.hold.placed_at,
                one.hold.placed_by,
                one.hold.ends_on,
                one.hold.released_at,
                one.hold.released_by or "",
                one.hold.release_reason or "",
            ]
            for one in found
        ]
    return send_table(
        kind,
        name="legal-holds",
        title=_("Legal holds"),
        columns=_sheet(),
        rows=rows,
        filters=_filters(),
        told=_note_exported,
    )


@blueprint.get("/<code>/<id:customer_id>/new")
@requires(Resource.LEGAL_HOLD, Action.CREATE)
def new(code: str, customer_id: str) -> str:
    """Ask why a branch is to hold a customer, and until when."""
    return _form(code, customer_id, {})


@blueprint.post("/<code>/<id:customer_id>")
@requires(Resource.LEGAL_HOLD, Action.CREATE)
def place(code: str, customer_id: str) -> ResponseReturnValue:
    """Order a hold; the branch places it with its next contact."""
    given = request.form.to_dict()
    try:
        with writing() as session:
            branch = get_branch(session, code)
            get_customer(session, branch, customer_id)
            orders.order_hold(
                session,
                branch,
                customer_id,
                reason=given.get("reason", ""),
                ends_on=_day(given.get("ends_on", "")),
                today=local_day(stamp().at, runtime().settings.timezone),
                by=stamp(),
            )
    except (OrderReasonError, OrderDayError, OrderNotADayError) as refused:
        return _form(code, customer_id, given, field_errors(refused)), STATUS[refused.kind]
    notice(_("Ordered. The branch places the hold with its next contact and says so here."))
    return redirect(url_for("holds.index"), code=303)


@blueprint.get("/<code>/<id:hold_id>")
@requires(Resource.LEGAL_HOLD, Action.READ)
def one(code: str, hold_id: str) -> str:
    """Show one hold, who placed it and why, and how it ended."""
    return _one(code, hold_id)


@blueprint.post("/<code>/<id:hold_id>/release")
@requires(Resource.LEGAL_HOLD, Action.RETIRE)
def release(code: str, hold_id: str) -> ResponseReturnValue:
    """Ask a second person to order the release of a hold."""
    try:
        with writing() as session:
            hold = holds.get_hold(session, get_branch(session, code), hold_id)
            act = orders.ask_release(session, hold, reason=request.form.get("reason", ""), by=stamp())
    except (ActReasonError, ActProposedError) as refused:
        page = _one(code, hold_id, errors=field_errors(refused), values=request.form)
        return page, STATUS[refused.kind]
    notice(_("Somebody else has to approve this now; the hold stands until then."))
    return redirect(url_for("two_person.one", act_id=act.id), code=303)


def _one(code: str, hold_id: str, **values: object) -> str:
    with reading() as session:
        branch = get_branch(session, code)
        hold = holds.get_hold(session, branch, hold_id)
        return render_template(
            "personal/hold.html",
            hold=hold,
            branch=branch,
            customer=get_customer(session, branch, hold.customer_id),
            asked=find_waiting(session, orders.RELEASE, orders.subject_of(branch.code, hold)),
            **values,
        )


def _form(
    code: str, customer_id: str, values: Mapping[str, Any], errors: Mapping[str, str] | None = None
) -> str:
    with reading() as session:
        branch = get_branch(session, code)
        return render_template(
            "personal/place.html",
            branch=branch,
            customer=get_customer(session, branch, customer_id),
            values=values,
            errors=errors or {},
        )


def _list(*, printing: bool) -> str:
    with reading() as session:
        scope = web.scope(session)
        return render_template(
            "personal/holds.html",
            rows=_found(session),
            given=orders.list_given(session, sorted(scope.chosen)),
            outcomes=OUTCOMES,
            text=text_argument("q"),
            state=_state(),
            states=[(code, _(word)) for code, word in STATES.items()],
            branches=[(branch.code, f"{branch.code} {branch.name}") for branch in scope.branches.values()],
            branch=request.args.get("branch", ""),
            filters=_filters(),
            printing=printing,
            printed_at=stamp().at,
            printed_by=person(),
        )


def _found(session: Session) -> list[holds.Held]:
    chosen = web.scope(session).chosen
    return holds.list_holds(session, text=text_argument("q"), state=_state(), branches=chosen)


def _state() -> str:
    state = text_argument("state")
    return state if state in STATES else ""


def _filters() -> list[tuple[str, str]]:
    said = [
        (_("Branch"), request.args.get("branch", "")),
        (_("Search"), text_argument("q")),
        (_("State"), _(STATES[_state()]) if _state() else ""),
    ]
    return [(name, value) for name, value in said if value]


def _note_exported(rows: int) -> None:
    with writing() as session:
        record(session, "hold.exported", subject=None, by=stamp(), details={"rows": rows})


def _sheet() -> list[SheetColumn]:
    return [
        SheetColumn("branch", _("Branch")),
        SheetColumn("customer_no", _("Customer number")),
        SheetColumn("reason", _("Reason"), personal="person"),
        SheetColumn("placed_at", _("Placed at"), "instant"),
        SheetColumn("placed_by", _("Placed by")),
        SheetColumn("ends_on", _("Last day"), "date"),
        SheetColumn("released_at", _("Released at"), "instant"),
        SheetColumn("released_by", _("Released by")),
        SheetColumn("release_reason", _("Why it was released"), personal="person"),
    ]


def _day(given: str) -> date | None:
    try:
        return date.fromisoformat(given.strip()) if given.strip() else None
    except ValueError:
        raise OrderNotADayError(field="ends_on") from None
