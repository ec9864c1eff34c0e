"""Which customers their branch says are one and the same; the rows stay as they are, so every total does."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hq_server.replica.models import ReplicaCustomer, ReplicaCustomerIdentity


def merged_into(session: Session, customer: ReplicaCustomer) -> ReplicaCustomer | None:
    """Return the customer into whom its branch has merged this one, or None."""
    link = ReplicaCustomerIdentity
    found = select(link.identity_id).where(
        link.branch_number == customer.branch_number, link.customer_id == customer.id
    )
    identity = session.scalar(found.limit(1))
    return session.get(ReplicaCustomer, (customer.branch_number, identity)) if identity else None


def merged_with(session: Session, customer: ReplicaCustomer) -> Sequence[ReplicaCustomer]:
    """Return the customers whom its branch has merged into this one."""
    link = ReplicaCustomerIdentity
    members = select(link.customer_id).where(
        link.branch_number == customer.branch_number, link.identity_id == customer.id
    )
    return session.scalars(
        select(ReplicaCustomer)
        .where(ReplicaCustomer.branch_number == customer.branch_number, ReplicaCustomer.id.in_(members))
        .order_by(ReplicaCustomer.customer_no)
    ).all()


def count_merged(session: Session) -> int:
    """Return how many files were merged into another: so many fewer customers there are than files."""
    return session.scalar(select(func.count()).select_from(ReplicaCustomerIdentity)) or 0
