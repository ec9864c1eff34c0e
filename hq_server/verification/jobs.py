"""Matching the days that branches have closed."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from hq_server.runtime import HqRuntime
from hq_server.verification.operations import check_days
from shared.errors import N_
from shared.jobs.job import Job, Outcome, Progress
from shared.stamp import Stamp

AT_ONCE: Final = 20


def match_days(runtime: HqRuntime, stamp: Stamp, progress: Progress) -> Outcome:
    """Compare new manifests, and those that did not match when facts have come since, with HQ's own figures."""
    matched = 0
    while True:
        progress.check_stop()
        with runtime.database.sessions.begin() as session:
            done = check_days(
                session, runtime.bindings, stamp.at, timezone=runtime.settings.timezone, limit=AT_ONCE
            )
            progress.check_lease(session)
        matched += done
        if done < AT_ONCE:
            return Outcome.done(days=matched) if matched else Outcome.nothing()


JOBS: Final[Sequence[Job]] = (
    Job(
        "match-days",
        N_("Match the days branches have closed"),
        match_days,
        every=timedelta(minutes=1),
        timeout=timedelta(hours=1),
    ),
)
