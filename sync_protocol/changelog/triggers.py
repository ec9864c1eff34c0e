"""Capture by the database itself: triggers generated from the catalog, so that no way of writing is missed.

ORM, bulk, raw SQL and imports all write `sync_changes` in their own transaction. Facts are guarded
the same way: no UPDATE, and DELETE only where the binding says so. Installing again replaces
what is there, so every upgrade of the schema ends with `install`.
"""

from collections.abc import Iterator
from typing import Final

from sqlalchemy import Connection

from sync_protocol.catalog import Binding, Bindings, RecordKind

EVENTS: Final = (("insert", "NEW", "I"), ("update", "NEW", "U"), ("delete", "OLD", "D"))


def install(connection: Connection, bindings: Bindings) -> None:
    """Put capture triggers and guards on every bound table, replacing those there."""
    statements = _sqlite if connection.dialect.name == "sqlite" else _postgresql
    for binding in bindings.values():
        for statement in statements(binding):
            connection.exec_driver_sql(statement)


def _sqlite(binding: Binding) -> Iterator[str]:
    table, name = binding.table.name, binding.record.name
    for event, row, op in EVENTS:
        yield f"DROP TRIGGER IF EXISTS capture_{table}_{event}"
        yield (
            f"CREATE TRIGGER capture_{table}_{event} AFTER {event.upper()} ON {table} BEGIN "  # noqa: S608 - names come from our own catalog
            f"INSERT INTO sync_changes (record_type, record_id, op) VALUES ('{name}', {row}.id, '{op}'); END"
        )
    yield f"DROP TRIGGER IF EXISTS guard_{table}_id"
    yield (
        f"CREATE TRIGGER guard_{table}_id BEFORE UPDATE OF id ON {table} WHEN OLD.id IS NOT NEW.id BEGIN "
        f"SELECT RAISE(ABORT, 'the id of a {name} never changes'); END"
    )
    yield f"DROP TRIGGER IF EXISTS guard_{table}_update"
    yield f"DROP TRIGGER IF EXISTS guard_{table}_delete"
    if binding.record.kind is RecordKind.FACT:
        yield (
            f"CREATE TRIGGER guard_{table}_update BEFORE UPDATE ON {table} BEGIN "
            f"SELECT RAISE(ABORT, 'a {name} is a fact: correct it with a new one'); END"
        )
        yield (
            f"CREATE TRIGGER guard_{table}_delete BEFORE DELETE ON {table} WHEN NOT ({_removable(binding)}) BEGIN "
            f"SELECT RAISE(ABORT, 'a {name} is a fact: it cannot be removed'); END"
        )


def _postgresql(binding: Binding) -> Iterator[str]:
    table, name = binding.table.name, binding.record.name
    for event, row, op in EVENTS:
        function = f"capture_{table}_{event}"
        # One statement-level trigger over the rows of the statement costs far less than one call a row.
        yield (
            f"CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "  # noqa: S608 - names come from our own catalog
            f"INSERT INTO sync_changes (record_type, record_id, op) SELECT '{name}', id, '{op}' FROM touched; "
            "RETURN NULL; END $$"
        )
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
            table, "update", "BEFORE UPDATE", "TRUE", f"a {name} is a fact: correct it with a new one"
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
