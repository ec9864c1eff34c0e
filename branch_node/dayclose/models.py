"""The branch's own table of closed days."""

from sqlalchemy import UniqueConstraint

from shared.db.base import Base
from shared.domain.dayclose.fields import DayCloseFields


class DayClose(DayCloseFields, Base):
    """The manifest of one day; facts that come late for it give it a new version."""

    __tablename__ = "day_closes"
    __table_args__ = (UniqueConstraint("day"),)
