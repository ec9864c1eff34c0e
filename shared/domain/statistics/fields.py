"""The columns of a customer's month that both tiers store."""

from datetime import date

from sqlalchemy import BigInteger, Date, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Id
from shared.domain.fields import Identified


class CustomerMonthFields(Identified):
    """One customer's month: money from bill lines (minor units), contacts from work logs."""

    customer_id: Mapped[str] = mapped_column(Id)
    month: Mapped[str] = mapped_column(String(7))
    currency: Mapped[str] = mapped_column(String(3))
    charge_minor: Mapped[int] = mapped_column(BigInteger)
    payment_minor: Mapped[int] = mapped_column(BigInteger)
    adjustment_minor: Mapped[int] = mapped_column(BigInteger)
    bill_lines: Mapped[int] = mapped_column(Integer)
    contacts: Mapped[int] = mapped_column(Integer)
    visits: Mapped[int] = mapped_column(Integer)
    last_contact_on: Mapped[date | None] = mapped_column(Date)
