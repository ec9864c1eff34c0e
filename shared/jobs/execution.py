"""One run in a thread of its own, watched from outside: its lease is kept, and a hung one is given up."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Event, Lock, Thread
from typing import Final

from sqlalchemy.exc import OperationalError

from shared.audit.acting import acting
from shared.db.space import is_out_of_room
from shared.errors import BranchlineError
from shared.jobs import operations
from shared.jobs.job import Job, JobStoppedError, Outcome, Progress
from shared.jobs.models import LEASE
from shared.jobs.operations import Lease
from shared.jobs.schedule import next_due
from shared.jobs.vocabulary import RunOutcome
from shared.monitoring.logs import bound
from shared.runtime import NodeRuntime
from shared.stamp import Stamp, Via

log = logging.getLogger(__name__)

RENEW_EVERY: Final = LEASE / 4


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every run of a process shares; `monotonic` measures spans, `chance` draws from [0, 1)."""

    runtime: NodeRuntime
    monotonic: Callable[[], float]
    chance: Callable[[], float]


@dataclass(slots=True)
class Execution:
    """One run at work; `ended` is set when its outcome stands in the database, however it came about."""

    around: Surroundings
    job: Job
    lease: Lease
    progress: Progress
    outcome: Outcome | None = None
    error: str | None = None
    ended: Event = field(default_factory=Event)
    _began: float = 0.0
    _renewed: float = 0.0
    _closing: Lock = field(default_factory=Lock)
    _thread: Thread | None = None

    def start(self) -> None:
        """Begin the run in a thread that does not keep the process alive."""
        self._began = self._renewed = self.around.monotonic()
        # Not from a pool: a run that hangs for ever must not take a place that others need.
        self._thread = Thread(target=self._run, name=f"job-{self.job.name}", daemon=True)
        self._thread.start()

    def watch(self) -> None:
        """Keep the lease, or give the run up when it takes too long; to be called every second or so."""
        if self.ended.is_set():
            return
        now = self.around.monotonic()
        if now - self._began >= self.job.timeout.total_seconds():
            self.abandon(RunOutcome.TIMED_OUT)
        elif now - self._renewed >= RENEW_EVERY.total_seconds():
            self._renew(now)

    def join(self, timeout: timedelta) -> bool:
        """Wait for the run's end and tell whether it came."""
        return self.ended.wait(timeout.total_seconds())

    def abandon(self, kind: RunOutcome) -> None:
        """Close the run as `kind` without waiting for its thread, whose lease is stale from now on."""
        self.progress.stop.set()
        self._close(Outcome(kind), None)

    def _run(self) -> None:
        with bound(job=self.job.name, run=self.lease.run_id):
            outcome, error = self._outcome()
            try:
                self._close(outcome, error)
            except OperationalError:
                # The lease expires by itself; whoever runs the job next closes this run as lost.
                log.exception("job run could not be closed")
                self.ended.set()

    def _outcome(self) -> tuple[Outcome, str | None]:
        runtime = self.around.runtime
        by = Stamp(runtime.clock.now(), f"job:{self.job.name}", Via.JOB)
        try:
            if not self.job.when_full:
                runtime.space.check()
            with acting(by):
                return self.job.run(runtime, by, self.progress), None
        except JobStoppedError:
            return Outcome(RunOutcome.STOPPED), None
        except BranchlineError as error:
            kind = RunOutcome.RETRY if error.retryable else RunOutcome.FAILED
            log.warning("job refused", extra={"code": error.code, "reason": str(error)})
            return Outcome(kind, message=str(error)), error.code
        except OperationalError as error:
            log.warning("job could not use the database", exc_info=True)
            if is_out_of_room(error):
                runtime.space.run_full()
            return Outcome(RunOutcome.RETRY), str(error.orig)
        except Exception as error:
            # The last stop: whatever broke becomes the outcome of the run.
            log.exception("job broke")
            return Outcome(RunOutcome.FAILED), f"{type(error).__name__}: {error}"

    def _close(self, outcome: Outcome, error: str | None) -> None:
        runtime = self.around.runtime
        with self._closing:
            if self.ended.is_set():
                return
            now = runtime.clock.now()
            with runtime.database.sessions.begin() as session:
                due = self._due(outcome, now)
                operations.finish(session, self.lease, outcome, now=now, due_at=due, error=error)
            self.outcome, self.error = outcome, error
            self.ended.set()
        log.info("job ended", extra={"job": self.job.name, "outcome": outcome.kind, **_counts(outcome)})

    def _due(self, outcome: Outcome, now: datetime) -> datetime:
        settings, began = self.around.runtime.settings, self.lease.started
        return next_due(self.job, settings, outcome, started=began, now=now, chance=self.around.chance())

    def _renew(self, now: float) -> None:
        runtime = self.around.runtime
        with runtime.database.sessions.begin() as session:
            kept = operations.renew(session, self.lease, now=runtime.clock.now())
        self._renewed = now
        if not kept and not self.ended.is_set():
            log.warning("job lease lost", extra={"job": self.job.name})
            self.abandon(RunOutcome.LOST)


def _counts(outcome: Outcome) -> dict[str, object]:
    return {"counts": dict(outcome.counts)} if outcome.counts else {}
