"""What was and what is, of every row a session adds, changes or removes: told without the operation's help.

A mapped class that says `__log__ = "noun"` is told. What the operation itself records of the same row in the same
transaction gets the values; where it records nothing, an entry of our own is made. Bulk statements pass the session
by: who writes so calls `record_rows` (operations.py).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Any, Final

from sqlalchemy import Table, inspect
from sqlalchemy.orm import Mapper, PassiveFlag, Session, SessionTransaction
from sqlalchemy.orm.attributes import get_history

from shared.audit.plain import plain
from shared.audit.vocabulary import LogAction
from shared.db.base import instant_text
from shared.db.personal import about_column, class_of

SEALED: Final = "sealed"
WITHHELD: Final = "withheld"
NO_VALUE: Final[tuple[Any, ...]] = (None, "", [], {})
# Who and when of a row stand in the entry already; a person's last sign-in is an entry of its own.
TOLD_ELSEWHERE: Final = frozenset({"created_at", "created_by", "updated_at", "updated_by", "last_sign_in_at"})
NEVER_TOLD: Final = ("_hash", "secret", "_digest", "private_key")
LONGEST: Final = 4000

PLAIN: Final[Mapping[type, Callable[[Any], Any]]] = {
    # Lines stay lines: versions of a record are made of these values. As JSON they move no cursor.
    str: lambda value: "\n".join(map(plain, value[:LONGEST].split("\n"))),
    type(None): lambda value: value,
    bool: bool,
    int: int,
    float: float,
    datetime: instant_text,
    date: date.isoformat,
    Decimal: str,
    list: lambda value: [plain_value(inner) for inner in value],
}
Pairs = dict[str, list[Any]]
Subject = tuple[str, str]


@dataclass(slots=True)
class RowChange:
    """What one transaction did to one row; `pairs` is {column: [before, after]} in JSON's own types.

    `about` is whose personal data the row holds: itself, or for a work log and a bill line their customer.
    """

    noun: str
    subject_id: str
    table: Table
    action: LogAction
    pairs: Pairs
    about: Subject

    def join(self, later: "RowChange") -> None:
        """Take in what the same transaction did to the row afterwards: the first before, the last after."""
        for name, (before, after) in later.pairs.items():
            self.pairs[name] = [self.pairs[name][0] if name in self.pairs else before, after]
        self.about = later.about
        if later.action is LogAction.DELETE or self.action is LogAction.DELETE:
            self.action = later.action

    def told(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return what may be read by whoever reads the log, and what is sealed; equal values say nothing."""
        return split(self.table, self.pairs)


def changes_of(session: Session) -> list[RowChange]:
    """Return what this flush does to rows that are told; to be called while it still is known."""
    groups = (
        (LogAction.CREATE, session.new),
        (LogAction.CHANGE, session.dirty),
        (LogAction.DELETE, session.deleted),
    )
    return [
        change
        for action, rows in groups
        for row in rows
        if hasattr(type(row), "__log__") and (change := _change(row, action)) is not None
    ]


def row_change(
    table: Table, noun: str, subject_id: str, before: Mapping[str, Any], after: Mapping[str, Any]
) -> RowChange:
    """Return the change of one row written in bulk; an empty `before` is a new row, an empty `after` a removed one."""
    action = LogAction.CREATE if not before else LogAction.CHANGE if after else LogAction.DELETE
    pairs = _new_pairs(after) if not before else _pairs(before, after)
    whose = _about(table)
    held = None if whose is None else (after or before).get(whose[1]) or before.get(whose[1])
    if whose is not None and action is LogAction.CHANGE and whose[1] not in (*before, *after):
        msg = f"{table.name}: a change of a row must say its {whose[1]}"
        raise ValueError(msg)
    about = (whose[0], str(held)) if whose is not None and held else (noun, subject_id)
    return RowChange(noun, subject_id, table, action, pairs, about)


