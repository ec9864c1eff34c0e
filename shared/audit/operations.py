"""Writing the operation log."""

import unicodedata
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy.orm import Session

from shared.audit.pending import Draft, add_draft
from shared.audit.vocabulary import LogAction, LogOutcome, action_of, module_of, outcome_of
from shared.stamp import Stamp

ACTOR_LENGTH: Final = 80
TERMINAL_LENGTH: Final = 60
# Cc moves a terminal's cursor, Cf makes a line read otherwise than it is, half a character cannot be stored.
HIDDEN: Final = frozenset({"Cc", "Cf", "Cs"})


def record(
    session: Session,
    event: str,
    *,
    subject: tuple[str, str] | None,
    by: Stamp,
    details: Mapping[str, Any] | None = None,
    action: LogAction | None = None,
    outcome: LogOutcome | None = None,
) -> None:
    """Write down one act in the caller's transaction: it stands if and only if the act does.

    `event` is `noun.verb` (`customer.created`), `subject` the record's type and id; what kind of act it is follows from
    the verb (shared.audit.vocabulary). `details` must be plain JSON and never holds a secret nor what is
    sealed; control characters are taken out, for logs are read in terminals. Numbers are given just before the commit.
    """
    add_draft(
        session,
        Draft(
            at=by.at,
            actor=plain(by.actor)[:ACTOR_LENGTH],
            actor_id=by.actor_id,
            manager_id=by.manager_id,
            via=by.via.value,
            terminal=plain(by.terminal)[:TERMINAL_LENGTH],
            action=(action or action_of(event)).value,
            event=event,
            module=module_of(event),
            outcome=(outcome or outcome_of(event)).value,
            subject_type=subject[0] if subject else None,
            subject_id=subject[1] if subject else None,
            details={key: clean(value) for key, value in (details or {}).items()},
        ),
    )


def clean(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Return a JSON value with every text in it made plain."""
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, Mapping):
        return {plain(str(key)): clean(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [clean(inner) for inner in value]
    return value


def plain(text: str) -> str:
    """Return a text without what moves a cursor or turns the order of reading."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_visible(char) for char in text)


def _visible(char: str) -> str:
    if char in "\r\n\t":
        return " "
    return "�" if unicodedata.category(char) in HIDDEN else char
