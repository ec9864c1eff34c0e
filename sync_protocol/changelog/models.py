"""What a sender keeps: the changes captured, the batches sealed from them, and the receipts that came back."""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Index,
    Integer,
    LargeBinary,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base, BigCounter, Id, Json
from shared.db.scope import KeyedByReceiver, OfReceiver

# In place of a batch's number, which is never below 1.
SET_ASIDE: Final = -1


class Change(OfReceiver, Base):
    """One captured change of one record, for one receiver; written by triggers, in the change's own transaction.

    `id` comes from AUTOINCREMENT or a sequence and is never used again, so it serves as the
    row's version. `op` is I (made), U (changed) or D (removed). `batch_id` is null until the change
    is sealed into a batch, and SET_ASIDE while its record is too large for one.
    """

    __tablename__ = "sync_changes"
    __table_args__ = (
        CheckConstraint("op IN ('I', 'U', 'D')", name="op"),
        Index(
            "ix_sync_changes_unsealed",
            "receiver",
            "record_type",
            "id",
            sqlite_where=text("batch_id IS NULL"),
            postgresql_where=text("batch_id IS NULL"),
        ),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(BigCounter, primary_key=True, autoincrement=True)
    record_type: Mapped[str] = mapped_column(String(40))
    record_id: Mapped[str] = mapped_column(Id)
    op: Mapped[str] = mapped_column(String(1))
    batch_id: Mapped[int | None] = mapped_column(BigInteger)


class OutboxBatch(OfReceiver, Base):
    """A sealed batch: immutable bytes, retried exactly as they are until a receipt says they are applied.

    One with `voided_at` belongs to a history that was given up: its changes were sealed again, it is never sent.
    `control` are its control totals, `took_ms` how long its last delivery took.
    """

    __tablename__ = "sync_outbox"
    __table_args__ = (
        UniqueConstraint("receiver", "lineage", "channel", "batch_no"),
        Index(
            "ix_sync_outbox_unacknowledged",
            "receiver",
            "channel",
            "batch_no",
            sqlite_where=text("acknowledged_at IS NULL"),
            postgresql_where=text("acknowledged_at IS NULL"),
        ),
        # What is kept to be sent again, without looking at all that was ever sent.
        Index(
            "ix_sync_outbox_stored",
            "receiver",
            "channel",
            "id",
            "payload_bytes",
            sqlite_where=text("payload IS NOT NULL"),
            postgresql_where=text("payload IS NOT NULL"),
        ),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(BigCounter, primary_key=True, autoincrement=True)
    lineage: Mapped[int] = mapped_column(Integer)
    channel: Mapped[str] = mapped_column(String(20))
    batch_no: Mapped[int] = mapped_column(BigInteger)
    record_type: Mapped[str] = mapped_column(String(40))
    rows: Mapped[int] = mapped_column(Integer)
    changes: Mapped[int] = mapped_column(Integer)
    digest: Mapped[str] = mapped_column(String(64))
    sealed_at: Mapped[datetime]
    payload: Mapped[bytes | None] = mapped_column(LargeBinary)
    payload_bytes: Mapped[int] = mapped_column(Integer)
    removed: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    control: Mapped[dict[str, Any] | None] = mapped_column(Json)
    took_ms: Mapped[int | None] = mapped_column(Integer)
    acknowledged_at: Mapped[datetime | None]
    voided_at: Mapped[datetime | None]
    receipt: Mapped[dict[str, Any] | None] = mapped_column(Json)


class ChainHead(KeyedByReceiver, Base):
    """The last batch sealed in one channel of one receiver; sealing locks this row, so numbers never fork."""

    __tablename__ = "sync_chain_heads"

    channel: Mapped[str] = mapped_column(String(20), primary_key=True)
    lineage: Mapped[int] = mapped_column(Integer)
    batch_no: Mapped[int] = mapped_column(BigInteger)
    digest: Mapped[str] = mapped_column(String(64))


class OversizeRecord(KeyedByReceiver, Base):
    """A record that is too large for any batch: set aside at its source until it is smaller, and told meanwhile.

    Its changes from `first_change` to `last_change` are marked SET_ASIDE; the batch of a newer one settles them.
    """

    __tablename__ = "sync_oversize"

    record_type: Mapped[str] = mapped_column(String(40), primary_key=True)
    record_id: Mapped[str] = mapped_column(Id, primary_key=True)
    first_change: Mapped[int] = mapped_column(BigInteger)
    last_change: Mapped[int] = mapped_column(BigInteger)
    payload_bytes: Mapped[int] = mapped_column(BigInteger)
    wire_bytes: Mapped[int] = mapped_column(BigInteger)
    set_aside_at: Mapped[datetime]
