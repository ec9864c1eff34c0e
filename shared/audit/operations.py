"""Writing the operation log."""

import unicodedata
from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from shared.audit.models import AuditEntry
from shared.stamp import Stamp

ACTOR_LENGTH = 80
TERMINAL_LENGTH = 60


def record(
    session: Session,
    event: str,
    *,
    subject: tuple[str, str] | None,
    by: Stamp,
    details: Mapping[str, Any] | None = None,
) -> AuditEntry:
    """Write down one act in the caller's transaction: it stands if and only if the act does.

    `event` is `noun.verb` (`customer.created`), `subject` the record's type and id. `details` must be
    plain JSON and never holds a secret; control characters are taken out, for logs are read in terminals.
    """
    entry = AuditEntry(
        at=by.at,
        actor=_plain(by.actor)[:ACTOR_LENGTH],
        via=by.via.value,
        terminal=_plain(by.terminal)[:TERMINAL_LENGTH],
        event=event,
        subject_type=subject[0] if subject else None,
        subject_id=subject[1] if subject else None,
        details={key: _clean(value) for key, value in (details or {}).items()},
    )
    session.add(entry)
    return entry


def _clean(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, str):
        return _plain(value)
    if isinstance(value, Mapping):
        return {str(key): _clean(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(inner) for inner in value]
    return value


def _plain(text: str) -> str:
    # Control characters move a terminal's cursor; bidirectional marks make a line read otherwise than it is.
    return "".join(_visible(char) for char in text)


def _visible(char: str) -> str:
    if char in "\r\n\t":
        return " "
    return "�" if unicodedata.category(char) in {"Cc", "Cf"} else char
