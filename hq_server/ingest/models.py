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


class HqBackup(Base):
    """A backup of HQ that was written and read back; `made_at` is the moment before its snapshot."""

    __tablename__ = "hq_backups"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(BigCounter, primary_key=True, autoincrement=True)
    made_at: Mapped[datetime]
    made_by: Mapped[str] = mapped_column(String(80))


class BackedUpChain(Base):
    """How far a channel of a branch stands in HQ's backups; branches keep what came after, to send it again.

    Written when a backup is complete, so no backup holds its own: a restored HQ tells what the one before it held.
    """

    __tablename__ = "backed_up_chains"

    branch_number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    channel: Mapped[str] = mapped_column(String(20), primary_key=True)
    lineage: Mapped[int] = mapped_column(Integer)
    batch_no: Mapped[int] = mapped_column(BigInteger)
    backup_id: Mapped[int] = mapped_column(BigInteger)


class InboxBatch(Base):
    """A batch received and applied, with the receipt given for it, so that a repeat gets the same answer.

    `indexed_at` is set when the rows it brought have been taken into the search index. After the retention
    `receipt` is empty; the entry itself stays, since the chain must be found again.
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
