"""The timed side of publishing: what is scheduled goes out, and branches that do not follow are found."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from sqlalchemy.orm import Session

from hq_server.feed import operations, queries, standing
from hq_server.feed.alarms import FEED_HELD
from hq_server.feed.counted import not_meant
from hq_server.feed.models import FeedItem
from hq_server.runtime import HqRuntime
from shared.alarms.operations import raise_alarm
from shared.errors import N_
from shared.jobs.job import Job, Outcome, Progress
from shared.stamp import Stamp


def publish_due(session: Session, *, by: Stamp) -> int:
    """Publish every draft whose time has come; returns how many.

    One that would leave out a kind of papers which something has come to count waits for somebody, who is told.
    """
    due = queries.list_due(session, by.at)
    for draft in due:
        item = session.get_one(FeedItem, draft.item_id)
        if kinds := not_meant(session, item, draft):
            operations.hold_back(session, item.id, by=by)
            about = (operations.SUBJECT, item.id)
            raise_alarm(session, FEED_HELD, about, at=by.at, details={"kinds": ", ".join(kinds)})
        else:
            operations.publish(session, item.id, by=by)
    return len(due)


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
