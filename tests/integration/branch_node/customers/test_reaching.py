"""What proposes a contact asks one place, which knows the customer's and the contact person's wishes alike."""

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from branch_node.customers.models import Contact, Customer
from branch_node.customers.reaching import is_closed, may_contact
from shared.domain.contacts.rules import CHANNELS
from shared.domain.contacts.vocabulary import Channel, ContactStatus, WhyNot
from shared.domain.customers.vocabulary import PreferredChannel

TODAY = date(2026, 3, 18)
WISHES: tuple[dict[str, Any], ...] = (
    {},
    {"do_not_contact": ["phone"]},
    {"do_not_contact": ["all"], "do_not_contact_until": TODAY},
    {"do_not_contact": ["all"], "do_not_contact_until": TODAY - timedelta(days=1)},
    {"do_not_contact": ["sms", "wechat", "email"]},
    {"preferred_channel": PreferredChannel.NONE},
    {"preferred_channel": PreferredChannel.PHONE},
)


@pytest.mark.parametrize(
    ("customer", "person", "why"),
    [
        ({}, {}, None),
        ({}, {"do_not_contact": ["phone"]}, WhyNot.CHANNEL),
        ({"do_not_contact": ["phone"]}, {}, WhyNot.CHANNEL),
        ({}, {"preferred_channel": PreferredChannel.NONE}, WhyNot.NEVER),
        ({}, {"status": ContactStatus.LEFT}, WhyNot.LEFT),
        ({"do_not_contact": ["sms"]}, {"do_not_contact": ["sms"]}, None),
    ],
)
def test_what_either_of_the_two_has_closed_is_closed(customer, person, why):
    held = Customer(**{"do_not_contact": [], **customer})
    asked = Contact(**{"do_not_contact": [], "status": ContactStatus.ACTIVE, **person})
    assert may_contact(held, Channel.PHONE, TODAY, person=asked) is why


def test_lists_leave_out_exactly_whom_the_one_place_names(rows, sessions):
    for wish in WISHES:
        rows.customer(**wish)
    with sessions() as session:
        everybody = session.scalars(select(Customer)).all()
        for channel in CHANNELS:
            left = set(session.scalars(select(Customer.id).where(is_closed((channel,), TODAY))))
            assert left == {one.id for one in everybody if may_contact(one, channel, TODAY)}
        none = set(session.scalars(select(Customer.id).where(is_closed(CHANNELS, TODAY))))
        assert none == {one.id for one in everybody if may_contact(one, Channel.ALL, TODAY)}
        assert len(none) == 2
