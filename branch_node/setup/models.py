"""What setting up leaves behind: the regions this branch serves, and when it was finished."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base


class ServedRegion(Base):
    """A region this branch serves, by its GB/T 2260 code."""

    __tablename__ = "served_regions"

    code: Mapped[str] = mapped_column(String(6), primary_key=True)
    chosen_at: Mapped[datetime]
    chosen_by: Mapped[str] = mapped_column(String(80))


class SetupFinished(Base):
    """That a person looked at every step and said it is done; one row, none until then."""

    __tablename__ = "setup_finished"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    finished_at: Mapped[datetime]
    finished_by: Mapped[str] = mapped_column(String(80))
