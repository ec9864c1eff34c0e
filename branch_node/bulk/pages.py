"""Bulk acts on screen: chosen in the list of customers, tried, done, found again, taken back."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from branch_node.bulk import handing, operations, queries, working
from branch_node.bulk.changes import CODES, PEOPLE, RIGHTS, UPDATE, Order
from branch_node.bulk.errors import BulkStateError, BulkWhatError
from branch_node.bulk.handing import Moving
from branch_node.bulk.models import IN_WORK, BulkAct, BulkKind, BulkState, RowState
from branch_node.bulk.operations import MOST, Tried
from branch_node.bulk.reasons import reasons_of, why
from branch_node.bulk.working import MOST_IN_ALL
from branch_node.customers import queries as customers
from branch_node.customers.listing import wanted_customers
from branch_node.managers import queries as managers
from branch_node.managers.models import Manager
from shared.domain.calendar import day_bounds
from shared.errors import BranchlineError
from shared.files.spreadsheets import Column as SheetColumn
from shared.i18n import gettext as _
from shared.i18n import label, translate_error
from shared.i18n import lazy_gettext as _l
from shared.ids import is_id
from shared.jobs import operations as jobs
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.context import may, reading, runtime, stamp, today, writing
from shared.web.errors import STATUS
from shared.web.forms import WHOLE_FORM, field_errors, notice
from shared.web.lists import choices, send_table, streamed
from shared.web.paging import Page, PageRequest, link_to
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


@dataclass(frozen=True, slots=True)
class Chosen:
    """Whom a bulk act is to reach: by their ids, or so many as the list's filters find."""

    ids: Sequence[str]
    count: int

    @property
    def large(self) -> bool:
        """Whether the job does it."""
        return not self.ids and self.count > MOST


@blueprint.post("")
@requires(Resource.CUSTOMER, Action.UPDATE)
def choose() -> ResponseReturnValue:
    """Ask what is to be done to the marked customers, or to all that the list's filters find."""
    with reading() as session:
        chosen = _chosen(session)
        if not chosen.count:
            notice(_("Nobody was marked, so there is nothing to do."), kind="warning")
            return redirect(link_to("customers.index"), code=303)
        return _form(session, chosen)


@blueprint.post("/preview")
@requires(Resource.CUSTOMER, Action.UPDATE)
def preview() -> ResponseReturnValue:
    """Try it, and show what it would do and whom it leaves out, with nothing done; many are tried by the job."""
    with reading() as session:
        chosen = _chosen(session)
    try:
        order = _order()
        with writing() as session:
            if chosen.large:
                found = streamed(session, customers.select_ids(session, wanted_customers()))
                act = working.plan(session, order, (row.id for row in found), by=stamp())
                jobs.run_soon(session, working.JOB, now=stamp().at)
                return _to(act.id)
            tried = operations.try_out(session, order, chosen.ids, by=stamp())
            return _preview(session, order, chosen.ids, tried)
    except BranchlineError as refused:
        with reading() as session:
            return _form(session, chosen, refused), STATUS[refused.kind]


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
            return _form(session, Chosen(ids, len(ids)), refused), STATUS[refused.kind]
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
            return render_template("bulk/plan.html", effects=_effects(session, act, states), **about)
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


def _chosen(session: Session) -> Chosen:
    """Return the marked customers, or all that the address's filters find: many of them by their number only."""
    if not request.form.get("all"):
        ids = _ids()
        return Chosen(ids, len(ids))
    wanted = wanted_customers()
    count = customers.count_customers(session, wanted)
    if count > MOST:
        return Chosen((), count)
    return Chosen(session.scalars(customers.select_ids(session, wanted)).all(), count)


def _ids() -> list[str]:
    given = [*request.form.getlist("customer"), *request.form.get("ids", "").split()]
    return [one for one in dict.fromkeys(given[: 2 * MOST]) if is_id(one)]


def _order() -> Order:
    kind = next((one for one in BulkKind if one.value == request.form.get("kind")), None)
    if kind is None:
        raise BulkWhatError(field="kind")
    value = request.form.get(f"value_{kind.value}", request.form.get("value", ""))
    return Order(kind, value, request.form.get("reason", ""), today())


def _form(session: Session, chosen: Chosen, refused: BranchlineError | None = None) -> str:
    people = [(one.id, f"{one.name} ({one.manager_no})") for one in managers.manager_choices(session)]
    return render_template(
        "bulk/choose.html",
        ids=" ".join(chosen.ids),
        count=chosen.count if chosen.large else len(customers.find_by_ids(session, chosen.ids)),
        large=chosen.large,
        too_many=chosen.count > (MOST_IN_ALL if chosen.large else MOST),
        most=MOST,
        most_in_all=MOST_IN_ALL,
        kinds=[one for one in choices(BulkKind) if may(*_right(one[0]))],
        valued=[
            (kind.value, label(kind), choices(CODES[kind])) for kind in CODES if kind is not BulkKind.RETIRE
        ],
        people=[
            (kind.value, label(kind), people)
            for kind in BulkKind
            if kind in PEOPLE and may(*_right(kind.value))
        ],
        values=_given(),
        errors=_errors(refused) if refused else {},
    )


def _given() -> dict[str, str]:
    """Return what the form holds; a value that comes back from the preview at the field of its kind."""
    given = request.form.to_dict()
    own = f"value_{given.get('kind', '')}"
    if own in {f"value_{kind.value}" for kind in (*CODES, *PEOPLE)} and own not in given:
        given[own] = given.pop("value", "")
    return given


def _errors(refused: BranchlineError) -> dict[str, str]:
    """Return why the form was refused by its fields: a value that cannot be, at the one of what was chosen."""
    told = field_errors(refused)
    if isinstance(refused, BulkWhatError) and WHOLE_FORM in told:
        own = f"value_{request.form.get('kind', '')}"
        told[own if own in _given() else "value"] = told.pop(WHOLE_FORM)
    return told


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
        value=value_text(session, order.kind, order.value),
        ids=" ".join(ids),
        done=len(tried.done),
        left=sorted(left)[:MOST_SHOWN],
        left_count=len(tried.left),
        more=max(0, len(left) - MOST_SHOWN),
        reasons=Counter(translate_error(refused) for refused in tried.left.values()).most_common(),
        unseen=len(tried.left) - len(left),
        along=_with_sheet_each(handing.moving(session, ids, order.value))
        if order.kind is BulkKind.HAND_OVER
        else [],
    )


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
        (_("are left out"), states[RowState.LEFT]),
    ]
    if act.kind is BulkKind.HAND_OVER:
        moving, sheets = handing.moving_of(session, act.id, working.SHEET)
        effects += [(_("sheets to be signed, of at most %(most)s customers", most=working.SHEET), sheets)]
        effects += [(_("account managers hand over"), moving.leavers), *_along(moving)]
    return effects


def _with_sheet_each(moving: Moving) -> list[tuple[str, int]]:
    return [(_("account managers hand over, each with a sheet"), moving.leavers), *_along(moving)]


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
