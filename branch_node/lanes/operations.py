"""Noting how far the change log has come."""

from datetime import date

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from branch_node.lanes.models import DayMark
from sync_protocol.changelog.models import Change


def note_day(session: Session, today: date) -> None:
    """Remember which change is the newest now; from tomorrow on all up to it are of an earlier day."""
    newest = session.scalar(select(func.max(Change.id))) or 0
    mark = session.get(DayMark, today)
    if mark is None:
        session.add(DayMark(day=today, newest=newest))
    elif newest > mark.newest:
        mark.newest = newest
    last = select(func.max(DayMark.day)).where(DayMark.day < today).scalar_subquery()
    session.execute(delete(DayMark).where(DayMark.day < last).execution_options(synchronize_session=False))
