"""What a branch remembers of its comparisons with head office."""

from datetime import date, datetime

from sqlalchemy import BigInteger, Date, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base
from shared.db.scope import KeyedByReceiver


class RecordProof(KeyedByReceiver, Base):
    """One record type: its last barrier, when HQ last held exactly our rows, and how a repair goes.

    `demanded` says why the next cycle makes a barrier at once (a repair, a new history). `buckets_differ`
    counts the buckets HQ found other at the last barrier, `repairs` the repairs since they were last equal. The
    barrier was over the columns of `schema_version` (None: the first).
    """

    __tablename__ = "record_proofs"

    record_type: Mapped[str] = mapped_column(String(40), primary_key=True)
    demanded: Mapped[str | None] = mapped_column(String(20))
    barrier_id: Mapped[int | None] = mapped_column(BigInteger)
    barrier_lineage: Mapped[int | None] = mapped_column(Integer)
    barrier_day: Mapped[date | None] = mapped_column(Date)
    barrier_rows: Mapped[int | None] = mapped_column(BigInteger)
    buckets_differ: Mapped[int] = mapped_column(Integer, default=0)
    repairs: Mapped[int] = mapped_column(Integer, default=0)
    schema_version: Mapped[int | None] = mapped_column(Integer)
    equal_at: Mapped[datetime | None]
    equal_through: Mapped[int | None] = mapped_column(BigInteger)
    equal_rows: Mapped[int | None] = mapped_column(BigInteger)
