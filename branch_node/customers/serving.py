"""Serving a customer at the desk: while it lasts, the customer's file is open to who serves."""

from datetime import timedelta
from typing import Final

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from branch_node.customers.following import follow_serving
from branch_node.customers.models import Customer, Serving
from branch_node.erased.queries import refuse_if_erased
from branch_node.managers.models import Manager
from shared.audit import operations as audit
from shared.db.parts import Part, first_of
from shared.stamp import Stamp

HOURS: Final = 8
MOST_SHOWN: Final = 100


def begin_serving(
    session: Session, customer: Customer, *, by: Stamp, channel: str = "", reason: str = ""
) -> Serving:
    """Open a customer's file to `by` for HOURS from now; whoever is serving already begins anew.

    Raises CustomerErasedError.
    """
    assert by.actor_id is not None
    refuse_if_erased(session, customer.id)
    ends_at = by.at + timedelta(hours=HOURS)
    found = session.get(Serving, (by.actor_id, customer.id))
    if found is None:
        found = Serving(user_id=by.actor_id, customer_id=customer.id, began_at=by.at, ends_at=ends_at)
        session.add(found)
    found.began_at, found.ends_at = by.at, ends_at
    follow_serving(session, found)
    said = {name: value for name, value in (("channel", channel), ("reason", reason)) if value}
    audit.record(session, "customer.served", subject=("customer", customer.id), by=by, details=said)
    return found


def end_serving(session: Session, customer_id: str, *, by: Stamp) -> bool:
    """Close a customer's file to `by`; tells whether it was open."""
    found = session.get(Serving, (by.actor_id, customer_id))
    if found is None or found.ends_at <= by.at:
        return False
    found.ends_at = by.at
    follow_serving(session, found)
    audit.record(session, "customer.serving-ended", subject=("customer", customer_id), by=by)
    return True


def list_served(session: Session, *, by: Stamp) -> Part[Row[Customer, Serving, str | None]]:
    """Return whom `by` is serving now with their account managers' names, the latest first, and how many they are."""
    wanted = (
        select(Customer, Serving, Manager.name.label("manager_name"))
        .join(Serving, Serving.customer_id == Customer.id)
        .outerjoin(Manager, Manager.id == Customer.manager_id)
        .where(Serving.user_id == by.actor_id, Serving.ends_at > by.at)
    )
    return first_of(session, wanted.order_by(Serving.began_at.desc()), MOST_SHOWN)
