"""The form of a rule set: a table of rows, what was written into it, and what is wrong in which row."""

import re
from collections.abc import Mapping
from typing import Any, Final

from werkzeug.datastructures import MultiDict

from shared.domain.customers.vocabulary import CustomerKind
from shared.domain.documents.vocabulary import PAPER, KindWords
from shared.domain.qualification.checks import GRADES, MOST_RULES, problems_of
from shared.domain.qualification.facts import FACTS, MEASURED, Fact, FactType, fact_of
from shared.domain.qualification.rules import (
    APPLIES,
    FIRST_QUARTER,
    KIND_EFFECT,
    ONE_OF,
    POINTS_EFFECT,
    PRESENT,
    REQUIRE,
    TESTS,
    write_rules,
)
from shared.domain.qualification.standard import STANDARD
from shared.domain.qualification.words import TEST_WORDS, applies_word, effect_word, fact_word
from shared.errors import N_
from shared.i18n import gettext as _

NUMBERED: Final = MEASURED | {FactType.PAPER}
EMPTY_ROWS: Final = 3
POINTS: Final = "points"
COLUMNS: Final = {
    "at": N_("Order"),
    "code": N_("Code"),
    "zh": N_("Chinese words"),
    "en": N_("English words"),
    "applies_to": N_("For"),
    "fact": N_("Fact"),
    "test": N_("Test"),
    "value": N_("Value"),
    "effect": N_("What follows"),
    "points": N_("Points"),
}
# Whose emptiness makes a row nothing: the lists beside them always hold something.
_WRITTEN: Final = ("code", "zh", "en", "value")
# Where the cure of a rule stands in its row.
_SHOWN_AT: Final = {"words": "zh"}
_NAME: Final = re.compile(r"rule-(\d{1,3})-code")
_NUMBER: Final = re.compile(r"-?[0-9]{1,10}")


def read_form(form: MultiDict[str, str], errors: dict[str, list[str]]) -> dict[str, Any]:
    """Return the rule set of a form; what is wrong stands in `errors` at the fields of its row."""
    numbers = _numbers(form)
    grades = {grade: _whole(form.get(f"grade-{grade}", "")) for grade in GRADES}
    review = FIRST_QUARTER if form.get("review") == FIRST_QUARTER else _whole(form.get("months", ""))
    body = {"rules": [_row(form, number) for number in numbers], "grades": grades, "review": review}
    for problem in problems_of(body):
        field = _SHOWN_AT.get(problem.field, problem.field)
        name = field if problem.row is None else f"rule-{numbers[problem.row]}-{field}"
        errors.setdefault(name, [problem.cure])
    return body


