"""The branch's own tables about personal data: legal holds."""

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index
from sqlalchemy import text as sql

from shared.db.base import Base
from shared.domain.personal.fields import LegalHoldFields


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
