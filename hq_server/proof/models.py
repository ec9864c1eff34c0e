"""The latest comparison of each branch and record type, and every difference that was ever found."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, Boolean, Date, Index, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base, BigCounter, Id, Json
from shared.ids import new_id


class Proof(Base):
    """How HQ's rows of one branch and record type compared with the branch's at its last barrier.

    The barrier stands at `lineage`/`batch_no` of the type's channel; `equal_through` and `equal_at` are of the
    last one at which all rows were equal, which came with the inbox entry `equal_entry`. `unequal` counts the barriers
    in a row that showed a difference.
    `asked_at` is set while a person waits for a comparison. Null `compared_at`: there was none yet.
    """

    __tablename__ = "proofs"

    branch_number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    record_type: Mapped[str] = mapped_column(String(40), primary_key=True)
    lineage: Mapped[int | None] = mapped_column(Integer)
    batch_no: Mapped[int | None] = mapped_column(BigInteger)
    sealed_at: Mapped[datetime | None]
    compared_at: Mapped[datetime | None]
    equal: Mapped[bool] = mapped_column(Boolean, default=False)
    rows: Mapped[int] = mapped_column(BigInteger, default=0)
    unequal: Mapped[int] = mapped_column(Integer, default=0)
    equal_through: Mapped[int | None] = mapped_column(BigInteger)
    equal_entry: Mapped[int | None] = mapped_column(BigInteger)
    equal_at: Mapped[datetime | None]
    asked_at: Mapped[datetime | None]
    asked_by: Mapped[str | None] = mapped_column(String(80))


class LogHead(Base):
    """Where a branch's operation log ended when it told us last; moved on with each telling that fits.

    One that does not fit, and one of a new history, begins another row; `bad` then says what became of this one.
    """

    __tablename__ = "log_heads"

    branch_number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    lineage: Mapped[int] = mapped_column(Integer)
    seq: Mapped[int] = mapped_column(BigCounter)
    digest: Mapped[str] = mapped_column(String(64))
    told_at: Mapped[datetime]
    bad: Mapped[str | None] = mapped_column(String(20))


class ArchiveEnd(Base):
    """Where the chain of a branch's retained archive ended when it told us last, and how many files it keeps.

    Rows follow one another as those of LogHead. `checked_at` is when the branch last read all of its archive,
    `bad_entry` the first entry that was not as it was written.
    """

    __tablename__ = "archive_ends"

    branch_number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    lineage: Mapped[int] = mapped_column(Integer)
    seq: Mapped[int] = mapped_column(BigCounter)
    digest: Mapped[str] = mapped_column(String(64))
    files: Mapped[int] = mapped_column(BigCounter)
    told_at: Mapped[datetime]
    checked_at: Mapped[datetime | None]
    bad_entry: Mapped[int | None] = mapped_column(BigCounter)
    bad: Mapped[str | None] = mapped_column(String(20))


class LogWitness(Base):
    """An end of our own operation log that a branch was shown and has brought back; moved on with each that fits.

    One that does not fit keeps its row, with what is wrong (`bad`); the next one begins another.
    """

    __tablename__ = "log_witnesses"

    branch_number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    seq: Mapped[int] = mapped_column(BigCounter)
    digest: Mapped[str] = mapped_column(String(64))
    shown_at: Mapped[datetime]
    brought_at: Mapped[datetime]
    bad: Mapped[str | None] = mapped_column(String(20))


class Difference(Base):
    """A difference a barrier showed, until a later one shows that it is gone.

    `rows` tells the first records it is about: `[{"id", "kind", "held"}]`, kind changed, missing (HQ had
    none) or extra (the branch has none), `held` the line HQ held; `row_count` counts all of them.
    """

    __tablename__ = "proof_differences"
    __table_args__ = (
        Index("ix_proof_differences_branch", "branch_number", "record_type"),
        Index(
            "uq_proof_differences_open",
            "branch_number",
            "record_type",
            unique=True,
            sqlite_where=text("repaired_at IS NULL"),
            postgresql_where=text("repaired_at IS NULL"),
        ),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(BigCounter, primary_key=True, autoincrement=True)
    branch_number: Mapped[int] = mapped_column(Integer)
    record_type: Mapped[str] = mapped_column(String(40))
    lineage: Mapped[int] = mapped_column(Integer)
    batch_no: Mapped[int] = mapped_column(BigInteger)
    found_at: Mapped[datetime]
    buckets: Mapped[list[str]] = mapped_column(Json)
    rows: Mapped[list[Any]] = mapped_column(Json)
    row_count: Mapped[int] = mapped_column(Integer, default=0)
    repaired_at: Mapped[datetime | None]
    repaired_by: Mapped[int | None] = mapped_column(BigInteger)


class DayCheck(Base):
    """How HQ's own figures of a branch's closed day compared with its manifest, version (row_lineage, row_change).

    `differs` lists `{"what", "told", "held"}`: a count or a sum that is another here. `through` is the last batch
    that was in, `checked_on` HQ's local day of the check.
    """

    __tablename__ = "day_checks"
    __table_args__ = (Index("ix_day_checks_day", "day", "branch_number"),)

    branch_number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    row_lineage: Mapped[int] = mapped_column(Integer)
    row_change: Mapped[int] = mapped_column(BigInteger)
    complete: Mapped[bool] = mapped_column(Boolean)
    differs: Mapped[list[Any]] = mapped_column(Json)
    through: Mapped[int] = mapped_column(BigInteger)
    checked_at: Mapped[datetime]
    checked_on: Mapped[date] = mapped_column(Date)


class ResendAsk(Base):
    """Somebody at HQ wants a branch to send a record type once more; told with its state until it has.

    `ended_at` is when a barrier behind the last of those records was compared, `equal` what it showed; null when it
    was withdrawn.
    """

    __tablename__ = "resend_asks"
    __table_args__ = (Index("ix_resend_asks_branch", "branch_number", "ended_at"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=new_id)
    branch_number: Mapped[int] = mapped_column(Integer)
    record_type: Mapped[str] = mapped_column(String(40))
    reason: Mapped[str] = mapped_column(String(200))
    asked_at: Mapped[datetime]
    asked_by: Mapped[str] = mapped_column(String(80))
    ended_at: Mapped[datetime | None]
    equal: Mapped[bool | None] = mapped_column(Boolean)
