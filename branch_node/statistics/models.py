"""The branch's own table of customer months."""

from sqlalchemy import ForeignKeyConstraint, Index, UniqueConstraint

from shared.db.base import Base
from shared.domain.statistics.fields import CustomerMonthFields


class CustomerMonth(CustomerMonthFields, Base):
    """One customer's month, computed each night from bill lines and work logs."""

    __tablename__ = "customer_months"
    __table_args__ = (
        UniqueConstraint("customer_id", "month", "currency"),
        ForeignKeyConstraint(["customer_id"], ["customers.id"]),
        Index("ix_customer_months_month", "month"),
    )
