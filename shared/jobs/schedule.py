"""When a job is due next; pure."""

from datetime import UTC, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from shared.config import NodeSettings
from shared.jobs.job import Job, Outcome
from shared.jobs.vocabulary import RunOutcome

# A nightly job that could not reach something should not wait for the next night.
RETRY_WITHIN: Final = timedelta(minutes=10)
# Further away than any schedule or server's hint puts it: the clock has jumped back since.
LEAD: Final = timedelta(days=2)


def first_due(job: Job, settings: NodeSettings, *, now: datetime) -> datetime:
    """Return when a job is due on a node that never ran it: at once, or at its time of the day."""
    return now if job.at is None else next_local(job.at, settings.timezone, after=now)


def next_due(
    job: Job, settings: NodeSettings, outcome: Outcome, *, started: datetime, now: datetime, chance: float
) -> datetime:
    """Return when a job is due after a run that began at `started` and ended now.

    Runs missed while nobody looked are not made up one by one: a job is due once, then in the
    future again. `chance` in [0, 1) is the share of the job's jitter to add.
    """
    if outcome.kind is RunOutcome.STOPPED:
        return now
    if outcome.after is not None:
        return now + outcome.after
    usual = _usual(job, settings, started=started, now=now) + job.jitter * chance
    return min(usual, now + RETRY_WITHIN) if outcome.kind is RunOutcome.RETRY else usual


def next_local(at: time, timezone: str, *, after: datetime) -> datetime:
    """Return the first instant after `after` at which the wall clock of `timezone` shows `at`.

    On a day on which the clock skips `at`, it is the instant that `at` would have been without
    the change; on a day that shows it twice, the first.
    """
    zone = ZoneInfo(timezone)
    day = after.astimezone(zone).date()
    while True:
        moment = datetime.combine(day, at, tzinfo=zone).astimezone(UTC)
        if moment > after:
            return moment
        day += timedelta(days=1)


def latest_credible(now: datetime) -> datetime:
    """Return the instant beyond which a planned run is due at once: only a clock that jumped put it there."""
    return now + LEAD


def _usual(job: Job, settings: NodeSettings, *, started: datetime, now: datetime) -> datetime:
    if job.at is not None:
        return next_local(job.at, settings.timezone, after=now)
    return max(started + job.interval(settings), now)
