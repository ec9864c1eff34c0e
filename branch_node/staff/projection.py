"""Writing the people who travel from the accounts that do not, by triggers: no way of changing an account is missed.

Hashes, codes and secrets stay in `users`; what is listed here is all that ever leaves the branch.
"""

from collections.abc import Iterator
from typing import Final

from sqlalchemy import Connection

from branch_node.staff.models import StaffMember

_STATE: Final = (
    "CASE WHEN {row}.disabled_at IS NOT NULL THEN 'disabled'"
    " WHEN {row}.password_hash IS NULL THEN 'waiting' ELSE 'active' END"
)
# What each column is, of a row of `users`; PostgreSQL keeps the account manager there as text.
_SAID: Final = {
    "id": "{row}.id",
    "username": "{row}.username",
    "name": "{row}.name",
    "kind": "{row}.kind",
    "duties": "{row}.duties",
    "department_id": "{row}.department_id",
    "manager_id": "{row}.manager_id",
    "state": _STATE,
    "created_at": "{row}.created_at",
}
_FOLLOWED: Final = (
    "username, name, kind, duties, department_id, manager_id, password_hash, disabled_at, created_at"
)


def install_projection(connection: Connection) -> None:
    """Have `staff` follow `users`, and bring it up to date; capture must be installed before."""
    dialect = connection.dialect.name
    for statement in _sqlite() if dialect == "sqlite" else _postgresql():
        connection.exec_driver_sql(statement)
    connection.exec_driver_sql(_copy(dialect, row="users", rows="FROM users WHERE true"))


def _sqlite() -> Iterator[str]:
    for event, of in (("insert", ""), ("update", f" OF {_FOLLOWED}")):
        yield f"DROP TRIGGER IF EXISTS staff_{event}"
        yield (
            f"CREATE TRIGGER staff_{event} AFTER {event.upper()}{of} ON users FOR EACH ROW BEGIN "
            f"{_copy('sqlite', row='NEW', rows='WHERE true')}; END"
        )


def _postgresql() -> Iterator[str]:
    yield (
        "CREATE OR REPLACE FUNCTION staff_follows() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"{_copy('postgresql', row='NEW', rows='')}; RETURN NULL; END $$"
    )
    for event, of in (("insert", ""), ("update", f" OF {_FOLLOWED}")):
        yield f"DROP TRIGGER IF EXISTS staff_{event} ON users"
        yield (
            f"CREATE TRIGGER staff_{event} AFTER {event.upper()}{of} ON users "
            "FOR EACH ROW EXECUTE FUNCTION staff_follows()"
        )


def _copy(dialect: str, *, row: str, rows: str) -> str:
    # Only what differs is written: signing in changes an account, and must not send it to head office.
    values = dict(_SAID)
    if dialect == "postgresql":
        values["manager_id"] += "::uuid"
    said = ", ".join(value.format(row=row) for value in values.values())
    others = [name for name in _SAID if name != "id"]
    differs = "IS NOT" if dialect == "sqlite" else "IS DISTINCT FROM"
    table = StaffMember.__tablename__
    return (
        f"INSERT INTO {table} ({', '.join(_SAID)}) SELECT {said} {rows} "
        f"ON CONFLICT (id) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in others)} "
        f"WHERE {' OR '.join(f'{table}.{name} {differs} excluded.{name}' for name in others)}"
    )
