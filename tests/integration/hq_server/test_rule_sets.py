"""Rules of qualification are published from a form of rows; each thing wrong names row, field and cure."""

import re

import pytest
from sqlalchemy import select

from hq_server.feed.models import FeedItem, FeedVersion
from shared.domain.qualification.checks import NAME
from shared.domain.qualification.rules import read_rules, write_rules
from shared.domain.qualification.standard import STANDARD

NEW = f"/published/new?kind=rules&name={NAME}"


def found(pattern, text):
    """The first group of the first match."""
    return re.findall(pattern, text)[0]


def filled(page):
    """What a browser would send of the form as it stands."""
    values = dict(re.findall(r'<input class="form-control[^"]*" name="(rule-[^"]+)" value="([^"]*)"', page))
    for name, options in re.findall(
        r'<select class="form-select[^"]*" name="(rule-[^"]+)".*?>(.*?)</select>', page
    ):
        chosen = re.findall(r'value="([^"]*)" selected', options) or re.findall(r'value="([^"]*)"', options)
        values[name] = chosen[0]
    for grade in "ABC":
        values[f"grade-{grade}"] = found(rf'name="grade-{grade}"[^>]*value="(\d+)"', page)
    return {**values, "review": "first-quarter", "to": "all", "do": "publish"}


@pytest.fixture
def form(client):
    return filled(client.get(NEW).text)


def newest(database):
    with database.reads() as session:
        of_rules = select(FeedVersion).join(FeedItem, FeedItem.id == FeedVersion.item_id)
        wanted = of_rules.where(FeedItem.kind == "rules").order_by(FeedVersion.version.desc())
        return session.scalars(wanted).first()


def test_the_form_begins_with_the_rules_built_in_and_publishing_it_changes_nothing(client, database, form):
    assert "kind=rules" in client.get("/published/new").text
    answer = client.send("/published", kind="rules", name=NAME, **form)
    assert answer.status_code == 303
    assert newest(database).body == write_rules(STANDARD)
    page = client.get(answer.location).text
    assert "Time with us at least 12 months" in page
    assert "Qualification of customers" in client.get("/published?kind=rules&q=qualification").text


def test_each_row_is_folded_to_its_words_and_one_that_is_refused_stands_open(client, form):
    page = client.get(NEW).text
    folds = re.findall(r'<td class="rule-fold"><details>(.*?)</details></td>', page)
    assert len(folds) == len(re.findall(r'name="rule-\d+-code"', page))
    assert "With us for a year" in folds[3]
    assert all("New rule" in fold for fold in folds[len(STANDARD.rules) :])

    refused = client.send("/published", kind="rules", name=NAME, **{**form, "rule-4-value": "soon"}).text
    [opened] = re.findall(r'<td class="rule-fold"><details open>(.*?)</details></td>', refused)
    assert "With us for a year" in opened


def test_a_row_is_added_changed_moved_and_taken_away_and_the_difference_is_told(client, database, form):
    answer = client.send("/published", kind="rules", name=NAME, **form)
    with database.reads() as session:
        item = session.scalars(select(FeedItem)).one().id
    page = client.get(f"/published/{item}/edit").text
    changed = filled(page)
    last = len(STANDARD.rules) + 1
    changed |= {
        f"rule-{last}-at": "0",
        f"rule-{last}-code": "paper",
        f"rule-{last}-zh": "证件齐全",
        f"rule-{last}-applies_to": "individual",
        f"rule-{last}-fact": "document_kind",
        f"rule-{last}-test": "one_of",
        f"rule-{last}-value": "Passport，identity card",
        f"rule-{last}-effect": "points",
        f"rule-{last}-points": "5",
        "rule-4-value": "24",
        "grade-A": "85",
        "review": "months",
        "months": "6",
    }
    for column in ("code", "zh", "en", "value"):
        changed[f"rule-3-{column}"] = ""
    seen = found(r'name="seen_at" value="([^"]+)"', page)
    answer = client.send(f"/published/{item}", seen_at=seen, **changed)
    assert answer.status_code == 303
    rules = read_rules(newest(database).body)
    assert (rules.rules[0].code, rules.rules[0].value) == ("paper", ("passport", "id_card"))
    assert "not-closed" not in {rule.code for rule in rules.rules}
    assert (rules.grades[0], rules.review) == (("A", 85), 6)
    told = client.get(answer.location).text
    assert "A from 85" in told
    assert "after 6 months" in told
    assert "Time with us at least 24 months" in told


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"rule-4-value": "soon"}, "Row 4, Value: Give a whole number"),
        (
            {"rule-4-fact": "document:licence", "rule-4-test": "not_older", "rule-4-value": "0"},
            "Row 4, Value: Give how",
        ),
        ({"rule-4-fact": "document:licence"}, "Row 4, Test: This fact cannot be tested so"),
        ({"rule-4-code": "licence"}, "Row 4, Code: Another row has this code"),
        ({"rule-4-test": "one_of"}, "Row 4, Test: This fact cannot be tested so"),
        ({"rule-4-points": "0"}, "Row 4, What follows: Choose what follows"),
        ({"grade-B": "90"}, "falling from A to C"),
        ({"review": "months", "months": "0"}, "1 to 60 months"),
    ],
)
def test_what_cannot_be_judged_by_names_row_field_and_cure_and_keeps_what_was_typed(
    client, database, form, change, said
):
    answer = client.send("/published", kind="rules", name=NAME, **{**form, **change})
    assert answer.status_code == 400
    assert said in answer.text
    assert form["rule-5-code"] in answer.text
    for value in change.values():
        assert f'value="{value}"' in answer.text
    assert newest(database) is None


