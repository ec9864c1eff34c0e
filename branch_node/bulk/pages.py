"""Bulk acts on screen: chosen in the list of customers, tried, done, found again, taken back."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from branch_node.bulk import handing, operations, queries, working
from branch_node.bulk.changes import CODES, PEOPLE
from branch_node.bulk.choosing import (
    CHOOSING,
    MOST_MARKED,
    find_former,
    is_mine,
    packed,
    read_chosen,
    read_ids,
    read_order,
    show_form,
)
from branch_node.bulk.errors import BulkNobodyError, BulkStateError
from branch_node.bulk.handing import Moving
from branch_node.bulk.models import IN_WORK, BulkAct, BulkKind, BulkState, RowState
from branch_node.bulk.operations import MOST
from branch_node.bulk.reasons import reasons_of, why
from branch_node.customers.listing import wanted_customers
from branch_node.managers.models import Manager
from shared.domain.calendar import day_bounds
from shared.errors import BranchlineError
from shared.files.spreadsheets import Column as SheetColumn
from shared.i18n import gettext as _
from shared.i18n import label
from shared.i18n import lazy_gettext as _l
from shared.ids import is_id
from shared.jobs import operations as jobs
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.context import reading, runtime, stamp, today, writing
from shared.web.errors import STATUS
from shared.web.forms import notice
from shared.web.lists import send_table, streamed
from shared.web.paging import Page, PageRequest, link_to, link_without
from shared.web.tables import Column

blueprint = Blueprint("bulk", __name__, template_folder="templates", url_prefix="/customers/bulk")

MOST_SHOWN: Final = 50
TONES: Final = {
    RowState.WAITING: "",
    RowState.FIT: "ok",
    RowState.DONE: "ok",
    RowState.LEFT: "warn",
    RowState.UNDONE: "",
    RowState.KEPT: "warn",
}
ACT_TONES: Final = {
    BulkState.TRYING: "info",
    BulkState.TRIED: "info",
    BulkState.RUNNING: "info",
    BulkState.DONE: "ok",
    BulkState.STOPPED: "warn",
    BulkState.UNDOING: "info",
}
COLUMNS: Final = (
    Column("made_at", _l("Done at"), "instant", link="bulk.one", link_arg="act_id"),
    Column("kind", _l("What"), "label"),
    Column("value", _l("Value"), "own"),
    Column("state", _l("State"), "own"),
    Column("reason", _l("Why"), wide=True),
    Column("done", _l("Done"), "number"),
    Column("left_out", _l("Left out"), "number"),
    Column("made_by", _l("Who did it"), wide=True),
)


@blueprint.post("")
@requires(Resource.CUSTOMER, Action.UPDATE)
def choose() -> ResponseReturnValue:
    """Lead to the form for the marked customers, or all that the list's filters find; its address says whom."""
    if request.form.get("all"):
        return redirect(link_to("bulk.new", all="yes"), code=303)
    marked = read_ids()
    if len(marked) > MOST_MARKED:
        raise BulkNobodyError(most=MOST_MARKED)
    if not marked:
        return _nobody()
    return redirect(link_to("bulk.new", marked=packed(marked)), code=303)


@blueprint.get("/new")
@requires(Resource.CUSTOMER, Action.UPDATE)
def new() -> ResponseReturnValue:
    """Ask what is to be done to those the address names: marked, found by its filters, or of an act to be changed."""
    with reading() as session:
        chosen = read_chosen(session)
        if not chosen.count:
            return _nobody()
        return show_form(session, chosen)


def _nobody() -> ResponseReturnValue:
    notice(_("Nobody was marked, so there is nothing to do."), kind="warning")
    return redirect(link_without("customers.index", CHOOSING), code=303)


