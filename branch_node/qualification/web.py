"""What the pages of qualification share: words, tones, and what a customer's page shows of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from branch_node.documents.queries import kind_words
from branch_node.qualification import queries
from branch_node.qualification.models import Qualification
from branch_node.qualification.operations import Terms
from branch_node.qualification.queries import QualificationFilter
from shared.domain.calendar import local_day
from shared.domain.customers.vocabulary import Grade
from shared.domain.documents.papers import read_paper
from shared.domain.documents.vocabulary import KindWords, kind_of
from shared.domain.qualification.replaying import replay
from shared.domain.qualification.rules import Judgement, Line, Rule, RuleSet, decided_kind, read_line
from shared.domain.qualification.vocabulary import JudgedAs, QualificationState
from shared.domain.qualification.words import (
    datum_word,
    effect_word,
    fact_word,
    line_word,
    review_reason,
    test_word,
)
from shared.i18n import current_language
from shared.rights.vocabulary import Action, Resource
from shared.web.context import may, reading, runtime, stamp
from shared.web.lists import code_arguments, id_argument, text_argument

STATE_TONES: Final = {
    QualificationState.PROPOSED: "info",
    QualificationState.APPROVED: "ok",
    QualificationState.REFUSED: "",
    QualificationState.SUPERSEDED: "",
    QualificationState.EXPIRED: "warn",
}
OUTCOME_TONES: Final = {JudgedAs.PASSED: "ok", JudgedAs.FAILED: "bad"}


@dataclass(frozen=True, slots=True)
class ShownLine:
    """One line of a judgement as people read it; `document` is the paper it found, for who may open papers."""

    rule: str
    asked: str
    found: str
    held: bool
    effect: str
    decisive: bool
    document: str


@dataclass(frozen=True, slots=True)
class OnCustomer:
    """What a customer's page shows: where the customer stands, what waits, what decided, and which paper ends it."""

    standing: Qualification | None
    proposed: Qualification | None
    decided: list[str]
    due: bool
    until: str


def terms() -> Terms:
    """Return what judging needs to know of this node now."""
    settings = runtime().settings
    return Terms.at(stamp().at, settings.timezone, settings.currency)


def wanted_qualifications(today: date) -> QualificationFilter:
    """Return what the address of a list of judgements asks for."""
    return QualificationFilter(
        states=code_arguments("state", QualificationState),
        outcomes=code_arguments("outcome", JudgedAs),
        grades=code_arguments("grade", Grade),
        customer_id=id_argument("customer"),
        due_by=today + queries.AHEAD if text_argument("due") else None,
    )


def shown_lines(found: Qualification, rules: Mapping[str, Rule], kinds: KindWords) -> list[ShownLine]:
    """Return the lines of a judgement; a rule is called by its words where it is still in force."""
    lines = [read_line(text) for text in found.lines]
    decisive = {id(line) for line in _decisive(found, lines)}
    return [
        ShownLine(
            rule=rules[line.rule].word(current_language()) if line.rule in rules else line.rule,
            asked=f"{fact_word(line.fact, kinds)} {test_word(line.fact, line.test, line.value)}"
            if line.fact
            else "",
            found=datum_word(line.fact, line.datum) if line.fact else "",
            held=line.held,
            effect=effect_word(line.effect),
            decisive=id(line) in decisive,
            document=_document(line),
        )
        for line in lines
    ]


def decided_words(found: Qualification, kinds: KindWords) -> list[str]:
    """Return the lines that decided kind and grade, each in one sentence."""
    lines = [read_line(text) for text in found.lines]
    return [f"{effect_word(line.effect)}: {line_word(line, kinds)}" for line in _decisive(found, lines)]


def review_words(found: Qualification, kinds: KindWords) -> str:
    """Return which paper ends a judgement on its last day, or nothing."""
    return review_reason([read_line(line) for line in found.lines], found.next_review_on, kinds)


def comes_out_again(found: Qualification, rules: RuleSet) -> bool | None:
    """Tell whether a judgement comes out the same from nothing but what it recorded; None when its rules are gone."""
    if found.rules_version != rules.version:
        return None
    day = local_day(found.judged_at, runtime().settings.timezone)
    again = replay(rules, [read_line(line) for line in found.lines], found.kind.value, day)
    return _result(again) == _result(found)


def on_customer(customer_id: str) -> OnCustomer | None:
    """Return what the page of a customer shows of qualification; None to who may not see it."""
    if not may(Resource.QUALIFICATION, Action.READ):
        return None
    with reading() as session:
        standing = queries.find_standing(session, customer_id)
        proposed = queries.find_proposed(session, customer_id)
        kinds = kind_words(session)
    shown = standing or proposed
    due = standing is not None and standing.next_review_on <= terms().today + queries.AHEAD
    decided = decided_words(shown, kinds) if shown else []
    return OnCustomer(standing, proposed, decided, due, review_words(shown, kinds) if shown else "")


def words() -> dict[str, Any]:
    """Return what every template of these pages needs."""
    return {"state_tones": STATE_TONES, "outcome_tones": OUTCOME_TONES}


def _document(line: Line) -> str:
    paper = read_paper(line.datum) if kind_of(line.fact) else None
    return paper.document if paper else ""


def _result(judged: Qualification | Judgement) -> tuple[object, ...]:
    return judged.outcome, judged.kind, judged.grade, judged.score, judged.next_review_on


def _decisive(found: Qualification, lines: Sequence[Line]) -> list[Line]:
    """Return the lines without which it would be another: the kind's, and demands not met, or points and papers."""
    kind = decided_kind(lines)
    failing = [line for line in lines if line.fails]
    grade = (
        failing
        if found.outcome is JudgedAs.FAILED
        else [line for line in lines if line.points or line.last_day]
    )
    return ([kind] if kind else []) + [line for line in grade if line is not kind]
