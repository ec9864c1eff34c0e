"""What "this week", "this month" and "untouched for n days" mean at an instant."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Calendar:
    """The instants that "this week", "this month" and "untouched for n days" begin at."""

    now: datetime
    week: datetime
    month: datetime

    @classmethod
    def at(cls, now: datetime, timezone: str) -> "Calendar":
        """Lay the calendar for `now` on the wall clock of `timezone`; a week begins on Monday."""
        local = now.astimezone(ZoneInfo(timezone))
        today = local.replace(hour=0, minute=0, second=0, microsecond=0)
        return cls(now, today - timedelta(days=today.weekday()), today.replace(day=1))

    @property
    def just_after(self) -> datetime:
        """Return the first instant after now, as an open end."""
        return self.now + timedelta(microseconds=1)

    def days_ago(self, days: int) -> datetime:
        """Return the instant `days` times 24 hours before now."""
        return self.now - timedelta(days=days)
