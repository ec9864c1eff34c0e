"""Starts jobs when they are due, in any number of processes on one database."""

import logging
import time
from collections.abc import Sequence
from datetime import UTC, timedelta
from random import SystemRandom
from threading import Lock
from typing import Any, Final

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy.exc import OperationalError

from shared.errors import N_, BranchlineError, Kind
from shared.jobs import operations, queries
from shared.jobs.execution import Execution, Surroundings
from shared.jobs.holder import is_dead, this_process
from shared.jobs.job import Job, Progress
from shared.jobs.models import LEASE
from shared.jobs.operations import Lease
from shared.jobs.schedule import first_due, latest_credible
from shared.jobs.vocabulary import RunOutcome
from shared.runtime import NodeRuntime

log = logging.getLogger(__name__)

POLL: Final = timedelta(seconds=1)
GRACE: Final = timedelta(seconds=3)
AT_ONCE: Final = 4


class JobBusyError(BranchlineError):
    """Another run of this job is at work."""

    code = "job-busy"
    kind = Kind.CONFLICT
    message = N_("%(job)s is being run by another process (%(holder)s); try again later.")
    retryable = True


class JobUnknownError(BranchlineError):
    """There is no job of this name."""

    code = "job-unknown"
    kind = Kind.NOT_FOUND
    message = N_("There is no job %(job)s. There are: %(known)s")


class Runner:
    """Runs each of `jobs` when due; any number of runners on one database run each job once.

    What is due stands in the database, so a run missed while no runner was up is made up, once.
    """

    def __init__(
        self, runtime: NodeRuntime, jobs: Sequence[Job], *, around: Surroundings | None = None
    ) -> None:
        """Prepare to run `jobs`; nothing happens before `start` or `run_now`."""
        self._runtime = runtime
        self._jobs = {job.name: job for job in jobs}
        self._around = around or Surroundings(runtime, time.monotonic, SystemRandom().random)
        self._holder = this_process()
        self._at_work: list[Execution] = []
        self._lock = Lock()
        # Held while what is due is being started, so that stopping does not overlook a run just begun.
        self._starting = Lock()
        self._stopping = False
        self._scheduler: Any = None

    def start(self) -> None:
        """Make the jobs known and begin to run them in the background."""
        self.plan()
        options = {"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        # Two threads: watching must go on while starting waits for the database.
        self._scheduler = BackgroundScheduler(
            executors={"default": ThreadPoolExecutor(2)}, job_defaults=options, timezone=UTC
        )
        for tick in (self.start_due, self.watch):
            seconds = POLL.total_seconds()
            self._scheduler.add_job(_surviving, "interval", args=[tick], seconds=seconds, id=tick.__name__)
        self._scheduler.start()
        log.info("job runner started", extra={"jobs": sorted(self._jobs), "holder": self._holder})

    def ask_to_stop(self) -> None:
        """Ask every run to end, start no more, and wait for none."""
        self._stopping = True
        for execution in list(self._at_work):
            execution.progress.stop.set()

    def stop(self, grace: timedelta = GRACE) -> None:
        """Ask every run to end, wait at most `grace` for all of them, and give every lease back."""
        if self._scheduler is not None:
            self._scheduler.shutdown(wait=False)
            self._scheduler = None
        self._stopping = True
        patience = time.monotonic() + grace.total_seconds()
        if self._starting.acquire(timeout=grace.total_seconds()):
            self._starting.release()
        self.ask_to_stop()
        with self._lock:
            at_work = list(self._at_work)
        for execution in at_work:
            if not execution.join(timedelta(seconds=max(0.0, patience - time.monotonic()))):
                execution.abandon(RunOutcome.STOPPED)

    def plan(self) -> None:
        """Write down when each job is due that the database does not know yet."""
        now, settings = self._runtime.clock.now(), self._runtime.settings
        with self._runtime.database.sessions.begin() as session:
            for job in self._jobs.values():
                due = first_due(job, settings, now=now)
                operations.plan(session, job.name, job.schedule(settings), due_at=due)

    def start_due(self) -> list[Execution]:
        """Start every job that is due and that nobody else runs; returns the runs started."""
        with self._starting:
            return self._start_due()

    def _start_due(self) -> list[Execution]:
        now = self._runtime.clock.now()
        with self._runtime.database.reads() as session:
            due = queries.list_due(session, list(self._jobs), now=now, due_by=latest_credible(now))
        started = []
        for candidate in due:
            if self._stopping or self._crowded():
                break
            dead = candidate.holder if candidate.holder and is_dead(candidate.holder) else None
            held = candidate.expires_at is not None and now < candidate.expires_at <= now + 2 * LEASE
            if held and not dead:
                continue
            lease = self._take(candidate.name, due_only=True, dead=dead)
            if lease is not None:
                started.append(self._start(lease))
        return started

    def watch(self) -> None:
        """Look after the runs at work: keep their leases, give up those that hang."""
        with self._lock:
            at_work = self._at_work = [one for one in self._at_work if not one.ended.is_set()]
        for execution in at_work:
            execution.watch()

    def run_now(self, name: str, *, wait: timedelta = timedelta(0)) -> Execution:
        """Run a job now, due or not, and return when it has ended or was given up.

        Waits up to `wait` for another's run to end. Raises JobUnknownError and JobBusyError.
        """
        if name not in self._jobs:
            raise JobUnknownError(job=name, known=", ".join(sorted(self._jobs)))
        self.plan()
        patience = self._around.monotonic() + wait.total_seconds()
        while (lease := self._take_over(name)) is None:
            if self._around.monotonic() >= patience:
                raise JobBusyError(job=name, holder=self._find_holder(name) or "?")
            time.sleep(POLL.total_seconds() / 4)
        execution = self._start(lease)
        while not execution.join(POLL):
            _surviving(self.watch)
        return execution

    def _take_over(self, name: str) -> Lease | None:
        holder = self._find_holder(name)
        return self._take(name, due_only=False, dead=holder if holder and is_dead(holder) else None)

    def _take(self, name: str, *, due_only: bool, dead: str | None) -> Lease | None:
        now = self._runtime.clock.now()
        due_by = latest_credible(now) if due_only else None
        with self._runtime.database.sessions.begin() as session:
            return operations.take(session, name, holder=self._holder, now=now, due_by=due_by, dead=dead)

    def _start(self, lease: Lease) -> Execution:
        execution = Execution(self._around, self._jobs[lease.job], lease, Progress(lease))
        with self._lock:
            self._at_work.append(execution)
        execution.start()
        return execution

    def _find_holder(self, name: str) -> str | None:
        with self._runtime.database.reads() as session:
            return queries.find_holder(session, name)

    def _crowded(self) -> bool:
        with self._lock:
            return sum(not execution.ended.is_set() for execution in self._at_work) >= AT_ONCE


def _surviving(tick: Any) -> None:  # noqa: ANN401 - a bound method
    try:
        tick()
    except OperationalError:
        # Busy or away: the next tick, a second later, tries again.
        log.warning("jobs could not use the database", exc_info=True)
