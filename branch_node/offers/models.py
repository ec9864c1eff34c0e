"""The branch's own table of what became of offers."""

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint

from shared.db.base import Base
from shared.domain.offers.fields import OfferAnswerFields


class OfferAnswer(OfferAnswerFields, Base):
    """That an offer was made to a customer, accepted or declined; the database refuses to change it."""

    __tablename__ = "offer_answers"
    __log__ = "offer_answer"
    __table_args__ = (
        # One correction an entry: two would both count.
        UniqueConstraint("corrects_id"),
        ForeignKeyConstraint(["customer_id"], ["customers.id"]),
        ForeignKeyConstraint(["corrects_id"], ["offer_answers.id"]),
        CheckConstraint("step <> 'void' OR corrects_id IS NOT NULL", name="void_takes_back"),
        Index("ix_offer_answers_customer_id", "customer_id", "happened_on"),
    )
