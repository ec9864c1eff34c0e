"""What is being sent once more, and how far it has come."""

from datetime import date, datetime

from sqlalchemy import CheckConstraint, Date, Index, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column

from branch_node.resend.vocabulary import ResendState
from shared.db.base import Base, BigCounter, Id, Json
from shared.db.scope import OfReceiver
from shared.domain.vocabulary import code_column


class Resend(OfReceiver, Base):
    """Records of one type that go once more: all of them, those entered in a range of days, or the `ids`.

    `done_through` is the last id whose turn has come, so that a cycle cut off anywhere goes on there. `batch` names
    the batch whose records these are, `asked_of_hq` the question of head office that this answers.
    """

    __tablename__ = "resends"
    __table_args__ = (
        CheckConstraint("(entered_from IS NULL) = (entered_to IS NULL)", name="range_has_ends"),
        CheckConstraint("(state IN ('done', 'stopped')) = (ended_at IS NOT NULL)", name="ended_has_time"),
        Index(
            "ix_resends_open",
            "id",
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(BigCounter, primary_key=True, autoincrement=True)
    record_type: Mapped[str] = mapped_column(String(40))
    ids: Mapped[list[str] | None] = mapped_column(Json)
    entered_from: Mapped[date | None] = mapped_column(Date)
    entered_to: Mapped[date | None] = mapped_column(Date)
    batch: Mapped[str | None] = mapped_column(String(60))
    asked_of_hq: Mapped[str | None] = mapped_column(Id)
    reason: Mapped[str] = mapped_column(String(200))
    asked_at: Mapped[datetime]
    asked_by: Mapped[str] = mapped_column(String(80))
    state: Mapped[ResendState] = mapped_column(code_column(ResendState), default=ResendState.WAITING)
    done_through: Mapped[str | None] = mapped_column(Id)
    rows_planned: Mapped[int | None] = mapped_column(Integer)
    rows_sent: Mapped[int] = mapped_column(Integer, default=0)
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[str | None] = mapped_column(String(80))

    @property
    def is_open(self) -> bool:
        """Whether something of it is still to come."""
        return self.ended_at is None
