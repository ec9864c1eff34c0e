"""Reading what jobs did and when they are due."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Select, and_, func, or_, select
from sqlalchemy.orm import Session, aliased

from shared.jobs.job import Job
from shared.jobs.models import LEASE, JobLease, JobRun
from shared.jobs.vocabulary import RunOutcome

# A runner looks each second, and begins a few at a time.
LATE: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class JobState:
    """How one job stands; `last` is its last finished run, `running` the one at work now."""

    job: Job
    schedule: str | None
    next_due_at: datetime | None
    running: JobRun | None
    last: JobRun | None


@dataclass(frozen=True, slots=True)
class DueJob:
    """A job that is due, with who holds it, if anybody."""

    name: str
    holder: str | None
    expires_at: datetime | None


def list_due(session: Session, names: Sequence[str], *, now: datetime, due_by: datetime) -> Sequence[DueJob]:
    """Return which of the jobs `names` are due now, longest overdue first."""
    due = or_(JobLease.next_due_at <= now, JobLease.next_due_at > due_by)
    rows = session.execute(
        select(JobLease.name, JobLease.holder, JobLease.expires_at)
        .where(JobLease.name.in_(names), due)
        .order_by(JobLease.next_due_at, JobLease.name)
    )
    return [DueJob(row.name, row.holder, row.expires_at) for row in rows]


def find_holder(session: Session, name: str) -> str | None:
    """Return who holds a job's lease, alive or not."""
    return session.scalars(select(JobLease.holder).where(JobLease.name == name)).one_or_none()


def find_stopped_since(session: Session, *, now: datetime) -> datetime | None:
    """Return when the job that waits longest was due, if some are late and nobody runs any; else None."""
    at_work = and_(JobLease.expires_at > now, JobLease.expires_at <= now + 2 * LEASE)
    running, due = session.execute(
        select(func.count().filter(at_work), func.min(JobLease.next_due_at))  # none when there are no jobs
    ).one()
    late: datetime | None = due
    return late if late is not None and late <= now - LATE and not running else None


def find_due(session: Session, name: str) -> datetime | None:
    """Return when a job is due next, or None when no runner has planned it."""
    return session.scalars(select(JobLease.next_due_at).where(JobLease.name == name)).one_or_none()


def get_run(session: Session, run_id: str) -> JobRun:
    """Return one run."""
    return session.get_one(JobRun, run_id)


def runs(*, job: str | None = None, outcome: RunOutcome | None = None) -> Select[JobRun]:
    """Return the statement that lists runs, latest first, narrowed by whatever is given."""
    statement = select(JobRun).order_by(JobRun.started_at.desc(), JobRun.id.desc())
    if job is not None:
        statement = statement.where(JobRun.job == job)
    if outcome is not None:
        statement = statement.where(JobRun.outcome == outcome)
    return statement


def last_runs(session: Session, *, finished: bool = True) -> dict[str, JobRun]:
    """Return the last run of each job that ever ran, by job name; by default of those that ended."""
    rank = func.row_number().over(
        partition_by=JobRun.job, order_by=(JobRun.started_at.desc(), JobRun.id.desc())
    )
    ended = JobRun.ended_at.is_not(None) if finished else JobRun.ended_at.is_(None)
    ranked = select(JobRun, rank.label("rank")).where(ended).subquery()
    newest = aliased(JobRun, ranked)
    return {run.job: run for run in session.scalars(select(newest).where(ranked.c.rank == 1))}


def list_states(session: Session, jobs: Sequence[Job]) -> list[JobState]:
    """Return how each of `jobs` stands, in the order given."""
    leases = {lease.name: lease for lease in session.scalars(select(JobLease))}
    finished, open_runs = last_runs(session), last_runs(session, finished=False)
    states = []
    for job in jobs:
        lease = leases.get(job.name)
        states.append(
            JobState(
                job=job,
                schedule=lease.schedule if lease else None,
                next_due_at=lease.next_due_at if lease else None,
                running=open_runs.get(job.name) if lease and lease.holder else None,
                last=finished.get(job.name),
            )
        )
    return states
