"""Bulk acts that were done, and what became of each customer."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import Select, String, case, cast, func, select
from sqlalchemy.orm import Session

from branch_node.bulk.errors import BulkNotFoundError
from branch_node.bulk.models import IN_WORK, BulkAct, BulkKind, BulkRow, BulkState, RowState
from branch_node.customers.models import Customer
from branch_node.handover.models import Handover
from shared.ids import is_id

AS_WANTED: Final = (RowState.DONE, RowState.UNDONE, RowState.FIT)


def get_act(session: Session, act_id: str, *, lock: bool = False) -> BulkAct:
    """Return one bulk act; raises BulkNotFoundError."""
    wanted = select(BulkAct).where(BulkAct.id == act_id)
    found = session.scalar(wanted.with_for_update() if lock else wanted) if is_id(act_id) else None
    if found is None:
        raise BulkNotFoundError
    return found


def select_acts() -> Select[BulkAct]:
    """Select the bulk acts there were."""
    return select(BulkAct)


def list_acts(session: Session, *, limit: int, offset: int = 0) -> Sequence[BulkAct]:
    """Return bulk acts, the last first."""
    ordered = select_acts().order_by(BulkAct.made_at.desc(), BulkAct.id.desc())
    return session.scalars(ordered.limit(limit).offset(offset)).all()


def count_acts(session: Session) -> int:
    """Return how many bulk acts there are."""
    return session.scalar(select(func.count()).select_from(BulkAct)) or 0


def list_sheets(session: Session, act: BulkAct) -> Sequence[Handover]:
    """Return the hand-overs that a bulk act made, each with a sheet to be signed; none of an act of another kind."""
    if act.kind is not BulkKind.HAND_OVER:
        return ()
    made = select(BulkRow.before).where(BulkRow.act_id == act.id, BulkRow.before.is_not(None)).distinct()
    ids = [at for at in session.scalars(made) if at]
    return session.scalars(select(Handover).where(Handover.id.in_(ids)).order_by(Handover.number)).all()


def select_rows(act_id: str) -> Select[BulkRow, Customer]:
    """Return the statement for what became of each customer, those left out first, in the order of their numbers.

    Of a customer whom who looks does not see there is the row alone.
    """
    wanted = select(BulkRow, Customer).outerjoin(Customer, Customer.id == BulkRow.customer_id)
    told = case(
        (BulkRow.state.in_([RowState.LEFT, RowState.KEPT]), 0), (BulkRow.state.in_(AS_WANTED), 2), else_=1
    )
    return wanted.where(BulkRow.act_id == act_id).order_by(told, Customer.customer_no, BulkRow.customer_id)


def customers_of(session: Session, act_id: str) -> Sequence[str]:
    """Return the ids of the customers of a bulk act, in their order."""
    wanted = select(BulkRow.customer_id).where(BulkRow.act_id == act_id)
    return session.scalars(wanted.order_by(BulkRow.customer_id)).all()


def count_states(session: Session, act_id: str) -> Counter[RowState]:
    """Return how many customers of a bulk act stand where."""
    counted = select(BulkRow.state, func.count()).where(BulkRow.act_id == act_id).group_by(BulkRow.state)
    return Counter({row[0]: row[1] for row in session.execute(counted)})


def list_reasons(session: Session, act_id: str) -> list[tuple[BulkRow, int]]:
    """Return why customers were left out or kept, the commonest first: a row that says it, and how many there are."""
    alike = (
        select(
            BulkRow.why,
            func.min(cast(BulkRow.customer_id, String)).label("one"),
            func.count().label("customers"),
        )
        .where(BulkRow.act_id == act_id, BulkRow.state.in_([RowState.LEFT, RowState.KEPT]))
        .group_by(BulkRow.why)
        .order_by(func.count().desc(), BulkRow.why)
    )
    counted = {row.one: row.customers for row in session.execute(alike)}
    said = select(BulkRow).where(BulkRow.act_id == act_id, BulkRow.customer_id.in_(counted))
    rows = {row.customer_id: row for row in session.scalars(said)}
    return [(rows[one], customers) for one, customers in counted.items()]


def list_in_work(session: Session) -> Sequence[BulkAct]:
    """Return the bulk acts that go on by themselves, the oldest first."""
    wanted = select(BulkAct).where(BulkAct.state.in_(IN_WORK)).order_by(BulkAct.made_at, BulkAct.id)
    return session.scalars(wanted).all()


def list_plans(session: Session, *, before: datetime) -> Sequence[str]:
    """Return the ids of bulk acts that were tried before then and never done."""
    tried = select(BulkAct.id).where(BulkAct.state == BulkState.TRIED, BulkAct.made_at < before)
    return session.scalars(tried).all()


def next_rows(session: Session, act_id: str, state: RowState, *, limit: int) -> Sequence[BulkRow]:
    """Return some rows of a bulk act that stand so, in the order of their customers' ids."""
    wanted = select(BulkRow).where(BulkRow.act_id == act_id, BulkRow.state == state)
    return session.scalars(wanted.order_by(BulkRow.customer_id).limit(limit)).all()


def next_of_one_holder(session: Session, act_id: str, *, limit: int) -> Sequence[BulkRow]:
    """Return some rows that wait, all of one account manager's customers, or all of nobody's."""
    waiting = (
        select(BulkRow, Customer.manager_id)
        .outerjoin(Customer, Customer.id == BulkRow.customer_id)
        .where(BulkRow.act_id == act_id, BulkRow.state == RowState.WAITING)
        .order_by(BulkRow.customer_id)
    )
    first = session.execute(waiting.limit(1)).one_or_none()
    if first is None:
        return ()
    holder = first.manager_id
    theirs = Customer.manager_id.is_(None) if holder is None else Customer.manager_id == holder
    return session.scalars(waiting.where(theirs).limit(limit)).all()


def next_of_one_sheet(session: Session, act_id: str) -> Sequence[BulkRow]:
    """Return the rows done that one hand-over moved: it is taken back whole."""
    first = next_rows(session, act_id, RowState.DONE, limit=1)
    if not first:
        return ()
    wanted = select(BulkRow).where(
        BulkRow.act_id == act_id, BulkRow.state == RowState.DONE, BulkRow.before == first[0].before
    )
    return session.scalars(wanted.order_by(BulkRow.customer_id)).all()
