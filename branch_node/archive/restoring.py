"""Bringing an earlier version of a customer's file back: an ordinary change, judged like any other."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from marshmallow import ValidationError
from sqlalchemy.orm import Session

from branch_node.archive.versions import CONTACT, Version, plain_row
from branch_node.contacts.operations import EDITABLE as CONTACT_EDITABLE
from branch_node.contacts.operations import change_contact
from branch_node.contacts.schemas import ContactForm
from branch_node.customers.models import Contact, Customer
from branch_node.customers.operations import EDITABLE, change_customer, may_give_away
from branch_node.customers.published import check_published
from branch_node.customers.schemas import CustomerForm
from shared.audit.operations import record
from shared.stamp import Stamp


def restore(
    session: Session, customer: Customer, version: Version, *, seen_at: datetime, by: Stamp
) -> list[str]:
    """Give a customer the values of an earlier version and return the fields that changed.

    What nobody can know any more stays as it is, and so does who holds the customer for those who may not say it. A
    version that differs in nothing writes nothing.

    Raises ValidationError, CustomerChangedMeanwhileError and CustomerNumberTakenError.
    """
    read = _values(session, customer, version)
    values = {name: value for name, value in read.items() if getattr(customer, name) != value}
    check_published(session, values, customer, now=by.at)
    change_customer(session, customer.id, values, seen_at=seen_at, by=by)
    if not values:
        return []
    record(
        session,
        "customer.restored",
        subject=("customer", customer.id),
        by=by,
        details={"version": version.no, "fields": sorted(values)},
    )
    return sorted(values)


def restore_contact(
    session: Session, contact: Contact, version: Version, *, seen_at: datetime, by: Stamp
) -> list[str]:
    """Give a contact person the values of an earlier version and return the fields that changed.

    Raises ValidationError, ContactChangedMeanwhileError and ContactNumberTakenError.
    """
    now = plain_row(contact, CONTACT)
    differ = {
        name
        for name in CONTACT_EDITABLE
        if name not in version.hidden and version.state.get(name) != now[name]
    }
    spelled = {name: version.state.get(name) if name in differ else now[name] for name in CONTACT_EDITABLE}
    read = ContactForm().load(
        {name: value or ([] if name == "do_not_contact" else "") for name, value in spelled.items()}
    )
    change_contact(session, contact.id, {name: read[name] for name in differ}, seen_at=seen_at, by=by)
    return sorted(differ)


def _values(session: Session, customer: Customer, version: Version) -> dict[str, Any]:
    """Return the values that differ, read as the form reads them."""
    now = plain_row(customer)
    kept = set(version.hidden) | ({"manager_id"} if not may_give_away(session) else set())
    differ = {name for name in EDITABLE if name not in kept and version.state.get(name) != now[name]}
    if differ & {"id_no", "id_type"}:
        differ |= {"id_no", "id_type"} - kept
    if "kind" in differ:
        differ |= {"id_type"} - kept
    spelled = {name: _spelled(version.state.get(name) if name in differ else now[name]) for name in EDITABLE}
    try:
        read: Mapping[str, Any] = CustomerForm().load(spelled)
    except ValidationError as refused:
        # A value that is not brought back is nobody's mistake now.
        found = refused.messages if isinstance(refused.messages, dict) else {}
        left = {name: told for name, told in found.items() if name in differ or name not in EDITABLE}
        if left:
            raise ValidationError(left) from refused
        read = refused.valid_data if isinstance(refused.valid_data, dict) else {}
    return {name: value for name, value in read.items() if name in differ}


def _spelled(value: Any) -> str:  # noqa: ANN401 - any JSON value
    if isinstance(value, list):
        return ";".join(map(str, value))
    return "" if value is None else str(value)
