"""In which files that left this node a customer may stand: the register of exports keeps no rows."""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from branch_node.customers.models import Customer
from shared.db.base import instant_text
from shared.exports.models import Export
from shared.exports.vocabulary import MADE
from shared.rights.vocabulary import Resource

# Whose lists have customers in them.
OF_CUSTOMERS: Final = tuple(
    one.value
    for one in (
        Resource.CUSTOMER,
        Resource.CONTACT,
        Resource.BILL_LINE,
        Resource.WORK_LOG,
        Resource.STATISTICS,
        Resource.LEGAL_HOLD,
    )
)


def may_hold(session: Session, customer: Customer) -> list[Mapping[str, Any]]:
    """Return the files made since a customer was entered that may hold them: number, when, who, why, how many rows."""
    made = select(Export).where(
        Export.resource.in_(OF_CUSTOMERS), Export.state.in_(MADE), Export.made_at >= customer.created_at
    )
    return [
        {
            "number": one.number,
            "made_at": instant_text(one.made_at) if one.made_at else None,
            "asked_by": one.asked_by,
            "decided_by": one.decided_by,
            "title": one.title,
            "reason": one.reason,
            "rows": one.rows,
        }
        for one in session.scalars(made.order_by(Export.made_at, Export.id))
    ]
