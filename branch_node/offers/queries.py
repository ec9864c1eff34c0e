"""Reads of what became of offers: the entries of a customer, and where each offer stands."""

from typing import Final

from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.orm import Session

from branch_node.identity.queries import of_person
from branch_node.offers.errors import OfferAnswerNotFoundError
from branch_node.offers.models import OfferAnswer
from shared.db.parts import Part
from shared.domain.corrections import Told, first_told, uncorrected
from shared.domain.offers.vocabulary import OfferStep

MOST_SHOWN: Final = 200


def stands() -> ColumnElement[bool]:
    """Hold the entries that count: neither corrected nor taken back."""
    return and_(OfferAnswer.step != OfferStep.VOID, uncorrected(OfferAnswer))


def get_answer(session: Session, answer_id: str) -> OfferAnswer:
    """Return one entry; raises OfferAnswerNotFoundError."""
    found = session.get(OfferAnswer, answer_id)
    if found is None:
        raise OfferAnswerNotFoundError
    return found


def told(session: Session, customer_id: str, *, most: int = MOST_SHOWN) -> Part[Told[OfferAnswer]]:
    """Return what became of offers at a customer, the latest day first, files merged into theirs included."""
    ordered = OfferAnswer.happened_on.desc(), OfferAnswer.id.desc()
    wanted = select(OfferAnswer).where(
        of_person(OfferAnswer.customer_id, customer_id), uncorrected(OfferAnswer)
    )
    return first_told(session, wanted.order_by(*ordered), OfferAnswer, most)


def latest(session: Session, customer_id: str) -> dict[str, OfferAnswer]:
    """Return by offer the entry that says what became of it at a customer."""
    wanted = select(OfferAnswer).where(of_person(OfferAnswer.customer_id, customer_id), stands())
    found = session.scalars(wanted.order_by(OfferAnswer.happened_on, OfferAnswer.id))
    return {one.offer_code: one for one in found}
