"""Bulk acts on screen: chosen in the list of customers, tried, done, found again, taken back."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Final

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Row
from sqlalchemy.orm import Session

from branch_node.bulk import handing, operations, queries
from branch_node.bulk.changes import CODES, PEOPLE, RIGHTS, UPDATE, Order
from branch_node.bulk.errors import BulkWhatError
from branch_node.bulk.models import BulkKind, BulkRow, RowState
from branch_node.bulk.operations import MOST, Tried
from branch_node.customers import queries as customers
from branch_node.customers.listing import wanted_customers
from branch_node.customers.models import Customer
from branch_node.managers import queries as managers
from branch_node.managers.models import Manager
from shared.domain.calendar import day_bounds, local_day
from shared.errors import BranchlineError
from shared.files.spreadsheets import Column as SheetColumn
from shared.i18n import gettext as _
from shared.i18n import label, translate_error
from shared.i18n import lazy_gettext as _l
from shared.ids import is_id
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.context import may, reading, runtime, stamp, writing
from shared.web.errors import STATUS
from shared.web.forms import notice
from shared.web.lists import choices, send_table
from shared.web.paging import Page, PageRequest, link_to
from shared.web.tables import Column

blueprint = Blueprint("bulk", __name__, template_folder="templates", url_prefix="/customers/bulk")

MOST_SHOWN: Final = 200
TONES: Final = {RowState.DONE: "ok", RowState.LEFT: "warn", RowState.UNDONE: "", RowState.KEPT: "warn"}
COLUMNS: Final = (
    Column("made_at", _l("Done at"), "instant", link="bulk.one", link_arg="act_id"),
    Column("kind", _l("What"), "label"),
    Column("value", _l("Value"), "own"),
    Column("reason", _l("Why"), wide=True),
    Column("done", _l("Done"), "number"),
    Column("left_out", _l("Left out"), "number"),
    Column("made_by", _l("Who did it"), wide=True),
)


@blueprint.post("")
@requires(Resource.CUSTOMER, Action.UPDATE)
def choose() -> ResponseReturnValue:
    """Ask what is to be done to the marked customers, or to all that the list's filters find."""
    with reading() as session:
        ids = _chosen(session)
        if not ids:
            notice(_("Nobody was marked, so there is nothing to do."), kind="warning")
            return redirect(link_to("customers.index"), code=303)
        return _form(session, ids)


@blueprint.post("/preview")
@requires(Resource.CUSTOMER, Action.UPDATE)
def preview() -> ResponseReturnValue:
    """Try it, and show what it would do and whom it leaves out, with nothing done."""
    ids = _ids()
    try:
        order = _order()
        with writing() as session:
            tried = operations.try_out(session, order, ids, by=stamp())
            return _preview(session, order, ids, tried)
    except BranchlineError as refused:
        with reading() as session:
            return _form(session, ids, refused), STATUS[refused.kind]


@blueprint.post("/acts")
@requires(Resource.CUSTOMER, Action.UPDATE)
def carry_out() -> ResponseReturnValue:
    """Do it, and show what became of each."""
    ids = _ids()
    try:
        with writing() as session:
            act_id = operations.carry_out(session, _order(), ids, by=stamp()).id
    except BranchlineError as refused:
        with reading() as session:
            return _form(session, ids, refused), STATUS[refused.kind]
    return redirect(url_for("bulk.one", act_id=act_id), code=303)


@blueprint.get("/acts")
@requires(Resource.CUSTOMER, Action.UPDATE)
def index() -> str:
    """List the bulk acts there were, the last first."""
    asked = PageRequest.from_query(("made_at",), default="-made_at")
    with reading() as session:
        found = queries.list_acts(session, limit=asked.size, offset=(asked.number - 1) * asked.size)
        page = Page(found, queries.count_acts(session), asked)
        values = {act.id: _value(session, act.kind, act.value) for act in found}
    return render_template("bulk/index.html", page=page, columns=COLUMNS, values=values)


@blueprint.get("/acts/<id:act_id>")
@requires(Resource.CUSTOMER, Action.UPDATE)
def one(act_id: str) -> str:
    """Show what became of each customer of a bulk act."""
    with reading() as session:
        act = queries.get_act(session, act_id)
        rows = queries.list_rows(session, act.id)
        value = _value(session, act.kind, act.value)
        sheets = queries.list_sheets(session, act)
    return render_template(
        "bulk/one.html",
        act=act,
        value=value,
        rows=[(row.BulkRow, row.Customer, why(row.BulkRow)) for row in _left_first(rows)[:MOST_SHOWN]],
        more=max(0, len(rows) - MOST_SHOWN),
        tones=TONES,
        sheets=sheets,
        may_undo=act.undone_at is None and act.made_at >= day_began(),
    )


