"""Rules of qualification as data, and the judgement by them: pure, and the same for the same facts."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from shared.domain.calendar import next_month
from shared.domain.customers.vocabulary import CustomerKind, Grade
from shared.domain.qualification.facts import FACTS, KIND, MEASURED, MINOR, NO, YES, Datum, Facts, FactType
from shared.domain.qualification.vocabulary import JudgedAs

IS: Final = "is"
IS_NOT: Final = "is_not"
ONE_OF: Final = "one_of"
AT_LEAST: Final = "at_least"
AT_MOST: Final = "at_most"
PRESENT: Final = "present"
TESTS: Final = (IS, IS_NOT, ONE_OF, AT_LEAST, AT_MOST, PRESENT)
TESTS_OF: Final[Mapping[FactType, tuple[str, ...]]] = {
    FactType.FLAG: (IS, IS_NOT),
    FactType.CODE: (IS, IS_NOT, ONE_OF, PRESENT),
    FactType.SET: (IS, IS_NOT, ONE_OF, PRESENT),
    **dict.fromkeys(MEASURED, (IS, AT_LEAST, AT_MOST, PRESENT)),
}
ALL: Final = "all"
APPLIES: Final = (ALL, *(kind.value for kind in CustomerKind))
REQUIRE: Final = "require"
KIND_EFFECT: Final = "kind:"
POINTS_EFFECT: Final = "points:"
TOP: Final = 100
FIRST_QUARTER: Final = "first-quarter"
# So much of a datum stands in a line: products can be many.
DATUM_LENGTH: Final = 100
Value = str | int | tuple[str, ...] | None


_IS_POINTS: Final = re.compile(r"[+-]?[0-9]{1,6}")


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: of whom it asks which fact, the test it makes, and what follows when that holds."""

    code: str
    applies_to: str
    fact: str
    test: str
    value: Value
    effect: str
    zh: str = ""
    en: str = ""

    @property
    def points(self) -> int:
        """Return the points it gives when it holds, none unless that is its effect."""
        return int(self.effect.removeprefix(POINTS_EFFECT)) if self.effect.startswith(POINTS_EFFECT) else 0

    @property
    def kind(self) -> str:
        """Return the kind of customer it makes of whom it holds for, or nothing."""
        return self.effect.removeprefix(KIND_EFFECT) if self.effect.startswith(KIND_EFFECT) else ""

    def word(self, language: str) -> str:
        """Return what it is called by a person who reads `language`."""
        return (self.zh if language.startswith("zh") else self.en) or self.en or self.zh or self.code


@dataclass(frozen=True, slots=True)
class RuleSet:
    """Rules in their order, the scores from which grades count, and when a customer is reviewed.

    `review` is a number of months, or FIRST_QUARTER of the next year.
    """

    rules: tuple[Rule, ...]
    grades: tuple[tuple[str, int], ...]
    review: int | str
    version: int = 0

    def grade(self, score: int) -> str:
        """Return the grade of a score: the first whose threshold it reaches, else the lowest."""
        return next((grade for grade, least in self.grades if score >= least), Grade.D.value)

    def review_on(self, today: date) -> date:
        """Return the last day on which a judgement of today counts."""
        if self.review == FIRST_QUARTER:
            return date(today.year + 1, 3, 31)
        return add_months(today, int(self.review))


