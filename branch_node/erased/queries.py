"""Which customers are erased; about those nothing personal is written any more."""

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from branch_node.erased.models import Erasure
from shared.errors import N_, BranchlineError, Kind


class CustomerErasedError(BranchlineError):
    """The customer was erased; nothing was written."""

    code = "customer-erased"
    kind = Kind.CONFLICT
    message = N_(
        "This customer was erased, so nothing is written about them any more. Who comes back gets a new number."
    )


def is_erased(session: Session, customer_id: str) -> bool:
    """Tell whether a customer was erased."""
    return find_erasure(session, customer_id) is not None


def refuse_if_erased(session: Session, customer_id: str) -> None:
    """Let nobody write about a customer who was erased: raises CustomerErasedError."""
    if is_erased(session, customer_id):
        raise CustomerErasedError


def find_erasure(session: Session, customer_id: str) -> Erasure | None:
    """Return the erasure of a customer, or None."""
    return session.scalar(select(Erasure).where(Erasure.customer_id == customer_id))


def erased_among(session: Session, customer_ids: Collection[str]) -> set[str]:
    """Return which of these customers are erased."""
    if not customer_ids:
        return set()
    found = select(Erasure.customer_id).where(Erasure.customer_id.in_(sorted(customer_ids)))
    return set(session.scalars(found))
