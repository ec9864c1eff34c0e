"""Reads of what became of offers: the entries of a customer, and where each offer stands."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, and_, exists, select
from sqlalchemy.orm import Session, aliased

from branch_node.identity.queries import of_person
from branch_node.offers.errors import OfferAnswerNotFoundError
from branch_node.offers.models import OfferAnswer
from shared.db.parts import Part, first_of
from shared.domain.corrections import versions_before
from shared.domain.offers.vocabulary import OfferStep

MOST_SHOWN: Final = 200
_Later = aliased(OfferAnswer)


@dataclass(frozen=True, slots=True)
class Told:
    """An entry that counts, or that takes one back, with the versions it took the place of, the latest first."""

    answer: OfferAnswer
    before: Sequence[OfferAnswer]

    @property
    def counts(self) -> bool:
        """Whether it happened."""
        return self.answer.step is not OfferStep.VOID


def stands() -> ColumnElement[bool]:
    """Hold the entries that count: neither corrected nor taken back."""
    return and_(OfferAnswer.step != OfferStep.VOID, ~_corrected())


def get_answer(session: Session, answer_id: str) -> OfferAnswer:
    """Return one entry; raises OfferAnswerNotFoundError."""
    found = session.get(OfferAnswer, answer_id)
    if found is None:
        raise OfferAnswerNotFoundError
    return found


def counts(session: Session, answer: OfferAnswer) -> bool:
    """Tell whether an entry is neither corrected nor taken back, and takes none back itself."""
    later = session.scalar(select(exists().where(OfferAnswer.corrects_id == answer.id)))
    return answer.step is not OfferStep.VOID and not later


def told(session: Session, customer_id: str, *, most: int = MOST_SHOWN) -> Part[Told]:
    """Return what became of offers at a customer, the latest day first, files merged into theirs included."""
    ordered = OfferAnswer.happened_on.desc(), OfferAnswer.id.desc()
    wanted = select(OfferAnswer).where(of_person(OfferAnswer.customer_id, customer_id), ~_corrected())
    found = first_of(session, wanted.order_by(*ordered), most)
    before = _before(session, [one.corrects_id for one in found if one.corrects_id])
    return Part([Told(one, versions_before(one, before)) for one in found], found.total)


def latest(session: Session, customer_id: str) -> dict[str, OfferAnswer]:
    """Return by offer the entry that says what became of it at a customer."""
    wanted = select(OfferAnswer).where(of_person(OfferAnswer.customer_id, customer_id), stands())
    found = session.scalars(wanted.order_by(OfferAnswer.happened_on, OfferAnswer.id))
    return {one.offer_code: one for one in found}


def _corrected() -> ColumnElement[bool]:
    return exists().where(_Later.corrects_id == OfferAnswer.id)


def _before(session: Session, ids: Collection[str]) -> dict[str, OfferAnswer]:
    known: dict[str, OfferAnswer] = {}
    while ids:
        found = session.scalars(select(OfferAnswer).where(OfferAnswer.id.in_(sorted(ids)))).all()
        known |= {one.id: one for one in found}
        ids = {one.corrects_id for one in found if one.corrects_id}
    return known
