"""Doing one thing to many customers in one transaction, trying it first, and taking it back within the day.

Of more than MOST customers the job does it, a part a transaction: branch_node.bulk.working.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from branch_node.bulk import changes, handing, queries
from branch_node.bulk.changes import Order
from branch_node.bulk.errors import (
    BulkForbiddenError,
    BulkNobodyError,
    BulkNotYoursError,
    BulkOverError,
    BulkReasonError,
    BulkStateError,
    NoLongerYoursError,
    NotAmongYoursError,
)
from branch_node.bulk.models import BulkAct, BulkKind, BulkRow, BulkState, RowState
from branch_node.customers.models import Customer
from shared.audit.operations import record
from shared.audit.pending import drafts_of
from shared.errors import BranchlineError
from shared.ids import new_id
from shared.rights.ranges import sight_of
from shared.stamp import Stamp

MOST: Final = 1_000
CHUNK: Final = 500
LEAST_REASON: Final = 2
REASON_LENGTH: Final = 100
# What a sentence of a refusal may name without telling of anybody.
TOLD: Final = frozenset({"last", "least", "most"})


@dataclass(slots=True)
class Tried:
    """What a bulk act does: to whom, with what was before, and whom it leaves out and why."""

    done: dict[str, str | None] = field(default_factory=dict)
    left: dict[str, BranchlineError] = field(default_factory=dict)


def check_right(session: Session, order: Order) -> None:
    """Raise BulkForbiddenError unless who looks may do this to customers."""
    sight = sight_of(session)
    if sight is not None and not sight.may(*order.right):
        raise BulkForbiddenError


def check_order(session: Session, order: Order, customers: int, *, most: int = MOST) -> Order:
    """Return an order over so many customers that may be tried.

    Raises BulkForbiddenError, BulkNobodyError, BulkReasonError and BulkWhatError.
    """
    check_right(session, order)
    if not 1 <= customers <= most:
        raise BulkNobodyError(most=most)
    said = " ".join(order.reason.split())
    if not LEAST_REASON <= len(said) <= REASON_LENGTH or not said.isprintable():
        raise BulkReasonError(field="reason", least=LEAST_REASON, most=REASON_LENGTH)
    return Order(order.kind, changes.check_value(order.kind, order.value), said, order.today)


def try_out(session: Session, order: Order, ids: Collection[str], *, by: Stamp) -> Tried:
    """Do it and take it all back at once: what it says is what doing it would say."""
    return try_some(session, check_order(session, order, len(set(ids))), ids, by=by)


def try_some(session: Session, checked: Order, ids: Collection[str], *, by: Stamp) -> Tried:
    """Do to some customers what was checked, and take it back at once."""
    with session.begin_nested() as savepoint:
        tried = _do_all(session, checked, ids, by)
        savepoint.rollback()
    session.expire_all()
    return tried


def do_some(session: Session, act_id: str, checked: Order, ids: Collection[str], *, by: Stamp) -> Tried:
    """Do to some customers what was checked; each entry of the log says of which bulk act it is a part."""
    before = len(drafts_of(session))
    tried = _do_all(session, checked, ids, by)
    tell_act(session, act_id, before)
    return tried


def tell_act(session: Session, act_id: str, before: int) -> None:
    """Let the log's entries behind the first `before` that wait say of which bulk act they are a part."""
    for draft in drafts_of(session)[before:]:
        draft.details = {**draft.details, "bulk": act_id}


def carry_out(session: Session, order: Order, ids: Collection[str], *, by: Stamp) -> BulkAct:
    """Do it to every customer that can be, and keep what became of each."""
    checked = check_order(session, order, len(set(ids)))
    act = BulkAct(id=new_id(), kind=checked.kind, value=checked.value, reason=checked.reason)
    _do_now(session, act, checked, ids, by)
    return act


