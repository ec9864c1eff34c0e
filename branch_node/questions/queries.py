"""Reads of answers to questions: those of a customer, each with what it took the place of."""

from collections.abc import Collection, Sequence
from typing import Final

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from branch_node.customers.models import Contact
from branch_node.identity.queries import of_person, survivor_of
from branch_node.questions.errors import QuestionAnswerNotFoundError
from branch_node.questions.models import QuestionAnswer
from shared.db.parts import Part
from shared.domain.corrections import Told, first_told, uncorrected

MOST_SHOWN: Final = 200


def stands() -> ColumnElement[bool]:
    """Hold the answers that count: neither corrected nor taken back."""
    return and_(_answered(), uncorrected(QuestionAnswer))


def get_answer(session: Session, answer_id: str) -> QuestionAnswer:
    """Return one answer; raises QuestionAnswerNotFoundError."""
    found = session.get(QuestionAnswer, answer_id)
    if found is None:
        raise QuestionAnswerNotFoundError
    return found


def told(session: Session, customer_id: str, *, most: int = MOST_SHOWN) -> Part[Told[QuestionAnswer]]:
    """Return what a customer answered, the latest day first, files merged into theirs included."""
    ordered = QuestionAnswer.answered_on.desc(), QuestionAnswer.id.desc()
    theirs = of_person(QuestionAnswer.customer_id, customer_id)
    wanted = select(QuestionAnswer).where(theirs, uncorrected(QuestionAnswer))
    return first_told(session, wanted.order_by(*ordered), QuestionAnswer, most)


def latest(session: Session, customer_id: str) -> dict[str, QuestionAnswer]:
    """Return by question what a customer answered last."""
    wanted = select(QuestionAnswer).where(of_person(QuestionAnswer.customer_id, customer_id), stands())
    found = session.scalars(wanted.order_by(QuestionAnswer.answered_on, QuestionAnswer.id))
    return {one.question_code: one for one in found}


def list_people(session: Session, customer_id: str) -> Sequence[Contact]:
    """Return the contact people who may have answered for a file, those of whom it was merged into as well."""
    files = [one for one in (customer_id, survivor_of(session, customer_id)) if one]
    wanted = select(Contact).where(Contact.customer_id.in_(files))
    return session.scalars(wanted.order_by(Contact.name, Contact.id)).all()


def names_of(session: Session, answers: Collection[QuestionAnswer]) -> dict[str, str]:
    """Return what the contact people who answered are called, by id."""
    ids = sorted({one.person_id for one in answers if one.person_id})
    found = session.execute(select(Contact.id, Contact.name).where(Contact.id.in_(ids))) if ids else ()
    return {person_id: name for person_id, name in found}  # noqa: C416 - rows, not pairs


def _answered() -> ColumnElement[bool]:
    return or_(QuestionAnswer.score.is_not(None), QuestionAnswer.choice.is_not(None))
