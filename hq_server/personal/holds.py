"""Reads of the legal holds of all branches."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import and_, exists, or_, select
from sqlalchemy.orm import Session

from hq_server.branches.models import Branch
from hq_server.personal.errors import HoldNotThereError
from hq_server.replica.models import ReplicaCustomer, ReplicaLegalHold

OPEN, RELEASED = "open", "released"


@dataclass(frozen=True, slots=True)
class Held:
    """One hold with its branch and its customer, as far as that has arrived."""

    hold: ReplicaLegalHold
    branch: Branch
    customer: ReplicaCustomer | None


def list_holds(
    session: Session, *, text: str = "", state: str = "", branches: Collection[int] = ()
) -> list[Held]:
    """Return the holds of some branches (none: all): open ones first, then the last placed."""
    hold, customer = ReplicaLegalHold, ReplicaCustomer
    about = and_(customer.branch_number == hold.branch_number, customer.id == hold.customer_id)
    statement = select(hold, Branch, customer).join(Branch, Branch.number == hold.branch_number)
    statement = statement.outerjoin(customer, about)
    if text:
        columns = (customer.customer_no, customer.name, hold.reason, hold.placed_by)
        statement = statement.where(or_(*(one.icontains(text, autoescape=True) for one in columns)))
    if state:
        released = hold.released_at.is_not(None)
        statement = statement.where(released if state == RELEASED else ~released)
    if branches:
        statement = statement.where(hold.branch_number.in_(branches))
    ordered = statement.order_by(hold.released_at.is_not(None), hold.placed_at.desc(), hold.id.desc())
    return [Held(*row) for row in session.execute(ordered)]


def is_any_held(session: Session) -> bool:
    """Tell whether a hold is in force at any branch."""
    return bool(session.scalar(select(exists().where(ReplicaLegalHold.released_at.is_(None)))))


def get_hold(session: Session, branch: Branch, hold_id: str) -> ReplicaLegalHold:
    """Return one hold of a branch; raises HoldNotThereError."""
    found = session.get(ReplicaLegalHold, (branch.number, hold_id))
    if found is None:
        raise HoldNotThereError
    return found