def form_rows(body: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return a rule set as the form shows it, with empty rows at the end; without one, the rules built in."""
    shown = body or write_rules(STANDARD)
    rows = [_shown(one, number) for number, one in enumerate(shown["rules"], 1)]
    monthly = shown["review"] != FIRST_QUARTER
    return {
        "rows": rows + _empty(len(rows)),
        **{f"grade-{grade}": shown["grades"][grade] for grade in GRADES},
        "review": "months" if monthly else FIRST_QUARTER,
        "months": shown["review"] if monthly else "",
    }


def given_rows(form: MultiDict[str, str]) -> list[dict[str, str]]:
    """Return the rows of a form that was refused as they were filled in."""
    numbers = sorted(int(match[1]) for name in form if (match := _NAME.fullmatch(name)))[
        : MOST_RULES + EMPTY_ROWS
    ]
    return [
        {"number": str(number), **{column: form.get(f"rule-{number}-{column}", "") for column in COLUMNS}}
        for number in numbers
    ]


def choices(papers: KindWords) -> dict[str, Any]:
    """Return the lists that the form offers, `papers` among the facts, and the values that facts can have."""
    kinds = [f"{KIND_EFFECT}{kind.value}" for kind in CustomerKind]
    return {
        "columns": COLUMNS,
        "applies": [(code, applies_word(code)) for code in APPLIES],
        "facts": [(code, fact_word(code)) for code in FACTS]
        + [(f"{PAPER}{kind}", _("Paper: %(kind)s", kind=word)) for kind, word in papers.items()],
        "tests": [(code, _(TEST_WORDS[code])) for code in TESTS],
        "effects": [
            (POINTS, _("points")),
            (REQUIRE, effect_word(REQUIRE)),
            *((code, effect_word(code)) for code in kinds),
        ],
        "listed": [
            (fact_word(code), _(", ").join(_(word) for word in fact.options.values()))
            for code, fact in FACTS.items()
            if fact.options
        ],
        "points": POINTS,
        "first_quarter": FIRST_QUARTER,
    }


def sentences(errors: Mapping[str, str]) -> list[str]:
    """Return what is wrong as sentences that name row, field and cure, in the order of the rows."""
    found = []
    for name, cure in errors.items():
        parts = name.split("-")
        if len(parts) == 3 and parts[0] == "rule" and parts[2] in COLUMNS:  # noqa: PLR2004 - rule, row and field
            found.append(
                _("Row %(row)s, %(field)s: %(cure)s", row=parts[1], field=_(COLUMNS[parts[2]]), cure=cure)
            )
    return found


def _numbers(form: MultiDict[str, str]) -> list[int]:
    """Return the numbers of the rows that say something, in the order that people gave them."""
    rows = [row for row in given_rows(form) if any(row[column].strip() for column in _WRITTEN)]
    return [int(row["number"]) for row in sorted(rows, key=_place)]


def _place(row: Mapping[str, str]) -> tuple[int, int]:
    at = _whole(row["at"])
    return (at if isinstance(at, int) else int(row["number"]), int(row["number"]))


def _row(form: MultiDict[str, str], number: int) -> dict[str, Any]:
    given = {column: " ".join(form.get(f"rule-{number}-{column}", "").split()) for column in COLUMNS}
    effect = f"{POINTS_EFFECT}{given['points']}" if given["effect"] == POINTS else given["effect"]
    return {
        "code": given["code"],
        "zh": given["zh"],
        "en": given["en"],
        "applies_to": given["applies_to"],
        "fact": given["fact"],
        "test": given["test"],
        "value": _value(fact_of(given["fact"]), given["test"], given["value"]),
        "effect": effect,
    }


def _value(fact: Fact | None, test: str, given: str) -> Any:  # noqa: ANN401 - a JSON value
    if not given:
        return None
    if fact is not None and fact.type in NUMBERED and test != PRESENT:
        return _whole(given.replace(",", "").replace("，", ""))
    parts = [part.strip() for part in given.replace("，", ",").replace("、", ",").split(",")]
    codes = [_code(fact, part) for part in parts if part]
    return codes if test == ONE_OF else _code(fact, given)


def _code(fact: Fact | None, given: str) -> str:
    """Return the code that a person means by it or by its word."""
    options = fact.options if fact else {}
    meant = (
        code for code, word in options.items() if given.casefold() in {word.casefold(), _(word).casefold()}
    )
    return next(meant, given)


def _shown(one: Mapping[str, Any], number: int) -> dict[str, str]:
    effect = str(one["effect"])
    is_points = effect.startswith(POINTS_EFFECT)
    return {
        "number": str(number),
        "at": str(number),
        "code": one["code"],
        "zh": one.get("zh", ""),
        "en": one.get("en", ""),
        "applies_to": one["applies_to"],
        "fact": one["fact"],
        "test": one["test"],
        "value": _said(fact_of(one["fact"]), one.get("value")),
        "effect": POINTS if is_points else effect,
        "points": effect.removeprefix(POINTS_EFFECT) if is_points else "",
    }


def _said(fact: Fact | None, value: Any) -> str:  # noqa: ANN401 - a JSON value
    if isinstance(value, list):
        return ", ".join(_said(fact, one) for one in value)
    options = fact.options if fact else {}
    return "" if value is None else _(options[value]) if value in options else str(value)


def _empty(after: int) -> list[dict[str, str]]:
    return [
        {**dict.fromkeys(COLUMNS, ""), "number": str(number), "at": str(number)}
        for number in range(after + 1, min(after + EMPTY_ROWS, MOST_RULES) + 1)
    ]


def _whole(given: str) -> int | str:
    plain = given.strip()
    return int(plain) if _NUMBER.fullmatch(plain) else plain
