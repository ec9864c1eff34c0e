"""Reading the operation log."""

from collections.abc import Collection

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from shared.audit.models import AuditEntry
from shared.db.parts import Part, first_of


def entries(
    *,
    actor: str | None = None,
    event: str | None = None,
    subject: tuple[str, str] | None = None,
) -> Select[AuditEntry]:
    """Return the statement that lists entries, latest first, narrowed by whatever is given."""
    statement = select(AuditEntry).order_by(AuditEntry.seq.desc())
    if actor is not None:
        statement = statement.where(AuditEntry.actor == actor)
    if event is not None:
        statement = statement.where(AuditEntry.event == event)
    if subject is not None:
        statement = statement.where(
            AuditEntry.subject_type == subject[0], AuditEntry.subject_id == subject[1]
        )
    return statement


def list_history(
    session: Session, subject: tuple[str, str], *, limit: int = 100, without: Collection[str] = ()
) -> Part[AuditEntry]:
    """Return what happened to one record lately, latest first; `without` leaves kinds of acts out, such as looking."""
    statement = entries(subject=subject)
    if without:
        statement = statement.where(AuditEntry.action.not_in(without))
    return first_of(session, statement, limit)
