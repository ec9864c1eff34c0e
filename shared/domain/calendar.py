"""Days and months on a node's own clock, as the instants where they begin and end."""

from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

SATURDAY: Final = 5


def local_day(at: datetime, timezone: str) -> date:
    """Return the day that `at` falls on."""
    return at.astimezone(ZoneInfo(timezone)).date()


def local_month(at: datetime, timezone: str) -> str:
    """Return the month (2026-03) that `at` falls in."""
    return local_day(at, timezone).strftime("%Y-%m")


def day_bounds(day: date, timezone: str) -> tuple[datetime, datetime]:
    """Return the instants where a day begins and where the next one does."""
    return _midnight(day, timezone), _midnight(day + timedelta(days=1), timezone)


def month_bounds(month: str, timezone: str) -> tuple[datetime, datetime]:
    """Return the instants where a month (2026-03) begins and where the next one does."""
    first = date.fromisoformat(f"{month}-01")
    return _midnight(first, timezone), _midnight(next_month(first), timezone)


def next_month(day: date) -> date:
    """Return the first day of the month after `day`'s."""
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)


def add_months(day: date, months: int) -> date:
    """Return the same day so many months later, or the last one of a shorter month; never past the last of all days."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    if year > date.max.year:
        return date.max
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def months_between(first: str, last: str) -> list[str]:
    """Return every month from `first` to `last`, both included."""
    months, at = [], date.fromisoformat(f"{first}-01")
    while at.strftime("%Y-%m") <= last:
        months.append(at.strftime("%Y-%m"))
        at = next_month(at)
    return months


def add_working_days(day: date, days: int) -> date:
    """Return the day that comes so many working days (Monday to Friday) after `day`."""
    at = day
    while days > 0:
        at += timedelta(days=1)
        days -= at.weekday() < SATURDAY
    return at


def _midnight(day: date, timezone: str) -> datetime:
    return datetime.combine(day, time.min, tzinfo=ZoneInfo(timezone)).astimezone(UTC)
