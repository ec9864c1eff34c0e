"""Triggers that keep the operation log as it was written, on both databases; generated after every migration."""

from collections.abc import Iterator
from typing import Final

from sqlalchemy import Connection

MESSAGE: Final = "the operation log is only ever added to"


def install(connection: Connection) -> None:
    """Have the database refuse every change and removal of an entry; installing again replaces what is there."""
    statements = _sqlite if connection.dialect.name == "sqlite" else _postgresql
    for statement in statements():
        connection.exec_driver_sql(statement)


def _sqlite() -> Iterator[str]:
    for what in ("UPDATE", "DELETE"):
        name = f"guard_audit_entries_{what.lower()}"
        yield f"DROP TRIGGER IF EXISTS {name}"
        yield f"CREATE TRIGGER {name} BEFORE {what} ON audit_entries BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END"


def _postgresql() -> Iterator[str]:
    yield (
        "CREATE OR REPLACE FUNCTION guard_audit_entries() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{MESSAGE}' USING ERRCODE = 'restrict_violation'; END $$"
    )
    # By the statement, not by the row: also one that would touch no row is refused, and TRUNCATE has no rows.
    for what in ("UPDATE", "DELETE", "TRUNCATE"):
        name = f"guard_audit_entries_{what.lower()}"
        yield f"DROP TRIGGER IF EXISTS {name} ON audit_entries"
        yield (
            f"CREATE TRIGGER {name} BEFORE {what} ON audit_entries "
            "FOR EACH STATEMENT EXECUTE FUNCTION guard_audit_entries()"
        )
