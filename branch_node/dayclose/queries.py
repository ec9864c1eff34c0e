"""Which days are to be closed, and how they were."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from branch_node.dayclose.models import DayClose
from sync_protocol.catalog import Bindings, RecordKind
from sync_protocol.changelog.models import Change
from sync_protocol.changelog.sealing import count_unsealed

# Days further back are closed no more, so that a clock set years ahead does not make thousands.
WINDOW: Final = timedelta(days=31)
# So many days are counted once more whenever a day is closed.
RECENT: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Calendar:
    """The branch's days: today, the day it joined, and where they begin."""

    today: date
    joined_on: date
    zone: ZoneInfo

    def begins(self, day: date) -> datetime:
        """Return the instant at which a local day begins."""
        return datetime.combine(day, time(), tzinfo=self.zone).astimezone(UTC)

    def day_of(self, at: datetime) -> date:
        """Return the local day of an instant."""
        return at.astimezone(self.zone).date()


def find_day(session: Session, day: date) -> DayClose | None:
    """Return the manifest of a day, or None when it was not closed yet."""
    return session.scalar(select(DayClose).where(DayClose.day == day))


def due_days(session: Session, calendar: Calendar) -> list[date]:
    """Return the past days without a manifest; when there is one, also the days just before it, to count them again.

    So a day that a wrong clock closed too early, or into which a fact slipped unseen, is right a day later.
    """
    first = max(calendar.joined_on, calendar.today - WINDOW)
    closed = set(session.scalars(select(DayClose.day).where(DayClose.day >= first)))
    days = [first + timedelta(days=number) for number in range((calendar.today - first).days)]
    if all(day in closed for day in days):
        return []
    return [day for day in days if day not in closed or day >= calendar.today - RECENT]


def late_days(session: Session, bindings: Bindings, calendar: Calendar) -> set[date]:
    """Return the closed days for which facts have come since; asks for facts not sealed yet."""
    unsealed = [bindings[name] for name in count_unsealed(session) if name in bindings]
    facts = [binding for binding in unsealed if binding.record.kind is RecordKind.FACT]
    if not facts:
        return set()
    closed = session.execute(select(func.min(DayClose.starts_at), func.max(DayClose.ends_at))).one()
    if not all(closed):
        return set()
    first, last = closed[0], closed[1]
    days: set[date] = set()
    for binding in facts:
        entered = binding.table.c.created_at
        found = session.scalars(
            select(entered)
            .distinct()
            .join_from(Change, binding.table, binding.table.c.id == Change.record_id)
            .where(Change.record_type == binding.record.name, Change.batch_id.is_(None))
            .where(entered >= first, entered < last)
        )
        days.update(calendar.day_of(at) for at in found)
    return closed_among(session, days)


def closed_among(session: Session, days: Collection[date]) -> set[date]:
    """Return which of these days have a manifest."""
    if not days:
        return set()
    return set(session.scalars(select(DayClose.day).where(DayClose.day.in_(sorted(days)))))
