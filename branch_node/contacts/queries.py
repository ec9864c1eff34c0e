"""Whom to speak to at a customer."""

from collections.abc import Sequence
from datetime import date

from sqlalchemy import case, select
from sqlalchemy.orm import Session

from branch_node.customers.models import Contact
from shared.domain.contacts.rules import closed_channels
from shared.domain.contacts.vocabulary import Channel, ContactStanding, ContactStatus
from shared.errors import N_, BranchlineError, Kind


class ContactNotFoundError(BranchlineError):
    """There is no such contact person at this branch."""

    code = "contact-not-found"
    kind = Kind.NOT_FOUND
    message = N_("There is no such contact person here.")


def get_contact(session: Session, contact_id: str) -> Contact:
    """Return one contact person; raises ContactNotFoundError."""
    found = session.get(Contact, contact_id)
    if found is None:
        raise ContactNotFoundError
    return found


def list_contacts(session: Session, customer_id: str) -> Sequence[Contact]:
    """Return the contact people of a customer: who is in post first, key persons before others."""
    gone = case((Contact.status == ContactStatus.LEFT, 1), else_=0)
    ordinary = case((Contact.standing == ContactStanding.KEY, 0), else_=1)
    wanted = select(Contact).where(Contact.customer_id == customer_id)
    return session.scalars(wanted.order_by(gone, ordinary, Contact.name, Contact.id)).all()


def find_by_number(session: Session, contact_no: str) -> Contact | None:
    """Return the contact person with this number, if there is one."""
    return session.scalar(select(Contact).where(Contact.contact_no == contact_no))


def closed_to(contact: Contact, today: date) -> tuple[Channel, ...]:
    """Return the channels by which a person is not to be reached."""
    return closed_channels(contact.do_not_contact, preferred=contact.preferred_channel, today=today)
