"""Handing over on screen: choose, look at what would move, do it; the sheet that both sign and that prints."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Final

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from branch_node.customers import queries as customers
from branch_node.customers.listing import region_text, wanted_customers
from branch_node.customers.models import Customer
from branch_node.customers.queries import CustomerFilter
from branch_node.handover import account, operations, queries
from branch_node.handover.errors import (
    HandoverFormError,
    HandoverNobodyError,
    HandoverNotFoundError,
    HandoverPaperError,
    HandoverWhoError,
    NoAccountToCloseError,
)
from branch_node.handover.models import Handover, HandoverReason
from branch_node.handover.operations import Order
from branch_node.handover.queries import MOST, Plan
from branch_node.managers import queries as managers
from branch_node.managers.models import Manager
from shared.domain.calendar import day_bounds
from shared.domain.customers.vocabulary import CustomerKind, Grade
from shared.domain.regions import region_name
from shared.errors import BranchlineError
from shared.i18n import format_number, translate_error
from shared.i18n import gettext as _
from shared.ids import is_id
from shared.rights.vocabulary import Action, Resource
from shared.twoperson.errors import ActProposedError, ActReasonError
from shared.twoperson.queries import find_waiting
from shared.web.access import requires
from shared.web.context import may, person, reading, runtime, stamp, today, viewer, writing
from shared.web.errors import STATUS
from shared.web.forms import field_errors, notice
from shared.web.lists import choices, id_argument
from shared.web.paging import Page, PageRequest, link_to

blueprint = Blueprint("handover", __name__, template_folder="templates", url_prefix="/handovers")
# So many have a box each; of more the form chooses everybody or those of a narrower filter.
LISTED: Final = 2_000
REASONS: Final = {one.value: one for one in HandoverReason}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the sheet: the number of a customer, and the file as far as the reader sees it.

    `stays`: they were changed before the hand-over was taken back, and are held by who took over.
    """

    customer_no: str
    customer: Customer | None
    stays: bool = False


@blueprint.get("")
@requires(Resource.CUSTOMER, Action.READ)
def index() -> str:
    """List the hand-overs somebody sees, the last first."""
    asked = PageRequest.from_query(("made_at",), default="-made_at")
    seen = viewer()
    with reading() as session:
        found = queries.list_handovers(session, limit=asked.size, offset=(asked.number - 1) * asked.size)
        total = queries.count_handovers(session)
        waiting = queries.count_unsigned(session, seen.manager_id) if seen and seen.manager_id else 0
    return render_template("handover/index.html", page=Page(found, total, asked), waiting=waiting)


@blueprint.get("/new")
@requires(Resource.CUSTOMER, Action.TRANSFER)
def new() -> str:
    """Ask from whom and to whom, and show the customers that the filter finds, each with a box."""
    return _form(
        id_argument("from"), {"last_day": today().isoformat(), "with_shares": "yes", "everybody": "yes"}
    )


def _form(
    leaver_id: str,
    values: Mapping[str, str],
    chosen: Collection[str] | None = None,
    errors: Mapping[str, str] | None = None,
) -> str:
    """Show the form; without `chosen` everybody is marked."""
    wanted = replace(wanted_customers(), manager_id=leaver_id)
    with reading() as session:
        leaver = managers.get_manager(session, leaver_id) if leaver_id else None
        found, total = _found(session, wanted) if leaver else ([], 0)
        return render_template(
            "handover/new.html",
            leaver=leaver,
            found=found,
            total=total,
            region_text=region_text(wanted.region),
            region_name=region_name,
            from_choices=_choices(managers.list_managers(session)),
            to_choices=_choices(one for one in managers.manager_choices(session) if one.id != leaver_id),
            reasons=choices(HandoverReason),
            kinds=choices(CustomerKind),
            grades=choices(Grade),
            values=values,
            chosen=chosen,
            errors=errors or {},
        )


@blueprint.post("/new")
@requires(Resource.CUSTOMER, Action.TRANSFER)
def change() -> str:
    """Show the form again with everything that stood in the preview, to be changed."""
    return _form(_id(request.form.get("from", "")), request.form, _marked())


@blueprint.post("/preview")
@requires(Resource.CUSTOMER, Action.TRANSFER)
def preview() -> ResponseReturnValue:
    """Show what would move, what stays and who is left out, before anything is done."""
    try:
        with reading() as session:
            order = _order(_wanted(session))
            leaver, taker = operations.parties(session, order.from_id, order.to_id)
            plan = queries.plan(session, leaver.id, order.customer_ids)
            if not plan.customers:
                raise HandoverNobodyError(most=MOST)
            return render_template(
                "handover/preview.html",
                order=order,
                leaver=leaver,
                taker=taker,
                plan=plan,
                effects=_effects(plan, with_shares=order.with_shares),
                left=_left(plan),
                hidden=_hidden(order, plan),
                back=link_to("handover.new", **({} if "from" in request.args else {"from": leaver.id})),
            )
    except BranchlineError as refused:
        return _again(refused)


