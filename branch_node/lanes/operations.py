"""Noting how far the change log has come."""

from datetime import date

from sqlalchemy import Date, bindparam, delete, func, select, text
from sqlalchemy.orm import Session

from branch_node.lanes.models import DayMark
from sync_protocol.changelog.models import Change


def note_day(session: Session, today: date) -> None:
    """Remember which change is the newest now; from tomorrow on all up to it are of an earlier day."""
    newest = session.scalar(select(func.max(Change.id))) or 0
    # One statement: cycles with two receivers may begin a day at the same moment.
    session.execute(
        text(
            "INSERT INTO day_marks (day, newest) VALUES (:day, :newest) ON CONFLICT (day) DO UPDATE "
            "SET newest = excluded.newest WHERE day_marks.newest < excluded.newest"
        ).bindparams(bindparam("day", today, type_=Date)),
        {"newest": newest},
    )
    last = select(func.max(DayMark.day)).where(DayMark.day < today).scalar_subquery()
    session.execute(delete(DayMark).where(DayMark.day < last).execution_options(synchronize_session=False))
