"""What cuts across slices: a customer's story, a day's work, what needs somebody."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Final

from sqlalchemy import Row
from sqlalchemy.orm import Session

from branch_node.billing import queries as billing
from branch_node.billing.models import BillLine
from branch_node.billing.queries import Sums
from branch_node.identity.queries import files_of
from branch_node.inbound.queries import policy
from branch_node.worklogs import queries as worklogs
from branch_node.worklogs.models import WorkLog
from branch_node.worklogs.queries import LogFilter, LogRow, Untouched
from shared.domain.calendar import day_bounds, local_day, local_month
from shared.domain.published import policies

# Until head office publishes others.
QUIET_DAYS: Final = (30, 60, 90)
MOST_LOGS: Final = 300
SHORT_LIST: Final = 8


@dataclass(frozen=True, slots=True)
class StoryMonth:
    """One month of a customer: the logs and bill lines that fall in it, and what the lines add up to."""

    month: str
    logs: tuple[LogRow, ...]
    lines: tuple[BillLine, ...]
    sums: tuple[Sums, ...]


@dataclass(frozen=True, slots=True)
class Needs:
    """What needs an account manager, or the branch as a whole; `quiet` is (days, customers) for each threshold."""

    quiet: Sequence[tuple[int, int]]
    longest_quiet: Sequence[Untouched]
    arrears: Sequence[Row[str, str, str, str, int]]


def story(session: Session, customer_id: str, *, timezone: str) -> list[StoryMonth]:
    """Return a customer's months, latest first, each with its logs (that count) and bill lines."""
    # By their ids: a select of these is not read in the order of the index, and all would be sorted for the latest.
    theirs = WorkLog.customer_id.in_(files_of(session, customer_id))
    statement = worklogs.logs(LogFilter()).where(theirs)
    logs = session.execute(statement.order_by(WorkLog.started_at.desc()).limit(MOST_LOGS)).all()
    logs_by = {
        month: tuple(rows)
        for month, rows in groupby(logs, lambda row: local_month(row.WorkLog.started_at, timezone))
    }
    lines = billing.lines_of_customer(session, customer_id)
    lines_by = {period: tuple(each) for period, each in groupby(lines, lambda line: line.period)}
    sums_by: dict[str, list[Sums]] = {}
    for each in billing.periods_of_customer(session, customer_id):
        sums_by.setdefault(each.period, []).append(each.sums)
    months = sorted({*logs_by, *lines_by}, reverse=True)
    return [
        StoryMonth(month, logs_by.get(month, ()), lines_by.get(month, ()), tuple(sums_by.get(month, ())))
        for month in months
    ]


def logs_of_day(session: Session, day: date, *, manager_id: str | None, timezone: str) -> Sequence[LogRow]:
    """Return the entries of one day that count, of one account manager or of all, latest first."""
    begins, ends = day_bounds(day, timezone)
    wanted = LogFilter(started_from=begins, started_to=ends, manager_id=manager_id or "")
    return session.execute(worklogs.logs(wanted).order_by(WorkLog.started_at.desc()).limit(MOST_LOGS)).all()


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
    arrears = billing.list_arrears(session, before_period=month, manager_id=manager_id, limit=SHORT_LIST)
    return Needs(list(zip(thresholds, totals, strict=True)), longest, arrears)
