"""Chaining the entries a node wrote before there was a chain; called once, by the revision that makes it."""

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, insert, select, table, update
from sqlalchemy import column as plain_column

from shared.audit.chain import FIELDS, GENESIS, link
from shared.audit.pending import RAW
from shared.audit.vocabulary import action_of, module_of, outcome_of
from shared.db.base import instant_text

AT_ONCE: Final = 1000
OLD: Final = tuple(name for name in FIELDS if name not in {"seq", "action", "module", "outcome"})


def chain_entries(connection: Connection) -> None:
    """Give every entry there is its number in the order they were written, its kind of act, and its digest."""
    seq, digest = 0, GENESIS
    for rows in _parts(connection):
        changed = []
        for row in rows:
            seq += 1
            words = _words(row.event)
            values = row._asdict() | words | {"seq": seq, "at": instant_text(row.at)}
            digest = link(digest, [values[name] for name in FIELDS])
            changed.append(words | {"seq": seq, "digest": digest, "which": row.id})
        connection.execute(update(RAW).where(RAW.c.id == bindparam("which")), changed)
    head = table("audit_head", *map(plain_column, ("id", "seq", "digest")))
    connection.execute(insert(head).values(id=1, seq=seq, digest=digest))


def _words(event: str) -> dict[str, Any]:
    return {
        "action": action_of(event).value,
        "module": module_of(event),
        "outcome": outcome_of(event).value,
    }


def _parts(connection: Connection) -> Iterator[list[Row[Any]]]:
    last = None
    while True:
        statement = select(*(RAW.c[name] for name in OLD)).order_by(RAW.c.id).limit(AT_ONCE)
        if last is not None:
            statement = statement.where(RAW.c.id > last)
        rows = list(connection.execute(statement))
        if not rows:
            return
        yield rows
        last = rows[-1].id
