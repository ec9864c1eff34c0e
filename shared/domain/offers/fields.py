"""The columns of what became of an offer at a customer that both tiers store."""

from datetime import date
from typing import Final

from sqlalchemy import Date, String
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Id
from shared.db.personal import FieldClass, about, not_personal, personal
from shared.domain.fields import Created, Identified
from shared.domain.offers.rules import CODE_LENGTH
from shared.domain.offers.vocabulary import OfferStep
from shared.domain.vocabulary import code_column

REASON_LENGTH: Final = 200


class OfferAnswerFields(Identified, Created):
    """That an offer was made to a customer, accepted or declined: a fact; a correction is a new one with `corrects_id`.

    `offer_code` is the name of the published item; `reason` why it was declined or taken back, or what was said.
    """

    customer_id: Mapped[str] = mapped_column(Id, info=about("customer"))
    offer_code: Mapped[str] = mapped_column(String(CODE_LENGTH), info=not_personal())
    step: Mapped[OfferStep] = mapped_column(code_column(OfferStep))
    happened_on: Mapped[date] = mapped_column(Date)
    reason: Mapped[str | None] = mapped_column(String(REASON_LENGTH), info=personal(FieldClass.FREE_TEXT))
    corrects_id: Mapped[str | None] = mapped_column(Id)

    @property
    def is_void(self) -> bool:
        """Whether it takes back what it corrects."""
        return self.step is OfferStep.VOID