@blueprint.post("/preview")
@requires(Resource.CUSTOMER, Action.UPDATE)
def preview() -> ResponseReturnValue:
    """Try it, and lead to what it would do and whom it leaves out, with nothing done; many are tried by the job."""
    with reading() as session:
        chosen = read_chosen(session)
    try:
        order = read_order()
        with writing() as session:
            if chosen.large:
                act = working.plan_found(session, order, wanted_customers(), by=stamp())
            else:
                act = operations.plan(session, order, chosen.ids, by=stamp())
            if (former := find_former(session)) and former.state is BulkState.TRIED:
                working.discard(session, former.id)
            return redirect(link_without("bulk.one", CHOOSING, act_id=act.id), code=303)
    except BranchlineError as refused:
        with reading() as session:
            return show_form(session, chosen, refused), STATUS[refused.kind]


@blueprint.post("/acts/<id:act_id>/carry-out")
@requires(Resource.CUSTOMER, Action.UPDATE)
def carry_out(act_id: str) -> ResponseReturnValue:
    """Do what was tried, and show what became of each."""
    with writing() as session:
        operations.carry_out_plan(session, act_id, today=today(), by=stamp())
    return _to(act_id)


@blueprint.get("/acts")
@requires(Resource.CUSTOMER, Action.UPDATE)
def index() -> str:
    """List the bulk acts there were, the last first."""
    asked = PageRequest.from_query(("made_at",), default="-made_at")
    with reading() as session:
        found = queries.list_acts(session, limit=asked.size, offset=(asked.number - 1) * asked.size)
        page = Page(found, queries.count_acts(session), asked)
        values = {act.id: value_text(session, act.kind, act.value) for act in found}
    return render_template("bulk/index.html", page=page, columns=COLUMNS, values=values, tones=ACT_TONES)


@blueprint.get("/acts/<id:act_id>")
@requires(Resource.CUSTOMER, Action.UPDATE)
def one(act_id: str) -> str:
    """Show how far a bulk act is, what it would do, or what became of each customer."""
    with reading() as session:
        act = queries.get_act(session, act_id)
        value = value_text(session, act.kind, act.value)
        if act.state in IN_WORK:
            return render_template("bulk/progress.html", act=act, value=value)
        states = queries.count_states(session, act.id)
        shown = session.execute(queries.select_rows(act.id).limit(MOST_SHOWN)).all()
        about = {
            "act": act,
            "value": value,
            "rows": [(row.BulkRow, row.Customer, why(row.BulkRow)) for row in shown],
            "reasons": reasons_of(session, act, states),
            "more": max(0, states.total() - MOST_SHOWN),
            "tones": TONES,
        }
        if act.state is BulkState.TRIED:
            small = act.asked <= MOST
            return render_template(
                "bulk/plan.html",
                effects=_effects(session, act, states),
                do="bulk.carry_out" if small else "bulk.confirm",
                change=link_to("bulk.new", change=act.id) if small and is_mine(act) else None,
                small=small,
                **about,
            )
        sheets = queries.list_sheets(session, act)
    may_undo = act.done > 0 and act.undone_at is None and act.made_at >= day_began()
    failure = _(act.failure) if act.failure else ""
    return render_template("bulk/one.html", sheets=sheets, may_undo=may_undo, failure=failure, **about)


@blueprint.get("/acts/<id:act_id>/progress")
@requires(Resource.CUSTOMER, Action.UPDATE)
def progress(act_id: str) -> ResponseReturnValue:
    """Answer the page that follows the work; when it is finished, send it to the result."""
    with reading() as session:
        act = queries.get_act(session, act_id)
    if act.state not in IN_WORK:
        return Response(headers={"HX-Redirect": url_for("bulk.one", act_id=act_id)})
    return render_template("bulk/_progress.html", act=act)


@blueprint.post("/acts/<id:act_id>/confirm")
@requires(Resource.CUSTOMER, Action.UPDATE)
def confirm(act_id: str) -> ResponseReturnValue:
    """Have the job do what was tried."""
    with writing() as session:
        working.confirm(session, act_id, by=stamp())
        jobs.run_soon(session, working.JOB, now=stamp().at)
    return _to(act_id)


