"""Giving, keeping and ending the right to run a job; each step is one statement that decides by itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import CursorResult, and_, delete, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from shared.ids import new_id
from shared.jobs.job import Outcome, StaleLeaseError
from shared.jobs.models import LEASE, JobLease, JobRun
from shared.jobs.vocabulary import RunOutcome

KEEP_RUNS: Final = timedelta(days=90)
ERROR_LENGTH: Final = 2000


@dataclass(frozen=True, slots=True)
class Lease:
    """The right of one run to be the only one of its job."""

    job: str
    holder: str
    fencing: int
    run_id: str
    started: datetime

    def check(self, session: Session) -> None:
        """Raise StaleLeaseError unless this right stands; none can follow it before the transaction ends."""
        # The share lock keeps another from taking the lease; SQLite's write transaction does by nature.
        held = select(JobLease.fencing).where(*_is(self)).with_for_update(read=True)
        if session.scalars(held).one_or_none() is None:
            raise StaleLeaseError(job=self.job)


def plan(session: Session, name: str, schedule: str, *, due_at: datetime) -> None:
    """Make a job known, due at `due_at`; one known by another schedule is planned anew, others stay."""
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    new = {"name": name, "schedule": schedule, "next_due_at": due_at, "fencing": 0}
    session.execute(insert(JobLease).values(new).on_conflict_do_nothing())
    changed = and_(JobLease.name == name, JobLease.schedule != schedule)
    session.execute(update(JobLease).where(changed).values(schedule=schedule, next_due_at=due_at))


def run_soon(session: Session, name: str, *, now: datetime) -> bool:
    """Make a job due at once, for a runner to take up within seconds; False when no runner ever knew it."""
    return _hits(session, update(JobLease).where(JobLease.name == name).values(next_due_at=now))


def take(
    session: Session,
    name: str,
    *,
    holder: str,
    now: datetime,
    due_by: datetime | None = None,
    dead: str | None = None,
) -> Lease | None:
    """Take the right to run a job and open its run, or return None when another holds it.

    With `due_by`, only when the job is due, or planned later than `due_by` (no schedule does that).
    `dead` names a holder known to be gone, whose lease need not expire first. The run that was
    cut off, if any, is closed as lost.
    """
    free = [JobLease.holder.is_(None), JobLease.expires_at <= now, JobLease.expires_at > now + 2 * LEASE]
    if dead is not None:
        free.append(JobLease.holder == dead)
    wanted = [JobLease.name == name, or_(*free)]
    if due_by is not None:
        wanted.append(or_(JobLease.next_due_at <= now, JobLease.next_due_at > due_by))
    fencing = session.scalars(
        update(JobLease)
        .where(*wanted)
        .values(holder=holder, fencing=JobLease.fencing + 1, expires_at=now + LEASE)
        .returning(JobLease.fencing),
        execution_options={"synchronize_session": False},
    ).one_or_none()
    if fencing is None:
        return None
    _close_lost(session, name, now=now)
    run = JobRun(id=new_id(), job=name, started_at=now, counts={}, holder=holder, fencing=fencing)
    session.add(run)
    session.flush()
    return Lease(name, holder, fencing, run.id, now)


def renew(session: Session, lease: Lease, *, now: datetime) -> bool:
    """Keep a lease for longer; False when it is no longer this run's."""
    return _hits(session, update(JobLease).where(*_is(lease)).values(expires_at=now + LEASE))


def finish(
    session: Session,
    lease: Lease,
    outcome: Outcome,
    *,
    now: datetime,
    due_at: datetime,
    error: str | None = None,
) -> bool:
    """Close a run and give its lease back; False when the lease was no longer this run's.

    A run that was closed before (timed out, lost) stays as it was closed.
    """
    values: Mapping[str, Any] = {
        "ended_at": now,
        "outcome": outcome.kind,
        "counts": dict(outcome.counts),
        "message": outcome.message or None,
        "error": error[:ERROR_LENGTH] if error else None,
    }
    session.execute(update(JobRun).where(JobRun.id == lease.run_id, JobRun.outcome.is_(None)).values(values))
    given_back = {"holder": None, "expires_at": None, "next_due_at": due_at}
    return _hits(session, update(JobLease).where(*_is(lease)).values(given_back))


def trim_runs(session: Session, *, before: datetime) -> int:
    """Forget runs that began before an instant, except the last of each job; returns how many."""
    newest = func.row_number().over(partition_by=JobRun.job, order_by=JobRun.started_at.desc())
    ranked = select(JobRun.id, newest.label("rank")).subquery()
    kept = select(ranked.c.id).where(ranked.c.rank == 1)
    old = and_(JobRun.started_at < before, JobRun.ended_at.is_not(None), JobRun.id.not_in(kept))
    result = session.execute(delete(JobRun).where(old), execution_options={"synchronize_session": False})
    assert isinstance(result, CursorResult)
    return result.rowcount


def _close_lost(session: Session, name: str, *, now: datetime) -> None:
    cut_off = and_(JobRun.job == name, JobRun.outcome.is_(None))
    session.execute(update(JobRun).where(cut_off).values(outcome=RunOutcome.LOST, ended_at=now))


def _is(lease: Lease) -> tuple[Any, ...]:
    return (
        JobLease.name == lease.job,
        JobLease.holder == lease.holder,
        JobLease.fencing == lease.fencing,
    )


def _hits(session: Session, statement: Any) -> bool:  # noqa: ANN401 - an UPDATE
    result = session.execute(statement, execution_options={"synchronize_session": False})
    assert isinstance(result, CursorResult)
    return result.rowcount == 1
