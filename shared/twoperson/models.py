"""The table of acts that take two people."""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import Enum, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base, IdText
from shared.ids import new_id
from shared.stamp import Stamp
from shared.twoperson.vocabulary import ActState

KIND_LENGTH: Final = 40
REASON_LENGTH: Final = 500
WAITING: Final = text("state = 'waiting'")
_STATE: Final = Enum(
    ActState,
    native_enum=False,
    create_constraint=True,
    length=20,
    values_callable=lambda members: [member.value for member in members],
    name="act_state",
)


class ProposedAct(Base):
    """One act that somebody proposed and somebody else decides on; never deleted.

    `payload` says what exactly would be done, `digest` binds it to what was proposed. Of one subject one act of a
    kind waits at a time: the database says so too.
    """

    __tablename__ = "two_person_acts"
    __table_args__ = (
        Index(
            "ix_two_person_acts_waiting",
            "kind",
            "subject_type",
            "subject_id",
            unique=True,
            sqlite_where=WAITING,
            postgresql_where=WAITING,
        ),
        Index("ix_two_person_acts_state", "state", "proposed_at"),
    )

    id: Mapped[IdText] = mapped_column(primary_key=True, default=new_id)
    kind: Mapped[str] = mapped_column(String(KIND_LENGTH))
    subject_type: Mapped[str] = mapped_column(String(40))
    subject_id: Mapped[str] = mapped_column(String(80))
    payload: Mapped[dict[str, Any]]
    digest: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str] = mapped_column(String(REASON_LENGTH))
    proposed_at: Mapped[datetime]
    proposed_by: Mapped[str] = mapped_column(String(80))
    proposed_by_id: Mapped[str | None] = mapped_column(String(36))
    expires_at: Mapped[datetime]
    state: Mapped[ActState] = mapped_column(_STATE, default=ActState.WAITING)
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[str | None] = mapped_column(String(80))
    note: Mapped[str | None] = mapped_column(String(REASON_LENGTH))

    @property
    def subject(self) -> tuple[str, str]:
        """What it is about."""
        return self.subject_type, self.subject_id

    def is_open(self, at: datetime) -> bool:
        """Whether it can still be decided."""
        return self.state is ActState.WAITING and at < self.expires_at

    def is_of(self, by: Stamp) -> bool:
        """Whether the same person proposed it, by account or by name."""
        if self.proposed_by_id is not None and self.proposed_by_id == by.actor_id:
            return True
        return self.proposed_by == by.actor

    def end(self, state: ActState, *, by: Stamp, note: str | None = None) -> None:
        """Say how it ended."""
        self.state, self.decided_at, self.decided_by, self.note = state, by.at, by.actor, note
