"""Reads of legal holds."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from branch_node.customers.models import Customer
from branch_node.personal.models import LegalHold

OPEN, RELEASED = "open", "released"
SORTS: Final = {"placed_at": LegalHold.placed_at, "ends_on": LegalHold.ends_on}


@dataclass(frozen=True, slots=True)
class HoldFilter:
    """Which holds are wanted; everything empty means all."""

    text: str = ""
    state: str = ""
    customer_id: str = ""


def select_holds(wanted: HoldFilter) -> Select[LegalHold, Customer]:
    """Select holds with the customers they are about."""
    statement = select(LegalHold, Customer).join(Customer, Customer.id == LegalHold.customer_id)
    if wanted.text:
        has = [
            column.icontains(wanted.text, autoescape=True)
            for column in (Customer.customer_no, Customer.name, LegalHold.reason, LegalHold.placed_by)
        ]
        statement = statement.where(or_(*has))
    if wanted.state:
        released = LegalHold.released_at.is_not(None)
        statement = statement.where(released if wanted.state == RELEASED else ~released)
    if wanted.customer_id:
        statement = statement.where(LegalHold.customer_id == wanted.customer_id)
    return statement


def list_holds(session: Session, wanted: HoldFilter) -> list[tuple[LegalHold, Customer]]:
    """Return holds with their customers: open ones first, then the last placed."""
    ordered = select_holds(wanted).order_by(
        LegalHold.released_at.is_not(None), LegalHold.placed_at.desc(), LegalHold.id.desc()
    )
    return [(hold, customer) for hold, customer in session.execute(ordered)]
