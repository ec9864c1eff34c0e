"""The tables that make each job run once: who may run it and when it is due, and what became of every run."""

from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import BigInteger, CheckConstraint, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base, IdText
from shared.domain.vocabulary import code_column
from shared.ids import new_id
from shared.jobs.vocabulary import RunOutcome

# How long a run may go unwatched: it outlasts another's write transaction on SQLite, and may be waited for.
LEASE: Final = timedelta(seconds=60)


class JobLease(Base):
    """One job of this node: when it is due, and who may run it until when.

    `fencing` grows with every lease given, so a holder that was thought dead can be told from
    the one that followed it.
    """

    __tablename__ = "job_leases"
    __table_args__ = (CheckConstraint("(holder IS NULL) = (expires_at IS NULL)", name="held_until"),)

    name: Mapped[str] = mapped_column(String(60), primary_key=True)
    schedule: Mapped[str] = mapped_column(String(80))
    next_due_at: Mapped[datetime]
    holder: Mapped[str | None] = mapped_column(String(120))
    fencing: Mapped[int] = mapped_column(BigInteger)
    expires_at: Mapped[datetime | None]


class JobRun(Base):
    """One run of a job; `outcome` stays empty while it runs."""

    __tablename__ = "job_runs"
    __table_args__ = (
        CheckConstraint("(outcome IS NULL) = (ended_at IS NULL)", name="ended_has_outcome"),
        Index("ix_job_runs_job_started_at", "job", "started_at"),
        Index("ix_job_runs_started_at", "started_at"),
    )

    id: Mapped[IdText] = mapped_column(primary_key=True, default=new_id)
    job: Mapped[str] = mapped_column(String(60))
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    outcome: Mapped[RunOutcome | None] = mapped_column(code_column(RunOutcome))
    counts: Mapped[dict[str, Any]]
    message: Mapped[str | None] = mapped_column(Text)
    error: Mapped[str | None] = mapped_column(Text)
    holder: Mapped[str] = mapped_column(String(120))
    fencing: Mapped[int] = mapped_column(BigInteger)
