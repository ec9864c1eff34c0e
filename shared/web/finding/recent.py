"""What somebody opened lately: the operation log knows it, so nothing else has to keep it."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import select

from shared.audit.models import AuditEntry
from shared.audit.vocabulary import LogAction
from shared.web.context import reading, stamp

LOOKED_AT: Final = 200


def opened_lately(subject_type: str, *, limit: int) -> Sequence[str]:
    """Return the ids of the records of a type that who is signed in opened, the last one first.

    Asked with the node's own eyes, for not everybody may read the log, and of one's own acts only; what may still be
    seen of the records is up to who reads them.
    """
    entry = AuditEntry
    own = (
        select(entry.subject_type, entry.subject_id)
        .where(entry.actor == stamp().actor, entry.action == LogAction.VIEW)
        .order_by(entry.at.desc())
        .limit(LOOKED_AT)
    )
    with reading(as_node=True) as session:
        found = [at for of, at in session.execute(own) if of == subject_type and at]
    return list(dict.fromkeys(found))[:limit]