@dataclass(frozen=True, slots=True)
class Line:
    """What one rule asked, the datum it found, whether that held, and what follows; stored as it is."""

    rule: str
    fact: str
    test: str
    value: Value
    datum: Datum
    held: bool
    effect: str

    @property
    def points(self) -> int:
        """Return the points that this line gave."""
        return int(self.effect.removeprefix(POINTS_EFFECT)) if self.gives_points and self.held else 0

    @property
    def gives_points(self) -> bool:
        """Whether points are what the rule is about."""
        return self.effect.startswith(POINTS_EFFECT)

    @property
    def fails(self) -> bool:
        """Whether this is a demand that is not met: it alone decides that the customer does not pass."""
        return self.effect == REQUIRE and not self.held

    def text(self) -> str:
        """Return the line as it is stored and travels."""
        members = (self.rule, self.fact, self.test, self.value, self.datum, self.held, self.effect)
        return json.dumps(members, ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the rules say of one customer, and why; without passing there is no grade."""

    outcome: JudgedAs
    kind: CustomerKind
    grade: Grade | None
    score: int
    lines: tuple[Line, ...]
    next_review_on: date


def judge(rules: RuleSet, facts: Facts, today: date) -> Judgement:
    """Return what `rules` say of a customer with these facts; the kind is decided first, by the first rule that holds.

    A fact that is not known meets no test but "is not".
    """
    present = str(facts[KIND])
    deciding = (rule for rule in rules.rules if rule.kind and rule.applies_to in {ALL, present})
    kind = next((rule.kind for rule in deciding if holds(rule, facts.get(rule.fact))), present)
    lines = tuple(
        _line(rule, facts.get(rule.fact))
        for rule in rules.rules
        if rule.applies_to in {ALL, present if rule.kind else kind}
    )
    passed = not any(line.fails for line in lines)
    score = min(TOP, max(0, sum(line.points for line in lines)))
    return Judgement(
        outcome=JudgedAs.PASSED if passed else JudgedAs.FAILED,
        kind=next(one for one in CustomerKind if one.value == kind),
        grade=next(one for one in Grade if one.value == rules.grade(score)) if passed else None,
        score=score,
        lines=lines,
        next_review_on=rules.review_on(today),
    )


def holds(rule: Rule, datum: Datum) -> bool:
    """Tell whether a datum meets the test of a rule."""
    if datum is None or datum == ():
        return rule.test == IS_NOT
    if rule.test == PRESENT:
        return True
    wanted = rule.value if isinstance(rule.value, tuple) else (rule.value,)
    if FACTS[rule.fact].type in MEASURED:
        return _measures(rule, int(datum), wanted[0])  # type: ignore[arg-type]
    found = datum if isinstance(datum, tuple) else (_coded(datum),)
    meets = any(one in found for one in wanted)
    return not meets if rule.test == IS_NOT else meets


def decided_kind(lines: Iterable[Line]) -> Line | None:
    """Return the line that decided the kind of customer, or None when the kind stayed as it was."""
    return next((line for line in lines if line.effect.startswith(KIND_EFFECT) and line.held), None)


def read_line(text: str) -> Line:
    """Return a stored line; one of a newer program that has more members is read as far as is known.

    What is no line stands as the rule it does not name, and nothing follows from it.
    """
    try:
        rule, fact, test, value, datum, held, effect, *_more = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        return Line(str(text), "", "", None, None, held=False, effect="")
    points = effect.removeprefix(POINTS_EFFECT) if isinstance(effect, str) else ""
    good = all(isinstance(one, str) for one in (rule, fact, test, effect)) and isinstance(held, bool)
    if not good or (points != effect and not _IS_POINTS.fullmatch(points)):
        return Line(str(text), "", "", None, None, held=False, effect="")
    return Line(rule, fact, test, _tuple(value), _tuple(datum), held, effect)


def same_decision(before: Sequence[Line], after: Sequence[Line]) -> str | None:
    """Return the first fact whose change made a rule hold that did not, or the other way; None when none did."""
    then, now = ({line.rule: line.held for line in lines} for lines in (before, after))
    return next(
        (line.fact for line in (*after, *before) if then.get(line.rule) is not now.get(line.rule)), None
    )


def read_rules(body: Mapping[str, Any], version: int = 0) -> RuleSet:
    """Return the rule set of a body that `checks.problem_of` finds good."""
    rules = tuple(
        Rule(
            one["code"],
            one["applies_to"],
            one["fact"],
            one["test"],
            _tuple(one.get("value")),
            one["effect"],
            one.get("zh", ""),
            one.get("en", ""),
        )
        for one in body["rules"]
    )
    grades = tuple((grade, body["grades"][grade]) for grade in ("A", "B", "C"))
    return RuleSet(rules, grades, body["review"], version)


def write_rules(rules: RuleSet) -> dict[str, Any]:
    """Return a rule set as it travels."""
    return {
        "rules": [
            {
                "code": rule.code,
                "zh": rule.zh,
                "en": rule.en,
                "applies_to": rule.applies_to,
                "fact": rule.fact,
                "test": rule.test,
                "value": list(rule.value) if isinstance(rule.value, tuple) else rule.value,
                "effect": rule.effect,
            }
            for rule in rules.rules
        ],
        "grades": dict(rules.grades),
        "review": rules.review,
    }


def add_months(day: date, months: int) -> date:
    """Return the same day so many months later, or the last one of a shorter month."""
    first = date(day.year + (day.month - 1 + months) // 12, (day.month - 1 + months) % 12 + 1, 1)
    last = (next_month(first) - first).days
    return first.replace(day=min(day.day, last))


def _line(rule: Rule, datum: Datum) -> Line:
    shown = datum
    if isinstance(datum, tuple):
        shown = (", ".join(datum)[:DATUM_LENGTH],) if datum else ()
    return Line(rule.code, rule.fact, rule.test, rule.value, shown, holds(rule, datum), rule.effect)


def _measures(rule: Rule, datum: int, wanted: Value) -> bool:
    limit = int(str(wanted)) * (MINOR if FACTS[rule.fact].type is FactType.AMOUNT else 1)
    if rule.test == AT_LEAST:
        return datum >= limit
    return datum <= limit if rule.test == AT_MOST else datum == limit


def _coded(datum: Datum) -> Datum:
    return (YES if datum else NO) if isinstance(datum, bool) else datum


def _tuple(value: Any) -> Any:  # noqa: ANN401 - a JSON value
    return tuple(value) if isinstance(value, list) else value
