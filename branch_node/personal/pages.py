"""Legal holds: the list, placing one, and asking a second person to release one."""

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from branch_node.customers.queries import get_customer
from branch_node.inbound.queries import hq_time
from branch_node.personal import holds, queries
from branch_node.personal.errors import HoldDayError, HoldReasonError
from branch_node.personal.queries import OPEN, RELEASED, HoldFilter
from shared.audit.operations import record
from shared.domain.calendar import local_day
from shared.errors import N_, FieldError
from shared.files.spreadsheets import Column as SheetColumn
from shared.i18n import gettext as _
from shared.rights.vocabulary import Action, Resource
from shared.twoperson.errors import ActProposedError, ActReasonError
from shared.twoperson.queries import find_waiting
from shared.web.access import requires
from shared.web.context import person, reading, runtime, stamp, writing
from shared.web.errors import STATUS
from shared.web.forms import field_errors, notice
from shared.web.lists import choice_argument, id_argument, send_table, text_argument

blueprint = Blueprint("holds", __name__, template_folder="templates", url_prefix="/legal-holds")
STATES: Final = {OPEN: N_("in force"), RELEASED: N_("released")}
NOT_A_DAY: Final = N_("Please give a day as 2026-03-09.")


class NotADayError(FieldError):
    """The last day of a hold is no day."""

    code = "hold-not-a-day"
    message = NOT_A_DAY


@blueprint.get("")
@requires(Resource.LEGAL_HOLD, Action.READ)
def index() -> str:
    """List holds, the open ones first."""
    return _list(printing=False)


@blueprint.get("/print")
@requires(Resource.LEGAL_HOLD, Action.PRINT)
def print_view() -> str:
    """Show the list ready for paper; that is logged."""
    with writing() as session:
        count = len(queries.list_holds(session, _wanted()))
        record(session, "hold.printed", subject=None, by=stamp(), details={"rows": count})
    return _list(printing=True)


@blueprint.route("/export.<any(xlsx, csv):kind>", methods=["GET", "POST"])
@requires(Resource.LEGAL_HOLD, Action.EXPORT)
def export(kind: str) -> ResponseReturnValue:
    """Answer with the list as a file, customers by their numbers; that is logged."""
    wanted = _wanted()
    with reading() as session:
        found = queries.list_holds(session, wanted)
        rows = [
            [
                customer.customer_no,
                hold.reason,
                hold.placed_at,
                hold.placed_by,
                hold.ends_on,
                hold.released_at,
                hold.released_by or "",
                hold.release_reason or "",
            ]
            for hold, customer in found
        ]
    return send_table(
        kind,
        name="legal-holds",
        title=_("Legal holds"),
        columns=_sheet(),
        rows=rows,
        filters=_filters(wanted),
        told=_note_exported,
    )


@blueprint.get("/new")
@requires(Resource.LEGAL_HOLD, Action.CREATE)
def new() -> ResponseReturnValue:
    """Ask why a customer is to be held, and until when."""
    customer_id = id_argument("customer")
    return _form(customer_id, {}) if customer_id else redirect(url_for("customers.index"))


@blueprint.post("")
@requires(Resource.LEGAL_HOLD, Action.CREATE)
def place() -> ResponseReturnValue:
    """Place a hold; it counts at once."""
    given = request.form.to_dict()
    customer_id = given.get("customer_id", "")
    try:
        with writing() as session:
            today = local_day(hq_time(session, stamp().at), runtime().settings.timezone)
            ends_on = _day(given.get("ends_on", ""))
            holds.place(
                session, customer_id, reason=given.get("reason", ""), ends_on=ends_on, today=today, by=stamp()
            )
    except (HoldReasonError, HoldDayError, NotADayError) as refused:
        return _form(customer_id, given, field_errors(refused)), STATUS[refused.kind]
    notice(_("The hold is placed: nothing of this customer is erased until it is released."))
    return redirect(url_for("desk.customer", customer_id=customer_id), code=303)


@blueprint.get("/<id:hold_id>")
@requires(Resource.LEGAL_HOLD, Action.READ)
def one(hold_id: str) -> str:
    """Show one hold, who placed it and why, and how it ended."""
    return _one(hold_id)


@blueprint.post("/<id:hold_id>/release")
@requires(Resource.LEGAL_HOLD, Action.RETIRE)
def release(hold_id: str) -> ResponseReturnValue:
    """Ask a second person to release a hold."""
    try:
        with writing() as session:
            act = holds.ask_release(session, hold_id, reason=request.form.get("reason", ""), by=stamp())
    except (ActReasonError, ActProposedError) as refused:
        return _one(hold_id, errors=field_errors(refused), values=request.form), STATUS[refused.kind]
    notice(_("Somebody else has to approve this now; the hold stands until then."))
    return redirect(url_for("two_person.one", act_id=act.id), code=303)


def _one(hold_id: str, **values: object) -> str:
    with reading() as session:
        hold = holds.get_hold(session, hold_id)
        return render_template(
            "personal/hold.html",
            hold=hold,
            customer=get_customer(session, hold.customer_id),
            asked=find_waiting(session, holds.RELEASE, (holds.SUBJECT, hold.id)),
            **values,
        )


def _form(customer_id: str, values: Mapping[str, Any], errors: Mapping[str, str] | None = None) -> str:
    with reading() as session:
        customer = get_customer(session, customer_id)
        return render_template(
            "personal/place.html",
            customer=customer,
            held=holds.is_held(session, customer.id),
            values=values,
            errors=errors or {},
        )


def _list(*, printing: bool) -> str:
    wanted = _wanted()
    with reading() as session:
        return render_template(
            "personal/holds.html",
            rows=queries.list_holds(session, wanted),
            wanted=wanted,
            states=[(code, _(word)) for code, word in STATES.items()],
            filters=_filters(wanted),
            printing=printing,
            printed_at=stamp().at,
            printed_by=person(),
        )


def _wanted() -> HoldFilter:
    return HoldFilter(text_argument("q"), choice_argument("state", STATES), id_argument("customer"))


def _filters(wanted: HoldFilter) -> list[tuple[str, str]]:
    said = [(_("Search"), wanted.text), (_("State"), _(STATES[wanted.state]) if wanted.state else "")]
    return [(name, value) for name, value in said if value]


def _note_exported(rows: int) -> None:
    with writing() as session:
        record(session, "hold.exported", subject=None, by=stamp(), details={"rows": rows})


def _sheet() -> list[SheetColumn]:
    return [
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
        raise NotADayError(field="ends_on") from None
