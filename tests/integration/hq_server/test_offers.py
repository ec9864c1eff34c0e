"""Head office publishes offers from a form; each thing wrong names field and cure, and nothing is written."""

import pytest
from sqlalchemy import select

from hq_server.feed.models import FeedItem, FeedVersion

FORM = {
    "kind": "offer",
    "name": "SPRING-26",
    "title": "春季升级",
    "text": "宽带免费升级至千兆",
    "from": "2026-11-01",
    "until": "2026-12-31",
    "tiers": ["strategic", "high"],
    "stages": ["growth"],
    "to": "all",
    "do": "publish",
}


def test_an_offer_is_published_with_its_limits_and_told_in_words(client, database):
    assert "kind=offer" in client.get("/published/new").text
    assert 'name="tiers" value="strategic"' in client.get("/published/new?kind=offer").text

    answer = client.send("/published", **FORM)

    assert answer.status_code == 303
    with database.reads() as session:
        item = session.scalars(select(FeedItem)).one()
        version = session.scalars(select(FeedVersion)).one()
    assert (item.name, item.title) == ("SPRING-26", "春季升级")
    assert version.body == {
        "title": "春季升级",
        "text": "宽带免费升级至千兆",
        "from": "2026-11-01",
        "until": "2026-12-31",
        "tiers": ["strategic", "high"],
        "stages": ["growth"],
        "kinds": [],
    }
    page = client.get(answer.location).text
    for said in ("SPRING-26 春季升级", "Strategic, High value", "Growth"):
        assert said in page
    form = client.get(f"{answer.location}/edit").text
    assert 'name="tiers" value="high" checked' in form
    assert 'name="tiers" value="low" checked' not in form
    assert "SPRING-26" in client.get("/published?kind=offer").text


@pytest.mark.parametrize(
    ("change", "cure"),
    [
        ({"name": " "}, "An offer needs a code"),
        ({"title": ""}, "An offer needs a title"),
        ({"text": ""}, "what is offered"),
        ({"from": ""}, "are no days, or end before they begin"),
        ({"until": "2026-10-01"}, "are no days, or end before they begin"),
        ({"tiers": ["golden"]}, "Choose among the tiers"),
    ],
)
def test_an_offer_that_cannot_be_is_refused_with_its_cure_and_kept_in_the_form(
    client, database, change, cure
):
    answer = client.send("/published", **{**FORM, **change})
    assert answer.status_code == 400
    assert cure in answer.text
    assert 'name="stages" value="growth" checked' in answer.text
    with database.reads() as session:
        assert session.scalars(select(FeedItem)).all() == []