@blueprint.post("")
@requires(Resource.CUSTOMER, Action.TRANSFER)
def create() -> ResponseReturnValue:
    """Hand over those of the preview, all or nobody, and show the sheet."""
    try:
        with writing() as session:
            order = _order(_chosen(request.form.get("ids", "").split()))
            handover_id = operations.hand_over(session, order, by=stamp()).id
    except BranchlineError as refused:
        return _again(refused)
    notice(_("The customers are handed over. Both account managers sign the sheet."))
    return redirect(url_for("handover.one", handover_id=handover_id), code=303)


@blueprint.get("/<id:handover_id>")
@requires(Resource.CUSTOMER, Action.READ)
def one(handover_id: str) -> str:
    """Show the sheet: the parties, every customer, the signatures; it prints as it is."""
    return _sheet(handover_id)


def _sheet(handover_id: str, **again: Mapping[str, str]) -> str:
    """Show the sheet; a form on it that was refused `again` with what was written."""
    seen = person()
    with reading() as session:
        handover, lines = sheet_lines(session, handover_id)
        leaver = managers.get_manager(session, handover.from_id)
        taker = managers.get_manager(session, handover.to_id)
    with reading(as_node=True) as session:
        leaving = _leaving(session, handover) if may(Resource.CUSTOMER, Action.TRANSFER) else {}
    return render_template(
        "handover/one.html",
        handover=handover,
        leaver=leaver,
        taker=taker,
        lines=lines,
        may_sign=_may_sign(handover, seen.manager_id),
        may_undo=handover.undone_at is None and handover.made_at >= _day_began(),
        printed_by=seen,
        printed_at=stamp().at,
        **leaving,
        **again,
    )


@blueprint.post("/<id:handover_id>/sign")
@requires(Resource.CUSTOMER, Action.UPDATE)
def sign(handover_id: str) -> ResponseReturnValue:
    """Sign as one of the two account managers."""
    with writing() as session:
        operations.sign(session, handover_id, by=stamp())
    notice(_("You have signed this hand-over."))
    return redirect(url_for("handover.one", handover_id=handover_id), code=303)


@blueprint.post("/<id:handover_id>/paper")
@requires(Resource.CUSTOMER, Action.TRANSFER)
def paper(handover_id: str) -> ResponseReturnValue:
    """Note that the leaver signed on paper."""
    try:
        with writing() as session:
            operations.note_paper(session, handover_id, request.form.get("where", ""), by=stamp())
    except HandoverNotFoundError:
        raise
    except HandoverPaperError as refused:
        return _sheet(handover_id, paper_errors=field_errors(refused), values=request.form), 400
    except BranchlineError as refused:
        notice(translate_error(refused), kind="problem")
    else:
        notice(_("Noted: signed on paper."))
    return redirect(url_for("handover.one", handover_id=handover_id), code=303)


@blueprint.post("/<id:handover_id>/leaving")
@requires(Resource.CUSTOMER, Action.TRANSFER)
def leave(handover_id: str) -> ResponseReturnValue:
    """Mark the leaver as left."""
    with writing() as session:
        operations.mark_left(session, handover_id, by=stamp())
    notice(_("Marked as left."))
    return redirect(url_for("handover.one", handover_id=handover_id), code=303)


@blueprint.post("/<id:handover_id>/account")
@requires(Resource.CUSTOMER, Action.TRANSFER)
def close_account(handover_id: str) -> ResponseReturnValue:
    """Ask an administrator to close the leaver's account."""
    reason = request.form.get("reason", "")
    with reading() as session:
        queries.get_handover(session, handover_id)
    try:
        # Accounts are not the branch manager's to see whole; what is asked for is decided by who sees them.
        with writing(as_node=True) as session:
            handover = queries.get_handover(session, handover_id, lock=True)
            account.ask_closing(session, handover, reason=reason, by=stamp())
    except ActReasonError as refused:
        told = {"reason": translate_error(refused)}
        return _sheet(handover_id, account_errors=told, values=request.form), 400
    except (ActProposedError, NoAccountToCloseError) as refused:
        notice(translate_error(refused), kind="problem")
    else:
        notice(_("An administrator has to approve this now; the account stays open until then."))
    return redirect(url_for("handover.one", handover_id=handover_id), code=303)


@blueprint.post("/<id:handover_id>/undo")
@requires(Resource.CUSTOMER, Action.TRANSFER)
def undo(handover_id: str) -> ResponseReturnValue:
    """Give everybody back who was not changed since, and say who stays."""
    with writing() as session:
        kept = operations.take_back(session, handover_id, since=_day_began(), by=stamp())
    if kept:
        text = _(
            "Taken back, but for %(count)s customers changed since; the sheet marks who stays.",
            count=format_number(len(kept)),
        )
        notice(text, kind="warning")
    else:
        notice(_("The hand-over is taken back; everybody is held by whom they were."))
    return redirect(url_for("handover.one", handover_id=handover_id), code=303)


