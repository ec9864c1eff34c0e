"""Entering and changing contact people."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from branch_node.contacts.queries import ContactNotFoundError, find_by_number
from branch_node.customers.models import Contact
from branch_node.customers.operations import index_contact
from branch_node.customers.queries import get_customer
from branch_node.erased.queries import refuse_if_erased
from branch_node.identity.queries import refuse_if_merged
from shared.audit import operations as audit
from shared.db.taken import refusing_taken
from shared.errors import N_, BranchlineError, Kind
from shared.ids import new_id
from shared.stamp import Stamp

# With what the numbers begin that we make.
OWN_NUMBER: Final = "K-"
# What a person may set.
EDITABLE: Final = (
    "contact_no",
    "name",
    "title",
    "department",
    "role",
    "standing",
    "mobile",
    "phone",
    "email",
    "wechat",
    "preferred_channel",
    "do_not_contact",
    "birthday",
    "remark",
    "status",
)


class ContactNumberTakenError(BranchlineError):
    """Another contact person has this number."""

    code = "contact-number-taken"
    kind = Kind.CONFLICT
    message = N_("%(name)s already has the contact number %(contact_no)s. Give this person another one.")

    def __init__(self, *, contact_no: str, **who: object) -> None:
        """Name the field; `who` is the name of the other, of those who may see it."""
        super().__init__(contact_no=contact_no, field="contact_no", **who)


class ContactNumberTakenUnseenError(ContactNumberTakenError):
    """Another contact person has this number, whom who asked does not see."""

    message = N_(
        "Another contact person of this branch, whom you do not see, has the number %(contact_no)s. "
        "Give this person another one."
    )


class ContactChangedMeanwhileError(BranchlineError):
    """Somebody saved this contact person after the page was opened; nothing was written."""

    code = "contact-changed-meanwhile"
    kind = Kind.CONFLICT
    message = N_("%(who)s changed this person meanwhile, so nothing was saved. Compare, then save again.")


def add_contact(session: Session, customer_id: str, values: Mapping[str, Any], *, by: Stamp) -> Contact:
    """Enter a contact person of a customer; the search finds the customer by them at once.

    Without a `contact_no` they get one. Raises CustomerNotFoundError, CustomerErasedError, CustomerMergedError and
    ContactNumberTakenError.
    """
    customer = get_customer(session, customer_id)
    refuse_if_erased(session, customer.id)
    refuse_if_merged(session, customer.id)
    made = new_id()
    # The id is unique in the whole company, so numbers of pages and of imports can never meet.
    given = {**values, "contact_no": values.get("contact_no") or f"{OWN_NUMBER}{made}"}
    _check(session, given, besides=None)
    contact = Contact(id=made, customer_id=customer.id, created_at=by.at, created_by=by.actor)
    _put(session, contact, {name: given.get(name) for name in EDITABLE}, by=by)
    index_contact(session, contact)
    _record(session, "contact.added", contact, by=by)
    return contact


def change_contact(
    session: Session, contact_id: str, values: Mapping[str, Any], *, seen_at: datetime, by: Stamp
) -> Contact:
    """Set the EDITABLE `values` of a contact person; values that are the same already write nothing.

    `seen_at` is the `updated_at` the person saw. Raises ContactNotFoundError, CustomerErasedError,
    ContactChangedMeanwhileError and ContactNumberTakenError.
    """
    contact = session.scalar(select(Contact).where(Contact.id == contact_id).with_for_update())
    if contact is None:
        raise ContactNotFoundError
    refuse_if_erased(session, contact.customer_id)
    if contact.updated_at != seen_at:
        raise ContactChangedMeanwhileError(who=contact.updated_by)
    given = {**values, "contact_no": values.get("contact_no") or contact.contact_no}
    _check(session, given, besides=contact.id)
    changed = [name for name in EDITABLE if name in given and getattr(contact, name) != given[name]]
    if not changed:
        return contact
    _put(session, contact, {name: given[name] for name in changed}, by=by)
    index_contact(session, contact)
    _record(session, "contact.changed", contact, by=by)
    return contact


def _check(session: Session, values: Mapping[str, Any], *, besides: str | None) -> None:
    other = find_by_number(session, values["contact_no"])
    if other is not None and other.id != besides:
        raise ContactNumberTakenError(name=other.name, contact_no=other.contact_no)


def _put(session: Session, contact: Contact, values: Mapping[str, Any], *, by: Stamp) -> None:
    """Write a contact person; another of the number may be one that this person does not see: the database is asked."""
    number = values.get("contact_no", contact.contact_no)
    with refusing_taken(session, "contact_no", ContactNumberTakenUnseenError(contact_no=number)):
        for name, value in values.items():
            setattr(contact, name, value)
        contact.touch(by)
        session.add(contact)
        session.flush()


def _record(session: Session, event: str, contact: Contact, *, by: Stamp) -> None:
    details = {"contact_no": contact.contact_no, "customer": contact.customer_id}
    audit.record(session, event, subject=("contact", contact.id), by=by, details=details)