def test_a_row_asks_for_a_paper_of_a_kind_that_head_office_has_published(client, database, form):
    codes = "licence | 营业执照 | Business licence\ntax-paper | 完税证明 | Tax certificate"
    client.send("/published", kind="code_table", name="document-kind", codes=codes, to="all", do="publish")
    page = client.get(NEW).text
    assert '<option value="document:tax-paper">Paper: Tax certificate</option>' in page
    assert "document:contract" not in page
    last = len(STANDARD.rules) + 1
    row = {"code": "tax", "zh": "完税证明够新", "applies_to": "group", "fact": "document:tax-paper"}
    row |= {"test": "not_older", "value": "12", "effect": "require"}
    filled_in = form | {f"rule-{last}-{column}": value for column, value in row.items()}

    answer = client.send("/published", kind="rules", name=NAME, **filled_in)

    assert answer.status_code == 303
    rule = read_rules(newest(database).body).rules[-1]
    assert (rule.fact, rule.test, rule.value) == ("document:tax-paper", "not_older", 12)
    told = client.get(answer.location).text
    assert "Tax certificate is in force, not older than 12 months" in told


@pytest.mark.parametrize(
    ("line", "cure"),
    [
        (
            "tax | 完税证明 | Tax | soon",
            "Line 1: what a kind asks for is one or several of: valid until, without",
        ),
        ("tax | 完税证明 | Tax | valid until, without an end", "or have no end; not both"),
        ("identity-visa | 签证 | Visa | number", "it stands in the profile"),
        ("tax | a | b | number | c", "Line 1: write the code"),
    ],
)
def test_what_a_kind_of_documents_cannot_ask_for_is_refused_with_line_and_cure(client, database, line, cure):
    answer = client.send(
        "/published", kind="code_table", name="document-kind", codes=line, to="all", do="draft"
    )
    assert answer.status_code == 400
    assert cure in answer.text
    with database.reads() as session:
        assert session.scalars(select(FeedItem)).all() == []


def test_what_a_kind_asks_for_is_published_told_and_comes_back_into_the_form(client, database):
    line = "tax-paper | 完税证明 | Tax certificate | 编号，valid until"
    answer = client.send(
        "/published", kind="code_table", name="document-kind", codes=line, to="all", do="publish"
    )
    with database.reads() as session:
        assert session.scalars(select(FeedVersion)).one().body["codes"][0]["asks"] == [
            "valid_until",
            "number",
        ]
    assert "asks for: valid until, number" in client.get(answer.location).text
    form = client.get(f"{answer.location}/edit").text
    assert "tax-paper | 完税证明 | Tax certificate | valid until, number" in form
    counted = client.get("/published/new?kind=policy&name=archive-complete-group").text
    assert "Tax certificate in force" in counted
    made = client.send(
        "/published", kind="policy", name="archive-complete-group", value=["address", "document:tax-paper"],
        to="all", do="publish",
    )  # fmt: skip
    assert "Address, Tax certificate in force" in client.get(made.location).text


def test_other_tables_have_no_fourth_part(client):
    line = "gold | 金 | Gold | number"
    answer = client.send(
        "/published", kind="code_table", name="customer-tag", codes=line, to="all", do="draft"
    )
    assert (answer.status_code, "Line 1: write the code" in answer.text) == (400, True)


def test_a_set_of_rules_goes_back_to_those_built_in_when_it_is_withdrawn(client, database, form):
    location = client.send("/published", kind="rules", name=NAME, **form).location
    assert client.send(f"{location}/withdrawal").status_code == 303
    assert newest(database).withdrawn
