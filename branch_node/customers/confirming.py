"""Confirming that what a field of a customer says is still so."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from branch_node.customers.models import Customer, FieldAge
from branch_node.customers.queries import CustomerNotFoundError
from branch_node.erased.queries import refuse_if_erased
from branch_node.identity.queries import refuse_if_merged
from shared.audit import operations as audit
from shared.domain.customers.upkeep import WATCHED
from shared.errors import N_, BranchlineError, Kind
from shared.stamp import Stamp


class FieldNotConfirmedError(BranchlineError):
    """The address names no field that grows stale, or one that says nothing."""

    code = "field-not-confirmed"
    kind = Kind.NOT_FOUND
    message = N_(
        "There is nothing to confirm in this field. Open the profile of the customer and look again."
    )


def confirm_field(session: Session, customer_id: str, field: str, *, by: Stamp) -> FieldAge:
    """Write down that somebody made sure of what a field says; the value itself stays as it is.

    Raises CustomerNotFoundError, CustomerErasedError, CustomerMergedError and FieldNotConfirmedError.
    """
    customer = session.scalar(select(Customer).where(Customer.id == customer_id).with_for_update())
    if customer is None:
        raise CustomerNotFoundError
    refuse_if_erased(session, customer_id)
    refuse_if_merged(session, customer_id)
    if field not in WATCHED or not getattr(customer, field):
        raise FieldNotConfirmedError
    age = session.get(FieldAge, (customer_id, field), populate_existing=True)
    if age is None:
        age = FieldAge(customer_id=customer_id, field=field, changed_at=customer.created_at)
        session.add(age)
    age.confirmed_at, age.confirmed_by = by.at, by.actor[:80]
    session.flush()
    audit.record(
        session, "customer.confirmed", subject=("customer", customer_id), by=by, details={"field": field}
    )
    return age
