"""Closing the days that are over, at the beginning of a cycle: so the manifest travels behind the facts it counts."""

from collections.abc import Collection, Iterable
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from branch_node.dayclose import operations, queries
from branch_node.dayclose.queries import Calendar
from branch_node.runtime import BranchRuntime
from sync_protocol.changelog.touching import hold_table
from sync_protocol.daybook import day_figures

MOST_AT_ONCE: Final = 62


def close_days(
    runtime: BranchRuntime, *, joined_at: datetime, recount: Iterable[str] = ()
) -> Collection[date]:
    """Close every day that is over, again where facts came late or HQ counts otherwise (`recount`).

    Returns the days of `recount` whose manifest stands as it was: there the rows differ, not the count.
    The counting holds no lock; a fact that slips in meanwhile is late, and found at the next cycle.
    """
    now = runtime.clock.now()
    zone = ZoneInfo(runtime.settings.timezone)
    calendar = Calendar(now.astimezone(zone).date(), joined_at.astimezone(zone).date(), zone)
    asked = _days(recount)
    with runtime.database.reads() as session:
        again = queries.closed_among(session, asked) | queries.late_days(
            session, runtime.all_bindings, calendar
        )
        days = sorted({*queries.due_days(session, calendar), *again})[-MOST_AT_ONCE:]
        figures = {
            day: day_figures(
                session,
                runtime.all_bindings,
                calendar.begins(day),
                calendar.begins(date.fromordinal(day.toordinal() + 1)),
            )
            for day in days
        }
    if not figures:
        return []
    with runtime.database.sessions.begin() as session:
        # Cycles with two receivers may close the same day at the same moment: the second finds it closed.
        hold_table(session, runtime.all_bindings["day_close"])
        changed = {
            day: operations.write_day(session, calendar, day, found, at=now) for day, found in figures.items()
        }
    return [day for day in asked if changed.get(day) is False]


def _days(texts: Iterable[str]) -> list[date]:
    """Return the days HQ names; what is no day is passed over."""
    days = []
    for text in texts:
        try:
            days.append(date.fromisoformat(text))
        except ValueError:
            continue
    return days
