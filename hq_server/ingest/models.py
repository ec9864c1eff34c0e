"""What HQ keeps of every delivery: where each chain stands, each batch with its receipt, and what was refused."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, Integer, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base, BigCounter, Id, Json


class ChainPosition(Base):
    """How far one channel of one branch has come; receiving a batch locks this row."""

    __tablename__ = "chain_positions"

    branch_number: Mapped[int] = mapped_column(Integer, primary_key=True)
    channel: Mapped[str] = mapped_column(String(20), primary_key=True)
    lineage: Mapped[int] = mapped_column(Integer)
    lineage_id: Mapped[str] = mapped_column(Id)
    batch_no: Mapped[int] = mapped_column(BigInteger)
    digest: Mapped[str] = mapped_column(String(64))


class InboxBatch(Base):
    """A batch received and applied, with the receipt given for it, so that a repeat gets the same answer.

    `indexed_at` is set when the rows it brought have been taken into the search index.
    """

    __tablename__ = "inbox_batches"
    __table_args__ = (
        UniqueConstraint("branch_number", "lineage", "channel", "batch_no"),
        Index("ix_inbox_batches_received_at", "received_at"),
        # What the figures and the search index have not taken in yet: few rows, asked for at every page.
        Index(
            "ix_inbox_batches_unindexed",
            "branch_number",
            "record_type",
            sqlite_where=text("indexed_at IS NULL"),
            postgresql_where=text("indexed_at IS NULL"),
        ),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(BigCounter, primary_key=True, autoincrement=True)
    branch_number: Mapped[int] = mapped_column(Integer)
    lineage: Mapped[int] = mapped_column(Integer)
    channel: Mapped[str] = mapped_column(String(20))
    batch_no: Mapped[int] = mapped_column(BigInteger)
    record_type: Mapped[str] = mapped_column(String(40))
    digest: Mapped[str] = mapped_column(String(64))
    rows: Mapped[int] = mapped_column(Integer)
    removed: Mapped[int] = mapped_column(Integer)
    parked: Mapped[int] = mapped_column(Integer)
    wire_bytes: Mapped[int] = mapped_column(Integer)
    control: Mapped[dict[str, Any]] = mapped_column(Json)
    sealed_at: Mapped[datetime]
    received_at: Mapped[datetime]
    duration_ms: Mapped[int] = mapped_column(Integer)
    receipt: Mapped[dict[str, Any]] = mapped_column(Json)
    indexed_at: Mapped[datetime | None]
