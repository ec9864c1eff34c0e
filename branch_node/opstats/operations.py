"""Counting what account managers did in a month.

What counts: of the operation log what was done on pages under an account manager's own accounts; a sign-in counts when
it was accepted, a customer's file once however often it was changed. Of the work logs those that began in the month
and that no other corrects, as in all statistics.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import delete, func, or_, select
from sqlalchemy.orm import Session, aliased

from branch_node.managers.models import Manager
from branch_node.opstats.models import OperationMonth
from branch_node.worklogs.models import WorkLog
from shared.audit.models import AuditEntry
from shared.audit.vocabulary import LogAction
from shared.auth.models import User
from shared.domain.calendar import local_month, month_bounds
from shared.domain.opstats.fields import FIGURES
from shared.domain.worklogs.vocabulary import WorkLogKind
from shared.ids import new_id
from shared.stamp import Via

SIGNED_IN: Final = "sign-in.accepted"
FILE_CHANGES: Final = (LogAction.CREATE, LogAction.CHANGE)
AT_ONCE: Final = 5_000


@dataclass(slots=True)
class Month:
    """What one account manager did in a month, while it is being counted."""

    sign_ins: int = 0
    visits: int = 0
    work_logs: int = 0
    exports: int = 0
    days: set[date] = field(default_factory=set)
    files: set[str] = field(default_factory=set)

    def figures(self) -> dict[str, int]:
        """Return the columns of the month."""
        return {
            "sign_ins": self.sign_ins,
            "days_worked": len(self.days),
            "visits": self.visits,
            "work_logs": self.work_logs,
            "files_changed": len(self.files),
            "exports": self.exports,
        }


def count_month(session: Session, month: str, *, timezone: str) -> int:
    """Make a month's rows say what was done; rows that are right already are not touched. Return how many changed."""
    found = {manager: one.figures() for manager, one in _counted(session, month, timezone).items()}
    known = {
        row.manager_id: row
        for row in session.scalars(select(OperationMonth).where(OperationMonth.month == month))
    }
    changed = 0
    for manager_id, figures in found.items():
        row = known.get(manager_id)
        if row is None:
            session.add(OperationMonth(id=new_id(), manager_id=manager_id, month=month, **figures))
            changed += 1
        elif any(getattr(row, name) != figures[name] for name in FIGURES):
            for name in FIGURES:
                setattr(row, name, figures[name])
            changed += 1
    gone = [row.id for manager_id, row in known.items() if manager_id not in found]
    if gone:
        session.execute(delete(OperationMonth).where(OperationMonth.id.in_(gone)))
    session.flush()
    return changed + len(gone)


def first_month(session: Session, *, timezone: str) -> str | None:
    """Return the month of the first entry there is of the operation log, or None."""
    at = session.scalar(select(func.min(AuditEntry.at)))
    return local_month(at, timezone) if at else None


def _counted(session: Session, month: str, timezone: str) -> Mapping[str, Month]:
    zone = ZoneInfo(timezone)
    months: dict[str, Month] = {}
    for manager_id, entry in _acts(session, month, timezone):
        one = months.setdefault(manager_id, Month())
        one.days.add(entry.at.astimezone(zone).date())
        one.sign_ins += entry.event == SIGNED_IN
        one.exports += entry.action == LogAction.EXPORT
        if entry.subject_type == "customer" and entry.action in FILE_CHANGES and entry.subject_id:
            one.files.add(entry.subject_id)
    for manager_id, kind, count in _logs(session, month, timezone):
        one = months.setdefault(manager_id, Month())
        one.work_logs += count
        one.visits += count if kind is WorkLogKind.VISIT else 0
    return months


def _acts(session: Session, month: str, timezone: str) -> Iterable[tuple[str, AuditEntry]]:
    """Yield what account managers did on pages in a month, with whose it is."""
    begins, ends = month_bounds(month, timezone)
    # Apart: an account keeps its manager as text, which PostgreSQL does not join with an id.
    known = set(session.scalars(select(Manager.id)))
    people = session.execute(
        select(User.id, User.username, User.manager_id).where(User.manager_id.is_not(None))
    )
    by_id, by_name = {}, {}
    for user_id, username, manager_id in people:
        if manager_id in known:
            by_id[user_id], by_name[username] = str(manager_id), str(manager_id)
    if not by_id:
        return
    # A sign-in is told before anybody is signed in: whose it is stands in what it is about.
    theirs = or_(
        AuditEntry.actor.in_(by_name), (AuditEntry.event == SIGNED_IN) & AuditEntry.subject_id.in_(by_id)
    )
    statement = select(AuditEntry).where(
        AuditEntry.at >= begins, AuditEntry.at < ends, AuditEntry.via == Via.WEB.value, theirs
    )
    for entry in session.scalars(statement.execution_options(yield_per=AT_ONCE)):
        about = entry.subject_id or "" if entry.event == SIGNED_IN else ""
        manager_id = by_id.get(about) or by_name.get(entry.actor)
        if manager_id is not None:
            yield manager_id, entry


def _logs(session: Session, month: str, timezone: str) -> Iterable[tuple[str, WorkLogKind, int]]:
    begins, ends = month_bounds(month, timezone)
    newer = aliased(WorkLog)
    corrected = select(newer.id).where(newer.corrects_id == WorkLog.id)
    statement = (
        select(WorkLog.manager_id, WorkLog.kind, func.count())
        .where(WorkLog.started_at >= begins, WorkLog.started_at < ends, ~corrected.exists())
        .group_by(WorkLog.manager_id, WorkLog.kind)
    )
    return [(str(row[0]), row[1], int(row[2])) for row in session.execute(statement)]
