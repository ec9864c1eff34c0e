"""How far the change log had come on each day, so that today's changes are told from earlier ones by number."""

from datetime import date

from sqlalchemy import BigInteger, Date
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base


class DayMark(Base):
    """The newest change that was noted on a local day; it says what goes first, and never what is newer."""

    __tablename__ = "day_marks"

    day: Mapped[date] = mapped_column(Date, primary_key=True)
    newest: Mapped[int] = mapped_column(BigInteger)
