"""Whom a question asks is what its days and kinds say, no more and no less; what is no question is refused."""

from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.customers.vocabulary import CustomerKind
from shared.domain.published.rules import problem_of as refused
from shared.domain.questions.rules import problem_of, read_question

SAID = {"zh": "好", "en": "good"}
GOOD: dict[str, Any] = {
    "indicator": "satisfaction",
    "scale": "score",
    **SAID,
    "low": SAID,
    "high": SAID,
    "from": "2026-11-01",
    "until": "2026-12-31",
    "kinds": [],
}
ONE, TWO = {"code": "a", **SAID}, {"code": "b", **SAID}
CHOICE: dict[str, Any] = {**GOOD, "scale": "choice", "choices": [ONE, TWO]}
kinds = st.lists(st.sampled_from([one.value for one in CustomerKind]), unique=True)


@given(kinds, st.sampled_from(CustomerKind), st.dates(date(2026, 10, 25), date(2027, 1, 5)))
def test_a_question_asks_customers_of_its_kinds_on_its_days(
    asked: list[str], kind: CustomerKind, day: date
) -> None:
    customer: Any = SimpleNamespace(kind=kind)
    question = read_question("x", {**GOOD, "kinds": asked}, 1)
    in_time = date(2026, 11, 1) <= day <= date(2026, 12, 31)
    assert question.asks(customer, day) == (in_time and (not asked or kind.value in asked))


def test_a_score_says_what_its_ends_mean_and_a_choice_its_word() -> None:
    score, choice = read_question("x", GOOD, 1), read_question("x", CHOICE, 1)
    assert score.answers == ("1", "2", "3", "4", "5")
    assert [score.word(one, "en") for one in ("1", "3", "5")] == ["1 good", "3", "5 good"]
    assert choice.answers == ("a", "b")
    assert [choice.word(one, "zh_CN") for one in ("a", "gone")] == ["好", "gone"]


@pytest.mark.parametrize(
    "change",
    [
        {"indicator": None}, {"indicator": ["x"]}, {"scale": None}, {"scale": ["score"]}, {"zh": None},
        {"zh": " "}, {"en": "x" * 121}, {"en": "\x00"}, {"low": None}, {"low": "x"}, {"high": {"zh": "x"}},
        {"high": {"zh": "x" * 61, "en": "y"}}, {"from": None}, {"from": 3}, {"from": "soon"},
        {"until": "2026-10-31"}, {"until": 3}, {"kinds": "group"}, {"kinds": [["group"]]},
        {"kinds": ["group", "group"]}, {"kinds": ["x"]}, {"kinds": None},
        {"scale": "choice"}, {"scale": "choice", "choices": [ONE]}, {"scale": "choice", "choices": [ONE, ONE]},
        {"scale": "choice", "choices": [ONE, "b"]}, {"scale": "choice", "choices": [ONE, {"code": "b"}]},
        {"scale": "choice", "choices": [ONE, {"code": 3, **SAID}]},
        {"scale": "choice", "choices": [{"code": f"{one}", **SAID} for one in range(21)]},
    ],
)  # fmt: skip
def test_what_is_no_question_is_refused(change: dict[str, Any]) -> None:
    assert problem_of("x", GOOD) is None
    assert problem_of("x", CHOICE) is None
    assert refused("question", "x", {**GOOD, **change}) is not None
    assert problem_of("", GOOD) is not None
