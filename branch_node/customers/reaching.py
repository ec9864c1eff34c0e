"""Who may be reached by which channel: asked by whatever proposes or makes a contact."""

from collections.abc import Collection
from datetime import date

from sqlalchemy import ColumnElement, String, and_, cast, func, or_

from branch_node.customers.models import Contact, Customer
from shared.domain.contacts.rules import closed_channels, why_not
from shared.domain.contacts.vocabulary import Channel, ContactStatus, WhyNot
from shared.domain.customers.vocabulary import PreferredChannel


def may_contact(
    customer: Customer, channel: Channel, day: date, *, person: Contact | None = None
) -> WhyNot | None:
    """Return why a customer is not to be reached by a channel on a day, or None where nothing speaks against it.

    With `person`, a contact person of the customer, what either of the two has closed is closed. Whatever sends
    leaves out whom this names and says why; whatever a person does by hand shows it first.
    """
    if person is not None and person.status is ContactStatus.LEFT:
        return WhyNot.LEFT
    if person is not None:
        found = why_not(channel, person.do_not_contact, preferred=person.preferred_channel)
        if found is not None:
            return found
    return why_not(
        channel,
        customer.do_not_contact,
        preferred=customer.preferred_channel,
        until=customer.do_not_contact_until,
        today=day,
    )


def closed_to(customer: Customer, day: date) -> tuple[Channel, ...]:
    """Return the channels by which a customer is not to be reached on a day."""
    return closed_channels(
        customer.do_not_contact,
        preferred=customer.preferred_channel,
        until=customer.do_not_contact_until,
        today=day,
    )


def is_closed(channels: Collection[Channel], day: date) -> ColumnElement[bool]:
    """Return the condition that a customer is to be reached by none of these channels on a day."""
    text = cast(Customer.do_not_contact, String)
    until = Customer.do_not_contact_until
    every = text.like(f'%"{Channel.ALL.value}"%')
    each = and_(*(text.like(f'%"{one.value}"%') for one in channels))
    never = func.coalesce(Customer.preferred_channel == PreferredChannel.NONE, False)
    return or_(never, and_(or_(every, each), or_(until.is_(None), until >= day)))
