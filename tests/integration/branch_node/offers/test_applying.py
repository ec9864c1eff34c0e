"""A customer's page shows the offers that apply today and why, behind what to know before speaking."""

from datetime import timedelta

from shared.domain.customers.vocabulary import LifecycleStage, PreferredChannel, ValueTier
from tests.support.branch import NOON

TODAY = NOON.date()


def test_the_offers_of_a_customers_tier_and_stage_stand_on_the_page_with_the_reason(rows, browser, offer):
    customer = rows.customer(
        value_tier=ValueTier.HIGH,
        lifecycle_stage=LifecycleStage.GROWTH,
        preferred_channel=PreferredChannel.NONE,
    )
    soon = (TODAY + timedelta(days=3)).isoformat()
    offer("FIT", tiers=["high"], stages=["growth", "maturity"], until=soon)
    offer("ALL")
    offer("OTHER", tiers=["low"])
    offer("LATER", **{"from": soon})
    offer("OVER", **{"from": "2026-01-01", "until": (TODAY - timedelta(days=1)).isoformat()})

    page = browser.get(f"/customers/{customer}/care").text

    assert "Because the customer is: High value, Growth" in page
    assert f"until {soon}" in page
    assert page.index("Title FIT") < page.index("Title ALL") < page.index("For all customers")
    for code in ("OTHER", "LATER", "OVER"):
        assert f"Title {code}" not in page
    assert page.index("Do not contact") < page.index("Title FIT")


def test_an_offer_that_is_withdrawn_is_shown_no_more(rows, browser, offer):
    customer = rows.customer()
    item, outcome = offer("ALL")
    assert outcome == "applied"
    assert "Title ALL" in browser.get(f"/customers/{customer}/care").text
    assert "Title ALL" in browser.get(f"/head-office/{item}").text

    offer("ALL", item=item, version=2)

    page = browser.get(f"/customers/{customer}/care").text
    assert "Title ALL" not in page
    assert "offers nothing" in page


def test_an_offer_of_which_this_program_knows_a_limit_not_is_refused_whole(rows, browser, offer):
    customer = rows.customer()
    _item, outcome = offer("NEW", tiers=["platinum"])
    assert outcome == "refused"
    assert "Title NEW" not in browser.get(f"/customers/{customer}/care").text
