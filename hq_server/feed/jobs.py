"""The timed side of publishing: what is scheduled goes out, and branches that do not follow are found."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from hq_server.feed import standing
from hq_server.feed.operations import publish_due
from hq_server.runtime import HqRuntime
from shared.errors import N_
from shared.jobs.job import Job, Outcome, Progress
from shared.stamp import Stamp


def publish_scheduled(runtime: HqRuntime, stamp: Stamp, progress: Progress) -> Outcome:
    """Publish the drafts whose time has come."""
    with runtime.database.sessions.begin() as session:
        items = publish_due(session, by=stamp)
        progress.check_lease(session)
    return Outcome.done(items=items) if items else Outcome.nothing()


def watch_branches(runtime: HqRuntime, stamp: Stamp, progress: Progress) -> Outcome:
    """Raise or clear the alarm of branches that are heard from and have not applied what was published."""
    with runtime.database.sessions.begin() as session:
        behind = standing.watch(session, stamp.at, hours=runtime.settings.feed_alarm_hours)
        progress.check_lease(session)
    return Outcome.done(behind=behind) if behind else Outcome.nothing()


JOBS: Final[Sequence[Job]] = (
    Job(
        "publish-scheduled",
        N_("Publish what is scheduled"),
        publish_scheduled,
        every=timedelta(minutes=1),
    ),
    Job(
        "watch-published",
        N_("Watch that branches apply what is published"),
        watch_branches,
        every=timedelta(hours=1),
        jitter=timedelta(minutes=5),
        when_full=True,
    ),
)
