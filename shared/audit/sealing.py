"""Personal values in the log, readable with the key of the one they are about, until that key is removed.

The key of a subject is a row of `audit_keys`, wrapped by the node's log key. Without its row the values are gone for
ever, from the database and from every backup made afterwards; the chain is over what is sealed, so it still holds.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from shared.audit.keyring import LogKeys, new_key, seal, unseal
from shared.audit.models import AuditEntry, AuditKey, json_text

Subject = tuple[str, str]
AT_ONCE = 500


class Sealer:
    """Seals what the entries of one transaction say; the head of the chain is held, so nobody else makes keys."""

    def __init__(self, session: Session) -> None:
        """Seal with the keys a session carries; without any, personal values are not kept at all."""
        self._session = session
        self._keys = LogKeys.of(session)
        self._known: dict[Subject, bytes | None] = {}

    def prepare(self, subjects: Iterable[Subject]) -> None:
        """Have the keys of these subjects at hand; one that has none gets its own."""
        wanted = [*dict.fromkeys(subjects)]
        if self._keys is None or not wanted:
            return
        self._known |= find_keys(self._session, wanted)
        made = {subject: new_key() for subject in wanted if subject not in self._known}
        if made:
            self._known |= made
            rows = [
                {
                    "subject_type": subject[0],
                    "subject_id": subject[1],
                    "wrapped": self._keys.wrap(key, _about(subject)),
                }
                for subject, key in made.items()
            ]
            self._session.connection().execute(insert(AuditKey.__table__), rows)  # type: ignore[arg-type]

    def seal(self, subject: Subject, values: dict[str, Any]) -> str | None:
        """Return values sealed for one subject; None where there is no key to seal with."""
        key = self._known.get(subject)
        if not values or key is None:
            return None
        return seal(key, json_text(values).encode(), _about(subject))


def find_keys(session: Session, subjects: Sequence[Subject]) -> dict[Subject, bytes | None]:
    """Return the keys these subjects have; None for one that the node's present log key does not open."""
    keys, found = LogKeys.of(session), {}
    if keys is None:
        return {}
    for start in range(0, len(subjects), AT_ONCE):
        part = subjects[start : start + AT_ONCE]
        for row in session.execute(
            select(AuditKey.subject_type, AuditKey.subject_id, AuditKey.wrapped).where(
                AuditKey.subject_type.in_({noun for noun, _id in part}),
                AuditKey.subject_id.in_([one for _noun, one in part]),
            )
        ):
            subject = (row.subject_type, row.subject_id)
            found[subject] = keys.unwrap(row.wrapped, _about(subject))
    return found


def read_sealed(session: Session, entry: AuditEntry) -> dict[str, list[Any]] | None:
    """Return {field: [before, after]} of what an entry has sealed; None when its key is gone or does not fit."""
    if entry.sealed is None or entry.subject_type is None or entry.subject_id is None:
        return None
    subject = (entry.subject_type, entry.subject_id)
    key = find_keys(session, [subject]).get(subject)
    opened = unseal(key, entry.sealed, _about(subject)) if key else None
    return None if opened is None else json.loads(opened)


def forget(session: Session, subject: Subject) -> bool:
    """Make unreadable for ever what the log says of a subject's personal values; False when there was nothing."""
    removed = session.execute(
        delete(AuditKey).where(AuditKey.subject_type == subject[0], AuditKey.subject_id == subject[1])
    )
    return bool(removed.rowcount)  # type: ignore[attr-defined]  # a DELETE's result has it


def _about(subject: Subject) -> str:
    return f"{subject[0]}:{subject[1]}"
