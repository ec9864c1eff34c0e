"""The branch's own table of account managers' months."""

from sqlalchemy import ForeignKeyConstraint, Index, UniqueConstraint

from shared.db.base import Base
from shared.domain.opstats.fields import OperationMonthFields


class OperationMonth(OperationMonthFields, Base):
    """An account manager's month, counted each night from the operation log and the work logs."""

    __tablename__ = "operation_months"
    __table_args__ = (
        UniqueConstraint("manager_id", "month"),
        ForeignKeyConstraint(["manager_id"], ["managers.id"]),
        Index("ix_operation_months_month", "month"),
    )
