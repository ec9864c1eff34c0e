"""Registering and changing customers."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from branch_node.customers import queries
from branch_node.customers.models import CUSTOMER_SEARCH, Customer
from branch_node.customers.queries import CustomerNotFoundError
from branch_node.managers import queries as managers
from shared.audit import operations as audit
from shared.db import search
from shared.errors import N_, BranchlineError, Kind
from shared.ids import new_id
from shared.stamp import Stamp

# What a person may set; everything else of a customer is made by us.
EDITABLE: Final = (
    "customer_no",
    "kind",
    "name",
    "short_name",
    "id_type",
    "id_no",
    "mobile",
    "phone",
    "email",
    "wechat",
    "region_code",
    "address",
    "grade",
    "status",
    "opened_on",
    "manager_id",
    "preferred_channel",
    "tags",
    "remark",
)


class CustomerNumberTakenError(BranchlineError):
    """Another customer has this number."""

    code = "customer-number-taken"
    kind = Kind.CONFLICT
    message = N_("%(name)s already has the customer number %(customer_no)s. Give this customer another one.")


class CustomerChangedMeanwhileError(BranchlineError):
    """Somebody saved this customer after the page was opened; nothing was written."""

    code = "customer-changed-meanwhile"
    kind = Kind.CONFLICT
    message = N_("%(who)s changed this customer meanwhile, so nothing was saved. Compare, then save again.")

    def __init__(self, *, who: str, at: datetime) -> None:
        """Say who was faster, and when."""
        super().__init__(who=who, at=at)
        self.at = at


def register_customer(session: Session, values: Mapping[str, Any], *, by: Stamp) -> Customer:
    """Enter a new customer with the EDITABLE `values`; the search finds it at once.

    Raises CustomerNumberTakenError and ManagerNotFoundError.
    """
    _check(session, values, besides=None)
    customer = Customer(id=new_id(), attributes={}, created_at=by.at, created_by=by.actor)
    _assign(customer, values)
    customer.touch(by)
    session.add(customer)
    session.flush()
    index_changed(session)
    audit.record(
        session,
        "customer.registered",
        subject=("customer", customer.id),
        by=by,
        details={"customer_no": customer.customer_no},
    )
    return customer


def change_customer(
    session: Session, customer_id: str, values: Mapping[str, Any], *, seen_at: datetime, by: Stamp
) -> Customer:
    """Set the EDITABLE `values` of a customer; values that are the same already write nothing.

    `seen_at` is the `updated_at` the person saw. Raises CustomerNotFoundError,
    CustomerChangedMeanwhileError, CustomerNumberTakenError and ManagerNotFoundError.
    """
    customer = session.scalar(select(Customer).where(Customer.id == customer_id).with_for_update())
    if customer is None:
        raise CustomerNotFoundError
    if customer.updated_at != seen_at:
        raise CustomerChangedMeanwhileError(who=customer.updated_by, at=customer.updated_at)
    _check(session, values, besides=customer_id)
    changed = _assign(customer, values)
    if not changed:
        return customer
    customer.touch(by)
    session.flush()
    index_changed(session)
    audit.record(session, "customer.changed", subject=("customer", customer.id), by=by)
    return customer


def index_changed(session: Session, *, limit: int | None = None) -> int:
    """Bring the customer search up to every change made so far, in this transaction; returns how many."""
    return search.index_changed(session, CUSTOMER_SEARCH, queries.words_of, limit=limit)


def _check(session: Session, values: Mapping[str, Any], *, besides: str | None) -> None:
    if (number := values.get("customer_no")) is not None:
        other = queries.find_by_number(session, number)
        if other is not None and other.id != besides:
            raise CustomerNumberTakenError(name=other.name, customer_no=number)
    if manager_id := values.get("manager_id"):
        managers.get_manager(session, manager_id)


def _assign(customer: Customer, values: Mapping[str, Any]) -> bool:
    """Set what differs and tell whether anything did."""
    changed = [name for name in EDITABLE if name in values and getattr(customer, name) != values[name]]
    for name in changed:
        setattr(customer, name, values[name])
    return bool(changed)
