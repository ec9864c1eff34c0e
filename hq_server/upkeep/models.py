"""The last count of each branch; nothing in it says whose files they are."""

from datetime import datetime

from sqlalchemy import BigInteger, Integer
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base, Json


class UpkeepCount(Base):
    """What a branch counted last: open customers, and how many have a field that is stale or contradicts something.

    `complete` is the mean completeness of their files in percent. `counted_at` is the branch's clock, never after
    `told_at`.
    """

    __tablename__ = "upkeep_counts"

    branch_number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    counted_at: Mapped[datetime]
    told_at: Mapped[datetime]
    customers: Mapped[int] = mapped_column(BigInteger)
    flagged: Mapped[int] = mapped_column(BigInteger)
    stale: Mapped[int] = mapped_column(BigInteger)
    conflicting: Mapped[int] = mapped_column(BigInteger)
    complete: Mapped[int | None] = mapped_column(Integer)
    fields: Mapped[dict[str, int]] = mapped_column(Json)
    conflicts: Mapped[dict[str, int]] = mapped_column(Json)
