"""What a job is: its name, when it is due, the work, and how the work answers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import time, timedelta
from threading import Event
from typing import Any, Final, Protocol, Self

from sqlalchemy.orm import Session

from shared.config import NodeSettings
from shared.errors import N_, BranchlineError, Kind
from shared.jobs.vocabulary import RunOutcome
from shared.stamp import Stamp

DEFAULT_TIMEOUT: Final = timedelta(minutes=10)
NO_JITTER: Final = timedelta(0)


class StaleLeaseError(BranchlineError):
    """This run is no longer the one that may write: it timed out, or another process took over."""

    code = "lease-stale"
    kind = Kind.CONFLICT
    message = N_("This run of %(job)s has been given up; another may be at work.")
    retryable = True


class JobStoppedError(BranchlineError):
    """The process is going down and the run was asked to end early."""

    code = "job-stopped"
    kind = Kind.UNAVAILABLE
    message = N_("The process is stopping; the job will be run again.")
    retryable = True


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run answers; `counts` are for people and machines, `message` is one English sentence.

    `after` moves the next run: that long from now instead of at the usual time (a server's
    Retry-After, a backoff). It does not run later than `after`, whatever the schedule says.
    """

    kind: RunOutcome
    counts: Mapping[str, int] = field(default_factory=dict)
    message: str = ""
    after: timedelta | None = None

    @classmethod
    def done(cls, *, message: str = "", after: timedelta | None = None, **counts: int) -> Self:
        """Answer that something was done; `counts` says how much."""
        return cls(RunOutcome.DONE, counts, message, after)

    @classmethod
    def nothing(cls, *, message: str = "", after: timedelta | None = None, **counts: int) -> Self:
        """Answer that there was nothing to do, which is good."""
        return cls(RunOutcome.NOTHING, counts, message, after)

    @classmethod
    def retry(cls, message: str, *, after: timedelta | None = None, **counts: int) -> Self:
        """Answer that it did not work now and will be tried again by itself."""
        return cls(RunOutcome.RETRY, counts, message, after)

    @classmethod
    def failed(cls, message: str, **counts: int) -> Self:
        """Answer that it did not work and a person has to look."""
        return cls(RunOutcome.FAILED, counts, message)


class Held(Protocol):
    """The right to run, as a run sees it (see shared.jobs.leases)."""

    @property
    def fencing(self) -> int:
        """The number of this right; each later one is higher."""
        ...

    def check(self, session: Session) -> None:
        """Raise StaleLeaseError unless this right still stands."""
        ...


class Progress:
    """What a run is given: it can be asked to stop, and it can prove its right to write."""

    def __init__(self, lease: Held | None = None, stop: Event | None = None) -> None:
        """Watch `stop`; without a lease (a plain call in a test or a command) every write is rightful."""
        self.lease = lease
        self.stop = stop or Event()
        self.done = 0
        self.total: int | None = None

    @property
    def stopping(self) -> bool:
        """Whether the run should end at its next safe point."""
        return self.stop.is_set()

    def pause(self, by: timedelta) -> None:
        """Wait `by`, or less when asked to stop."""
        self.stop.wait(by.total_seconds())

    def check_stop(self) -> None:
        """Raise JobStoppedError when the run should end; call it between transactions of long work."""
        if self.stop.is_set():
            raise JobStoppedError

    def check_lease(self, session: Session) -> None:
        """Raise StaleLeaseError when this run was given up; for transactions that must be exclusive.

        Call it last: no other run of the job can begin between this call and the end of the transaction.
        """
        if self.lease is not None:
            self.lease.check(session)

    def report(self, done: int, total: int | None = None) -> None:
        """Say how far the run is, for whoever watches."""
        self.done, self.total = done, total


@dataclass(frozen=True, slots=True)
class Job:
    """Work due `every` so often (a span, or a function of the settings), or each day `at` a local time.

    `run(runtime, stamp, progress)` opens its own transactions and answers with an Outcome; an
    error that may pass by itself counts as `retry`, any other as `failed`. A run longer than
    `timeout` is given up: it is recorded so, and the next may begin. `jitter` spreads the runs
    of many nodes: each is due up to that much later than planned. On a full disk only jobs run that say `when_full`.
    """

    name: str
    title_msgid: str
    run: Callable[[Any, Stamp, Progress], Outcome]
    every: timedelta | Callable[[Any], timedelta] | None = None
    at: time | None = None
    jitter: timedelta = NO_JITTER
    timeout: timedelta = DEFAULT_TIMEOUT
    when_full: bool = False

    def __post_init__(self) -> None:
        """Refuse a job with no schedule, or with two."""
        if (self.every is None) == (self.at is None):
            msg = f"job {self.name}: give either `every` or `at`"
            raise ValueError(msg)

    def interval(self, settings: NodeSettings) -> timedelta:
        """Return the span between runs on a node with these settings; a day for a job `at` a time."""
        if self.every is None:
            return timedelta(days=1)
        return self.every(settings) if callable(self.every) else self.every

    def schedule(self, settings: NodeSettings) -> str:
        """Return the schedule as stable text; when it changes, the next run is planned anew."""
        if self.at is not None:
            return f"at {self.at.isoformat()} {settings.timezone}"
        return f"every {self.interval(settings).total_seconds():g}"
