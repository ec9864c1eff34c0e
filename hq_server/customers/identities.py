"""Which files are one customer: by their branch's links, and across branches by the number of a group.

The rows stay as they are, so every total does. A customer counts by the file that stays.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, tuple_
from sqlalchemy.orm import Session, aliased

from hq_server.replica.models import ReplicaCustomer, ReplicaCustomerIdentity
from shared.domain.customers.vocabulary import CustomerKind


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


def is_counted(file: Any = ReplicaCustomer) -> ColumnElement[bool]:  # noqa: ANN401 - the customer or an alias
    """Hold the file by which a customer counts: not one merged into another that is here as well.

    While links of a merge and of its reversal are both here (one of them waits in the backlog), one file counts.
    """
    link, back = aliased(ReplicaCustomerIdentity), aliased(ReplicaCustomerIdentity)
    into = aliased(ReplicaCustomer)
    turned = select(back.id).where(
        back.branch_number == link.branch_number,
        back.customer_id == link.identity_id,
        back.identity_id == link.customer_id,
    )
    elsewhere = (
        select(link.id)
        .join(into, and_(into.branch_number == link.branch_number, into.id == link.identity_id))
        .where(
            link.branch_number == file.branch_number,
            link.customer_id == file.id,
            link.identity_id != file.id,
            or_(link.identity_id < file.id, ~turned.exists()),
        )
    )
    return ~elsewhere.correlate(file).exists()


def count_merged(session: Session) -> int:
    """Return how many files count as another one's customer: so many fewer customers there are than files."""
    link = ReplicaCustomerIdentity
    named = tuple_(ReplicaCustomer.branch_number, ReplicaCustomer.id)
    linked = named.in_(select(link.branch_number, link.customer_id))
    merged = select(func.count()).select_from(ReplicaCustomer).where(linked, ~is_counted())
    return session.scalar(merged) or 0


def count_shared(session: Session, *conditions: ColumnElement[bool]) -> int:
    """Return how many customers are counted once more than they are, as several branches serve them.

    Branches that have a group customer of one group number on top of their tree serve the same one. Where a branch
    has several such, nobody knows which of them it is, and each counts. `conditions` narrow the customers counted.
    """
    counted = select(ReplicaCustomer.group_no, func.count().label("branches")).where(_is_head(), *conditions)
    several = counted.group_by(ReplicaCustomer.group_no).having(func.count() > 1).subquery()
    once_more: Select[int | None] = select(func.sum(several.c.branches - 1))
    return int(session.scalar(once_more) or 0)


def _is_head() -> ColumnElement[bool]:
    customer, other = ReplicaCustomer, aliased(ReplicaCustomer)
    twin = select(other.id).where(
        other.group_no == customer.group_no,
        other.branch_number == customer.branch_number,
        other.id != customer.id,
        *_on_top(other),
    )
    return and_(*_on_top(customer), ~twin.correlate(customer).exists())


def _on_top(file: Any) -> Sequence[ColumnElement[bool]]:  # noqa: ANN401 - as above
    return (
        file.group_no.is_not(None),
        file.group_no != "",
        file.kind == CustomerKind.GROUP,
        file.parent_id.is_(None),
        is_counted(file),
    )
