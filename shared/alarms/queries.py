"""Reading alarms."""

from collections.abc import Sequence

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from shared.alarms.errors import AlarmNotFoundError
from shared.alarms.models import Alarm
from shared.alarms.vocabulary import AlarmKind, Severity, Subject


def get_alarm(session: Session, alarm_id: str) -> Alarm:
    """Return one alarm, open or closed; raises AlarmNotFoundError."""
    found = session.get(Alarm, alarm_id)
    if found is None:
        raise AlarmNotFoundError
    return found


def find_open(session: Session, kind: AlarmKind, subject: Subject) -> Alarm | None:
    """Return the open alarm of this kind about this subject."""
    return session.scalar(
        select(Alarm).where(
            Alarm.closed_at.is_(None),
            Alarm.code == kind.code,
            Alarm.subject_type == subject[0],
            Alarm.subject_id == subject[1],
        )
    )


def list_open_codes(session: Session, subject: Subject) -> set[str]:
    """Return the codes of the alarms that are open about this subject."""
    about = (Alarm.subject_type == subject[0], Alarm.subject_id == subject[1])
    return set(session.scalars(select(Alarm.code).where(Alarm.closed_at.is_(None), *about)))


def list_open_subjects(session: Session, *kinds: AlarmKind) -> set[tuple[str, str]]:
    """Return (code, id of the subject) of the open alarms of these kinds."""
    codes = [kind.code for kind in kinds]
    rows = session.execute(
        select(Alarm.code, Alarm.subject_id).where(Alarm.closed_at.is_(None), Alarm.code.in_(codes))
    )
    return {(row[0], row[1]) for row in rows}


def open_alarms(*, severity: Severity | None = None) -> Select[Alarm]:
    """Return the statement that lists open alarms, critical ones first, then the latest opened."""
    critical = Alarm.severity == Severity.CRITICAL
    statement = (
        select(Alarm)
        .where(Alarm.closed_at.is_(None))
        .order_by(critical.desc(), Alarm.opened_at.desc(), Alarm.id.desc())
    )
    return statement if severity is None else statement.where(Alarm.severity == severity)


def list_open(session: Session, *, severity: Severity | None = None) -> Sequence[Alarm]:
    """Return the open alarms, critical ones first, then the latest opened."""
    return session.scalars(open_alarms(severity=severity)).all()


def closed_alarms() -> Select[Alarm]:
    """Return the statement that lists closed alarms, the latest closed first."""
    return select(Alarm).where(Alarm.closed_at.is_not(None)).order_by(Alarm.closed_at.desc(), Alarm.id.desc())


def count_open(session: Session) -> int:
    """Return how many alarms are open."""
    return session.scalar(select(func.count()).select_from(Alarm).where(Alarm.closed_at.is_(None))) or 0
