"""Raising, clearing and closing alarms."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.orm import Session

from shared.alarms.errors import AlarmClosedError, AlarmNoteError, AlarmTakesTwoError
from shared.alarms.models import OPEN, Alarm
from shared.alarms.queries import get_alarm
from shared.alarms.vocabulary import SYSTEM, TAKES_TWO, AlarmKind, Subject
from shared.audit.operations import record
from shared.ids import new_id
from shared.stamp import Stamp

LEAST_NOTE: Final = 3
MOST_NOTE: Final = 500


def raise_alarm(
    session: Session,
    kind: AlarmKind,
    subject: Subject,
    *,
    at: datetime,
    details: Mapping[str, Any] | None = None,
) -> Alarm:
    """Open an alarm about `subject`, or count it once more when it is open already.

    One statement: two processes that raise it at the same moment get the one row.
    """
    insert = insert_postgresql if session.get_bind().dialect.name == "postgresql" else insert_sqlite
    told = dict(details or {})
    statement = insert(Alarm).values(
        id=new_id(),
        code=kind.code,
        severity=kind.severity,
        subject_type=subject[0],
        subject_id=subject[1],
        details=told,
        opened_at=at,
        last_at=at,
        times=1,
    )
    statement = statement.on_conflict_do_update(
        index_elements=["code", "subject_type", "subject_id"],
        index_where=OPEN,
        set_={"times": Alarm.times + 1, "last_at": at, "details": statement.excluded.details},
    )
    found = session.scalars(statement.returning(Alarm), execution_options={"populate_existing": True})
    return found.one()


def clear_alarm(session: Session, kind: AlarmKind, subject: Subject, *, at: datetime) -> bool:
    """Close the alarm because what it was about is over; False when none was open."""
    result = session.execute(
        update(Alarm)
        .where(
            Alarm.closed_at.is_(None),
            Alarm.code == kind.code,
            Alarm.subject_type == subject[0],
            Alarm.subject_id == subject[1],
        )
        .values(closed_at=at, closed_by=SYSTEM)
    )
    return bool(result.rowcount)  # type: ignore[attr-defined]


def close_alarm(
    session: Session, alarm_id: str, *, note: str, by: Stamp, asked_by: str | None = None
) -> Alarm:
    """End an alarm by hand, with a note of what was done; what is still wrong raises a new one.

    `asked_by` is who wrote the note, where `by` only agrees. Raises AlarmNotFoundError, AlarmClosedError,
    AlarmNoteError and AlarmTakesTwoError.
    """
    said = check_note(note)
    alarm = get_open_alarm(session, alarm_id)
    if alarm.code in TAKES_TWO and asked_by in {None, by.actor}:
        raise AlarmTakesTwoError
    alarm.close(at=by.at, by=by.actor, note=said)
    asked = {"asked_by": asked_by} if asked_by else {}
    record(
        session,
        "alarm.closed",
        subject=("alarm", alarm.id),
        by=by,
        details={"code": alarm.code, "about": [alarm.subject_type, alarm.subject_id], "note": said} | asked,
    )
    return alarm


def check_note(note: str) -> str:
    """Return what was done, as it is kept; raises AlarmNoteError."""
    said = note.strip()
    if not LEAST_NOTE <= len(said) <= MOST_NOTE:
        raise AlarmNoteError(least=LEAST_NOTE, most=MOST_NOTE)
    return said


def get_open_alarm(session: Session, alarm_id: str) -> Alarm:
    """Return an alarm that still stands; raises AlarmNotFoundError and AlarmClosedError."""
    alarm = get_alarm(session, alarm_id)
    if not alarm.is_open:
        raise AlarmClosedError
    return alarm
