"""The work log: the list, writing an entry, one entry with its versions, correcting it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError
from sqlalchemy.orm import Session

from branch_node.customers import queries as customers
from branch_node.customers.models import Customer
from branch_node.customers.reaching import closed_to
from branch_node.erased.queries import CustomerErasedError
from branch_node.managers import queries as managers
from branch_node.worklogs import care, operations, queries
from branch_node.worklogs.models import WorkLog
from branch_node.worklogs.operations import LogCorrectedMeanwhileError
from branch_node.worklogs.queries import LogFilter
from branch_node.worklogs.schemas import work_log_form
from shared.domain.calendar import day_bounds, local_day
from shared.domain.contacts.vocabulary import Channel
from shared.domain.form_fields import TOO_LONG
from shared.domain.worklogs.vocabulary import WorkLogKind
from shared.files.spreadsheets import Column as SheetColumn
from shared.i18n import gettext as _
from shared.i18n import in_zone, label, translate_error
from shared.i18n import lazy_gettext as _l
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.context import person, reading, runtime, stamp, writing
from shared.web.exports.handing import MOST_ROWS
from shared.web.forms import field_errors, notice
from shared.web.lists import (
    choices,
    code_arguments,
    day_argument,
    id_argument,
    send_table,
    streamed,
    text_argument,
    words,
)
from shared.web.paging import PageRequest, paginate
from shared.web.tables import Column

blueprint = Blueprint("worklogs", __name__, template_folder="templates", url_prefix="/worklogs")

TEXT_LENGTH: Final = 2000
USUAL_SPAN: Final = timedelta(days=6)
COLUMNS: Final = (
    Column(
        "started_at",
        _l("Began"),
        "exact",
        sort=True,
        link="worklogs.entry",
        link_arg="log_id",
        edit="worklogs.correct",
    ),
    Column("kind", _l("Kind"), "label"),
    Column("customer", _l("Customer"), "own"),
    Column("manager", _l("Account manager")),
    Column("text", _l("What was done"), "own"),
    Column("place", _l("Place"), wide=True),
    Column("entered_at", _l("Entered"), "instant", sort=True, wide=True),
)


class CustomerNotSureError(Exception):
    """What was written for the customer means nobody, or several."""

    def __init__(self, sentence: str) -> None:
        """Keep what to tell the person."""
        super().__init__(sentence)
        self.sentence = sentence


@dataclass(frozen=True)
class ListedLog:
    """One row of the list."""

    log: WorkLog
    manager: str
    customer_no: str | None
    customer_name: str | None

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - templates ask for columns by name
        """Return what a column shows."""
        return self.manager if name == "manager" else getattr(self.log, name, None)


@blueprint.get("")
@requires(Resource.WORK_LOG, Action.READ)
def index() -> str:
    """List the entries that the address's filters name; without days, those of the last seven."""
    first, last = asked_days()
    wanted = wanted_logs(first, last)
    statement: Any = queries.logs(wanted)
    with reading() as session:
        page = paginate(
            session,
            statement,
            PageRequest.from_query(queries.SORTS, default="-started_at"),
            sorts=queries.SORTS,
            tie=WorkLog.id,
            shape=lambda row: ListedLog(*row),
        )
        return render_template(
            "worklogs/index.html",
            page=page,
            columns=COLUMNS,
            wanted=wanted,
            first=first,
            last=last,
            counts=queries.count_by_kind(session, wanted),
            kinds=choices(WorkLogKind),
            managers=[(manager.id, manager.name) for manager in managers.list_managers(session)],
            chips=_chips(session, wanted),
        )


@blueprint.route("/export.<any(xlsx, csv):kind>", methods=["GET", "POST"])
@requires(Resource.WORK_LOG, Action.EXPORT)
def export(kind: str) -> ResponseReturnValue:
    """Answer with the entries of the list as a file."""
    first, last = asked_days()
    wanted = wanted_logs(first, last)
    with reading() as session:
        statement = queries.logs(wanted).order_by(WorkLog.started_at.desc(), WorkLog.id).limit(MOST_ROWS + 1)
        days = [(_("From"), first.isoformat()), (_("To"), last.isoformat())]
        return send_table(
            kind,
            name="work-logs",
            title=_("Work logs"),
            columns=_sheet_columns(),
            rows=([*_sheet_row(ListedLog(*row))] for row in streamed(session, statement)),
            pins={"from": first.isoformat(), "to": last.isoformat()},
            filters=[*days, *((text, value) for text, value, _names in _chips(session, wanted))],
        )


