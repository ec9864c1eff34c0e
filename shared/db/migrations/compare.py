"""Telling whether two databases have the same tables, in words."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from sqlalchemy import Connection, Inspector, inspect, text

from shared.db.base import Base
from shared.db.engine import Database
from shared.db.migrations.app import MigratedApp
from shared.db.migrations.running import downgrade, upgrade

VERSION_TABLE: Final = "alembic_version"
# SQL expressions have no truth value, so what says nothing is told by how it reads.
NOTHING: Final = frozenset({"", "None", "False", "[]", "{}"})
Description = Mapping[str, frozenset[str]]


def check_revisions(app: MigratedApp, migrated: Database, made: Database) -> list[str]:
    """Return what is wrong with an app's revisions, using two empty databases of one kind.

    The first is migrated up, down and up again, the second is made from the models.
    """
    own = {table.name for table in app.tables()}
    upgrade(migrated, app, generated=False)
    found = [f"{name}: made by a revision, but no model" for name in sorted(table_names(migrated) - own)]
    first = describe(migrated, own)
    make_tables(made, app)
    found += differences(describe(made, own), first, names=("the models", "the revisions"))
    downgrade(migrated, app)
    found += [f"{name}: left by downgrade" for name in sorted(table_names(migrated))]
    upgrade(migrated, app)
    found += differences(
        first, describe(migrated, own), names=("first upgrade", "the upgrade after downgrade")
    )
    return found


def make_tables(database: Database, app: MigratedApp) -> None:
    """Make the app's tables straight from the models."""
    with database.engine.begin() as connection:
        Base.metadata.create_all(connection, tables=app.tables())


def differences(wanted: Description, found: Description, *, names: tuple[str, str]) -> list[str]:
    """Return one line for each thing that only one of two descriptions has."""
    lines = []
    for table in sorted({*wanted, *found}):
        here, there = wanted.get(table, frozenset()), found.get(table, frozenset())
        lines += [f"{table}: only {names[0]} have {line}" for line in sorted(here - there)]
        lines += [f"{table}: only {names[1]} have {line}" for line in sorted(there - here)]
    return lines


def table_names(database: Database) -> set[str]:
    """Return the names of a database's tables."""
    with database.engine.connect() as connection:
        return {name for name in inspect(connection).get_table_names() if name != VERSION_TABLE}


def describe(database: Database, tables: Collection[str]) -> Description:
    """Return each of `tables` that exists as a set of lines: columns, keys, indexes, checks."""
    with database.engine.connect() as connection:
        inspector = inspect(connection)
        return {
            name: frozenset(_lines(connection, inspector, name))
            for name in inspector.get_table_names()
            if name in tables
        }


def _lines(connection: Connection, inspector: Inspector, table: str) -> Iterable[str]:
    for column in inspector.get_columns(table):
        kind = column["type"].compile(connection.dialect)
        null = "null" if column["nullable"] else "not null"
        yield f"column {column['name']} {kind} {null} default {column.get('default')}"
    primary = inspector.get_pk_constraint(table)
    yield f"primary key {primary['name']} {_columns(primary['constrained_columns'])}"
    for key in inspector.get_foreign_keys(table):
        target = f"{key['referred_table']} {_columns(key['referred_columns'])}"
        own = _columns(key["constrained_columns"])
        yield f"foreign key {key['name']} {own} to {target} {_options(key.get('options'))}"
    for unique in inspector.get_unique_constraints(table):
        yield f"unique {unique['name']} {_columns(unique['column_names'])}"
    for index in inspector.get_indexes(table):
        what = _columns(index.get("expressions") or index["column_names"])
        options = _options(index.get("dialect_options"))
        yield f"index {index['name']} {what} unique={index['unique']} {options}"
    for check in inspector.get_check_constraints(table):
        yield f"check {check['name']}: {' '.join(check['sqltext'].split())}"
    if connection.dialect.name == "sqlite" and _counts(connection, table):
        yield "autoincrement"


def _counts(connection: Connection, table: str) -> bool:
    statement = text(
        "SELECT sql LIKE '%AUTOINCREMENT%' FROM sqlite_master WHERE type = 'table' AND name = :name"
    )
    return bool(connection.execute(statement, {"name": table}).scalar())


def _columns(names: Iterable[str | None]) -> str:
    return "(" + ", ".join(str(name) for name in names) + ")"


def _options(options: Any) -> str:  # noqa: ANN401 - SQLAlchemy's reflected options, which differ by database
    shown = ((name, str(value)) for name, value in sorted((options or {}).items()))
    return " ".join(f"{name}={value}" for name, value in shown if value not in NOTHING)
