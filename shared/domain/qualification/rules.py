"""Rules of qualification as data, and the judgement by them: pure, and the same for the same facts."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from shared.domain.calendar import add_months
from shared.domain.customers.vocabulary import CustomerKind, Grade
from shared.domain.documents.papers import counts_longest, papers_of, read_paper
from shared.domain.documents.vocabulary import kind_of
from shared.domain.qualification.facts import KIND, MEASURED, MINOR, NO, YES, Datum, Facts, FactType, fact_of
from shared.domain.qualification.vocabulary import JudgedAs

IS: Final = "is"
IS_NOT: Final = "is_not"
ONE_OF: Final = "one_of"
AT_LEAST: Final = "at_least"
AT_MOST: Final = "at_most"
PRESENT: Final = "present"
IN_FORCE: Final = "in_force"
NOT_OLDER: Final = "not_older"
TESTS: Final = (IS, IS_NOT, ONE_OF, AT_LEAST, AT_MOST, PRESENT, IN_FORCE, NOT_OLDER)
PAPER_TESTS: Final = (IN_FORCE, NOT_OLDER)
TESTS_OF: Final[Mapping[FactType, tuple[str, ...]]] = {
    FactType.FLAG: (IS, IS_NOT),
    FactType.CODE: (IS, IS_NOT, ONE_OF, PRESENT),
    FactType.SET: (IS, IS_NOT, ONE_OF, PRESENT),
    FactType.PAPER: (IN_FORCE, NOT_OLDER),
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

    @property
    def last_day(self) -> date | None:
        """Return the last day on which this holds by the paper it found; None where no paper makes it hold."""
        paper = read_paper(self.datum) if self.held and kind_of(self.fact) else None
        return paper.last_day(_months(self.test, self.value)) if paper else None

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

    A fact that is not known meets no test but "is not". What was passed, or a kind decided, by a paper counts no longer
    than the paper does.
    """
    present = str(facts[KIND])
    deciding = (rule for rule in rules.rules if rule.kind and rule.applies_to in {ALL, present})
    kind = next((rule.kind for rule in deciding if holds(rule, facts.get(rule.fact), today)), present)
    lines = tuple(
        _line(rule, facts.get(rule.fact), today)
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
        next_review_on=min([rules.review_on(today), *_ends(lines, passed=passed)]),
    )


def holds(rule: Rule, datum: Datum, today: date) -> bool:
    """Tell whether a datum meets the test of a rule."""
    if rule.test in PAPER_TESTS:
        paper = counts_longest(
            papers_of(datum if isinstance(datum, tuple) else ()), _months(rule.test, rule.value)
        )
        return paper is not None and paper.last_day(_months(rule.test, rule.value)) >= today
    if datum is None or datum == ():
        return rule.test == IS_NOT
    if rule.test == PRESENT:
        return True
    wanted = rule.value if isinstance(rule.value, tuple) else (rule.value,)
    if _type(rule.fact) in MEASURED:
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
    """Return the first fact whose change made a rule hold that did not, or the other way; None when none did.

    A paper that counts less long than the one before changes the decision as well: it is passed for a shorter time.
    """
    then, now = ({line.rule: (line.held, line.last_day) for line in lines} for lines in (before, after))
    return next(
        (line.fact for line in (*after, *before) if _turned(then.get(line.rule), now.get(line.rule))), None
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


def _line(rule: Rule, datum: Datum, today: date) -> Line:
    shown = _shown(rule, datum) if isinstance(datum, tuple) else datum
    return Line(rule.code, rule.fact, rule.test, rule.value, shown, holds(rule, datum, today), rule.effect)


def _shown(rule: Rule, datum: tuple[Any, ...]) -> tuple[str, ...]:
    """Return so much of several things as decides: the paper that counts longest, or what is asked for first."""
    if rule.test in PAPER_TESTS:
        paper = counts_longest(papers_of(datum), _months(rule.test, rule.value))
        return paper.told() if paper else ()
    wanted = rule.value if isinstance(rule.value, tuple) else (rule.value,)
    shown: list[str] = []
    for one in sorted(datum, key=lambda each: each not in wanted):
        if shown and len(", ".join([*shown, one])) > DATUM_LENGTH:
            break
        shown.append(one)
    return tuple(shown)


def _ends(lines: Iterable[Line], *, passed: bool) -> list[date]:
    """Return the last days of the papers that decided; what is required or gives points matters when passed."""
    deciding = decided_kind(lines := tuple(lines))
    counted = [
        line for line in lines if line is deciding or (passed and not line.effect.startswith(KIND_EFFECT))
    ]
    return [line.last_day for line in counted if line.last_day is not None]


def _turned(then: tuple[bool, date | None] | None, now: tuple[bool, date | None] | None) -> bool:
    if then is None or now is None or then[0] is not now[0]:
        return then is not now
    return then[1] is not None and now[1] is not None and now[1] < then[1]


def _months(test: str, value: object) -> int | None:
    """Return how old a paper may be by a test, None when that is not asked."""
    return value if test == NOT_OLDER and isinstance(value, int) else None


def _type(code: str) -> FactType | None:
    fact = fact_of(code)
    return fact.type if fact else None


def _measures(rule: Rule, datum: int, wanted: Value) -> bool:
    limit = int(str(wanted)) * (MINOR if _type(rule.fact) is FactType.AMOUNT else 1)
    if rule.test == AT_LEAST:
        return datum >= limit
    return datum <= limit if rule.test == AT_MOST else datum == limit


def _coded(datum: Datum) -> Datum:
    return (YES if datum else NO) if isinstance(datum, bool) else datum


def _tuple(value: Any) -> Any:  # noqa: ANN401 - a JSON value
    return tuple(value) if isinstance(value, list) else value