def sheet_lines(session: Session, handover_id: str) -> tuple[Handover, list[Line]]:
    """Return a hand-over and the line of each of its customers; raises HandoverNotFoundError."""
    handover = queries.get_handover(session, handover_id)
    files = customers.find_by_ids(session, list(queries.customer_ids_of(session, handover.id)))
    stay = set(handover.moved.get("stay", ()))
    # Who gave a customer away no longer sees the file, but signs for its number.
    with reading(as_node=True) as whole:
        numbers = queries.numbers_of(whole, handover.id)
    return handover, [Line(number, files.get(at), at in stay) for at, number in numbers.items()]


def _leaving(session: Session, handover: Handover) -> dict[str, Any]:
    """Return what is still open at the leaver's account, for who may ask to have it closed."""
    now = stamp()
    waiting = find_waiting(session, account.CLOSE_KIND.name, (account.SUBJECT, handover.id))
    return {
        "may_leave": handover.undone_at is None,
        "still_held": customers.count_customers(session, CustomerFilter(manager_id=handover.from_id)),
        "accounts": account.open_accounts(session, handover.from_id),
        "open_work": account.open_work(session, handover.from_id, now=now),
        "asked": waiting if waiting is not None and waiting.is_open(now.at) else None,
    }


def _found(session: Session, wanted: CustomerFilter) -> tuple[list[Customer], int]:
    rows = customers.list_customers(session, wanted, sort="customer_no", descending=False, limit=LISTED)
    return [row[0] for row in rows], customers.count_customers(session, wanted)


def _wanted(session: Session) -> list[str]:
    """Return whom the form chooses: those marked, or everybody the filter finds where they are too many to list."""
    if request.form.get("everybody") != "yes":
        return _chosen(request.form.getlist("customer"))
    wanted = replace(wanted_customers(), manager_id=_id(request.form.get("from", "")))
    if not wanted.manager_id:
        return []
    return list(session.scalars(customers.select_ids(session, wanted).limit(MOST + 1)))


def _order(ids: list[str]) -> Order:
    """Return what the form asks for; raises HandoverFormError, HandoverDayError, HandoverNobodyError."""
    form = request.form
    try:
        last_day = date.fromisoformat(form.get("last_day", ""))
    except ValueError:
        raise HandoverFormError(field="last_day") from None
    if (reason := REASONS.get(form.get("reason", ""))) is None:
        raise HandoverFormError(field="reason")
    operations.check_last_day(last_day, today())
    if not 1 <= len(ids) <= MOST:
        raise HandoverNobodyError(most=MOST)
    return Order(
        from_id=_id(form.get("from", "")),
        to_id=_id(form.get("to", "")),
        customer_ids=ids,
        reason=reason,
        last_day=last_day,
        today=today(),
        with_shares=form.get("with_shares") == "yes",
        mark_left=form.get("mark_left") == "yes",
    )


def _chosen(given: Sequence[str]) -> list[str]:
    return [each for each in dict.fromkeys(given) if is_id(each)]


def _id(given: str) -> str:
    return given if is_id(given) else ""


def _effects(plan: Plan, *, with_shares: bool) -> list[tuple[str, int]]:
    return [
        (_("customers change hands, with their contact people"), len(plan.customers)),
        (
            _("shares of other customers go along")
            if with_shares
            else _("shares of other customers stay where they are"),
            plan.shares,
        ),
        (_("proposed judgements go along"), plan.judgements),
        (_("proposed merges go along"), plan.merges),
        (_("of them under a legal hold; they move too, the hold stays"), plan.held),
    ]


def _left(plan: Plan) -> list[tuple[str, str]]:
    return [
        *((f"{each.customer_no} {each.name}", _("was erased")) for each in plan.erased),
        *((f"{each.customer_no} {each.name}", _("was merged into another file")) for each in plan.merged),
    ]


def _hidden(order: Order, plan: Plan) -> Mapping[str, Any]:
    return {
        "from": order.from_id,
        "to": order.to_id,
        "last_day": order.last_day.isoformat(),
        "reason": order.reason.value,
        "with_shares": "yes" if order.with_shares else "",
        "mark_left": "yes" if order.mark_left else "",
        "everybody": request.form.get("everybody", ""),
        "ids": " ".join(each.id for each in plan.customers),
    }


def _again(refused: BranchlineError) -> ResponseReturnValue:
    """Show the form again with what was chosen, and at its field why it was refused."""
    form = request.form
    told = (
        {"to": translate_error(refused)} if isinstance(refused, HandoverWhoError) else field_errors(refused)
    )
    return _form(_id(form.get("from", "")), form, _marked(), told), STATUS[refused.kind]


def _marked() -> list[str]:
    return _chosen([*request.form.getlist("customer"), *request.form.get("ids", "").split()])


def _choices(people: Iterable[Manager]) -> list[tuple[str, str]]:
    return [(each.id, f"{each.name} ({each.manager_no})") for each in people]


def _may_sign(handover: Handover, manager_id: str | None) -> bool:
    if handover.undone_at is not None or manager_id is None:
        return False
    waiting = {
        handover.from_id: handover.signed_from_at is None,
        handover.to_id: handover.signed_to_at is None,
    }
    return waiting.get(manager_id, False)


def _day_began() -> datetime:
    return day_bounds(today(), runtime().settings.timezone)[0]
