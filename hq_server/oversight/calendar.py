"""A calendar of activity: work logs a day of the last weeks, by week and weekday; pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from shared.domain.worklogs.vocabulary import WorkLogKind

DAYS_IN_WEEK = 7
STEPS = 4


@dataclass(frozen=True, slots=True)
class HeatDay:
    """One day: how many logs, how many of them visits, and a step 0 to 4 for the shade."""

    day: date
    logs: int
    visits: int
    step: int


@dataclass(frozen=True, slots=True)
class HeatWeek:
    """One week, Monday first."""

    days: Sequence[HeatDay]

    @property
    def logs(self) -> int:
        """How many logs the week has."""
        return sum(day.logs for day in self.days)


def heat_map(
    starts: Iterable[tuple[datetime, WorkLogKind]], days: Sequence[date], timezone: str
) -> list[HeatWeek]:
    """Count logs by the local day they began on; `days` are whole weeks from a Monday."""
    zone = ZoneInfo(timezone)
    logs: Counter[date] = Counter()
    visits: Counter[date] = Counter()
    for at, kind in starts:
        day = at.astimezone(zone).date()
        logs[day] += 1
        visits[day] += kind is WorkLogKind.VISIT
    most = max((logs[day] for day in days), default=0)
    cells = [HeatDay(day, logs[day], visits[day], _step(logs[day], most)) for day in days]
    return [HeatWeek(cells[at : at + DAYS_IN_WEEK]) for at in range(0, len(cells), DAYS_IN_WEEK)]


def _step(count: int, most: int) -> int:
    return -(-STEPS * count // most) if count else 0
