"""The register of exports that hold personal data; the files themselves lie in the node's home."""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import Enum, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base, IdText
from shared.exports.vocabulary import MADE, ExportState
from shared.ids import new_id

REASON_LENGTH: Final = 500
_STATE: Final = Enum(
    ExportState,
    native_enum=False,
    create_constraint=True,
    length=20,
    values_callable=lambda members: [member.value for member in members],
    name="export_state",
)


class Export(Base):
    """One export: who asked for what and why, what came of it, and the digest by which its file is known again.

    `address` is the page that makes it, `conditions` what narrowed its rows; both are bound by an approval.
    """

    __tablename__ = "exports"
    __table_args__ = (
        Index("ix_exports_asked_by", "asked_by_id", "asked_at"),
        Index("ix_exports_digest", "digest"),
        Index("ix_exports_state", "state", "expires_at"),
    )

    id: Mapped[IdText] = mapped_column(primary_key=True, default=new_id)
    number: Mapped[str] = mapped_column(String(9), unique=True)
    asked_at: Mapped[datetime]
    asked_by: Mapped[str] = mapped_column(String(80))
    asked_by_id: Mapped[IdText]
    resource: Mapped[str] = mapped_column(String(40))
    title: Mapped[str] = mapped_column(String(200))
    address: Mapped[str] = mapped_column(Text)
    form: Mapped[str] = mapped_column(String(4))
    reason: Mapped[str] = mapped_column(String(REASON_LENGTH))
    conditions: Mapped[dict[str, Any]]
    columns: Mapped[list[str]]
    masked: Mapped[list[str]]
    whole: Mapped[bool]
    rows: Mapped[int]
    state: Mapped[ExportState] = mapped_column(_STATE)
    decided_by: Mapped[str | None] = mapped_column(String(80))
    expires_at: Mapped[datetime | None]
    made_at: Mapped[datetime | None]
    digest: Mapped[str | None] = mapped_column(String(64))
    size: Mapped[int | None]
    fetches: Mapped[int] = mapped_column(default=0)
    most_fetches: Mapped[int] = mapped_column(default=1)

    def is_open(self, at: datetime) -> bool:
        """Whether its file may still be made or fetched."""
        return (
            self.state in {ExportState.APPROVED, ExportState.READY}
            and self.expires_at is not None
            and at < self.expires_at
            and self.fetches < self.most_fetches
        )

    @property
    def is_made(self) -> bool:
        """Whether there ever was a file."""
        return self.state in MADE