@blueprint.post("/acts/<id:act_id>/stop")
@requires(Resource.CUSTOMER, Action.UPDATE)
def stop(act_id: str) -> ResponseReturnValue:
    """Stop behind the part at work; what is done stays done."""
    try:
        with writing() as session:
            working.stop(session, act_id, by=stamp())
    except BulkStateError:
        notice(_("It was at its end before it could be stopped."), kind="warning")
        return _to(act_id)
    notice(_("Stopped. What is done stays done; the customers below that are not done are as they were."))
    return _to(act_id)


@blueprint.post("/acts/<id:act_id>/discard")
@requires(Resource.CUSTOMER, Action.UPDATE)
def discard(act_id: str) -> ResponseReturnValue:
    """Forget what was tried; nothing of it was done."""
    with writing() as session:
        working.discard(session, act_id)
    notice(_("Discarded; nothing of it was done."))
    return redirect(url_for("bulk.index"), code=303)


@blueprint.route("/acts/<id:act_id>/export.<any(xlsx, csv):kind>", methods=["GET", "POST"])
@requires(Resource.CUSTOMER, Action.EXPORT)
def export(act_id: str, kind: str) -> ResponseReturnValue:
    """Answer with what became of each customer as a file."""
    columns = (
        SheetColumn("customer_no", _("Number")),
        SheetColumn("name", _("Name"), personal="person"),
        SheetColumn("state", _("State")),
        SheetColumn("why", _("Why")),
    )
    with reading() as session:
        act = queries.get_act(session, act_id)
        rows = _sheet_rows(streamed(session, queries.select_rows(act.id)))
        return send_table(kind, name="bulk-act", title=_("Bulk act"), columns=columns, rows=rows)


@blueprint.post("/acts/<id:act_id>/undo")
@requires(Resource.CUSTOMER, Action.UPDATE)
def undo(act_id: str) -> ResponseReturnValue:
    """Make every customer again what it was, but for those changed since."""
    with writing() as session:
        whole = working.undo(session, act_id, since=day_began(), today=today(), by=stamp())
        if not whole:
            jobs.run_soon(session, working.JOB, now=stamp().at)
    if whole:
        notice(_("Taken back, but for those below that stand as not taken back."))
    return _to(act_id)


def day_began() -> datetime:
    """Return when today began: a bulk act is taken back on its own day."""
    return day_bounds(today(), runtime().settings.timezone)[0]


def _to(act_id: str) -> ResponseReturnValue:
    return redirect(url_for("bulk.one", act_id=act_id), code=303)


def value_text(session: Session, kind: BulkKind, value: str) -> str:
    """Return what a bulk act sets, in words."""
    if kind is BulkKind.RETIRE:
        return ""
    if kind in CODES:
        return label(next((one for one in CODES[kind] if one.value == value), None))
    if kind in PEOPLE:
        found = session.get(Manager, value) if is_id(value) else None
        return found.name if found else ""
    return value


def _effects(session: Session, act: BulkAct, states: Mapping[RowState, int]) -> list[tuple[str, int]]:
    """Return what doing what was tried would do, with what would go along."""
    effects = [
        (_("customers are changed"), states[RowState.FIT]),
        (_("are left out"), act.left_out),
    ]
    if act.kind is BulkKind.HAND_OVER:
        moving, sheets = handing.moving_of(session, act.id, working.SHEET)
        if act.asked > MOST:
            effects += [(_("sheets to be signed, of at most %(most)s customers", most=working.SHEET), sheets)]
        hand_over = (
            _("account managers hand over")
            if act.asked > MOST
            else _("account managers hand over, each with a sheet")
        )
        effects += [(hand_over, moving.leavers), *_along(moving)]
    return effects


def _along(moving: Moving) -> list[tuple[str, int]]:
    return [
        (_("proposed judgements go along"), moving.judgements),
        (_("proposed merges go along"), moving.merges),
        (_("of them under a legal hold; they move too, the hold stays"), moving.held),
    ]


def _sheet_rows(rows: Iterable[Any]) -> Iterator[list[object]]:
    for row, customer in rows:
        number, name = (customer.customer_no, customer.name) if customer else ("–", "–")
        yield [number, name, label(row.state), why(row)]
