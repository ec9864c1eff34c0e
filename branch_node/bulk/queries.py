"""Bulk acts that were done, and what became of each customer."""

from collections.abc import Sequence

from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from branch_node.bulk.errors import BulkNotFoundError
from branch_node.bulk.models import BulkAct, BulkKind, BulkRow
from branch_node.customers.models import Customer
from branch_node.handover.models import Handover
from shared.ids import is_id


def get_act(session: Session, act_id: str, *, lock: bool = False) -> BulkAct:
    """Return one bulk act; raises BulkNotFoundError."""
    wanted = select(BulkAct).where(BulkAct.id == act_id)
    found = session.scalar(wanted.with_for_update() if lock else wanted) if is_id(act_id) else None
    if found is None:
        raise BulkNotFoundError
    return found


def list_acts(session: Session, *, limit: int, offset: int = 0) -> Sequence[BulkAct]:
    """Return bulk acts, the last first."""
    ordered = select(BulkAct).order_by(BulkAct.made_at.desc(), BulkAct.id.desc())
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


def list_rows(session: Session, act_id: str) -> Sequence[Row[BulkRow, Customer]]:
    """Return what became of each customer who looks may see, in the order of their numbers."""
    wanted = select(BulkRow, Customer).join(Customer, Customer.id == BulkRow.customer_id)
    return session.execute(wanted.where(BulkRow.act_id == act_id).order_by(Customer.customer_no)).all()
