"""Noting what customers answer: facts, so that a correction is a new one that names what it corrects."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from branch_node.customers.models import Contact, Customer
from branch_node.customers.operations import lock_customer
from branch_node.customers.reaching import may_contact
from branch_node.identity.queries import refuse_if_merged
from branch_node.questions import errors, queries
from branch_node.questions.asking import known, list_asked
from branch_node.questions.errors import AnswerFieldError, QuestionAnswerCorrectedError, QuestionNotAskedError
from branch_node.questions.models import QuestionAnswer
from shared.audit import operations as audit
from shared.domain.contacts.vocabulary import Channel
from shared.domain.corrections import counts
from shared.domain.questions.rules import SCORES, Question
from shared.domain.questions.vocabulary import Indicator, Scale, Way
from shared.ids import new_id
from shared.stamp import Stamp


@dataclass(frozen=True, slots=True)
class _About:
    """Which question an entry is about, and which entry it corrects, if any."""

    code: str
    version: int
    indicator: Indicator
    corrects: QuestionAnswer | None = None


def record_answer(
    session: Session, customer_id: str, code: str, values: Mapping[str, Any], *, today: date, by: Stamp
) -> QuestionAnswer:
    """Note what a customer answered to a question; it can be corrected later, never changed.

    The question is in force, and asks this customer on that day. Raises CustomerNotFoundError, CustomerErasedError,
    CustomerMergedError, QuestionNotAskedError and AnswerFieldError.
    """
    customer = lock_customer(session, customer_id)
    refuse_if_merged(session, customer_id)
    question = known(session).get(code)
    if question is None or question.withdrawn:
        raise QuestionNotAskedError
    day = values["answered_on"]
    if day <= today and code not in [one.code for one in list_asked(session, customer, day, by.at)]:
        raise AnswerFieldError(field="answered_on", cure=errors.NOT_ASKED)
    _check(session, customer, values, today)
    about = _About(code, question.version, question.indicator)
    said = _said(question, values["answer"], None)
    return _write(session, "question_answer.written", customer_id, about, said | _kept(values), by=by)


def correct_answer(
    session: Session, answer_id: str, values: Mapping[str, Any], *, today: date, by: Stamp
) -> QuestionAnswer:
    """Write the right version of an answer; from now on this one counts and the old one stays beside it.

    Customer and question stay what they were. Raises QuestionAnswerNotFoundError, QuestionAnswerCorrectedError,
    CustomerErasedError and AnswerFieldError.
    """
    old, customer = _correctable(session, answer_id)
    _check(session, customer, values, today, known_person=old.person_id)
    said = _said(known(session).get(old.question_code), values["answer"], old)
    about = _About(old.question_code, old.question_version, old.indicator, old)
    return _write(session, "question_answer.corrected", customer.id, about, said | _kept(values), by=by)


def take_back(session: Session, answer_id: str, why: str | None, *, by: Stamp) -> QuestionAnswer:
    """Say that something was never answered; it stays readable and counts no more.

    Raises QuestionAnswerNotFoundError, QuestionAnswerCorrectedError, CustomerErasedError and AnswerFieldError.
    """
    old, customer = _correctable(session, answer_id)
    if not why:
        raise AnswerFieldError(field="note", cure=errors.WHY_VOID)
    void = {"person_id": old.person_id, "way": old.way, "answered_on": old.answered_on, "note": why}
    about = _About(old.question_code, old.question_version, old.indicator, old)
    return _write(session, "question_answer.taken-back", customer.id, about, void, by=by)


def _correctable(session: Session, answer_id: str) -> tuple[QuestionAnswer, Customer]:
    old = queries.get_answer(session, answer_id)
    customer = lock_customer(session, old.customer_id)
    if not counts(session, old):
        raise QuestionAnswerCorrectedError
    return old, customer


def _check(
    session: Session,
    customer: Customer,
    values: Mapping[str, Any],
    today: date,
    known_person: str | None = None,
) -> None:
    if values["answered_on"] > today:
        raise AnswerFieldError(field="answered_on", cure=errors.IN_FUTURE)
    person_id, person = values.get("person_id"), None
    if person_id:
        theirs = {one.id: one for one in queries.list_people(session, customer.id)}
        person = theirs.get(person_id)
        if person is None and person_id != known_person:
            raise AnswerFieldError(field="person_id", cure=errors.NOT_THEIRS)
    if not values.get("note") and _is_closed(customer, person, values["way"], values["answered_on"]):
        raise AnswerFieldError(field="note", cure=errors.WHY_DESPITE)


def _is_closed(customer: Customer, person: Contact | None, way: Way, day: date) -> bool:
    if way is Way.COUNTER:
        return False
    channel = next(one for one in Channel if one.value == way.value)
    return may_contact(customer, channel, day, person=person) is not None


def _said(question: Question | None, answer: str, old: QuestionAnswer | None) -> dict[str, Any]:
    """Return the column an answer stands in; what was answered before may stay, also of a question that is gone."""
    if old is not None and answer == old.answer:
        return {"score": old.score, "choice": old.choice}
    is_score = question.scale is Scale.SCORE if question else old is not None and old.score is not None
    if answer not in (question.answers if question else SCORES if is_score else ()):
        raise AnswerFieldError(field="answer", cure=errors.NOT_AN_ANSWER)
    return {"score": int(answer)} if is_score else {"choice": answer}


def _kept(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: values.get(name) for name in ("person_id", "way", "answered_on", "note")}


def _write(
    session: Session, event: str, customer_id: str, about: _About, values: Mapping[str, Any], *, by: Stamp
) -> QuestionAnswer:
    made = QuestionAnswer(
        id=new_id(),
        customer_id=customer_id,
        question_code=about.code,
        question_version=about.version,
        indicator=about.indicator,
        corrects_id=about.corrects.id if about.corrects else None,
        created_at=by.at,
        created_by=by.actor,
        **values,
    )
    session.add(made)
    session.flush()
    details = {"question": about.code, "answer": made.answer, "day": made.answered_on.isoformat()}
    if about.corrects is not None:
        details["corrects"] = about.corrects.id
    audit.record(session, event, subject=("question_answer", made.id), by=by, details=details)
    return made