def split(table: Table, pairs: Mapping[str, list[Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Part values that anybody with the log may read from those whose column says that they are personal.

    What is before as it is after says nothing and is left out.
    """
    kinds = _kinds(table)
    told: dict[str, Any] = {}
    sealed: dict[str, Any] = {}
    for name, pair in pairs.items():
        if pair[0] == pair[1]:
            continue
        kind = kinds.get(name)
        told[name] = kind or pair
        if kind == SEALED:
            sealed[name] = pair
    return told, sealed


def noun_of(row: object) -> str:
    """Return what a row is called in the log."""
    return str(getattr(type(row), "__log__"))  # noqa: B009 - mapped classes that are told have it, others do not


def plain_value(value: Any) -> Any:  # noqa: ANN401 - any column value
    """Return a column's value as JSON has it, its texts plain."""
    told = PLAIN.get(type(value))
    if told is not None:
        return told(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {plain(str(key)): plain_value(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain_value(inner) for inner in value]
    return plain(value) if isinstance(value, str) else f"<{type(value).__name__}>"


def joined(found: Iterable[tuple[SessionTransaction | None, RowChange]]) -> list[RowChange]:
    """Return one change a row, in the order the rows were first touched."""
    by_row: dict[tuple[str, str], RowChange] = {}
    for _savepoint, change in found:
        key = (change.noun, change.subject_id)
        if key in by_row:
            by_row[key].join(change)
        else:
            by_row[key] = change
    return [*by_row.values()]


def _new_pairs(after: Mapping[str, Any]) -> Pairs:
    pairs: Pairs = {}
    for name, now in after.items():
        if name in TOLD_ELSEWHERE:
            continue
        if type(now) is str:
            # Most values are texts that are plain already; a file brings a million of them.
            if now:
                pairs[name] = [None, now if now.isprintable() and len(now) <= LONGEST else plain_value(now)]
        elif now or now is False or now == 0:
            pairs[name] = [None, plain_value(now)]
    return pairs


def _pairs(before: Mapping[str, Any], after: Mapping[str, Any]) -> Pairs:
    pairs = {}
    for name in after or before:
        was, now = before.get(name), after.get(name)
        if name not in TOLD_ELSEWHERE and not (was in NO_VALUE and now in NO_VALUE):
            pair = [plain_value(was), plain_value(now)]
            if pair[0] != pair[1]:
                pairs[name] = pair
    return pairs


def _change(row: object, action: LogAction) -> RowChange | None:
    mapper: Mapper[Any] = inspect(type(row))
    pairs: Pairs = {}
    for attribute in mapper.column_attrs:
        name = attribute.columns[0].name
        if name in TOLD_ELSEWHERE:
            continue
        before, after = _pair(row, attribute.key, action)
        if before not in NO_VALUE or after not in NO_VALUE:
            pairs[name] = [before, after]
    if action is LogAction.CHANGE:
        pairs = {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
    if not pairs:
        return None
    key = "/".join(str(getattr(row, mapper.get_property_by_column(one).key)) for one in mapper.primary_key)
    assert isinstance(mapper.local_table, Table)
    noun, whose = noun_of(row), _about(mapper.local_table)
    held = (
        None
        if whose is None
        else getattr(row, mapper.get_property_by_column(mapper.local_table.c[whose[1]]).key)
    )
    about = (whose[0], str(held)) if whose is not None and held else (noun, key)
    return RowChange(noun, key, mapper.local_table, action, pairs, about)


def _pair(row: object, key: str, action: LogAction) -> tuple[Any, Any]:
    history = get_history(row, key, PassiveFlag.PASSIVE_NO_INITIALIZE)
    was = history.deleted[0] if history.deleted else None
    if action is LogAction.CREATE:
        return None, plain_value(history.added[0] if history.added else getattr(row, key, None))
    if action is LogAction.DELETE:
        kept = history.unchanged[0] if history.unchanged else was
        return plain_value(kept), None
    if not history.has_changes():
        return None, None
    return plain_value(was), plain_value(history.added[0] if history.added else None)


_about: Final = cache(about_column)


@cache
def _kinds(table: Table) -> dict[str, str]:
    """Return the columns whose values are not told, with the word that stands there instead."""
    found = {column.name: SEALED for column in table.columns if class_of(column) is not None}
    secret = [name for name in table.columns.keys() if any(sign in name for sign in NEVER_TOLD)]  # noqa: SIM118
    return found | dict.fromkeys(secret, WITHHELD)
