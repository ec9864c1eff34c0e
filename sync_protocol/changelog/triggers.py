"""Capture by the database itself: triggers generated from the catalog, so that no way of writing is missed.

ORM, bulk, raw SQL and imports all write `sync_changes` in their own transaction. Facts are guarded
the same way: no UPDATE but blanking and no DELETE, but where the binding says so. Installing again replaces
what is there, so every upgrade of the schema ends with `install`, and so does a change of the receivers.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from sqlalchemy import Connection

from shared.db.scope import FIRST
from sync_protocol.catalog import Binding, Bindings, RecordKind

Receivers = Mapping[str, Sequence[str]]
NOBODY: Final[Receivers] = {}
EVENTS: Final = (("insert", "NEW", "I"), ("update", "NEW", "U"), ("delete", "OLD", "D"))


def install(connection: Connection, bindings: Bindings, also: Receivers = NOBODY) -> None:
    """Put capture triggers and guards on every bound table, replacing those there.

    `also` tells by record type who takes it besides the first receiver: each change is written once for each. The
    names stand in the triggers themselves, so a node with one receiver pays nothing for there being more elsewhere.
    """
    statements = _sqlite if connection.dialect.name == "sqlite" else _postgresql
    for binding in bindings.values():
        for statement in statements(binding, also.get(binding.record.name, ())):
            connection.exec_driver_sql(statement)


def capture_for(connection: Connection, bindings: Bindings, also: Receivers) -> None:
    """Have every change written for the receivers in `also` too, from the end of this transaction on.

    Waits for whoever writes a bound table, and holds up those who come until this transaction ends; nobody
    who reads. So a row is either captured or stands in its table for whoever looks afterwards.
    """
    sqlite = connection.dialect.name == "sqlite"
    if not sqlite:
        tables = ", ".join(binding.table.name for binding in bindings.values())
        connection.exec_driver_sql(f"LOCK TABLE {tables} IN SHARE ROW EXCLUSIVE MODE")
    capture = _sqlite_capture if sqlite else _postgresql_capture
    for binding in bindings.values():
        for statement in capture(binding, also.get(binding.record.name, ())):
            connection.exec_driver_sql(statement)


def _sqlite_capture(binding: Binding, also: Sequence[str]) -> Iterator[str]:
    table, name = binding.table.name, binding.record.name
    for event, row, op in EVENTS:
        values = f"'{name}', {row}.id, '{op}'"
        written = f"(record_type, record_id, op) VALUES ({values})"
        # For one receiver it is the column's default: the shortest statement there is, run for every row written.
        if also:
            rows = ", ".join(f"('{one}', {values})" for one in (FIRST, *also))
            written = f"(receiver, record_type, record_id, op) VALUES {rows}"
        yield f"DROP TRIGGER IF EXISTS capture_{table}_{event}"
        yield (
            f"CREATE TRIGGER capture_{table}_{event} AFTER {event.upper()} ON {table} BEGIN "
            f"INSERT INTO sync_changes {written}; END"
        )


def _sqlite(binding: Binding, also: Sequence[str]) -> Iterator[str]:
    table, name = binding.table.name, binding.record.name
    yield from _sqlite_capture(binding, also)
    yield f"DROP TRIGGER IF EXISTS guard_{table}_id"
    yield (
        f"CREATE TRIGGER guard_{table}_id BEFORE UPDATE OF id ON {table} WHEN OLD.id IS NOT NEW.id BEGIN "
        f"SELECT RAISE(ABORT, 'the id of a {name} never changes'); END"
    )
    yield f"DROP TRIGGER IF EXISTS guard_{table}_update"
    yield f"DROP TRIGGER IF EXISTS guard_{table}_delete"
    if binding.record.kind is RecordKind.FACT:
        yield (
            f"CREATE TRIGGER guard_{table}_update BEFORE UPDATE ON {table} "
            f"WHEN NOT ({_blanking(binding, 'IS')}) BEGIN "
            f"SELECT RAISE(ABORT, 'a {name} is a fact: correct it with a new one'); END"
        )
        yield (
            f"CREATE TRIGGER guard_{table}_delete BEFORE DELETE ON {table} WHEN NOT ({_removable(binding)}) BEGIN "
            f"SELECT RAISE(ABORT, 'a {name} is a fact: it cannot be removed'); END"
        )


def _postgresql_capture(binding: Binding, also: Sequence[str]) -> Iterator[str]:
    table, name = binding.table.name, binding.record.name
    for event, _row, op in EVENTS:
        written = f"(record_type, record_id, op) SELECT '{name}', id, '{op}' FROM touched"  # noqa: S608 - names come from our own catalog
        if also:
            receivers = ", ".join(f"('{one}')" for one in (FIRST, *also))
            written = (
                f"(receiver, record_type, record_id, op) SELECT receiver, '{name}', id, '{op}' "  # noqa: S608 - as above
                f"FROM touched, (VALUES {receivers}) AS receivers(receiver)"
            )
        yield (
            f"CREATE OR REPLACE FUNCTION capture_{table}_{event}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            f"INSERT INTO sync_changes {written}; RETURN NULL; END $$"
        )


def _postgresql(binding: Binding, also: Sequence[str]) -> Iterator[str]:
    table, name = binding.table.name, binding.record.name
    yield from _postgresql_capture(binding, also)
    for event, row, _op in EVENTS:
        function = f"capture_{table}_{event}"
        # One statement-level trigger over the rows of the statement costs far less than one call a row.
        yield f"DROP TRIGGER IF EXISTS {function} ON {table}"
        yield (
            f"CREATE TRIGGER {function} AFTER {event.upper()} ON {table} REFERENCING {row} TABLE AS touched "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {function}()"
        )
    yield from _guard(
        table, "id", "BEFORE UPDATE", "OLD.id IS DISTINCT FROM NEW.id", f"the id of a {name} never changes"
    )
    yield from _guard(
        table, "truncate", "BEFORE TRUNCATE", None, f"TRUNCATE of {table} would not be captured"
    )
    if binding.record.kind is RecordKind.FACT:
        yield from _guard(
            table,
            "update",
            "BEFORE UPDATE",
            f"NOT ({_blanking(binding, 'IS NOT DISTINCT FROM')})",
            f"a {name} is a fact: correct it with a new one",
        )
        yield from _guard(
            table,
            "delete",
            "BEFORE DELETE",
            f"NOT ({_removable(binding)})",
            f"a {name} is a fact: it cannot be removed",
        )


def _guard(table: str, what: str, when: str, condition: str | None, message: str) -> Iterator[str]:
    function = f"guard_{table}_{what}"
    refusal = f"RAISE EXCEPTION '{message}' USING ERRCODE = 'restrict_violation';"
    # A TRUNCATE has no rows to look at and is always refused.
    body = (
        refusal
        if condition is None
        else f"IF {condition} THEN {refusal} END IF; IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;"
    )
    level = "STATEMENT" if condition is None else "ROW"
    result = "RETURN NULL;" if condition is None else "RETURN NEW;"
    yield f"CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} {result} END $$"
    yield f"DROP TRIGGER IF EXISTS {function} ON {table}"
    yield f"CREATE TRIGGER {function} {when} ON {table} FOR EACH {level} EXECUTE FUNCTION {function}()"


def _removable(binding: Binding) -> str:
    return binding.removable_when or "1 = 0"


def _blanking(binding: Binding, same: str) -> str:
    """Return the condition under which an update of a fact is a permitted blanking: all else stays as it is."""
    if binding.blanked_when is None:
        return "1 = 0"
    kept = [name for name in binding.table.columns.keys() if name not in binding.blankable]  # noqa: SIM118
    return " AND ".join([f"({binding.blanked_when})", *(f"OLD.{name} {same} NEW.{name}" for name in kept)])
