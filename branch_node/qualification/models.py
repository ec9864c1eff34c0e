"""The branch's own table of qualifications."""

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index

from shared.db.base import Base
from shared.domain.qualification.fields import QualificationFields


class Qualification(QualificationFields, Base):
    """A judgement of a customer; every one is kept, and of those decided on the last one approved counts."""

    __tablename__ = "qualifications"
    __log__ = "qualification"
    __table_args__ = (
        ForeignKeyConstraint(["customer_id"], ["customers.id"]),
        CheckConstraint("(decided_at IS NULL) = (decided_by IS NULL)", name="decided_by_somebody"),
        CheckConstraint("(outcome = 'passed') = (grade IS NOT NULL)", name="graded_when_passed"),
        Index("ix_qualifications_customer_id", "customer_id", "state"),
        Index("ix_qualifications_state", "state", "next_review_on"),
    )
