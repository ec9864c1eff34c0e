"""One answer for whoever proposes a contact: why somebody is not to be reached, or nothing."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.contacts.rules import CHANNELS, closed_channels, why_not
from shared.domain.contacts.vocabulary import Channel, WhyNot
from shared.domain.customers.vocabulary import PreferredChannel

TODAY = date(2026, 3, 18)


@pytest.mark.parametrize(
    ("closed", "more", "why"),
    [
        ([], {}, None),
        (["sms"], {}, None),
        (["phone"], {}, WhyNot.CHANNEL),
        (["phone"], {"until": TODAY}, WhyNot.CHANNEL),
        (["phone"], {"until": date(2026, 3, 17)}, None),
        (["all"], {}, WhyNot.EVERY),
        ([], {"preferred": PreferredChannel.NONE}, WhyNot.NEVER),
        ([], {"preferred": PreferredChannel.NONE, "until": date(2026, 3, 17)}, WhyNot.NEVER),
    ],
)
def test_a_call_is_answered_with_why_not(closed, more, why):
    assert why_not(Channel.PHONE, closed, today=TODAY, **more) is why


@given(
    closed=st.sets(st.sampled_from([one.value for one in Channel])),
    preferred=st.none() | st.sampled_from(PreferredChannel),
    until=st.none() | st.dates(date(2026, 3, 1), date(2026, 4, 1)),
    channel=st.sampled_from(CHANNELS),
)
def test_the_answer_is_that_of_the_list_of_closed_channels(closed, preferred, until, channel):
    shut = closed_channels(closed, preferred=preferred, until=until, today=TODAY)
    assert (why_not(channel, closed, preferred=preferred, until=until, today=TODAY) is not None) == (
        channel in shut
    )
