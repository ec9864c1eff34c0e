"""Whether a rule set can be judged by: head office asks before it publishes, a branch before it obeys."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from shared.domain.customers.vocabulary import CustomerKind
from shared.domain.qualification.facts import MEASURED, Fact, FactType, fact_of
from shared.domain.qualification.rules import (
    APPLIES,
    FIRST_QUARTER,
    IN_FORCE,
    KIND_EFFECT,
    ONE_OF,
    POINTS_EFFECT,
    PRESENT,
    REQUIRE,
    TESTS_OF,
    TOP,
)
from shared.errors import N_

NAME: Final = "customer-qualification"
MOST_RULES: Final = 40
MOST_VALUES: Final = 12
WORD_LENGTH: Final = 60
VALUE_LENGTH: Final = 60
MOST_MONTHS: Final = 60
MOST_NUMBER: Final = 10**9
MOST_AGE: Final = 120
GRADES: Final = ("A", "B", "C")
_CODE: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,29}")

UNKNOWN: Final = N_("These rules are not known to this version of the program.")
NOT_RULES: Final = N_("These are no rules: there must be 1 to 40, each a row of its own.")
NO_CODE: Final = N_("Give the rule a code of small letters, digits and hyphens, such as paid-share.")
CODE_TWICE: Final = N_("Another row has this code; give each rule its own.")
NO_WORDS: Final = N_("Say in Chinese or English what the rule is, in at most 60 characters each.")
NO_AUDIENCE: Final = N_("Choose individual customers, group customers or all.")
NO_FACT: Final = N_("Choose one of the facts offered; this program knows no other.")
NO_TEST: Final = N_("This fact cannot be tested so; choose another test.")
NO_VALUE: Final = N_("Give the value that the test asks for.")
NO_NUMBER: Final = N_("Give a whole number without a unit, such as 12.")
NOT_AN_OPTION: Final = N_("Give one of the values this fact can have, or several parted by commas.")
NEEDS_NONE: Final = N_("Leave the value empty: this test asks only whether the fact is known.")
NEEDS_NO_AGE: Final = N_("Leave the value empty, or choose the test that asks how old the paper is.")
NO_AGE: Final = N_("Give how many months old the paper may be, from 1 to 120.")
NO_EFFECT: Final = N_("Choose what follows; points are a whole number from -100 to 100, not 0.")
NO_GRADES: Final = N_("Give three scores from 1 to 100, falling from A to C.")
NO_REVIEW: Final = N_("Give 1 to 60 months, or choose the first quarter of the next year.")

_WITHOUT_VALUE: Final = {PRESENT: NEEDS_NONE, IN_FORCE: NEEDS_NO_AGE}


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, as a msgid that says the cure; `row` counts from 0 and is None outside the table."""

    row: int | None
    field: str
    cure: str


def problem_of(name: str, body: Mapping[str, Any]) -> str | None:
    """Return what is wrong with a rule set first, as a msgid, or None."""
    if name != NAME:
        return UNKNOWN
    found = problems_of(body)
    return found[0].cure if found else None


def problems_of(body: Mapping[str, Any]) -> list[Problem]:
    """Return everything that is wrong with a rule set, in the order of its rows."""
    rules = body.get("rules")
    if not isinstance(rules, list) or not 1 <= len(rules) <= MOST_RULES:
        return [Problem(None, "rules", NOT_RULES)]
    if not all(isinstance(one, Mapping) for one in rules):
        return [Problem(None, "rules", NOT_RULES)]
    found = [problem for row, one in enumerate(rules) for problem in _row_problems(row, one, rules)]
    if not _are_grades(body.get("grades")):
        found.append(Problem(None, "grades", NO_GRADES))
    review = body.get("review")
    if review != FIRST_QUARTER and not _is_whole(review, 1, MOST_MONTHS):
        found.append(Problem(None, "review", NO_REVIEW))
    return found


def _row_problems(row: int, one: Mapping[str, Any], rules: Sequence[Mapping[str, Any]]) -> list[Problem]:
    cures = {
        "code": _code_problem(one.get("code"), rules[:row]),
        "words": None if _has_words(one) else NO_WORDS,
        "applies_to": None if one.get("applies_to") in APPLIES else NO_AUDIENCE,
        **_asks_problem(one),
        "effect": None if _is_effect(one.get("effect")) else NO_EFFECT,
    }
    return [Problem(row, field, cure) for field, cure in cures.items() if cure]


def _code_problem(code: object, above: Sequence[Mapping[str, Any]]) -> str | None:
    if not isinstance(code, str) or not _CODE.fullmatch(code):
        return NO_CODE
    return CODE_TWICE if any(other.get("code") == code for other in above) else None


def _asks_problem(one: Mapping[str, Any]) -> dict[str, str | None]:
    fact = fact_of(one.get("fact"))
    if fact is None:
        return {"fact": NO_FACT}
    if one.get("test") not in TESTS_OF[fact.type]:
        return {"test": NO_TEST}
    return {"value": _value_problem(fact, str(one["test"]), one.get("value"))}


def _value_problem(fact: Fact, test: str, value: object) -> str | None:
    if test in _WITHOUT_VALUE:
        return None if value is None else _WITHOUT_VALUE[test]
    if value in (None, "", []):
        return NO_VALUE
    if fact.type is FactType.PAPER:
        return None if _is_whole(value, 1, MOST_AGE) else NO_AGE
    if fact.type in MEASURED:
        return None if _is_whole(value, -MOST_NUMBER, MOST_NUMBER) else NO_NUMBER
    return None if _are_options(fact, value if test == ONE_OF else [value]) else NOT_AN_OPTION


def _are_options(fact: Fact, listed: object) -> bool:
    if not isinstance(listed, list) or len(listed) > MOST_VALUES:
        return False
    good = all(isinstance(one, str) and 0 < len(one) <= VALUE_LENGTH for one in listed)
    return good and (fact.type is FactType.SET or all(one in fact.options for one in listed))


def _has_words(one: Mapping[str, Any]) -> bool:
    words = [one.get("zh", ""), one.get("en", "")]
    return all(isinstance(word, str) and len(word) <= WORD_LENGTH for word in words) and any(
        isinstance(word, str) and word.strip() for word in words
    )


def _is_effect(effect: object) -> bool:
    if not isinstance(effect, str):
        return False
    if effect.startswith(POINTS_EFFECT):
        given = effect.removeprefix(POINTS_EFFECT)
        return bool(re.fullmatch(r"-?[1-9][0-9]{0,2}", given)) and abs(int(given)) <= TOP
    return effect == REQUIRE or effect in {f"{KIND_EFFECT}{kind.value}" for kind in CustomerKind}


def _are_grades(grades: object) -> bool:
    if not isinstance(grades, Mapping) or set(grades) != set(GRADES):
        return False
    scores = [grades[grade] for grade in GRADES]
    if not all(_is_whole(one, 1, TOP) for one in scores):
        return False
    return scores == sorted(set(scores), reverse=True)


def _is_whole(value: object, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