def plan(session: Session, order: Order, ids: Collection[str], *, by: Stamp) -> BulkAct:
    """Try it and write down what it would do, until who tried it says so; nothing is done.

    Raises BulkForbiddenError, BulkNobodyError, BulkReasonError and BulkWhatError.
    """
    checked = check_order(session, order, len(set(ids)))
    tried = try_some(session, checked, ids, by=by)
    act = BulkAct(id=new_id(), kind=checked.kind, value=checked.value, reason=checked.reason)
    act.state, act.done, act.left_out = BulkState.TRIED, 0, len(tried.left)
    _sign(act, len(tried.done) + len(tried.left), by)
    session.add(act)
    session.flush()
    session.add_all(_rows(act.id, tried, RowState.FIT))
    session.flush()
    return act


def carry_out_plan(session: Session, act_id: str, *, today: date, by: Stamp) -> BulkAct:
    """Do what was tried, at once; every customer is looked at anew, for the branch went on working.

    Raises BulkNotFoundError, BulkStateError, BulkNotYoursError and BulkForbiddenError.
    """
    act = queries.get_act(session, act_id, lock=True)
    if act.state is not BulkState.TRIED or act.asked > MOST:
        raise BulkStateError
    if act.made_by_id != by.actor_id:
        raise BulkNotYoursError
    order = Order(act.kind, act.value, act.reason, today)
    check_right(session, order)
    ids = queries.customers_of(session, act.id)
    session.execute(
        delete(BulkRow).where(BulkRow.act_id == act.id), execution_options={"synchronize_session": False}
    )
    session.expire_all()
    # Of who was not seen when it was tried there is no row, and they are left out still.
    _do_now(session, act, order, ids, by, unseen=act.asked - len(ids))
    return act


def _do_now(
    session: Session,
    act: BulkAct,
    order: Order,
    ids: Collection[str],
    by: Stamp,
    *,
    unseen: int = 0,
) -> None:
    tried = do_some(session, act.id, order, ids, by=by)
    act.state, act.done, act.left_out = BulkState.DONE, len(tried.done), len(tried.left) + unseen
    _sign(act, act.done + act.left_out, by)
    act.ended_at = by.at
    session.add(act)
    session.flush()
    session.add_all(_rows(act.id, tried, RowState.DONE))
    session.flush()
    note(session, "bulk.done", act, by, done=act.done, left=act.left_out)


def _sign(act: BulkAct, customers: int, by: Stamp) -> None:
    act.made_at, act.made_by, act.made_by_id = by.at, by.actor[:80], by.actor_id
    act.asked = act.handled = customers


def undo(session: Session, act_id: str, *, since: datetime, today: date, by: Stamp) -> BulkAct:
    """Make every customer again what it was, but for those changed since; `since` is when today began.

    Raises BulkNotFoundError and BulkOverError.
    """
    act = queries.get_act(session, act_id, lock=True)
    refuse_over(act, since)
    order = Order(act.kind, act.value, act.reason, today)
    wanted = select(BulkRow).where(BulkRow.act_id == act.id, BulkRow.state == RowState.DONE)
    rows = {row.customer_id: row for row in session.scalars(wanted)}
    undo_some(session, act, order, rows, since=since, by=by)
    act.undone_at, act.undone_by = by.at, by.actor[:80]
    session.flush()
    kept = sum(row.state is not RowState.UNDONE for row in rows.values())
    note(session, "bulk.undone", act, by, kept=kept)
    return act


def refuse_over(act: BulkAct, since: datetime) -> None:
    """Raise BulkOverError for an act that is not taken back any more, and BulkStateError for one still at work."""
    if act.undone_at is not None or act.made_at < since:
        raise BulkOverError
    if act.state not in {BulkState.DONE, BulkState.STOPPED}:
        raise BulkStateError


