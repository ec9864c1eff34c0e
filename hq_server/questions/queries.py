"""Reads of answers to questions as branches sent them: those that stand, by question, branch and month."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from sqlalchemy import ColumnElement, Select, and_, distinct, extract, func, or_, select
from sqlalchemy.orm import Session

from hq_server.customers import facts
from hq_server.feed.models import FeedItem
from hq_server.feed.queries import Out, list_out
from hq_server.replica.models import ReplicaCustomer, ReplicaQuestionAnswer
from shared.domain.corrections import Told
from shared.domain.published.vocabulary import ItemKind
from shared.domain.questions.rules import SCORES, Question, problem_of, read_question
from shared.domain.questions.trend import MONTHS, Counted, Trend, month_after, months_until, trends
from shared.errors import N_, BranchlineError, Kind

SORTS: Final = {
    "answered_on": ReplicaQuestionAnswer.answered_on,
    "customer_no": ReplicaCustomer.customer_no,
    "branch": ReplicaQuestionAnswer.branch_number,
}


class QuestionUnknownError(BranchlineError):
    """No question of this code was ever published, and none answered in these months."""

    code = "question-not-found"
    kind = Kind.NOT_FOUND
    message = N_("No question of this code was ever published or answered.")


@dataclass(frozen=True, slots=True)
class Published:
    """A question with the item it is published as, its state there, and to which branches (none: to all)."""

    item: FeedItem
    question: Question | None
    state: str
    branches: Collection[str]

    def is_addressed_to(self, branch: str) -> bool:
        """Tell whether it is published to the branch of this code."""
        return not self.branches or branch in self.branches


@dataclass(frozen=True, slots=True)
class Counts:
    """The answers of a year that stand and the customers who gave them, each by branch.

    A customer of two branches is one of each.
    """

    month: date
    answers: Mapping[int, Sequence[Counted]]
    customers: Mapping[int, Mapping[tuple[str, date], int]]

    def trends(self, questions: Mapping[str, Question], branches: Iterable[int]) -> list[Trend]:
        """Return what came of questions at these branches together."""
        numbers, customers = tuple(branches), Counter[tuple[str, date]]()
        for number in numbers:
            customers.update(self.customers.get(number, {}))
        counted = [one for number in numbers for one in self.answers.get(number, ())]
        return trends(counted, customers, questions, self.month)


def list_questions(session: Session, now: datetime) -> dict[str, Published]:
    """Return by code the questions that were ever published, those withdrawn as they said last."""
    return {one.item.name: _published(one, now) for one in list_out(session, ItemKind.QUESTION, now)}


def known(published: Mapping[str, Published]) -> dict[str, Question]:
    """Return by code what is asked, as far as this program understands it."""
    return {code: one.question for code, one in published.items() if one.question is not None}


def count_answers(session: Session, month: date, code: str | None = None) -> Counts:
    """Count the answers that stand, up to the end of a month; files that a branch has merged are one customer."""
    answer = ReplicaQuestionAnswer
    year, of_year = extract("year", answer.answered_on), extract("month", answer.answered_on)
    at = (answer.branch_number, answer.question_code, year, of_year)
    wanted = and_(*_asked(months_until(month, MONTHS + 1)[-1], month, code))
    said = (answer.indicator, answer.score, answer.choice)
    by_answer = select(*at, *said, func.count()).where(wanted).group_by(*at, *said)
    by_month = select(*at, func.count(distinct(facts.person_of(answer)))).where(wanted).group_by(*at)
    answers: dict[int, list[Counted]] = {}
    for branch, question, y, m, indicator, score, choice, count in session.execute(by_answer):
        one = Counted(question, indicator, date(int(y), int(m), 1), score, choice, count)
        answers.setdefault(branch, []).append(one)
    customers: dict[int, dict[tuple[str, date], int]] = {}
    for branch, question, y, m, count in session.execute(by_month):
        customers.setdefault(branch, {})[question, date(int(y), int(m), 1)] = count
    return Counts(month, answers, customers)


def select_answers(
    code: str, month: date, branches: Collection[int], said: Collection[str]
) -> Select[ReplicaQuestionAnswer, ReplicaCustomer]:
    """Return the statement of the answers to a question in a month that stand, each with its customer."""
    answer = ReplicaQuestionAnswer
    conditions = _asked(month, month, code)
    if branches:
        conditions.append(answer.branch_number.in_(sorted(branches)))
    if said:
        scores = [int(one) for one in said if one in SCORES]
        conditions.append(or_(answer.choice.in_(sorted(said)), answer.score.in_(scores)))
    return facts.select_facts(answer, *conditions)


def list_of_customer(session: Session, customer: ReplicaCustomer) -> list[Told[ReplicaQuestionAnswer]]:
    """Return what a customer answered, the latest day first, files merged into theirs included."""
    day = ReplicaQuestionAnswer.answered_on
    return facts.list_of_customer(session, ReplicaQuestionAnswer, customer, day)


def _published(out: Out, now: datetime) -> Published:
    code, current = out.item.name, out.current
    good = bool(current.body) and problem_of(code, current.body) is None
    question = (
        read_question(code, current.body, current.version, withdrawn=current.withdrawn) if good else None
    )
    return Published(out.item, question, out.state(now), current.branches)


def _asked(first: date, last: date, code: str | None) -> list[ColumnElement[bool]]:
    """Hold the answers that stand of the months from `first` through `last`, to one question or all."""
    answer = ReplicaQuestionAnswer
    answered = or_(answer.score.is_not(None), answer.choice.is_not(None))
    days = and_(answer.answered_on >= first, answer.answered_on < month_after(last))
    return [answered, days, facts.stands(answer), *([answer.question_code == code] if code else [])]
