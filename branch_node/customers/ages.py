"""When each field of a customer last changed, kept by triggers: no way of changing one is missed.

A change takes an earlier confirmation away: what was confirmed is no longer what stands there.
"""

from collections.abc import Iterator
from typing import Final

from sqlalchemy import Connection, inspect

from shared.domain.customers.upkeep import FOLLOWED

_INTO: Final = "customer_field_ages (customer_id, field, changed_at)"
_TAKEN: Final = (
    "ON CONFLICT (customer_id, field) DO UPDATE SET changed_at = excluded.changed_at, "
    "confirmed_at = NULL, confirmed_by = NULL"
)


def install_ages(connection: Connection) -> None:
    """Have `customer_field_ages` follow `customers`; replaces what is there."""
    remove_ages(connection)
    statements = _sqlite if connection.dialect.name == "sqlite" else _postgresql
    for statement in statements():
        connection.exec_driver_sql(statement)


def remove_ages(connection: Connection) -> None:
    """Take the triggers away: a migration could not drop a column that one names."""
    if connection.dialect.name == "sqlite":
        for field in FOLLOWED:
            connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS customer_age_{field}")
    elif inspect(connection).has_table("customers"):
        connection.exec_driver_sql("DROP TRIGGER IF EXISTS customer_ages ON customers")


def _sqlite() -> Iterator[str]:
    for field in FOLLOWED:
        yield (
            f"CREATE TRIGGER customer_age_{field} AFTER UPDATE OF {field} ON customers "  # noqa: S608 - our own names
            f"WHEN OLD.{field} IS NOT NEW.{field} BEGIN INSERT INTO {_INTO} "
            f"VALUES (NEW.id, '{field}', NEW.updated_at) {_TAKEN}; END"
        )


def _postgresql() -> Iterator[str]:
    differs = {field: f"OLD.{field} IS DISTINCT FROM NEW.{field}" for field in FOLLOWED}
    rows = ", ".join(f"('{field}', {condition})" for field, condition in differs.items())
    # With the eyes of the node: it has to be kept whoever writes.
    yield (
        "CREATE OR REPLACE FUNCTION customer_ages() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER "  # noqa: S608 - our own words
        f"SET search_path FROM CURRENT AS $$ BEGIN INSERT INTO {_INTO} "
        f"SELECT NEW.id, f.field, NEW.updated_at FROM (VALUES {rows}) f (field, changed) WHERE f.changed {_TAKEN}; "
        "RETURN NULL; END $$"
    )
    yield (
        "CREATE TRIGGER customer_ages AFTER UPDATE ON customers FOR EACH ROW "
        f"WHEN ({' OR '.join(differs.values())}) EXECUTE FUNCTION customer_ages()"
    )
