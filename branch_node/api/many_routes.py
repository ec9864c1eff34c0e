"""Acts on many customers, for programs: bulk acts and hand-overs, each tried before it is done."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from flask import Blueprint, Response
from marshmallow import ValidationError
from sqlalchemy.orm import Session

from branch_node.api import many_schemas as schemas
from branch_node.api.customer_routes import PAGED
from branch_node.api.schemas import Nothing
from branch_node.bulk import operations as bulk
from branch_node.bulk import queries as acts
from branch_node.bulk import working
from branch_node.bulk.changes import Order as BulkOrder
from branch_node.bulk.errors import NotAmongYoursError
from branch_node.bulk.models import BulkAct, BulkKind, BulkRow, BulkState, RowState
from branch_node.bulk.pages import day_began
from branch_node.bulk.reasons import reasons_of, why
from branch_node.handover import operations as handover
from branch_node.handover import queries as handovers
from branch_node.handover.models import Handover, HandoverReason
from branch_node.handover.pages import sheet_lines
from shared.domain.form_fields import NOT_A_DAY
from shared.errors import BranchlineError
from shared.i18n import lazy_gettext as _l
from shared.i18n import translate_error
from shared.jobs import operations as jobs
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.api import asking
from shared.web.api.bounds import take_rows
from shared.web.api.document import Query, describe
from shared.web.api.once import once
from shared.web.context import reading, stamp, today, writing
from shared.web.lists import code_arguments

blueprint = Blueprint("api_many", __name__, url_prefix="/api/v1")


@blueprint.post("/customers/bulk")
@requires(Resource.CUSTOMER, Action.UPDATE)
@describe(
    _l("Do one thing to many customers, or try it"),
    answer=schemas.Bulk,
    body=schemas.NewBulk,
    once=True,
    also=[
        (Resource.CUSTOMER, Action.RETIRE),
        (Resource.CUSTOMER, Action.TRANSFER),
        (Resource.CUSTOMER_SHARE, Action.CREATE),
    ],
)
def do_bulk() -> Response:
    """Do it to every customer that can be, or say what that would do."""
    given = asking.body(schemas.NewBulk())
    kind = next(one for one in BulkKind if one.value == given["kind"])
    order = BulkOrder(kind, given.get("value") or "", given["reason"], today())
    ids = [*dict.fromkeys(given["ids"])]
    with writing() as session:
        if given.get("try_"):
            tried = bulk.try_out(session, order, ids, by=stamp())
            return asking.one(_tried(order, tried))
        return once(
            session,
            lambda: bulk.carry_out(session, order, ids, by=stamp()).id,
            lambda at: shown_act(session, at, asked=ids),
        )


@blueprint.get("/bulk-acts")
@requires(Resource.CUSTOMER, Action.UPDATE)
@describe(_l("List bulk acts"), answer=schemas.BulkAct, query=PAGED, many=True)
def list_acts() -> Response:
    """List the bulk acts that somebody sees, a page at a time."""
    with reading() as session:
        found, next_ = asking.page_by_id(session, acts.select_acts(), BulkAct.id)
        shown = [asking.dumped(schemas.BulkAct(), row[0]) for row in found]
    return asking.many(shown, next_=next_)


@blueprint.get("/bulk-acts/<id:act_id>")
@requires(Resource.CUSTOMER, Action.UPDATE)
@describe(_l("Read what became of each customer of a bulk act"), answer=schemas.Bulk)
def bulk_act(act_id: str) -> Response:
    """Show a bulk act."""
    with reading() as session:
        return shown_act(session, act_id)


@blueprint.get("/bulk-acts/<id:act_id>/rows")
@requires(Resource.CUSTOMER, Action.UPDATE)
@describe(
    _l("List what became of the customers of a bulk act, however many they are"),
    answer=schemas.BulkRow,
    query=(Query("state", _l("State"), [one.value for one in RowState], several=True), *PAGED),
    many=True,
)
def list_rows(act_id: str) -> Response:
    """List the customers of a bulk act, a page at a time, with why each was left out or kept."""
    states = code_arguments("state", RowState)
    with reading() as session:
        act = acts.get_act(session, act_id)
        wanted = acts.select_rows(act.id)
        if states:
            wanted = wanted.where(BulkRow.state.in_(states))
        found, next_ = asking.page_by_id(session, wanted, BulkRow.customer_id)
        return asking.many([_row(row.BulkRow) for row in found], next_=next_)


@blueprint.post("/bulk-acts/<id:act_id>/undo")
@requires(Resource.CUSTOMER, Action.UPDATE)
@describe(_l("Take a bulk act back on its own day"), answer=schemas.Bulk, body=Nothing)
def undo_bulk(act_id: str) -> Response:
    """Make every customer again what it was, but for those changed since."""
    with writing() as session:
        acts.get_act(session, act_id)
        asking.body(Nothing())
        if not working.undo(session, act_id, since=day_began(), today=today(), by=stamp()):
            jobs.run_soon(session, working.JOB, now=stamp().at)
        return shown_act(session, act_id)


@blueprint.post("/handovers/preview")
@requires(Resource.CUSTOMER, Action.TRANSFER)
@describe(_l("Say what a hand-over would move"), answer=schemas.Plan, body=schemas.NewHandover)
def plan_handover() -> Response:
    """Show what would move and who is left out, with nothing done."""
    order = _order()
    with reading() as session:
        handover.parties(session, order.from_id, order.to_id)
        plan = handovers.plan(session, order.from_id, order.customer_ids)
        found = {"customers": plan.customers, "erased": plan.erased, "merged": plan.merged}
        named = {name: [one.id for one in each] for name, each in found.items()}
        held = {at for each in named.values() for at in each}
        shown = asking.dumped(schemas.Plan(exclude=(*named, "others")), plan)
        return asking.one(shown | named | {"others": [at for at in order.customer_ids if at not in held]})


@blueprint.post("/handovers")
@requires(Resource.CUSTOMER, Action.TRANSFER)
@describe(
    _l("Hand customers over, all or nobody"),
    answer=schemas.Handover,
    body=schemas.NewHandover,
    status=201,
    once=True,
)
def hand_over() -> Response:
    """Hand customers over; both account managers sign on screen."""
    order = _order()
    with writing() as session:
        return once(
            session,
            lambda: handover.hand_over(session, order, by=stamp()).id,
            lambda at: _handover(session, at, status=201),
        )


@blueprint.get("/handovers")
@requires(Resource.CUSTOMER, Action.READ)
@describe(_l("List hand-overs"), answer=schemas.Handover, query=PAGED, many=True)
def list_handovers() -> Response:
    """List the hand-overs that somebody sees, a page at a time."""
    with reading() as session:
        found, next_ = asking.page_by_id(session, handovers.select_handovers(), Handover.id)
        shown = [asking.dumped(schemas.Handover(), row.Handover) for row in found]
    return asking.many(shown, next_=next_)


@blueprint.get("/handovers/<id:handover_id>")
@requires(Resource.CUSTOMER, Action.READ)
@describe(_l("Read a hand-over with the line of each customer"), answer=schemas.HandoverSheet)
def one_handover(handover_id: str) -> Response:
    """Show a hand-over as its sheet does."""
    with reading() as session:
        found, lines = sheet_lines(session, handover_id)
        shown = asking.dumped(schemas.Handover(), found)
    take_rows(len(lines), "customer")
    told = [
        {
            "customer_no": one.customer_no,
            "customer_id": one.customer.id if one.customer else None,
            "stays": one.stays,
        }
        for one in lines
    ]
    return asking.one(shown | {"lines": told})


@blueprint.post("/handovers/<id:handover_id>/undo")
@requires(Resource.CUSTOMER, Action.TRANSFER)
@describe(_l("Take a hand-over back on its own day"), answer=schemas.HandoverBack, body=Nothing)
def undo_handover(handover_id: str) -> Response:
    """Give everybody back who was not changed since, and say who stays."""
    with writing() as session:
        found = handovers.get_handover(session, handover_id)
        asking.body(Nothing())
        stay = handover.take_back(session, handover_id, since=day_began(), by=stamp())
        return asking.one(asking.dumped(schemas.Handover(), found) | {"stay": stay})


@blueprint.post("/handovers/<id:handover_id>/signature")
@requires(Resource.CUSTOMER, Action.UPDATE)
@describe(_l("Sign a hand-over as one of its two account managers"), answer=schemas.Handover, body=Nothing)
def sign_handover(handover_id: str) -> Response:
    """Sign for who asks, who is one of the two."""
    with writing() as session:
        handovers.get_handover(session, handover_id)
        asking.body(Nothing())
        handover.sign(session, handover_id, by=stamp())
        return _handover(session, handover_id)


@blueprint.post("/handovers/<id:handover_id>/paper")
@requires(Resource.CUSTOMER, Action.TRANSFER)
@describe(
    _l("Note that who hands over signed on paper, and where it lies"),
    answer=schemas.Handover,
    body=schemas.SignedPaper,
)
def note_paper(handover_id: str) -> Response:
    """Note a signature on paper."""
    with writing() as session:
        handovers.get_handover(session, handover_id)
        handover.note_paper(session, handover_id, asking.body(schemas.SignedPaper())["where"], by=stamp())
        return _handover(session, handover_id)


@blueprint.post("/handovers/<id:handover_id>/leaving")
@requires(Resource.CUSTOMER, Action.TRANSFER)
@describe(_l("Mark who handed over as left"), answer=schemas.Handover, body=Nothing)
def leave(handover_id: str) -> Response:
    """Mark the leaver as left, as a step of the hand-over."""
    with writing() as session:
        handovers.get_handover(session, handover_id)
        asking.body(Nothing())
        handover.mark_left(session, handover_id, by=stamp())
        return _handover(session, handover_id)


def _order() -> handover.Order:
    given = asking.body(schemas.NewHandover())
    try:
        last_day = date.fromisoformat(given["last_day"].strip())
    except ValueError:
        raise ValidationError({"last_day": [NOT_A_DAY]}) from None
    handover.check_last_day(last_day, today())
    return handover.Order(
        from_id=given["from_id"],
        to_id=given["to_id"],
        customer_ids=[*dict.fromkeys(given["customer_ids"])],
        reason=next(one for one in HandoverReason if one.value == given["reason"]),
        last_day=last_day,
        today=today(),
        with_shares=given.get("with_shares", False),
        mark_left=given.get("mark_left", False),
    )


def shown_act(session: Session, act_id: str, *, asked: Sequence[str] = (), status: int = 200) -> Response:
    """Answer with an act; who asked for it just now is told of each they do not see, too."""
    act = acts.get_act(session, act_id)
    rows = [_row(row.BulkRow) for row in session.execute(acts.select_rows(act.id).limit(bulk.MOST))]
    unseen = set(asked) - {row["customer_id"] for row in rows}
    rows = [*(_left(at, NotAmongYoursError()) for at in asked if at in unseen), *rows]
    reasons = reasons_of(session, act, acts.count_states(session, act.id))
    made = [one.id for one in acts.list_sheets(session, act)]
    return asking.one(
        asking.dumped(schemas.BulkAct(), act)
        | {"rows": rows, "reasons": _reasons(reasons), "handovers": made},
        status=status,
    )


def _row(row: BulkRow) -> dict[str, Any]:
    return {"customer_id": row.customer_id, "state": row.state.value, "why": why(row)}


def _left(customer_id: str, refused: BranchlineError) -> dict[str, Any]:
    return {"customer_id": customer_id, "state": RowState.LEFT.value, "why": translate_error(refused)}


def _reasons(counted: Iterable[tuple[str, int]]) -> list[dict[str, Any]]:
    return [{"why": said, "customers": customers} for said, customers in counted]


def _tried(order: BulkOrder, tried: bulk.Tried) -> dict[str, Any]:
    done = [{"customer_id": at, "state": RowState.DONE.value, "why": ""} for at in tried.done]
    left = [_left(at, refused) for at, refused in tried.left.items()]
    return {
        "id": None,
        "kind": order.kind.value,
        "value": order.value,
        "reason": order.reason,
        "state": BulkState.TRIED.value,
        "asked": len(done) + len(left),
        "done": len(done),
        "left_out": len(left),
        "handled": len(done) + len(left),
        "ended_at": None,
        "failure": None,
        "made_at": None,
        "made_by": None,
        "undone_at": None,
        "rows": [*done, *left],
        "reasons": _reasons(Counter(one["why"] for one in left).most_common()),
        "handovers": [],
    }


def _handover(session: Session, handover_id: str, *, status: int = 200) -> Response:
    found = handovers.get_handover(session, handover_id)
    return asking.one(asking.dumped(schemas.Handover(), found), status=status)
