"""Who a customer is, and which files are theirs."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, literal, select, union_all
from sqlalchemy.orm import InstrumentedAttribute, Session

from branch_node.identity.models import CustomerIdentity
from shared.db.base import Id
from shared.errors import N_, BranchlineError, Kind


class CustomerMergedError(BranchlineError):
    """This file was merged into another and is only read any more; nothing was written."""

    code = "customer-merged"
    kind = Kind.CONFLICT
    message = N_("This file was merged into another one. Write there, or take the merge back first.")


def survivor_of(session: Session, customer_id: str) -> str | None:
    """Return the customer into whom this one was merged, or None when they are themselves."""
    return session.scalar(
        select(CustomerIdentity.identity_id).where(CustomerIdentity.customer_id == customer_id)
    )


def merged_among(session: Session, customer_ids: Collection[str]) -> set[str]:
    """Return those of some customers who were merged into another."""
    found = select(CustomerIdentity.customer_id).where(CustomerIdentity.customer_id.in_(sorted(customer_ids)))
    return set(session.scalars(found))


def survivors_of(session: Session, customer_ids: Collection[str]) -> dict[str, str]:
    """Return into whom those of some customers who were merged were merged."""
    found = select(CustomerIdentity.customer_id, CustomerIdentity.identity_id).where(
        CustomerIdentity.customer_id.in_(sorted(customer_ids))
    )
    return {row[0]: row[1] for row in session.execute(found)}


def members_of(session: Session, customer_id: str) -> list[str]:
    """Return the other files of the person a customer is: those merged into the same one, and that one."""
    identity = survivor_of(session, customer_id) or customer_id
    merged = session.scalars(
        select(CustomerIdentity.customer_id)
        .where(CustomerIdentity.identity_id == identity)
        .order_by(CustomerIdentity.customer_id)
    )
    return [one for one in (identity, *merged) if one != customer_id]


def files_of(session: Session, customer_id: str) -> list[str]:
    """Return the files that count as this customer's: their own, and those merged into it."""
    merged = session.scalars(
        select(CustomerIdentity.customer_id)
        .where(CustomerIdentity.identity_id == customer_id)
        .order_by(CustomerIdentity.customer_id)
    )
    return [customer_id, *merged]


def of_person(column: InstrumentedAttribute[Any], customer_id: str) -> ColumnElement[bool]:
    """Hold what names this customer or a file merged into theirs; what was written for either is one person's."""
    own = select(literal(customer_id, Id))
    # One list, not an OR: the databases look its members up in the column's index.
    merged = select(CustomerIdentity.customer_id).where(CustomerIdentity.identity_id == customer_id)
    return column.in_(union_all(own, merged))


def is_person(column: InstrumentedAttribute[Any]) -> ColumnElement[bool]:
    """Hold the file by which a person counts: not one merged into another. Whoever counts people asks for it."""
    return ~select(CustomerIdentity.id).where(CustomerIdentity.customer_id == column).exists()


def refuse_if_merged(session: Session, customer_id: str) -> None:
    """Let nobody write into a file that was merged into another: raises CustomerMergedError."""
    if survivor_of(session, customer_id) is not None:
        raise CustomerMergedError
