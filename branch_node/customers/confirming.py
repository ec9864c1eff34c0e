"""Confirming that what a field of a customer says is still so."""

import hashlib
from typing import Final

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

SEEN_LENGTH: Final = 16


class FieldNotConfirmedError(BranchlineError):
    """The address names no field that grows stale, or one that says nothing."""

    code = "field-not-confirmed"
    kind = Kind.NOT_FOUND
    message = N_(
        "There is nothing to confirm in this field. Open the profile of the customer and look again."
    )


class FieldMeanwhileOtherError(BranchlineError):
    """Somebody saved another value of this field after it was shown; nothing was confirmed."""

    code = "field-meanwhile-other"
    kind = Kind.CONFLICT
    message = N_("This field was changed meanwhile, so nothing was confirmed. Look at it again.")


def confirm_as_seen(session: Session, customer: Customer, field: str, *, seen: str, by: Stamp) -> FieldAge:
    """Write down that somebody made sure of what a field says, unless it says something else than they saw.

    Raises FieldMeanwhileOtherError and what `confirm_field` raises.
    """
    session.refresh(customer, with_for_update=True)
    if seen != seen_field(customer, field):
        raise FieldMeanwhileOtherError
    return confirm_field(session, customer.id, field, by=by)


def seen_field(customer: Customer, field: str) -> str:
    """Return by what a form that confirms a field says which value it was shown with."""
    return seen_of(str(getattr(customer, field, None) or ""))


def seen_of(value: str) -> str:
    """Return by what a form says which value of a field it was opened with."""
    return hashlib.sha256(value.encode()).hexdigest()[:SEEN_LENGTH]


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
