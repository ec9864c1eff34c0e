"""Doing one thing to many customers in one transaction, trying it first, and taking it back within the day."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from branch_node.bulk import changes, handing, queries
from branch_node.bulk.changes import Order
from branch_node.bulk.errors import (
    BulkForbiddenError,
    BulkNobodyError,
    BulkOverError,
    BulkReasonError,
)
from branch_node.bulk.models import BulkAct, BulkKind, BulkRow, RowState
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


def check_order(session: Session, order: Order, ids: Collection[str]) -> Order:
    """Return an order that may be tried.

    Raises BulkForbiddenError, BulkNobodyError, BulkReasonError and BulkWhatError.
    """
    sight = sight_of(session)
    if sight is not None and not sight.may(*order.right):
        raise BulkForbiddenError
    if not 1 <= len(set(ids)) <= MOST:
        raise BulkNobodyError(most=MOST)
    said = " ".join(order.reason.split())
    if not LEAST_REASON <= len(said) <= REASON_LENGTH or not said.isprintable():
        raise BulkReasonError(field="reason", least=LEAST_REASON, most=REASON_LENGTH)
    return Order(order.kind, changes.check_value(order.kind, order.value), said, order.today)


def try_out(session: Session, order: Order, ids: Collection[str], *, by: Stamp) -> Tried:
    """Do it and take it all back at once: what it says is what doing it would say."""
    checked = check_order(session, order, ids)
    with session.begin_nested() as savepoint:
        tried = _do_all(session, checked, ids, by)
        savepoint.rollback()
    session.expire_all()
    return tried


def carry_out(session: Session, order: Order, ids: Collection[str], *, by: Stamp) -> BulkAct:
    """Do it to every customer that can be, and keep what became of each."""
    checked = check_order(session, order, ids)
    act_id, before = new_id(), len(drafts_of(session))
    tried = _do_all(session, checked, ids, by)
    # Each entry of the log says of which bulk act it is a part.
    for draft in drafts_of(session)[before:]:
        draft.details = {**draft.details, "bulk": act_id}
    act = BulkAct(
        id=act_id,
        kind=checked.kind,
        value=checked.value,
        reason=checked.reason,
        done=len(tried.done),
        left_out=len(tried.left),
        made_at=by.at,
        made_by=by.actor[:80],
        made_by_id=by.actor_id,
    )
    session.add(act)
    session.flush()
    session.add_all(_rows(act_id, tried))
    session.flush()
    _note(session, "bulk.done", act, by, done=act.done, left=act.left_out)
    return act


def undo(session: Session, act_id: str, *, since: datetime, today: date, by: Stamp) -> BulkAct:
    """Make every customer again what it was, but for those changed since; `since` is when today began.

    Raises BulkNotFoundError and BulkOverError.
    """
    act = queries.get_act(session, act_id, lock=True)
    if act.undone_at is not None or act.made_at < since:
        raise BulkOverError
    order = Order(act.kind, act.value, act.reason, today)
    wanted = select(BulkRow).where(BulkRow.act_id == act.id, BulkRow.state == RowState.DONE)
    rows = {row.customer_id: row for row in session.scalars(wanted)}
    before = len(drafts_of(session))
    if act.kind is BulkKind.HAND_OVER:
        _take_back(session, rows, since, by)
    else:
        for customer in _locked(session, rows):
            _undo_one(session, customer, rows[customer.id], act, order, by)
    for draft in drafts_of(session)[before:]:
        draft.details = {**draft.details, "bulk": act.id}
    act.undone_at, act.undone_by = by.at, by.actor[:80]
    session.flush()
    kept = sum(row.state is not RowState.UNDONE for row in rows.values())
    _note(session, "bulk.undone", act, by, kept=kept)
    return act


def _take_back(session: Session, rows: Mapping[str, BulkRow], since: datetime, by: Stamp) -> None:
    kept = handing.take_back(session, rows, since=since, by=by)
    for at, row in rows.items():
        row.state = RowState.KEPT if at in kept else RowState.UNDONE
        if at in kept:
            row.why, row.params = kept[at].message[:200], _params(kept[at])


def _undo_one(
    session: Session, customer: Customer, row: BulkRow, act: BulkAct, order: Order, by: Stamp
) -> None:
    try:
        changes.take_back(session, customer, order, row.before, done_at=act.made_at, by=by)
        row.state = RowState.UNDONE
    except BranchlineError as refused:
        row.state, row.why, row.params = RowState.KEPT, refused.message[:200], _params(refused)


def _do_all(session: Session, order: Order, ids: Collection[str], by: Stamp) -> Tried:
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
    """Return the customers who look may see, locked in a fixed order; others are passed over as not there."""
    ordered, found = sorted(set(ids)), list[Customer]()
    for start in range(0, len(ordered), CHUNK):
        some = Customer.id.in_(ordered[start : start + CHUNK])
        wanted = select(Customer).where(some).order_by(Customer.id).with_for_update()
        found += session.scalars(wanted, execution_options={"populate_existing": True})
    return found


def _rows(act_id: str, tried: Tried) -> list[BulkRow]:
    done = [
        BulkRow(act_id=act_id, customer_id=at, state=RowState.DONE, before=before, params={})
        for at, before in tried.done.items()
    ]
    left = [
        BulkRow(
            act_id=act_id,
            customer_id=at,
            state=RowState.LEFT,
            why=refused.message[:200],
            params=_params(refused),
        )
        for at, refused in tried.left.items()
    ]
    return [*done, *left]


def _params(refused: BranchlineError) -> dict[str, Any]:
    return {name: str(value) for name, value in refused.params.items() if name in TOLD}


def _note(session: Session, event: str, act: BulkAct, by: Stamp, **details: int) -> None:
    told = {"what": act.kind.value, "reason": act.reason, **details}
    record(session, event, subject=("bulk", act.id), by=by, details=told)
