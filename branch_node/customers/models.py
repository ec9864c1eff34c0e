"""The branch's own table of customers."""

from typing import Final, cast

from sqlalchemy import ForeignKeyConstraint, Index, Table, UniqueConstraint

from shared.db.base import Base
from shared.db.search import FollowedTable
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
        Index("ix_customers_id_no", "id_no"),
        Index("ix_customers_name", "name"),
        Index("ix_customers_updated_at", "updated_at"),
    )


_SEARCHED: Final = ("customer_no", "name", "short_name", "mobile", "phone", "id_no", "email")
CUSTOMER_SEARCH: Final = FollowedTable(
    "customer_search", cast("Table", Customer.__table__), columns=_SEARCHED, looked_at=_SEARCHED
)
CUSTOMER_SEARCH.create_with_source()
