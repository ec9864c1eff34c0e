"""The table of parked records."""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import BigInteger, Enum, Index, Integer, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from hq_server.parking.vocabulary import ParkedState
from shared.db.base import Base, BigCounter, Json

OPEN_WAIT: Final = text("state = 'parked' AND waits_id IS NOT NULL")


def _state_column() -> Enum:
    # Without a check in the database: the column is older than the vocabulary.
    return Enum(
        ParkedState,
        native_enum=False,
        create_constraint=False,
        length=20,
        values_callable=lambda members: [member.value for member in members],
    )


class ParkedRecord(Base):
    """A refused row, kept whole with the reason, until a newer version of it is applied or a person decides.

    Lines of one record stand in the order of their versions (row_lineage, row_change). One with `waits_id`
    keeps the rules itself and waits for a parked record that it names. `asked_by` has asked to waive it.
    """

    __tablename__ = "parked_records"
    __table_args__ = (
        Index("ix_parked_records_branch", "branch_number", "state"),
        Index("ix_parked_records_record", "branch_number", "record_type", "record_id"),
        Index(
            "ix_parked_records_waits",
            "branch_number",
            "waits_type",
            "waits_id",
            sqlite_where=OPEN_WAIT,
            postgresql_where=OPEN_WAIT,
        ),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(BigCounter, primary_key=True, autoincrement=True)
    branch_number: Mapped[int] = mapped_column(Integer)
    batch_id: Mapped[int] = mapped_column(BigInteger)
    record_type: Mapped[str] = mapped_column(String(40))
    schema_version: Mapped[int] = mapped_column(Integer, server_default="1")
    record_id: Mapped[str | None] = mapped_column(String(80))
    row_lineage: Mapped[int] = mapped_column(Integer, server_default="1")
    row_change: Mapped[int | None] = mapped_column(BigInteger)
    line: Mapped[str] = mapped_column(Text)
    code: Mapped[str] = mapped_column(String(40))
    reasons: Mapped[dict[str, Any]] = mapped_column(Json)
    waits_type: Mapped[str | None] = mapped_column(String(40))
    waits_id: Mapped[str | None] = mapped_column(String(80))
    state: Mapped[ParkedState] = mapped_column(_state_column())
    parked_at: Mapped[datetime]
    asked_at: Mapped[datetime | None]
    asked_by: Mapped[str | None] = mapped_column(String(80))
    settled_at: Mapped[datetime | None]
    settled_by: Mapped[str | None] = mapped_column(String(80))
    note: Mapped[str | None] = mapped_column(String(500))

    @property
    def version(self) -> tuple[int, int]:
        """The row's version; one that could not be read counts as the oldest."""
        return self.row_lineage, self.row_change or 0

    @property
    def is_open(self) -> bool:
        """Whether it still waits."""
        return self.state is ParkedState.PARKED

    def settle(self, state: ParkedState, *, at: datetime, by: str) -> None:
        """End its wait."""
        self.state, self.settled_at, self.settled_by = state, at, by

    def refuse(self, code: str, reasons: dict[str, list[str]], waits: tuple[str, str] | None) -> None:
        """Keep it, for the reasons of today."""
        self.code, self.reasons = code, reasons
        self.waits_type, self.waits_id = waits or (None, None)
