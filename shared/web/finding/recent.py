"""What somebody opened lately: the operation log knows it, so nothing else has to keep it."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.audit.models import AuditEntry
from shared.audit.vocabulary import LogAction

LOOKED_AT: Final = 200


def opened_lately(session: Session, actor: str, subject_type: str, *, limit: int) -> Sequence[str]:
    """Return the ids of the records of a type that somebody opened, the last one first.

    The session must see one's own entries; what is opened is narrowed where the records are read.
    """
    entry = AuditEntry
    own = (
        select(entry.subject_type, entry.subject_id)
        .where(entry.actor == actor, entry.action == LogAction.VIEW)
        .order_by(entry.at.desc())
        .limit(LOOKED_AT)
    )
    found = (at for of, at in session.execute(own) if of == subject_type and at)
    return list(dict.fromkeys(found))[:limit]
