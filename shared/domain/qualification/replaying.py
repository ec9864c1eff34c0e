"""Judging once more from nothing but what a judgement recorded: the rules of its version, its lines and its day."""

from collections.abc import Sequence
from datetime import date

from shared.domain.customers.vocabulary import CustomerKind
from shared.domain.documents.papers import Paper, read_paper
from shared.domain.documents.vocabulary import kind_of
from shared.domain.qualification.facts import KIND, Datum
from shared.domain.qualification.rules import ALL, Judgement, Line, RuleSet, decided_kind, judge


def replay(rules: RuleSet, lines: Sequence[Line], kind: str, day: date) -> Judgement:
    """Return what `rules` say on `day` of the data in `lines`; `kind` is what they had made of the customer."""
    known: dict[str, Datum] = {}
    for line in lines:
        known[line.fact] = _together(known.get(line.fact), _datum(line))
    return judge(rules, {**known, KIND: known.get(KIND) or _kind_before(rules, lines, kind)}, day)


def _datum(line: Line) -> Datum:
    if kind_of(line.fact) is None:
        return line.datum
    paper = read_paper(line.datum)
    return (paper,) if paper else ()


def _together(one: Datum, other: Datum) -> Datum:
    """Return what two lines found of one fact: each tells those of several things that decided it."""
    if not isinstance(one, tuple) or not isinstance(other, tuple):
        return other
    both: dict[str | Paper, None] = dict.fromkeys((*one, *other))
    return tuple(both)  # type: ignore[return-value]  # all texts, or all papers


def _kind_before(rules: RuleSet, lines: Sequence[Line], kind: str) -> str:
    """Return which kind the customer was of: the one whose rules of kinds were asked."""
    if decided_kind(lines) is None:
        return kind
    asked = {line.rule for line in lines}
    for one in CustomerKind:
        own = {rule.code for rule in rules.rules if rule.kind and rule.applies_to in {ALL, one.value}}
        others = {rule.code for rule in rules.rules if rule.kind} - own
        if own <= asked and not others & asked:
            return one.value
    return kind
