"""Judging by rules that are data: the same facts give the same answer, and the answer says why."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.calendar import add_months
from shared.domain.documents.papers import Paper
from shared.domain.qualification import checks, facts
from shared.domain.qualification.checks import NAME, Problem, problem_of, problems_of
from shared.domain.qualification.facts import FACTS, MEASURED, Datum, FactType, fact_of
from shared.domain.qualification.replaying import replay
from shared.domain.qualification.rules import (
    TESTS,
    TESTS_OF,
    Rule,
    RuleSet,
    decided_kind,
    judge,
    read_line,
    read_rules,
    same_decision,
    write_rules,
)
from shared.domain.qualification.standard import STANDARD
from shared.domain.qualification.vocabulary import JudgedAs
from shared.domain.qualification.words import effect_word, line_word, review_reason

TODAY = date(2026, 11, 22)
GOOD: dict[str, Datum] = {
    facts.KIND: "individual",
    facts.DOCUMENT: "id_card",
    facts.NUMBER_GIVEN: True,
    facts.NUMBER_VALID: True,
    facts.MONTHS: 40,
    facts.STATUS: "active",
    facts.BILLED: 600_000,
    facts.PAID_SHARE: 100,
    facts.ARREARS: 0,
    facts.PRODUCTS: ("宽带",),
    facts.CONTACTS: 6,
}


def test_the_standard_rules_are_rules_and_travel_unchanged() -> None:
    body = write_rules(STANDARD)
    assert problem_of(NAME, body) is None
    assert read_rules(body) == STANDARD


def test_a_good_customer_passes_with_the_best_grade_and_every_line_says_what_it_found() -> None:
    judged = judge(STANDARD, GOOD, TODAY)
    assert (judged.outcome, judged.kind, judged.grade, judged.score) == ("passed", "individual", "A", 100)
    assert judged.next_review_on == date(2027, 3, 31)
    billed = next(line for line in judged.lines if line.rule == "billed")
    assert (billed.datum, billed.held, billed.points) == (600_000, True, 20)


def test_amounts_of_rules_are_whole_and_those_of_facts_minor_units() -> None:
    exactly = judge(STANDARD, {**GOOD, facts.BILLED: 100_000}, TODAY)
    short = judge(STANDARD, {**GOOD, facts.BILLED: 99_999}, TODAY)
    assert exactly.score - short.score == 20


def test_one_demand_not_met_fails_and_names_itself_and_its_datum() -> None:
    judged = judge(STANDARD, {**GOOD, facts.NUMBER_VALID: False}, TODAY)
    assert (judged.outcome, judged.grade) == ("failed", None)
    assert [(line.rule, line.datum) for line in judged.lines if line.fails] == [("number-valid", False)]


def test_the_first_rule_that_holds_decides_the_kind_and_the_rules_of_that_kind_follow() -> None:
    judged = judge(STANDARD, {**GOOD, facts.DOCUMENT: "business_licence"}, TODAY)
    decided = decided_kind(judged.lines)
    assert judged.kind == "group"
    assert decided is not None
    assert (decided.rule, decided.datum) == ("licence", "business_licence")
    asked = {line.rule for line in judged.lines}
    assert "group-billed" in asked
    assert "billed" not in asked


def test_what_is_not_known_meets_no_test_but_is_not() -> None:
    unknown: dict[str, Datum] = {**dict.fromkeys(FACTS), facts.KIND: "individual"}
    held = {line.rule for line in judge(STANDARD, unknown, TODAY).lines if line.held}
    assert held == {"not-closed"}


def test_a_line_is_read_as_it_was_written() -> None:
    many = tuple(f"产品{number}" for number in range(90))
    rules = replace(STANDARD, rules=(Rule("p", "all", facts.PRODUCTS, "one_of", ("产品7", "x"), "points:5"),))
    [line] = judge(rules, {**GOOD, facts.PRODUCTS: many}, TODAY).lines
    assert line.held
    assert read_line(line.text()) == line
    assert len(line.text()) < 300


def test_only_a_datum_that_turned_a_rule_counts_as_a_change() -> None:
    before = judge(STANDARD, GOOD, TODAY).lines
    assert same_decision(before, judge(STANDARD, {**GOOD, facts.CONTACTS: 4}, TODAY).lines) is None
    assert same_decision(before, judge(STANDARD, {**GOOD, facts.CONTACTS: 3}, TODAY).lines) == facts.CONTACTS


@pytest.mark.parametrize(
    ("day", "months", "then"),
    [
        (date(2026, 1, 31), 1, date(2026, 2, 28)),
        (date(2026, 12, 31), 2, date(2027, 2, 28)),
        (date(2026, 11, 22), 13, date(2027, 12, 22)),
    ],
)
def test_a_review_in_months_falls_on_the_same_day_or_the_last_of_a_shorter_month(
    day: date, months: int, then: date
) -> None:
    assert add_months(day, months) == then
    assert replace(STANDARD, review=months).review_on(day) == then


def broken(**changes: Any) -> list[Problem]:
    body = write_rules(STANDARD)
    body["rules"][1] = {**body["rules"][1], **changes}
    return problems_of(body)


@pytest.mark.parametrize(
    ("changes", "field", "cure"),
    [
        ({"code": "Big One"}, "code", checks.NO_CODE),
        ({"code": "licence"}, "code", checks.CODE_TWICE),
        ({"zh": "", "en": " "}, "words", checks.NO_WORDS),
        ({"applies_to": "nobody"}, "applies_to", checks.NO_AUDIENCE),
        ({"fact": "shoe_size"}, "fact", checks.NO_FACT),
        ({"test": "at_least"}, "test", checks.NO_TEST),
        ({"value": "perhaps"}, "value", checks.NOT_AN_OPTION),
        ({"value": None}, "value", checks.NO_VALUE),
        ({"fact": "contacts", "test": "at_least", "value": "12"}, "value", checks.NO_NUMBER),
        ({"fact": "contacts", "test": "present", "value": 1}, "value", checks.NEEDS_NONE),
        ({"effect": "points:0"}, "effect", checks.NO_EFFECT),
        ({"effect": "points:101"}, "effect", checks.NO_EFFECT),
        ({"effect": "kind:hero"}, "effect", checks.NO_EFFECT),
    ],
)
def test_each_thing_wrong_with_a_row_is_named_with_its_field_and_cure(
    changes: dict[str, Any], field: str, cure: str
) -> None:
    assert broken(**changes) == [Problem(1, field, cure)]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"grades": {"A": 60, "B": 60, "C": 40}}, "grades"),
        ({"grades": {"A": 80, "B": 60}}, "grades"),
        ({"review": 0}, "review"),
        ({"review": True}, "review"),
        ({"rules": []}, "rules"),
        ({"rules": [1]}, "rules"),
    ],
)
def test_what_stands_outside_the_rows_is_checked_as_well(changes: dict[str, Any], field: str) -> None:
    [problem] = problems_of({**write_rules(STANDARD), **changes})
    assert (problem.row, problem.field) == (None, field)


def values_of(fact: str) -> st.SearchStrategy[Datum]:
    kind = FACTS[fact].type
    if kind is FactType.FLAG:
        return st.one_of(st.none(), st.booleans())
    if kind is FactType.CODE:
        return st.one_of(st.none(), st.sampled_from(sorted(FACTS[fact].options)))
    if kind is FactType.SET:
        return st.lists(st.text(max_size=8), max_size=4).map(tuple)
    return st.one_of(st.none(), st.integers(-(10**12), 10**12))


days = st.one_of(st.just(TODAY), st.dates(date(2024, 1, 1), date(2029, 1, 1)))
papers = st.lists(
    st.builds(Paper, st.sampled_from(["p1", "p2", "p3"]), days, st.one_of(st.none(), days)), max_size=3
).map(tuple)
PAPERS = ("document:licence", "document:税务登记证")
some_facts = st.fixed_dictionaries(
    {code: values_of(code) for code in FACTS if code != facts.KIND}
    | {facts.KIND: st.sampled_from(["individual", "group"])}
    | dict.fromkeys(PAPERS, papers)
)


GRADED = {"grades": {"A": 80, "B": 60, "C": 40}, "review": "first-quarter"}


@st.composite
def rows(draw: st.DrawFn) -> dict[str, Any]:
    fact = fact_of(draw(st.one_of(st.sampled_from(sorted(FACTS)), st.sampled_from(PAPERS))))
    assert fact is not None
    test = draw(st.sampled_from([*TESTS_OF[fact.type], *TESTS]))
    options = st.sampled_from(sorted(fact.options) or ["x", "y"])
    value: Any = draw(st.integers(-50, 5_000) if fact.type in MEASURED else options)
    if test == "one_of":
        value = [value]
    if test == "not_older":
        value = draw(st.integers(0, 130))
    effects = ["require", "kind:group", "kind:individual", "points:10", "points:-5", "points:100"]
    return {
        "code": draw(st.sampled_from("abcdefghij")),
        "en": "words",
        "applies_to": draw(st.sampled_from(["all", "group", "individual"])),
        "fact": fact.code,
        "test": test,
        "value": None if test in {"present", "in_force"} else value,
        "effect": draw(st.sampled_from(effects)),
    }


bodies = st.fixed_dictionaries(
    {
        "rules": st.lists(rows(), min_size=1, max_size=6),
        "grades": st.just({"A": 80, "B": 60, "C": 40}),
        "review": st.one_of(st.just("first-quarter"), st.integers(-1, 61)),
    }
)


@given(bodies, some_facts)
def test_rules_that_are_found_good_judge_everybody(body: dict[str, Any], about: dict[str, Datum]) -> None:
    if problem_of(NAME, body) is None:
        rules = read_rules(body, 3)
        judged = judge(rules, about, TODAY)
        assert judged == judge(rules, about, TODAY)
        assert [read_line(line.text()) for line in judged.lines] == list(judged.lines)
        assert (judged.grade is None) == (judged.outcome is JudgedAs.FAILED)
        assert 0 <= judged.score <= 100


def fixed(code: str, **more: Any) -> dict[str, Any]:
    made = {
        "code": code,
        "en": code,
        "applies_to": "all",
        "fact": PAPERS[0],
        "test": "in_force",
        "effect": "require",
    }
    return {**made, "value": None, **more}


def ruled(*made: dict[str, Any]) -> RuleSet:
    body = {"rules": list(made), "grades": {"A": 80, "B": 60, "C": 40}, "review": 60}
    assert problem_of(NAME, body) is None
    return read_rules(body, 3)


@given(st.lists(rows(), min_size=1, max_size=8, unique_by=lambda one: one["code"]), some_facts, days)
def test_what_a_judgement_recorded_gives_the_same_judgement_again(
    made: list[dict[str, Any]], about: dict[str, Datum], day: date
) -> None:
    good = [one for one in made if not problems_of(GRADED | {"rules": [one]})]
    if not good:
        return
    rules = read_rules(GRADED | {"rules": good}, 3)
    judged = judge(rules, about, day)
    recorded = [read_line(line.text()) for line in judged.lines]
    again = replay(rules, recorded, judged.kind.value, day)
    assert again == judged


@given(papers, days, st.integers(1, 120))
def test_a_judgement_by_papers_lasts_to_the_day_on_which_it_would_fail_and_no_longer(
    held: tuple[Paper, ...], day: date, months: int
) -> None:
    rules = ruled(fixed("age", test="not_older", value=months), fixed("now"))
    judged = judge(rules, {facts.KIND: "group", PAPERS[0]: held}, day)
    if judged.outcome is JudgedAs.FAILED:
        assert judged.next_review_on == add_months(day, 60)
        return
    last = judged.next_review_on
    outcomes = [
        judge(rules, {facts.KIND: "group", PAPERS[0]: held}, at).outcome
        for at in (last, last + timedelta(days=1))
    ]
    assert outcomes == ["passed", "failed"] or (outcomes[0] == "passed" and last == add_months(day, 60))


def test_of_many_products_a_line_keeps_the_one_that_is_asked_for() -> None:
    products = (*(f"product {number} " + "x" * 40 for number in range(5)), "宽带")
    rules = ruled(fixed("one", fact=facts.PRODUCTS, test="is", value="宽带"))
    judged = judge(rules, {facts.KIND: "group", facts.PRODUCTS: products}, TODAY)
    recorded = [read_line(line.text()) for line in judged.lines]
    assert recorded[0].datum == ("宽带", products[0])
    assert replay(rules, recorded, "group", TODAY) == judged


def test_of_several_papers_the_one_that_counts_longest_decides_and_stands_in_the_line() -> None:
    old, new = (
        Paper("p1", date(2020, 1, 1), date(2027, 5, 1)),
        Paper("p2", date(2026, 6, 1), date(2027, 1, 31)),
    )
    rules = ruled(fixed("now"), fixed("age", test="not_older", value=6))
    judged = judge(rules, {facts.KIND: "group", PAPERS[0]: (old, new)}, TODAY)
    assert [line.datum for line in judged.lines] == [
        ("p1", "2020-01-01", "2027-05-01"),
        ("p2", "2026-06-01", "2027-01-31"),
    ]
    assert judged.next_review_on == date(2026, 12, 1)
    assert review_reason(judged.lines, judged.next_review_on) == "Licence"


def test_a_paper_that_has_run_out_is_named_as_what_fails() -> None:
    gone = Paper("p1", date(2020, 1, 1), TODAY - timedelta(days=1))
    judged = judge(ruled(fixed("now")), {facts.KIND: "group", PAPERS[0]: (gone,)}, TODAY)
    assert (judged.outcome, judged.next_review_on) == ("failed", add_months(TODAY, 60))
    assert line_word(judged.lines[0]) == "Licence is in force: found of 2020-01-01, valid until 2026-11-21"
    nothing = judge(ruled(fixed("now")), {facts.KIND: "group"}, TODAY)
    assert line_word(nothing.lines[0]) == "Licence is in force: found no such paper"


def test_a_paper_that_counts_less_long_than_before_is_another_decision() -> None:
    longer, shorter = (
        judge(
            ruled(fixed("now")), {facts.KIND: "group", PAPERS[0]: (Paper("p1", TODAY, until),)}, TODAY
        ).lines
        for until in (date(2027, 1, 1), date(2026, 12, 1))
    )
    assert same_decision(longer, shorter) == PAPERS[0]
    assert same_decision(shorter, longer) is None


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"test": "in_force", "value": 3}, "value"),
        ({"test": "not_older"}, "value"),
        ({"test": "not_older", "value": 0}, "value"),
        ({"test": "not_older", "value": 121}, "value"),
        ({"test": "at_least", "value": 3}, "test"),
        ({"fact": "document:"}, "fact"),
        ({"fact": "document:" + "x" * 31}, "fact"),
        ({"fact": "arrears"}, "test"),
    ],
)
def test_a_rule_about_papers_that_cannot_be_judged_by_is_refused(changes: dict[str, Any], field: str) -> None:
    [problem] = problems_of(GRADED | {"rules": [fixed("one", **changes)]})
    assert (problem.row, problem.field) == (0, field)


@given(st.integers(0, 100), st.integers(0, 100))
def test_more_points_are_never_a_worse_grade(one: int, other: int) -> None:
    low, high = sorted((one, other))
    rules = RuleSet((), (("A", 80), ("B", 60), ("C", 40)), 12)
    assert rules.grade(high) <= rules.grade(low)


@given(some_facts, st.sampled_from([rule for rule in STANDARD.rules if rule.points]), st.integers(1, 100))
def test_a_rule_that_gives_more_never_lowers_a_grade(
    about: dict[str, Datum], rule: Rule, points: int
) -> None:
    better = replace(rule, effect=f"points:{max(points, rule.points)}")
    rules = tuple(better if one is rule else one for one in STANDARD.rules)
    before, after = judge(STANDARD, about, TODAY), judge(replace(STANDARD, rules=rules), about, TODAY)
    assert (after.grade or "") <= (before.grade or "")
    assert after.score >= before.score


@pytest.mark.parametrize(
    "text",
    ["", "x", "{}", "1", "NaN", '"abcdefg"', "[" * 50_000, '["r", "f", "t", 1, 2, "yes", "points:5"]',
     '["r", "f", "t", 1, 2, true, "points:many"]', '["r", "", "", {}, {}, true, ""]'],
)  # fmt: skip
def test_a_stored_line_that_is_none_is_shown_as_it_stands_and_nothing_follows_from_it(text: str) -> None:
    line = read_line(text)
    assert (line.points, line.fails, effect_word(line.effect)) == (0, False, "")
    assert line_word(line) in {text, "r"}