@blueprint.get("/new")
@requires(Resource.WORK_LOG, Action.CREATE)
def new() -> str:
    """Show the form with what is known: who writes, when, and of whom."""
    with reading() as session:
        known = customers.find_by_ids(session, [asked]) if (asked := id_argument("customer")) else {}
        customer = known.get(asked)
        values = {
            "manager_id": person().manager_id or (customer.manager_id if customer else "") or "",
            "kind": text_argument("kind") or WorkLogKind.CALL.value,
            "customer": f"{customer.customer_no} {customer.name}" if customer else "",
            "started_at": _wall(stamp().at),
        }
        return _form(session, None, values)


@blueprint.post("")
@requires(Resource.WORK_LOG, Action.CREATE)
def write() -> ResponseReturnValue:
    """Enter one piece of work."""
    return _save(None)


@blueprint.get("/<uuid:log_id>")
@requires(Resource.WORK_LOG, Action.READ)
def entry(log_id: object) -> str:
    """Show one entry, every version of it."""
    with reading() as session:
        asked = queries.get_log(session, str(log_id))
        versions = queries.versions(session, asked)
        latest = versions[-1]
        return render_template(
            "worklogs/entry.html",
            log=latest,
            versions=versions,
            people={manager.id: manager for manager in managers.list_managers(session)},
            known=customers.find_by_ids(session, [log.customer_id for log in versions if log.customer_id]),
        )


@blueprint.get("/<uuid:log_id>/correct")
@requires(Resource.WORK_LOG, Action.UPDATE)
def correct(log_id: object) -> str:
    """Show the form filled with the entry."""
    with reading() as session:
        log = queries.versions(session, queries.get_log(session, str(log_id)))[-1]
        known = customers.find_by_ids(session, [log.customer_id]) if log.customer_id else {}
        customer = known.get(log.customer_id or "")
        values = {
            "manager_id": log.manager_id,
            "kind": log.kind.value,
            "customer": f"{customer.customer_no} {customer.name}" if customer else "",
            "started_at": _wall(log.started_at),
            "ended_at": _wall(log.ended_at) if log.ended_at else "",
            "place": log.place or "",
            "text": log.text,
        }
        return _form(session, log, values)


@blueprint.post("/<uuid:log_id>/corrections")
@requires(Resource.WORK_LOG, Action.UPDATE)
def save_correction(log_id: object) -> ResponseReturnValue:
    """Enter the right version of an entry."""
    return _save(str(log_id))


@blueprint.get("/customers")
@requires(Resource.WORK_LOG, Action.CREATE)
def offer_customers() -> str:
    """Offer customers while one is typed; the form works without."""
    with reading() as session:
        found = customers.find_meant(session, asked) if (asked := text_argument("customer")) else []
    return render_template("worklogs/customers.html", customers=found)


def _save(corrects: str | None) -> ResponseReturnValue:
    given = request.form.to_dict()
    with writing() as session:
        try:
            values = read_entry(session, given)
            log = (
                operations.correct_log(session, corrects, values, by=stamp())
                if corrects
                else operations.write_log(session, values, by=stamp())
            )
        except (
            ValidationError,
            CustomerNotSureError,
            CustomerErasedError,
            LogCorrectedMeanwhileError,
        ) as refused:
            shown = queries.get_log(session, corrects) if corrects else None
            return _form(session, shown, given, _errors(refused)), 400
    notice(_("The correction is entered.") if corrects else _("The log is written."))
    if log.customer_id and request.form.get("back") == "customer":
        return redirect(url_for("desk.customer", customer_id=log.customer_id), code=303)
    if request.form.get("back") == "day":
        return redirect(url_for("desk.my_day"), code=303)
    return redirect(url_for("worklogs.entry", log_id=log.id), code=303)


