"""Triggers that keep an erased customer blank, whoever writes and however: pages, imports, jobs and raw SQL."""

from collections.abc import Iterator, Sequence
from typing import Final

from sqlalchemy import JSON, Column, Connection, Table

from shared.db.personal import FieldClass, about_column, class_of, stands
from shared.domain.erasure.rules import ERASED, personal_columns

MESSAGE: Final = "the customer was erased: nothing personal is written of them"


def install(connection: Connection, tables: Sequence[Table]) -> None:
    """Have the database refuse personal values of erased customers in `tables`; replaces what is there.

    On PostgreSQL it looks after the statement, once the foreign keys have waited for an erasure that is under way.
    """
    statements = _sqlite if connection.dialect.name == "sqlite" else _postgresql
    for table in tables:
        for statement in statements(table):
            connection.exec_driver_sql(statement)


def _sqlite(table: Table) -> Iterator[str]:
    said = " OR ".join(_says(column, "NEW", "NEW.{}") for column in personal_columns(table))
    erased = f"EXISTS (SELECT 1 FROM erasures e WHERE e.customer_id = NEW.{_whose(table)})"  # noqa: S608 - our own names
    for event in ("insert", "update"):
        name = f"erased_{table.name}_{event}"
        yield f"DROP TRIGGER IF EXISTS {name}"
        yield (
            f"CREATE TRIGGER {name} BEFORE {event.upper()} ON {table.name} WHEN ({said}) AND {erased} BEGIN "
            f"SELECT RAISE(ABORT, '{MESSAGE}'); END"
        )


def _postgresql(table: Table) -> Iterator[str]:
    said = " OR ".join(_says(column, "t", "t.{}::text") for column in personal_columns(table))
    for event in ("insert", "update"):
        name = f"erased_{table.name}_{event}"
        found = f"SELECT 1 FROM touched t JOIN erasures e ON e.customer_id = t.{_whose(table)} WHERE {said}"  # noqa: S608 - our own names
        yield (
            f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            f"IF EXISTS ({found}) THEN RAISE EXCEPTION '{MESSAGE}' USING ERRCODE = 'restrict_violation'; END IF; "
            "RETURN NULL; END $$"
        )
        yield f"DROP TRIGGER IF EXISTS {name} ON {table.name}"
        yield (
            f"CREATE TRIGGER {name} AFTER {event.upper()} ON {table.name} REFERENCING NEW TABLE AS touched "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {name}()"
        )


def _whose(table: Table) -> str:
    about = about_column(table)
    return about[1] if about else "id"


def _says(column: Column[object], row: str, text: str) -> str:
    """Return the condition under which a column of a row holds more than what stands in the place of the erased."""
    value = f"{row}.{column.name}"
    if isinstance(column.type, JSON):
        return f"{text.format(column.name)} NOT IN ('[]', '{{}}')"
    if column.nullable and not stands(column):
        return f"{value} IS NOT NULL"
    if class_of(column) is FieldClass.NAME and "customer_no" in column.table.columns:
        return f"{value} <> '{ERASED} ' || {row}.customer_no"
    return f"{value} <> '{ERASED}'"
