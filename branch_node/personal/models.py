"""The branch's own tables about personal data: legal holds, and since when customers are closed."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, String
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from branch_node.personal.request_words import IdentityCheck
from shared.db.base import Base, Id
from shared.db.personal import FieldClass, about, personal
from shared.domain.personal.fields import LegalHoldFields, PersonalRequestFields
from shared.domain.vocabulary import code_column


class LegalHold(LegalHoldFields, Base):
    """A hold on a customer of this branch; it is never removed, so its customer is not either."""

    __tablename__ = "legal_holds"
    __log__ = "legal_hold"
    __table_args__ = (
        ForeignKeyConstraint(["customer_id"], ["customers.id"]),
        CheckConstraint(
            "(released_at IS NULL) = (released_by IS NULL) AND (released_at IS NULL) = (release_reason IS NULL)",
            name="released_by_somebody",
        ),
        Index(
            "ix_legal_holds_open",
            "customer_id",
            sqlite_where=sql("released_at IS NULL"),
            postgresql_where=sql("released_at IS NULL"),
        ),
        Index(
            "uq_legal_holds_order_id",
            "order_id",
            unique=True,
            sqlite_where=sql("order_id IS NOT NULL"),
            postgresql_where=sql("order_id IS NOT NULL"),
        ),
    )


class ClosedCustomer(Base):
    """Since when a closed customer has been so: terms run from there, or from a later activity."""

    __tablename__ = "closed_customers"

    customer_id: Mapped[str] = mapped_column(
        Id, ForeignKey("customers.id", ondelete="CASCADE"), primary_key=True
    )
    since: Mapped[datetime] = mapped_column(index=True)


class PersonalRequest(PersonalRequestFields, Base):
    """What a person asks of us about their data, until it is answered; never removed.

    Head office takes the columns of PersonalRequestFields alone: who asked, about whom and what was said stay here.
    `order_id` is the order by which head office asked for it in their name.
    """

    __tablename__ = "personal_requests"
    __log__ = "personal_request"
    __table_args__ = (
        CheckConstraint("(state = 'open') = (ended_at IS NULL)", name="ended_when_answered"),
        Index("ix_personal_requests_state", "state", "due_on"),
        Index("ix_personal_requests_customer_id", "customer_id"),
        Index(
            "uq_personal_requests_order_id",
            "order_id",
            unique=True,
            sqlite_where=sql("order_id IS NOT NULL"),
            postgresql_where=sql("order_id IS NOT NULL"),
        ),
    )

    customer_id: Mapped[str] = mapped_column(Id, ForeignKey("customers.id"), info=about("customer"))
    asked_by: Mapped[str] = mapped_column(String(120), info=personal(FieldClass.NAME))
    identity: Mapped[IdentityCheck] = mapped_column(code_column(IdentityCheck))
    note: Mapped[str | None] = mapped_column(String(500), info=personal(FieldClass.FREE_TEXT))
    order_id: Mapped[str | None] = mapped_column(Id)
    made_at: Mapped[datetime]
    made_by: Mapped[str] = mapped_column(String(80))
    ended_by: Mapped[str | None] = mapped_column(String(80))
    answer: Mapped[str | None] = mapped_column(String(500), info=personal(FieldClass.FREE_TEXT))
