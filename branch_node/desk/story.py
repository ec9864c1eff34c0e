"""A customer's story by month, some months at a time: sums and numbers of everything, and the latest of it listed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Final

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from branch_node.billing import queries as billing
from branch_node.billing.models import BillLine
from branch_node.billing.queries import Sums
from branch_node.identity.queries import files_of
from branch_node.worklogs import queries as worklogs
from branch_node.worklogs.models import WorkLog
from branch_node.worklogs.queries import LogFilter, LogRow, stands
from shared.domain.calendar import day_bounds, local_month, month_bounds

MONTHS: Final = 12
# Of the logs of a page, and of the bill lines of a month, the latest so many are listed.
MOST_LOGS: Final = 300
MOST_LINES: Final = 100


@dataclass(frozen=True, slots=True)
class StoryMonth:
    """One month of a customer: the latest logs and bill lines that fall in it, how many there are, and their sums."""

    month: str
    logs: Sequence[LogRow]
    logs_in_all: int
    lines: Sequence[BillLine]
    sums: Sequence[Sums]

    @property
    def lines_in_all(self) -> int:
        """How many bill lines the sums are of."""
        return sum(each.lines for each in self.sums)


@dataclass(frozen=True, slots=True)
class Story:
    """Some months of a customer, latest first; `further` says that there are earlier ones."""

    months: Sequence[StoryMonth]
    further: bool


@dataclass(frozen=True, slots=True)
class _Logs:
    """The latest logs by month; of `edge`, the last month that was read, there may be more (nothing: all are read)."""

    months: Mapping[str, Sequence[LogRow]]
    edge: str


def story(session: Session, customer_id: str, *, timezone: str, before: str = "") -> Story:
    """Return a customer's months, latest first, those before the month `before`; corrected logs count no more."""
    files = files_of(session, customer_id)
    logs = _latest_logs(session, files, before, timezone)
    sums: dict[str, list[Sums]] = {}
    for each in billing.periods_of_customer(session, customer_id):
        if not before or each.period < before:
            sums.setdefault(each.period, []).append(each.sums)
    known = sorted({*logs.months, *sums}, reverse=True)
    # A month of whose logs not all were read begins the next page, where they are, or are counted.
    shown = [month for month in known[:MONTHS] if month > logs.edge] or known[:1]
    counts = {month: len(rows) for month, rows in logs.months.items()}
    further = len(known) > len(shown)
    if logs.edge in shown:
        counts[logs.edge], earlier = _count_logs(session, files, logs.edge, timezone)
        further = further or earlier
    lines = billing.lines_in_periods(session, customer_id, shown, limit=MOST_LINES)
    lines_by = {period: list(rows) for period, rows in groupby(lines, lambda line: line.period)}
    return Story(
        [
            StoryMonth(
                month,
                logs.months.get(month, ()),
                counts.get(month, 0),
                lines_by.get(month, ()),
                sums.get(month, ()),
            )
            for month in shown
        ],
        further,
    )


def _latest_logs(session: Session, files: Sequence[str], before: str, timezone: str) -> _Logs:
    # By their ids: a select of these is not read in the order of the index, and all would be sorted for the latest.
    wanted = worklogs.logs(LogFilter()).where(WorkLog.customer_id.in_(files))
    if before:
        wanted = wanted.where(
            WorkLog.started_at < day_bounds(date.fromisoformat(f"{before}-01"), timezone)[0]
        )
    ordered = wanted.order_by(WorkLog.started_at.desc(), WorkLog.id.desc())
    found = session.execute(ordered.limit(MOST_LOGS + 1)).all()

    def month_of(row: LogRow) -> str:
        return local_month(row.WorkLog.started_at, timezone)

    edge = month_of(found[-1]) if len(found) > MOST_LOGS else ""
    months = {month: list(rows) for month, rows in groupby(found[:MOST_LOGS], month_of)}
    return _Logs({edge: [], **months} if edge else months, edge)


def _count_logs(session: Session, files: Sequence[str], month: str, timezone: str) -> tuple[int, bool]:
    """Return how many logs a month has, and whether there are earlier ones."""
    begins, ends = month_bounds(month, timezone)
    theirs = WorkLog.customer_id.in_(files), stands()
    within = select(func.count()).where(*theirs, WorkLog.started_at >= begins, WorkLog.started_at < ends)
    earlier: Select[str] = select(WorkLog.id).where(*theirs, WorkLog.started_at < begins).limit(1)
    return session.scalar(within) or 0, session.scalar(earlier) is not None
