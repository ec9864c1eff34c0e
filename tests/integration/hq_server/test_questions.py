"""Head office publishes questions under four indicators from a form; each thing wrong names field and cure."""

import pytest
from sqlalchemy import select

from hq_server.feed.models import FeedItem, FeedVersion

FORM = {
    "kind": "question",
    "name": "NPS",
    "indicator": "satisfaction",
    "scale": "score",
    "zh": "您对服务满意吗？",
    "en": "Are you content with our service?",
    "low_zh": "很不满意",
    "low_en": "Not at all",
    "high_zh": "很满意",
    "high_en": "Very much",
    "from": "2026-11-01",
    "until": "2026-12-31",
    "kinds": ["group"],
    "to": "all",
    "do": "publish",
}
CHOICES = "price | 价格 | Price\nspeed | 速度 | Speed"
CHOICE = {**FORM, "name": "NEED", "indicator": "demand", "scale": "choice", "choices": CHOICES}


def versions(database):
    with database.reads() as session:
        return session.scalars(select(FeedVersion).order_by(FeedVersion.item_id, FeedVersion.version)).all()


def seen_at(page):
    return page.text.split('name="seen_at" value="')[1].split('"')[0]


def test_a_question_is_published_with_what_its_scores_mean_and_told_in_words(client, database):
    assert "kind=question" in client.get("/published/new").text
    form = client.get("/published/new?kind=question").text
    for option in ("Customer satisfaction", "Attention", "Market demand", "Group requirements"):
        assert option in form

    answer = client.send("/published", **FORM)

    assert answer.status_code == 303
    with database.reads() as session:
        item = session.scalars(select(FeedItem)).one()
    assert (item.name, item.title) == ("NPS", "您对服务满意吗？")
    (version,) = versions(database)
    assert version.body == {
        "indicator": "satisfaction",
        "scale": "score",
        "zh": "您对服务满意吗？",
        "en": "Are you content with our service?",
        "low": {"zh": "很不满意", "en": "Not at all"},
        "high": {"zh": "很满意", "en": "Very much"},
        "from": "2026-11-01",
        "until": "2026-12-31",
        "kinds": ["group"],
    }
    page = client.get(answer.location).text
    for said in ("NPS 您对服务满意吗？", "Customer satisfaction", "很满意 / Very much", "Group"):
        assert said in page
    assert "Are you content with our service?" in client.get("/published?kind=question").text


def test_named_choices_are_published_and_shown_in_the_form_as_they_were_written(client, database):
    answer = client.send("/published", **CHOICE)

    (version,) = versions(database)
    assert version.body["choices"] == [
        {"code": "price", "zh": "价格", "en": "Price"},
        {"code": "speed", "zh": "速度", "en": "Speed"},
    ]
    assert "low" not in version.body
    assert CHOICES in client.get(f"{answer.location}/edit").text


def test_a_question_that_is_out_keeps_indicator_and_scale_whatever_is_sent(client, database):
    answer = client.send("/published", **CHOICE)
    form = client.get(f"{answer.location}/edit")
    assert 'name="scale"' not in form.text

    changed = {**CHOICE, "zh": "您最看重什么？", "indicator": "attention", "scale": "score"}
    client.send(answer.location, **changed, seen_at=seen_at(form))

    first, second = versions(database)
    assert (second.version, second.body["zh"]) == (2, "您最看重什么？")
    assert [second.body[name] for name in ("indicator", "scale", "choices")] == [
        first.body[name] for name in ("indicator", "scale", "choices")
    ]
    assert "您最看重什么？" in client.get(answer.location).text


def test_a_draft_that_nobody_has_seen_may_still_change_its_scale(client, database):
    answer = client.send("/published", **{**CHOICE, "do": "draft"})
    form = client.get(f"{answer.location}/edit")

    client.send(answer.location, **{**FORM, "do": "draft"}, seen_at=seen_at(form))

    (version,) = versions(database)
    assert version.body["scale"] == "score"


@pytest.mark.parametrize(
    ("change", "cure"),
    [
        ({"name": " "}, "A question needs a code"),
        ({"indicator": "mood"}, "which of the four indicators"),
        ({"scale": ""}, "how the question is answered"),
        ({"zh": ""}, "needs its text in Chinese and in English"),
        ({"en": "x" * 121}, "This is too long."),
        ({"low_en": ""}, "what the scores 1 and 5 mean"),
        ({"from": ""}, "are no days, or end before they begin"),
        ({"until": "2026-10-01"}, "are no days, or end before they begin"),
        ({"kinds": ["golden"]}, "Choose among the kinds of customers"),
        ({"scale": "choice", "choices": "one | 一 | One"}, "Name 2 to 20 choices"),
        ({"scale": "choice", "choices": "a | 一 | A\na | 二 | B"}, "each code once"),
        ({"scale": "choice", "choices": "a | 一 | A\nb"}, "Name 2 to 20 choices"),
    ],
)
def test_a_question_that_cannot_be_is_refused_with_its_cure_and_kept_in_the_form(
    client, database, change, cure
):
    answer = client.send("/published", **{**FORM, **change})

    assert answer.status_code == 400
    assert cure in answer.text
    assert ("您对服务满意吗？" in answer.text) is ("zh" not in change)
    with database.reads() as session:
        assert session.scalars(select(FeedItem)).all() == []
