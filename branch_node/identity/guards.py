"""Triggers that let nobody write into a merged file or about it, whoever writes and however: it is only read."""

from collections.abc import Iterable, Iterator
from typing import Final

from sqlalchemy import Connection, Table, inspect

from shared.db.personal import about_column

MESSAGE: Final = "the file was merged into another one: nothing is written into it"


def install(
    connection: Connection, tables: Iterable[Table], *, profile: Table, columns: Iterable[str]
) -> None:
    """Have the database refuse rows of `tables` about a merged customer, and writes of `columns` of their profile.

    An erasure goes through: it blanks every file of a person.
    """
    make = _sqlite if connection.dialect.name == "sqlite" else _postgresql
    statements = [one for table in tables for one in make(table, _whose(table), ("INSERT", "UPDATE"))]
    statements += make(profile, "id", (f"UPDATE OF {', '.join(columns)}",))
    for statement in (*_formerly(connection), *statements):
        connection.exec_driver_sql(statement)


def _formerly(connection: Connection) -> Iterator[str]:
    """Yield what takes triggers away that an earlier version made: who sees a merged file follows its survivor."""
    on = "" if connection.dialect.name == "sqlite" else " ON customer_shares"
    for event in ("insert", "update"):
        yield f"DROP TRIGGER IF EXISTS merged_customer_shares_{event}{on}"


def remove(connection: Connection, profile: Table) -> None:
    """Take the trigger on single columns away: a migration could not drop one that it names."""
    name = f"merged_{profile.name}_update"
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}")
    elif inspect(connection).has_table(profile.name):
        connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name} ON {profile.name}")


def _whose(table: Table) -> str:
    about = about_column(table)
    return about[1] if about else "customer_id"


def _sqlite(table: Table, whose: str, events: Iterable[str]) -> Iterator[str]:
    for event in events:
        name = f"merged_{table.name}_{event.split()[0].lower()}"
        yield f"DROP TRIGGER IF EXISTS {name}"
        yield (
            f"CREATE TRIGGER {name} BEFORE {event} ON {table.name} WHEN {_merged(whose)} BEGIN "
            f"SELECT RAISE(ABORT, '{MESSAGE}'); END"
        )


def _postgresql(table: Table, whose: str, events: Iterable[str]) -> Iterator[str]:
    for event in events:
        name = f"merged_{table.name}_{event.split()[0].lower()}"
        yield (
            f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER "
            f"SET search_path FROM CURRENT AS $$ BEGIN IF {_merged(whose)} THEN "
            f"RAISE EXCEPTION '{MESSAGE}' USING ERRCODE = 'restrict_violation'; END IF; RETURN NEW; END $$"
        )
        yield f"DROP TRIGGER IF EXISTS {name} ON {table.name}"
        yield (f"CREATE TRIGGER {name} BEFORE {event} ON {table.name} FOR EACH ROW EXECUTE FUNCTION {name}()")


def _merged(whose: str) -> str:
    return (
        f"EXISTS (SELECT 1 FROM customer_identities i WHERE i.customer_id = NEW.{whose}) "  # noqa: S608 - our own names
        f"AND NOT EXISTS (SELECT 1 FROM erasures e WHERE e.customer_id = NEW.{whose})"
    )
