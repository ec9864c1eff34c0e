"""What a branch remembers of its membership and of its sync cycles."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Integer, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base, BigCounter, Id, Json


class Membership(Base):
    """Which branch this node is and which HQ it belongs to; one row, written when it joins.

    `lineage` counts the histories of this node's data; batch numbers belong to one of them.
    """

    __tablename__ = "membership"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    node_id: Mapped[str] = mapped_column(Id)
    branch_code: Mapped[str] = mapped_column(String(20))
    branch_name: Mapped[str] = mapped_column(String(80))
    hq_url: Mapped[str] = mapped_column(String(200))
    hq_id: Mapped[str] = mapped_column(Id)
    hq_public_key: Mapped[bytes] = mapped_column(LargeBinary(32))
    lineage: Mapped[int] = mapped_column(Integer)
    lineage_id: Mapped[str] = mapped_column(Id)
    joined_at: Mapped[datetime]
    push_interval_s: Mapped[int] = mapped_column(Integer)


class Cycle(Base):
    """One sync cycle: what it sent, how long it took, and why it ended."""

    __tablename__ = "sync_cycles"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(BigCounter, primary_key=True, autoincrement=True)
    started_at: Mapped[datetime] = mapped_column(index=True)
    ended_at: Mapped[datetime | None]
    outcome: Mapped[str] = mapped_column(String(20))
    batches: Mapped[int] = mapped_column(Integer, default=0)
    rows: Mapped[int] = mapped_column(Integer, default=0)
    wire_bytes: Mapped[int] = mapped_column(Integer, default=0)
    parked: Mapped[int] = mapped_column(Integer, default=0)
    problem: Mapped[str | None] = mapped_column(String(40))
    detail: Mapped[str | None] = mapped_column(String(300))
    counts: Mapped[dict[str, Any]] = mapped_column(Json)
