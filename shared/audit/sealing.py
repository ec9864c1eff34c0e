"""Personal values in the log, readable with the key of the one they are about, until that key is removed.

The key of a subject is a row of `audit_keys`, wrapped by the node's log key. Without its row the values are gone for
ever, from the database and from every backup made afterwards; the chain is over what is sealed, so it still holds.
What an entry seals with its own subject's key stands bare; with another's (a work log's text with its customer's) the
name of that other stands before it.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from shared.audit.keyring import LogKeys, new_key, seal, unseal
from shared.audit.models import AuditEntry, AuditKey, json_text

Subject = tuple[str, str]
AT_ONCE = 500
FORGOTTEN: Final = "branchline_log_forgotten"
BEFORE_SEALED: Final = " "  # no letter of the sealed text


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

    def seal(self, subject: Subject, values: dict[str, Any], *, entry: Subject) -> str | None:
        """Return values sealed for `subject`, to stand in an entry about `entry`; None where there is no key."""
        key = self._known.get(subject)
        if not values or key is None:
            return None
        sealed = seal(key, json_text(values).encode(), _about(subject))
        return sealed if subject == entry else f"{_about(subject)}{BEFORE_SEALED}{sealed}"


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
    return read_all_sealed(session, [entry])[0]


def read_all_sealed(session: Session, entries: Sequence[AuditEntry]) -> list[dict[str, list[Any]] | None]:
    """Return for each entry what `read_sealed` does; the keys are looked up at once."""
    subjects = [_sealed_for(entry) for entry in entries]
    keys = find_keys(session, [*{subject for subject in subjects if subject is not None}])
    found: list[dict[str, list[Any]] | None] = []
    for entry, subject in zip(entries, subjects, strict=True):
        key = keys.get(subject) if subject else None
        sealed = (entry.sealed or "").rpartition(BEFORE_SEALED)[2]
        opened = unseal(key, sealed, _about(subject)) if subject and key else None
        found.append(None if opened is None else json.loads(opened))
    return found


def forget(session: Session, subject: Subject) -> bool:
    """Make unreadable for ever what the log says of a subject's personal values; False when there was nothing.

    Of a customer that is everything personal in the log: the profile, and the work logs and bill lines about them. What
    else this transaction tells of them keeps no personal values either, also what it did before.
    """
    session.info.setdefault(FORGOTTEN, []).append((session.get_nested_transaction(), subject))
    removed = session.execute(
        delete(AuditKey).where(AuditKey.subject_type == subject[0], AuditKey.subject_id == subject[1])
    )
    return bool(removed.rowcount)  # type: ignore[attr-defined]  # a DELETE's result has it


def _sealed_for(entry: AuditEntry) -> Subject | None:
    if entry.sealed is None or entry.subject_type is None or entry.subject_id is None:
        return None
    named = entry.sealed.rpartition(BEFORE_SEALED)[0]
    noun, _colon, subject_id = named.partition(":")
    return (noun, subject_id) if named else (entry.subject_type, entry.subject_id)


def _about(subject: Subject) -> str:
    return f"{subject[0]}:{subject[1]}"
