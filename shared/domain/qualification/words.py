"""Rules and judgements in the reader's language."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, Final

from shared.domain.customers.vocabulary import CustomerKind
from shared.domain.documents.papers import read_paper
from shared.domain.documents.vocabulary import KindWords, kind_of, kind_word
from shared.domain.qualification.facts import FACTS, MINOR, NO, YES, Datum, Fact, FactType, fact_of
from shared.domain.qualification.rules import (
    ALL,
    AT_LEAST,
    AT_MOST,
    FIRST_QUARTER,
    IN_FORCE,
    IS,
    IS_NOT,
    KIND_EFFECT,
    NOT_OLDER,
    ONE_OF,
    POINTS_EFFECT,
    PRESENT,
    REQUIRE,
    Line,
    Rule,
    RuleSet,
    Value,
    read_rules,
)
from shared.domain.vocabulary import Vocabulary
from shared.errors import N_
from shared.i18n import current_language, format_date, format_number, label
from shared.i18n import gettext as _

TEST_WORDS: Final = {
    IS: N_("is"),
    IS_NOT: N_("is not"),
    ONE_OF: N_("is one of"),
    AT_LEAST: N_("at least"),
    AT_MOST: N_("at most"),
    PRESENT: N_("is known"),
    IN_FORCE: N_("is in force"),
    NOT_OLDER: N_("is in force, not older than"),
}
EVERYBODY: Final = N_("all customers")
NO_KINDS: Final[KindWords] = {}


def applies_word(code: str) -> str:
    """Return whom a rule is for."""
    return _(EVERYBODY) if code == ALL else _member(CustomerKind, code)


def effect_word(effect: str) -> str:
    """Return what follows when a rule holds."""
    if effect == REQUIRE:
        return _("required to pass")
    if effect.startswith(KIND_EFFECT):
        return _("makes it: %(kind)s", kind=_member(CustomerKind, effect.removeprefix(KIND_EFFECT)))
    if not effect.startswith(POINTS_EFFECT):
        return effect
    return _("%(points)s points", points=f"{int(effect.removeprefix(POINTS_EFFECT)):+d}")


def test_word(fact_code: str, test: str, value: Value) -> str:
    """Return what a rule asks of its fact: at least 12 months."""
    fact = fact_of(fact_code)
    asked = _(TEST_WORDS[test]) if test in TEST_WORDS else test
    if test == NOT_OLDER:
        return f"{asked} {_('%(count)s months', count=value)}"
    return asked if test in {PRESENT, IN_FORCE} else f"{asked} {_value_word(fact, value)}"


def datum_word(fact_code: str, datum: Datum) -> str:
    """Return what was found, or that it is not known; of a paper its day and its last one."""
    if kind_of(fact_code) is not None:
        return _paper_word(datum)
    if datum is None or datum == ():
        return _("not known")
    fact = FACTS.get(fact_code)
    if isinstance(datum, bool):
        return _value_word(fact, YES if datum else NO)
    if fact is not None and fact.type is FactType.AMOUNT and isinstance(datum, int):
        return format_number(datum / MINOR, decimals=2)
    return _value_word(fact, datum)


def fact_word(code: str, kinds: KindWords = NO_KINDS) -> str:
    """Return what a fact is called; one of a newer program by its code, one of papers by their kind."""
    kind = kind_of(code)
    if kind is not None:
        return kind_word(kind, kinds)
    return _(FACTS[code].label) if code in FACTS else code


def line_word(line: Line, kinds: KindWords = NO_KINDS) -> str:
    """Return a line of a judgement in one sentence: what was asked and what was found."""
    if not line.fact:
        return line.rule
    asked = f"{fact_word(line.fact, kinds)} {test_word(line.fact, line.test, line.value)}"
    return _("%(asked)s: found %(datum)s", asked=asked, datum=datum_word(line.fact, line.datum))


def rule_word(rule: Rule, kinds: KindWords = NO_KINDS) -> str:
    """Return a rule in one sentence: its words, whom it is for, what it asks and what follows."""
    return _(
        "%(word)s (%(who)s): %(fact)s %(test)s → %(effect)s",
        word=rule.word(current_language()),
        who=applies_word(rule.applies_to),
        fact=fact_word(rule.fact, kinds),
        test=test_word(rule.fact, rule.test, rule.value),
        effect=effect_word(rule.effect),
    )


def review_word(review: int | str) -> str:
    """Return when customers are reviewed."""
    if review == FIRST_QUARTER:
        return _("in the first quarter of the next year")
    return _("after %(count)s months", count=review)


def grades_word(rules: RuleSet) -> str:
    """Return the scores of the grades: A from 80, B from 60, C from 40."""
    return _(", ").join(
        _("%(grade)s from %(score)s", grade=grade, score=score) for grade, score in rules.grades
    )


def differences(
    before: Mapping[str, Any], after: Mapping[str, Any], kinds: KindWords = NO_KINDS
) -> list[tuple[str, str, str]]:
    """Return (what, before, after) for everything that two rule sets say differently."""
    then, now = read_rules(before), read_rules(after)
    old = {rule.code: rule_word(rule, kinds) for rule in then.rules}
    new = {rule.code: rule_word(rule, kinds) for rule in now.rules}
    found = [(code, old.get(code, _("–")), new.get(code, _("withdrawn"))) for code in {**old, **new}]
    found.append((_("Grades"), grades_word(then), grades_word(now)))
    found.append((_("Review"), review_word(then.review), review_word(now.review)))
    changed = [one for one in found if one[1] != one[2]]
    if [code for code in old if code in new] != [code for code in new if code in old]:
        changed.append((_("Order"), _("–"), _("rearranged")))
    return changed


def review_reason(lines: Iterable[Line], next_review_on: date, kinds: KindWords = NO_KINDS) -> str:
    """Return which papers end a judgement on its last day, or nothing when the rules alone fix the day."""
    ending = (fact_word(line.fact, kinds) for line in lines if line.last_day == next_review_on)
    return _(", ").join(dict.fromkeys(ending))


def _paper_word(datum: Datum) -> str:
    paper = read_paper(datum)
    if paper is None:
        return _("no such paper")
    if paper.until is None:
        return _("of %(day)s, without an end", day=format_date(paper.dated))
    return _(
        "of %(day)s, valid until %(until)s", day=format_date(paper.dated), until=format_date(paper.until)
    )


def _value_word(fact: Fact | None, value: Any) -> str:  # noqa: ANN401 - a value or a datum
    if isinstance(value, list | tuple):
        return _(", ").join(_value_word(fact, one) for one in value)
    if fact is None or value is None:
        return str(value)
    if fact.options:
        return _(fact.options[str(value)]) if str(value) in fact.options else str(value)
    if isinstance(value, int):
        return f"{format_number(value)} {_(fact.unit)}".strip() if fact.unit else format_number(value)
    return str(value)


def _member(vocabulary: type[Vocabulary], code: str) -> str:
    found = next((member for member in vocabulary if member.value == code), None)
    return label(found) if found else code
