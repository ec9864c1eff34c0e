"""The branch's own table of customers."""

from sqlalchemy import ForeignKeyConstraint, Index, UniqueConstraint

from shared.db.base import Base
from shared.domain.customers.fields import CustomerFields


class Customer(CustomerFields, Base):
    """A customer of this branch; only this branch changes it."""

    __tablename__ = "customers"
    __table_args__ = (
        UniqueConstraint("customer_no"),
        ForeignKeyConstraint(["manager_id"], ["managers.id"]),
        Index("ix_customers_manager_id", "manager_id"),
        Index("ix_customers_mobile", "mobile"),
        Index("ix_customers_opened_on", "opened_on"),
    )
