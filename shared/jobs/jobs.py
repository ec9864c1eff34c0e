"""The jobs that keep jobs in order."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import time, timedelta
from functools import partial
from typing import Any, Final

from shared.alarms.operations import clear_alarm, raise_alarm
from shared.audit.verification import Head, verify_log
from shared.auth import sessions
from shared.auth.queries import list_guessing
from shared.db.space import MB, NodeFullError
from shared.errors import N_
from shared.jobs import operations
from shared.jobs.alarms import DISK_FULL, GUESSING, LOG_BROKEN
from shared.jobs.job import Job, Outcome, Progress
from shared.runtime import NodeRuntime
from shared.stamp import Stamp

SUBJECT: Final = ("node", "disk")
LOG: Final = ("node", "log")
SIGN_IN: Final = ("node", "sign-in")
KnownTo = Callable[[Any], Sequence[Head]]


def trim_runs(runtime: NodeRuntime, stamp: Stamp, progress: Progress) -> Outcome:
    """Forget runs that nobody asks about any more."""
    with runtime.database.sessions.begin() as session:
        removed = operations.trim_runs(session, before=stamp.at - operations.KEEP_RUNS)
        progress.check_lease(session)
    return Outcome.done(removed=removed) if removed else Outcome.nothing()


def watch_space(runtime: NodeRuntime, stamp: Stamp, progress: Progress) -> Outcome:
    """Tell a full disk as an alarm, keep the reserve, and come back to normal when there is room."""
    space = runtime.space
    with suppress(NodeFullError):
        space.check()
    space.keep_reserve()
    free = space.free_bytes() or 0
    with runtime.database.sessions.begin() as session:
        if space.is_full:
            raise_alarm(session, DISK_FULL, SUBJECT, at=stamp.at, details={"free_mb": free // MB})
        else:
            clear_alarm(session, DISK_FULL, SUBJECT, at=stamp.at)
        progress.check_lease(session)
    return Outcome.done(full=1) if space.is_full else Outcome.nothing()


def check_log(
    runtime: NodeRuntime, stamp: Stamp, progress: Progress, *, known: KnownTo | None = None
) -> Outcome:
    """Read the whole operation log and tell as an alarm when an entry is not as it was written.

    It is compared with the ends `known` to others, by what lies here of them.
    """
    heads = known(runtime) if known is not None else ()
    with runtime.database.reads() as session:
        verdict = verify_log(session, known=heads)
    with runtime.database.sessions.begin() as session:
        if verdict.bad is not None:
            about = {"seq": verdict.bad.seq, "why": verdict.bad.why.value}
            raise_alarm(session, LOG_BROKEN, LOG, at=stamp.at, details=about)
        else:
            clear_alarm(session, LOG_BROKEN, LOG, at=stamp.at)
        progress.check_lease(session)
    if verdict.bad is None:
        return Outcome.done(entries=verdict.entries, bad=0)
    return Outcome.done(entries=verdict.entries, bad=1, first_bad=verdict.bad.seq)


def watch_sign_ins(runtime: NodeRuntime, stamp: Stamp, progress: Progress) -> Outcome:
    """Tell as an alarm that somebody guesses passwords or codes; it closes itself an hour after the last try."""
    with runtime.database.sessions.begin() as session:
        tries = list_guessing(session, now=stamp.at)
        if tries:
            about = {"tries": max(tries), "counters": len(tries)}
            raise_alarm(session, GUESSING, SIGN_IN, at=stamp.at, details=about)
        else:
            clear_alarm(session, GUESSING, SIGN_IN, at=stamp.at)
        progress.check_lease(session)
    return Outcome.done(counters=len(tries)) if tries else Outcome.nothing()


def purge_sessions(runtime: NodeRuntime, stamp: Stamp, progress: Progress) -> Outcome:
    """Forget the rows of sessions that have died by themselves."""
    with runtime.database.sessions.begin() as session:
        removed = sessions.purge_sessions(session, now=stamp.at)
        progress.check_lease(session)
    return Outcome.done(removed=removed) if removed else Outcome.nothing()


def common_jobs(known: KnownTo) -> tuple[Job, ...]:
    """Return the jobs of every node; `known` tells where others know that its operation log ended."""
    log = replace(CHECK_LOG, run=partial(check_log, known=known))
    return tuple(log if job is CHECK_LOG else job for job in JOBS)


CHECK_LOG: Final = Job(
    "verify-log",
    N_("Check the operation log"),
    check_log,
    at=time(2, 50),
    jitter=timedelta(minutes=10),
    timeout=timedelta(hours=1),
    when_full=True,
)
JOBS: Final = (
    Job(
        "watch-space",
        N_("Watch the room on the disk"),
        watch_space,
        every=timedelta(minutes=1),
        when_full=True,
    ),
    CHECK_LOG,
    Job(
        "watch-sign-ins",
        N_("Watch for guessed passwords and codes"),
        watch_sign_ins,
        every=timedelta(minutes=5),
        when_full=True,
    ),
    Job(
        "purge-sessions",
        N_("Forget sessions that are over"),
        purge_sessions,
        at=time(3, 20),
        jitter=timedelta(minutes=10),
        when_full=True,
    ),
    Job(
        "trim-job-runs",
        N_("Forget old job runs"),
        trim_runs,
        at=time(3, 40),
        jitter=timedelta(minutes=10),
        when_full=True,
    ),
)
