"""After an upgrade: what was carried goes into its columns, what was refused is checked with the new rules."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import groupby
from typing import Final

from hq_server.carrying import operations, queries
from hq_server.parking.operations import retry, tell
from hq_server.runtime import HqRuntime
from shared.errors import N_
from shared.jobs.job import Job, Outcome, Progress
from shared.stamp import Stamp
from sync_protocol.catalog import Binding

AT_ONCE: Final = 500


def catch_up(runtime: HqRuntime, stamp: Stamp, progress: Progress) -> Outcome:
    """Take in what waited for this version, some at a time; cut off anywhere, the next run goes on from there."""
    done = 0
    for binding in runtime.bindings.values():
        with runtime.database.reads() as session:
            taken = queries.find_taken(session, binding.record.name)
        if taken is not None and taken.version == binding.record.version:
            continue
        done += _take_in(runtime, binding, stamp, progress) + _check_again(runtime, binding, stamp, progress)
        with runtime.database.sessions.begin() as session:
            operations.note_taken(session, binding.record.name, binding.record.version, at=stamp.at)
            progress.check_lease(session)
    return Outcome.done(rows=done) if done else Outcome.nothing()


def _take_in(runtime: HqRuntime, binding: Binding, stamp: Stamp, progress: Progress) -> int:
    done = 0
    while True:
        progress.check_stop()
        with runtime.database.sessions.begin() as session:
            some = operations.take_in(session, binding, at=stamp.at, limit=AT_ONCE)
            progress.check_lease(session)
        done += some
        if some < AT_ONCE:
            return done


def _check_again(runtime: HqRuntime, binding: Binding, stamp: Stamp, progress: Progress) -> int:
    """Check refused rows with this version's rules; return how many were taken in."""
    above, done = 0, 0
    while True:
        progress.check_stop()
        with runtime.database.sessions.begin() as session:
            lines = queries.list_refused(session, binding.record.name, above=above, limit=AT_ONCE)
            if not lines:
                return done
            above = lines[-1].id
            for branch_number, mine in groupby(
                sorted(lines, key=lambda line: line.branch_number), key=lambda line: line.branch_number
            ):
                done += retry(session, mine, runtime.bindings, at=stamp.at, by=stamp.actor).taken
                tell(session, branch_number, at=stamp.at, again=False)
            progress.check_lease(session)


JOBS: Final[Sequence[Job]] = (
    Job(
        "catch-up-versions",
        N_("Take in what waited for this version"),
        catch_up,
        every=timedelta(hours=1),
        timeout=timedelta(hours=6),
    ),
)
