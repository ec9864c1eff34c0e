"""Acts on many customers, for programs: bulk acts and hand-overs, each tried before it is done."""

from datetime import date
from typing import Any

from flask import Blueprint, Response
from marshmallow import ValidationError
from sqlalchemy.orm import Session

from branch_node.api import schemas
from branch_node.bulk import operations as bulk
from branch_node.bulk import queries as acts
from branch_node.bulk import working
from branch_node.bulk.changes import Order as BulkOrder
from branch_node.bulk.models import BulkKind, BulkState, RowState
from branch_node.bulk.pages import day_began, today, why
from branch_node.handover import operations as handover
from branch_node.handover import queries as handovers
from branch_node.handover.models import HandoverReason
from shared.domain.form_fields import NOT_A_DAY
from shared.i18n import lazy_gettext as _l
from shared.i18n import translate_error
from shared.ids import is_id
from shared.jobs import operations as jobs
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.api import asking
from shared.web.api.document import describe
from shared.web.api.once import once
from shared.web.context import reading, stamp, writing

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
    ids = [one for one in given["ids"] if is_id(one)]
    with writing() as session:
        if given.get("try_"):
            tried = bulk.try_out(session, order, ids, by=stamp())
            return asking.one(_tried(order, tried))
        return once(
            session,
            lambda: bulk.carry_out(session, order, ids, by=stamp()).id,
            lambda at: _act(session, at),
        )


@blueprint.get("/bulk-acts/<id:act_id>")
@requires(Resource.CUSTOMER, Action.UPDATE)
@describe(_l("Read what became of each customer of a bulk act"), answer=schemas.Bulk)
def bulk_act(act_id: str) -> Response:
    """Show a bulk act."""
    with reading() as session:
        return _act(session, act_id)


@blueprint.post("/bulk-acts/<id:act_id>/undo")
@requires(Resource.CUSTOMER, Action.UPDATE)
@describe(_l("Take a bulk act back on its own day"), answer=schemas.Bulk, body=schemas.Nothing)
def undo_bulk(act_id: str) -> Response:
    """Make every customer again what it was, but for those changed since."""
    with writing() as session:
        acts.get_act(session, act_id)
        asking.body(schemas.Nothing())
        if not working.undo(session, act_id, since=day_began(), today=today(), by=stamp()):
            jobs.run_soon(session, working.JOB, now=stamp().at)
        return _act(session, act_id)


@blueprint.post("/handovers/preview")
@requires(Resource.CUSTOMER, Action.TRANSFER)
@describe(_l("Say what a hand-over would move"), answer=schemas.Plan, body=schemas.NewHandover)
def plan_handover() -> Response:
    """Show what would move and who is left out, with nothing done."""
    order = _order()
    with reading() as session:
        handover.parties(session, order.from_id, order.to_id)
        plan = handovers.plan(session, order.from_id, order.customer_ids)
        shown = asking.dumped(schemas.Plan(exclude=("customers", "erased", "merged")), plan)
        named = {"customers": plan.customers, "erased": plan.erased, "merged": plan.merged}
        return asking.one(shown | {name: [one.id for one in found] for name, found in named.items()})


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


@blueprint.get("/handovers/<id:handover_id>")
@requires(Resource.CUSTOMER, Action.READ)
@describe(_l("Read a hand-over"), answer=schemas.Handover)
def one_handover(handover_id: str) -> Response:
    """Show a hand-over."""
    with reading() as session:
        return _handover(session, handover_id)


@blueprint.post("/handovers/<id:handover_id>/undo")
@requires(Resource.CUSTOMER, Action.TRANSFER)
@describe(_l("Take a hand-over back on its own day"), answer=schemas.Handover, body=schemas.Nothing)
def undo_handover(handover_id: str) -> Response:
    """Give everybody back who was not changed since."""
    with writing() as session:
        handovers.get_handover(session, handover_id)
        asking.body(schemas.Nothing())
        handover.take_back(session, handover_id, since=day_began(), by=stamp())
        return _handover(session, handover_id)


def _order() -> handover.Order:
    given = asking.body(schemas.NewHandover())
    try:
        last_day = date.fromisoformat(given["last_day"].strip())
    except ValueError:
        raise ValidationError({"last_day": [NOT_A_DAY]}) from None
    return handover.Order(
        from_id=given["from_id"],
        to_id=given["to_id"],
        customer_ids=[one for one in given["customer_ids"] if is_id(one)],
        reason=next(one for one in HandoverReason if one.value == given["reason"]),
        last_day=last_day,
        today=today(),
        with_shares=given.get("with_shares", False),
    )


def _act(session: Session, act_id: str) -> Response:
    act = acts.get_act(session, act_id)
    rows = [
        {"customer_id": row.BulkRow.customer_id, "state": row.BulkRow.state.value, "why": why(row.BulkRow)}
        for row in session.execute(acts.select_rows(act.id).limit(bulk.MOST))
    ]
    return asking.one(asking.dumped(schemas.Bulk(exclude=("rows",)), act) | {"rows": rows})


def _tried(order: BulkOrder, tried: bulk.Tried) -> dict[str, Any]:
    done = [{"customer_id": at, "state": RowState.DONE.value, "why": ""} for at in tried.done]
    left = [
        {"customer_id": at, "state": RowState.LEFT.value, "why": translate_error(refused)}
        for at, refused in tried.left.items()
    ]
    return {
        "id": None,
        "kind": order.kind.value,
        "value": order.value,
        "state": BulkState.TRIED.value,
        "asked": len(done) + len(left),
        "done": len(done),
        "left_out": len(left),
        "made_at": None,
        "undone_at": None,
        "rows": [*done, *left],
    }


def _handover(session: Session, handover_id: str, *, status: int = 200) -> Response:
    found = handovers.get_handover(session, handover_id)
    return asking.one(asking.dumped(schemas.Handover(), found), status=status)
