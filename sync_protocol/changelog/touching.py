"""Giving rows a newer change without changing them, so that they travel again while people go on writing.

A change number is given when a statement runs, and is seen when its transaction commits. Were one given to a row for
which another transaction holds a lower number it has not committed yet, that one's write would be hidden at the
receiver for ever: its version is older than what was sent of the row before it. So rows are locked first. Those that
somebody is writing are left for later, never waited for: two who wait for each other's rows would stop a person.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import insert, select, text
from sqlalchemy.orm import Session

from shared.ids import is_id
from sync_protocol.catalog import Binding
from sync_protocol.changelog.models import Change

CHUNK: Final = 500


@dataclass(frozen=True, slots=True)
class Held:
    """Which of some records are locked for this transaction, stand in the table held by others, or are not there."""

    locked: frozenset[str]
    busy: frozenset[str]


def lock_rows(session: Session, binding: Binding, ids: Collection[str]) -> Held:
    """Lock what can be locked of these records until the transaction ends, without waiting.

    SQLite has one writer at a time: whoever writes holds every row.
    """
    wanted, key = sorted(one for one in ids if is_id(one)), binding.table.c.id
    locked, present = set[str](), set[str]()
    for start in range(0, len(wanted), CHUNK):
        some = select(key).where(key.in_(wanted[start : start + CHUNK]))
        # Not against children that name the row: they do not change it.
        locked.update(session.scalars(some.with_for_update(key_share=True, skip_locked=True)))
        # Asked after the lock: a row that came or went in between is held by others, or gone.
        present.update(session.scalars(some))
    return Held(frozenset(locked & present), frozenset(present - locked))


def touch(
    session: Session, record_type: str, *, changed: Sequence[str], removed: Sequence[str] = ()
) -> Sequence[int]:
    """Append a change for each of these records, and return their numbers.

    The `changed` are locked by this transaction; the `removed` are not there, and their ids never come back.
    """
    rows = [
        {"record_type": record_type, "record_id": record_id, "op": op}
        for op, ids in (("U", changed), ("D", removed))
        for record_id in ids
    ]
    if not rows:
        return []
    return session.scalars(insert(Change).returning(Change.id), rows).all()


def hold_table(session: Session, binding: Binding) -> None:
    """Keep everybody else from writing a table until the transaction ends; waits for those who write now."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text(f"LOCK TABLE {binding.table.name} IN SHARE ROW EXCLUSIVE MODE"))
