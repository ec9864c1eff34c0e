"""What cuts across slices: a day's work, what needs somebody."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import Row
from sqlalchemy.orm import Session

from branch_node.billing import queries as billing
from branch_node.inbound.queries import policy
from branch_node.worklogs import queries as worklogs
from branch_node.worklogs.models import WorkLog
from branch_node.worklogs.queries import LogFilter, LogRow, Untouched
from shared.db.parts import Part, first_of
from shared.domain.calendar import day_bounds, local_day
from shared.domain.published import policies

# Until head office publishes others.
QUIET_DAYS: Final = (30, 60, 90)
MOST_LOGS: Final = 300
SHORT_LIST: Final = 8


@dataclass(frozen=True, slots=True)
class Needs:
    """What needs an account manager, or the branch as a whole; `quiet` is (days, customers) for each threshold."""

    quiet: Sequence[tuple[int, int]]
    longest_quiet: Sequence[Untouched]
    arrears: Sequence[Row[str, str, str, str, int]]


def logs_of_day(session: Session, day: date, *, manager_id: str | None, timezone: str) -> Part[LogRow]:
    """Return the latest entries of one day that count, of one account manager or of all, and how many there are."""
    begins, ends = day_bounds(day, timezone)
    wanted = LogFilter(started_from=begins, started_to=ends, manager_id=manager_id or "")
    latest = worklogs.logs(wanted).order_by(WorkLog.started_at.desc(), WorkLog.id.desc())
    return first_of(session, latest, MOST_LOGS)


def quiet_days(session: Session, now: datetime) -> tuple[int, ...]:
    """Return after how many days without a contact a customer counts as quiet: three thresholds, rising."""
    return tuple(policy(session, policies.QUIET_DAYS, now=now) or QUIET_DAYS)


def quiet_since(now: datetime, days: int) -> datetime:
    """Return the instant since which nobody may have spoken to a customer who is quiet for `days`."""
    return now - timedelta(days=days)


def needs(session: Session, *, manager_id: str | None, now: datetime, timezone: str) -> Needs:
    """Return who was not spoken to for long and who owes for earlier months."""
    thresholds = quiet_days(session, now)
    spans = [quiet_since(now, days) for days in thresholds]
    today = local_day(now, timezone)
    totals = worklogs.count_untouched(session, spans, manager_id=manager_id, today=today)
    longest = worklogs.list_untouched(
        session, since=spans[0], manager_id=manager_id, today=today, limit=SHORT_LIST
    )
    month = today.strftime("%Y-%m")
    # One more than is shown: the page says that there are more.
    arrears = billing.list_arrears(session, before_period=month, manager_id=manager_id, limit=SHORT_LIST + 1)
    return Needs(list(zip(thresholds, totals, strict=True)), longest, arrears)
