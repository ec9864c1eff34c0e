"""Which sessions show personal data masked, and that none of them writes back what it was shown so."""

from typing import Any

from sqlalchemy import event, inspect
from sqlalchemy.orm import Session

from shared.db.personal import PersonalText
from shared.db.scope import ScopedSession
from shared.rights.ranges import Sight, sight_of


def hidden_subjects(sight: Sight | None) -> frozenset[str]:
    """Return whose personal data a session with this sight shows masked; nobody's to the node itself."""
    return frozenset() if sight is None else frozenset(one.value for one in sight.masked)


class MaskedWriteError(Exception):
    """A session that shows personal data masked was about to write such a column: a mistake of ours."""


@event.listens_for(ScopedSession, "before_flush")
def _refuse_masked(session: Session, _context: object, _instances: object) -> None:
    hidden = hidden_subjects(sight_of(session))
    for row in session.dirty if hidden else ():
        if changed := [
            name for name in _personal(row, hidden) if inspect(row).attrs[name].history.has_changes()
        ]:
            msg = f"{type(row).__name__}: {', '.join(changed)}"
            raise MaskedWriteError(msg)


def _personal(row: Any, hidden: frozenset[str]) -> list[str]:  # noqa: ANN401 - any mapped row
    found = []
    for attribute in inspect(type(row)).column_attrs:
        kind = attribute.columns[0].type
        if isinstance(kind, PersonalText) and kind.subject in hidden:
            found.append(attribute.key)
    return found
