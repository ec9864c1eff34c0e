"""The table of alarms."""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import CheckConstraint, Index, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column

from shared.alarms.vocabulary import Severity
from shared.db.base import Base, IdText
from shared.domain.vocabulary import code_column
from shared.ids import new_id

OPEN: Final = text("closed_at IS NULL")


class Alarm(Base):
    """Something wrong with one subject: at most one row of a code and subject is open.

    `times` counts how often it was raised while open, `details` are those of the last time. It is
    closed by "system" when it is over by itself, else by a person with a note.
    """

    __tablename__ = "alarms"
    __table_args__ = (
        CheckConstraint("(closed_at IS NULL) = (closed_by IS NULL)", name="closed_by_somebody"),
        CheckConstraint("closed_at IS NOT NULL OR note IS NULL", name="note_when_closed"),
        Index(
            "uq_alarms_open",
            "code",
            "subject_type",
            "subject_id",
            unique=True,
            sqlite_where=OPEN,
            postgresql_where=OPEN,
        ),
        Index("ix_alarms_closed_at", "closed_at", "id"),
    )

    id: Mapped[IdText] = mapped_column(primary_key=True, default=new_id)
    code: Mapped[str] = mapped_column(String(40))
    severity: Mapped[Severity] = mapped_column(code_column(Severity))
    subject_type: Mapped[str] = mapped_column(String(40))
    subject_id: Mapped[str] = mapped_column(String(80))
    details: Mapped[dict[str, Any]]
    opened_at: Mapped[datetime]
    last_at: Mapped[datetime]
    times: Mapped[int] = mapped_column(Integer)
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[str | None] = mapped_column(String(80))
    note: Mapped[str | None] = mapped_column(String(500))

    @property
    def is_open(self) -> bool:
        """Whether it still stands."""
        return self.closed_at is None

    def close(self, *, at: datetime, by: str, note: str | None = None) -> None:
        """End it."""
        self.closed_at, self.closed_by, self.note = at, by, note