@blueprint.route("/acts/<id:act_id>/export.<any(xlsx, csv):kind>", methods=["GET", "POST"])
@requires(Resource.CUSTOMER, Action.EXPORT)
def export(act_id: str, kind: str) -> ResponseReturnValue:
    """Answer with what became of each customer as a file."""
    with reading() as session:
        act = queries.get_act(session, act_id)
        rows = queries.list_rows(session, act.id)
    columns = (
        SheetColumn("customer_no", _("Number")),
        SheetColumn("name", _("Name"), personal="person"),
        SheetColumn("state", _("State")),
        SheetColumn("why", _("Why")),
    )
    return send_table(kind, name="bulk-act", title=_("Bulk act"), columns=columns, rows=_sheet_rows(rows))


@blueprint.post("/acts/<id:act_id>/undo")
@requires(Resource.CUSTOMER, Action.UPDATE)
def undo(act_id: str) -> ResponseReturnValue:
    """Make every customer again what it was, but for those changed since."""
    with writing() as session:
        operations.undo(session, act_id, since=day_began(), today=today(), by=stamp())
    notice(_("Taken back, but for those below that stand as not taken back."))
    return redirect(url_for("bulk.one", act_id=act_id), code=303)


def why(row: BulkRow) -> str:
    """Return in the reader's language why a customer was left out or kept."""
    if not row.why:
        return ""
    try:
        return _(row.why) % row.params
    except (KeyError, ValueError, TypeError):
        return _(row.why)


def today() -> date:
    """Return the day on the node's clock."""
    return local_day(stamp().at, runtime().settings.timezone)


def day_began() -> datetime:
    """Return when today began: a bulk act is taken back on its own day."""
    return day_bounds(today(), runtime().settings.timezone)[0]


def _chosen(session: Session) -> list[str]:
    if not request.form.get("all"):
        return _ids()
    found = customers.list_customers(
        session, wanted_customers(), sort="customer_no", descending=False, limit=MOST + 1
    )
    return [row.Customer.id for row in found]


def _ids() -> list[str]:
    given = [*request.form.getlist("customer"), *request.form.get("ids", "").split()]
    return [one for one in dict.fromkeys(given[: 2 * MOST]) if is_id(one)]


def _order() -> Order:
    kind = next((one for one in BulkKind if one.value == request.form.get("kind")), None)
    if kind is None:
        raise BulkWhatError(field="kind")
    value = request.form.get(f"value_{kind.value}", request.form.get("value", ""))
    return Order(kind, value, request.form.get("reason", ""), today())


def _form(session: Session, ids: Sequence[str], refused: BranchlineError | None = None) -> str:
    seen = customers.find_by_ids(session, ids)
    people = [(one.id, f"{one.name} ({one.manager_no})") for one in managers.manager_choices(session)]
    return render_template(
        "bulk/choose.html",
        ids=" ".join(ids),
        count=len(seen),
        too_many=len(ids) > MOST,
        most=MOST,
        kinds=[one for one in choices(BulkKind) if may(*_right(one[0]))],
        valued=[
            (kind.value, label(kind), choices(CODES[kind])) for kind in CODES if kind is not BulkKind.RETIRE
        ],
        people=[
            (kind.value, label(kind), people)
            for kind in BulkKind
            if kind in PEOPLE and may(*_right(kind.value))
        ],
        values=request.form,
        problem=translate_error(refused) if refused else "",
    )


def _right(code: str) -> tuple[Resource, Action]:
    return next((right for kind, right in RIGHTS.items() if kind.value == code), UPDATE)


def _preview(session: Session, order: Order, ids: Sequence[str], tried: Tried) -> str:
    seen = customers.find_by_ids(session, [*tried.left])
    left = [
        (f"{seen[at].customer_no} {seen[at].name}", translate_error(refused))
        for at, refused in tried.left.items()
        if at in seen
    ]
    return render_template(
        "bulk/preview.html",
        order=order,
        value=_value(session, order.kind, order.value),
        ids=" ".join(ids),
        done=len(tried.done),
        left=sorted(left)[:MOST_SHOWN],
        left_count=len(tried.left),
        moving=handing.moving(session, ids, order.value) if order.kind is BulkKind.HAND_OVER else None,
    )


def _value(session: Session, kind: BulkKind, value: str) -> str:
    if kind is BulkKind.RETIRE:
        return ""
    if kind in CODES:
        return label(next((one for one in CODES[kind] if one.value == value), None))
    if kind in PEOPLE:
        found = session.get(Manager, value) if is_id(value) else None
        return found.name if found else ""
    return value


def _left_first(rows: Sequence[Row[BulkRow, Customer]]) -> list[Row[BulkRow, Customer]]:
    return sorted(rows, key=lambda row: row[0].state in {RowState.DONE, RowState.UNDONE})


def _sheet_rows(rows: Sequence[Row[BulkRow, Customer]]) -> Iterator[list[object]]:
    for row, customer in rows:
        yield [customer.customer_no, customer.name, label(row.state), why(row)]