def read_entry(session: Session, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a form says of one piece of work; raises ValidationError and CustomerNotSureError."""
    schema = work_log_form(timezone=runtime().settings.timezone, now=stamp().at)
    values: dict[str, Any] = schema.load(given)
    values["customer_id"] = _customer_meant(session, values.pop("customer"))
    values["text"] = _with_reason(session, values, str(given.get("despite") or ""))
    return values


def _with_reason(session: Session, values: Mapping[str, Any], despite: str) -> str:
    """Return the text of an entry, with why a customer was reached by a closed channel."""
    text, customer_id = str(values["text"]), values["customer_id"]
    customer = customers.get_customer(session, customer_id) if customer_id else None
    on = local_day(values["started_at"], runtime().settings.timezone)
    why = care.why_despite(customer, values["kind"], despite, on=on)
    if why is None:
        return text
    whole = f"{text}\n{_('Reached by a closed channel: %(why)s', why=why)}"
    if len(whole) > TEXT_LENGTH:
        raise ValidationError({"text": [TOO_LONG]})
    return whole


def _errors(
    refused: ValidationError | CustomerNotSureError | CustomerErasedError | LogCorrectedMeanwhileError,
) -> dict[str, str]:
    if isinstance(refused, ValidationError):
        return field_errors(refused)
    if isinstance(refused, CustomerNotSureError):
        return {"customer": refused.sentence}
    if isinstance(refused, CustomerErasedError):
        return {"customer": translate_error(refused)}
    return {"": translate_error(refused)}


def _customer_meant(session: Session, given: str | None) -> str | None:
    if not given:
        return None
    found = customers.find_meant(session, given, limit=4)
    if not found:
        raise CustomerNotSureError(_("No customer is found by this. Give the customer number."))
    if len(found) > 1:
        names = _(", ").join(f"{customer.customer_no} {customer.name}" for customer in found)
        raise CustomerNotSureError(
            _("Several customers are meant by this: %(names)s. Give one number.", names=names)
        )
    return found[0].id


def _form(
    session: Session, log: WorkLog | None, values: Mapping[str, Any], errors: Mapping[str, str] | None = None
) -> str:
    people = managers.manager_choices(session, keep=values.get("manager_id") or None)
    return render_template(
        "worklogs/form.html",
        log=log,
        values=values,
        errors=errors or {},
        managers=[(manager.id, f"{manager.name} ({manager.manager_no})") for manager in people],
        kinds=choices(WorkLogKind),
        closed=_closed(session, values),
        back=text_argument("back") or request.form.get("back", ""),
    )


def _closed(session: Session, values: Mapping[str, Any]) -> tuple[Customer, Sequence[Channel]] | None:
    """Return the customer of a form who is not to be reached by every channel, with the closed ones."""
    asked = str(values.get("customer") or "")
    found = customers.find_meant(session, asked, limit=2) if asked else []
    today = local_day(stamp().at, runtime().settings.timezone)
    closed = closed_to(found[0], today) if len(found) == 1 else ()
    return (found[0], closed) if closed else None


def asked_days() -> tuple[date, date]:
    """Return the first and the last day that the address names; without any the last seven."""
    last = day_argument("to") or local_day(stamp().at, runtime().settings.timezone)
    return day_argument("from") or last - USUAL_SPAN, last


def wanted_logs(first: date, last: date) -> LogFilter:
    """Return what the address asks for within some days."""
    zone = runtime().settings.timezone
    return LogFilter(
        started_from=day_bounds(first, zone)[0],
        started_to=day_bounds(last, zone)[1],
        manager_id=id_argument("manager"),
        kinds=code_arguments("kind", WorkLogKind),
        customer_id=id_argument("customer"),
        corrected_too=bool(text_argument("corrected")),
    )


def _chips(session: Session, wanted: LogFilter) -> list[tuple[str, str, str]]:
    names = {manager.id: manager.name for manager in managers.list_managers(session)}
    known = customers.find_by_ids(session, [wanted.customer_id]) if wanted.customer_id else {}
    customer = known.get(wanted.customer_id)
    return [
        (_("Account manager"), names.get(wanted.manager_id, wanted.manager_id), "manager"),
        (_("Kind"), words(wanted.kinds), "kind"),
        (_("Customer"), customer.name if customer else wanted.customer_id, "customer"),
        (_("Corrected entries"), _("shown too") if wanted.corrected_too else "", "corrected"),
    ]


def _wall(at: Any) -> str:  # noqa: ANN401 - an aware datetime
    """Return an instant as the browser's own field for day and time takes it."""
    return in_zone(at, runtime().settings.timezone).strftime("%Y-%m-%dT%H:%M")


def _sheet_columns() -> tuple[SheetColumn, ...]:
    return (
        SheetColumn("log_no", _("Log number")),
        SheetColumn("started_at", _("Began"), "instant"),
        SheetColumn("ended_at", _("Ended"), "instant"),
        SheetColumn("kind", _("Kind")),
        SheetColumn("manager", _("Account manager"), personal="person"),
        SheetColumn("customer_no", _("Customer number")),
        SheetColumn("customer", _("Customer"), personal="person"),
        SheetColumn("place", _("Place")),
        SheetColumn("text", _("What was done")),
        SheetColumn("entered_at", _("Entered"), "instant"),
    )


def _sheet_row(row: ListedLog) -> list[object]:
    log = row.log
    return [
        log.log_no,
        log.started_at,
        log.ended_at,
        label(log.kind),
        row.manager,
        row.customer_no,
        row.customer_name,
        log.place,
        log.text,
        log.entered_at,
    ]
