"""The only place that reads the machine's clock."""

from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the present instant, aware and in UTC."""

    def now(self) -> datetime:
        """Return the present instant in UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the present instant in UTC."""
        return datetime.now(tz=UTC)


class FakeClock:
    """A clock that stands still until it is told to move; for tests and simulations."""

    def __init__(self, at: datetime) -> None:
        """Start the clock at the aware instant `at`."""
        self._at = at.astimezone(UTC)

    def now(self) -> datetime:
        """Return the instant the clock was last moved to."""
        return self._at

    def advance(self, by: timedelta) -> None:
        """Move the clock by `by`, which may be negative (clocks do jump back)."""
        self._at += by

    def set(self, at: datetime) -> None:
        """Move the clock to the aware instant `at`."""
        self._at = at.astimezone(UTC)
