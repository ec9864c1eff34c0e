"""To whom an offer applies is what its limits say, no more and no less; what is no offer is refused."""

from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.customers.vocabulary import CustomerKind, LifecycleStage, ValueTier
from shared.domain.offers.rules import LIMITS, Offer, problem_of, read_offer

GOOD: dict[str, Any] = {"title": "a", "text": "b", "from": "2026-11-01", "until": "2026-12-31"}
customers = st.builds(
    SimpleNamespace,
    value_tier=st.none() | st.sampled_from(ValueTier),
    lifecycle_stage=st.none() | st.sampled_from(LifecycleStage),
    kind=st.sampled_from(CustomerKind),
)
days = st.dates(date(2026, 10, 25), date(2027, 1, 5))
bodies = st.fixed_dictionaries(
    {name: st.just(value) for name, value in GOOD.items()}
    | {
        limit: st.lists(st.sampled_from([one.value for one in words]), unique=True)
        for limit, (_column, words) in LIMITS.items()
    }
)


@given(bodies, customers, days)
def test_an_offer_applies_to_whom_every_limit_names_and_says_by_what(
    body: dict[str, Any], customer: Any, day: date
) -> None:
    assert problem_of("x", body) is None
    why = read_offer("x", body).why(customer, day)
    in_time = date(2026, 11, 1) <= day <= date(2026, 12, 31)
    tier = not body["tiers"] or customer.value_tier in body["tiers"]
    stage = not body["stages"] or customer.lifecycle_stage in body["stages"]
    kind = not body["kinds"] or customer.kind in body["kinds"]
    assert (why is not None) == (in_time and tier and stage and kind)
    if why is not None:
        named = [one for one in (customer.value_tier, customer.lifecycle_stage, customer.kind) if one in why]
        assert len(why) == len(named) == sum(bool(body[limit]) for limit in LIMITS)


def test_an_offer_without_an_end_goes_on() -> None:
    offer = Offer("x", "a", "b", date(2026, 11, 1))
    customer: Any = SimpleNamespace(value_tier=None, lifecycle_stage=None, kind=CustomerKind.GROUP)
    assert offer.why(customer, date(2099, 1, 1)) == ()
    assert offer.why(customer, date(2026, 10, 31)) is None


@pytest.mark.parametrize(
    "change",
    [
        {"title": None}, {"title": "x" * 121}, {"text": " "}, {"text": "\x00"}, {"from": None}, {"from": 3},
        {"from": "soon"}, {"until": "2026-10-31"}, {"until": 3}, {"tiers": "high"}, {"tiers": ["x"]},
        {"stages": [["growth"]]}, {"kinds": ["group", "group"]},
    ],
)  # fmt: skip
def test_what_is_no_offer_is_refused(change: dict[str, Any]) -> None:
    assert problem_of("x", {**GOOD, **change}) is not None
    assert problem_of("", GOOD) is not None