def undo_some(
    session: Session, act: BulkAct, order: Order, rows: Mapping[str, BulkRow], *, since: datetime, by: Stamp
) -> None:
    """Make some customers of an act again what they were, and say of each row whether they are."""
    before = len(drafts_of(session))
    if act.kind is BulkKind.HAND_OVER:
        _take_back(session, rows, since, by)
    else:
        there = {customer.id: customer for customer in _locked(session, rows)}
        for at, row in rows.items():
            if at in there:
                _undo_one(session, there[at], row, act, order, by)
            else:
                _keep(row, NoLongerYoursError())
    tell_act(session, act.id, before)


def _take_back(session: Session, rows: Mapping[str, BulkRow], since: datetime, by: Stamp) -> None:
    kept = handing.take_back(session, rows, since=since, by=by)
    for at, row in rows.items():
        if at in kept:
            _keep(row, kept[at])
        else:
            row.state = RowState.UNDONE


def _keep(row: BulkRow, refused: BranchlineError) -> None:
    row.state, row.why, row.params = RowState.KEPT, refused.message[:200], params_of(refused)


def _undo_one(
    session: Session, customer: Customer, row: BulkRow, act: BulkAct, order: Order, by: Stamp
) -> None:
    try:
        done_at = row.done_at or act.made_at
        changes.take_back(session, customer, order, row.before, done_at=done_at, by=by)
        row.state = RowState.UNDONE
    except BranchlineError as refused:
        _keep(row, refused)


def _do_all(session: Session, order: Order, ids: Collection[str], by: Stamp) -> Tried:
    tried = _do_each(session, order, ids, by)
    handled = tried.done.keys() | tried.left.keys()
    tried.left |= {at: NotAmongYoursError() for at in sorted(set(ids) - handled)}
    return tried


def _do_each(session: Session, order: Order, ids: Collection[str], by: Stamp) -> Tried:
    tried = Tried()
    if order.kind is BulkKind.HAND_OVER:
        done, left = handing.hand_over(session, ids, order.value, today=order.today, by=by)
        return Tried({**done}, left)
    for customer in _locked(session, ids):
        try:
            tried.done[customer.id] = changes.do(session, customer, order, by=by)
        except BranchlineError as refused:
            tried.left[customer.id] = refused
    session.flush()
    return tried


def _locked(session: Session, ids: Collection[str]) -> list[Customer]:
    """Return those of the customers that who looks may see, locked in a fixed order."""
    ordered, found = sorted(set(ids)), list[Customer]()
    for start in range(0, len(ordered), CHUNK):
        some = Customer.id.in_(ordered[start : start + CHUNK])
        wanted = select(Customer).where(some).order_by(Customer.id).with_for_update()
        found += session.scalars(wanted, execution_options={"populate_existing": True})
    return found


def _rows(act_id: str, tried: Tried, state: RowState) -> list[BulkRow]:
    """Return a row for each customer; of who is not seen none, which would tell whether there is somebody."""
    # Of what was only tried nothing is there to go back to.
    kept = state is RowState.DONE
    done = [
        BulkRow(act_id=act_id, customer_id=at, state=state, before=before if kept else None, params={})
        for at, before in tried.done.items()
    ]
    left = [
        BulkRow(
            act_id=act_id,
            customer_id=at,
            state=RowState.LEFT,
            why=refused.message[:200],
            params=params_of(refused),
        )
        for at, refused in tried.left.items()
        if not isinstance(refused, NotAmongYoursError)
    ]
    return [*done, *left]


def params_of(refused: BranchlineError) -> dict[str, Any]:
    """Return what the sentence of a refusal names, as far as it tells of nobody."""
    return {name: str(value) for name, value in refused.params.items() if name in TOLD}


def note(session: Session, event: str, act: BulkAct, by: Stamp, **details: int) -> None:
    """Write into the log what became of a whole bulk act."""
    told = {"what": act.kind.value, "reason": act.reason, **details}
    record(session, event, subject=("bulk", act.id), by=by, details=told)
