"""When a value of a customer was last known to be right."""

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base, Id


class FieldConfirmation(Base):
    """That a customer's value was confirmed, or changed, on a day; without a row it is as old as the file.

    The database writes it when the column changes, whoever changes it; people write it when they confirm.
    """

    __tablename__ = "field_confirmations"

    customer_id: Mapped[str] = mapped_column(
        Id, ForeignKey("customers.id", ondelete="CASCADE"), primary_key=True
    )
    field: Mapped[str] = mapped_column(String(20), primary_key=True)
    confirmed_at: Mapped[datetime]
    confirmed_by: Mapped[str] = mapped_column(String(80))
