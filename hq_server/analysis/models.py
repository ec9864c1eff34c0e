"""Sums kept ready for the consolidated pages, a branch at a time; rebuilt whole, never edited.

A branch's sums count only while no batch of it waits to be taken in (see queries.waiting_branches);
until then the pages sum that branch's rows directly, so a figure is never behind the replica.
"""

from datetime import datetime

from sqlalchemy import BigInteger, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base


class MoneyCell(Base):
    """A branch's bill lines summed by month, product, currency, customer kind and grade ('' = not known)."""

    __tablename__ = "analysis_money"

    branch_number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    month: Mapped[str] = mapped_column(String(7), primary_key=True)
    product: Mapped[str] = mapped_column(String(60), primary_key=True)
    kind: Mapped[str] = mapped_column(String(20), primary_key=True)
    grade: Mapped[str] = mapped_column(String(20), primary_key=True)
    currency: Mapped[str] = mapped_column(String(3), primary_key=True)
    charge_minor: Mapped[int] = mapped_column(BigInteger)
    payment_minor: Mapped[int] = mapped_column(BigInteger)
    adjustment_minor: Mapped[int] = mapped_column(BigInteger)
    bill_lines: Mapped[int] = mapped_column(BigInteger)


class CustomerCell(Base):
    """Files of one branch counted by the month they were opened, kind and grade ('' = not known).

    `customers` and `customers_not_closed` leave out files merged into another; NULL where an earlier version counted,
    and then the branch's rows count.
    """

    __tablename__ = "analysis_customers"

    branch_number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    opened_month: Mapped[str] = mapped_column(String(7), primary_key=True)
    kind: Mapped[str] = mapped_column(String(20), primary_key=True)
    grade: Mapped[str] = mapped_column(String(20), primary_key=True)
    opened: Mapped[int] = mapped_column(BigInteger)
    not_closed: Mapped[int] = mapped_column(BigInteger)
    customers: Mapped[int | None] = mapped_column(BigInteger)
    customers_not_closed: Mapped[int | None] = mapped_column(BigInteger)


class RecordCount(Base):
    """How many rows of one record type we hold for one branch."""

    __tablename__ = "analysis_records"

    branch_number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    record_type: Mapped[str] = mapped_column(String(40), primary_key=True)
    rows: Mapped[int] = mapped_column(BigInteger)


class Prepared(Base):
    """Since when a branch's sums stand ready; a branch without a row here has none yet."""

    __tablename__ = "analysis_prepared"

    branch_number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    at: Mapped[datetime]
