"""Writing the manifest of a day."""

import uuid
from datetime import date, datetime
from typing import Final

from sqlalchemy.orm import Session

from branch_node.dayclose import queries
from branch_node.dayclose.models import DayClose
from branch_node.dayclose.queries import Calendar
from sync_protocol.daybook import DayFigures

# A day has one id wherever and however often it is closed, also after this node was restored.
DAYS: Final = uuid.UUID("01936d0a-da7c-7000-8000-000000000000")


def write_day(session: Session, calendar: Calendar, day: date, figures: DayFigures, *, at: datetime) -> bool:
    """Write or renew the manifest of a day; False when it says this already, so that nothing is sent."""
    starts_at, ends_at = calendar.begins(day), calendar.begins(date.fromordinal(day.toordinal() + 1))
    known = queries.find_day(session, day)
    if known is None:
        known = DayClose(id=str(uuid.uuid5(DAYS, day.isoformat())), day=day)
        session.add(known)
    elif (known.counts, known.totals, known.starts_at, known.ends_at) == (
        figures.counts,
        figures.totals,
        starts_at,
        ends_at,
    ):
        return False
    known.starts_at, known.ends_at, known.closed_at = starts_at, ends_at, at
    known.counts, known.totals = figures.counts, figures.totals
    return True
