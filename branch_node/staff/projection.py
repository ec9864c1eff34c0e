"""Writing the people who travel from the accounts that do not, by triggers: no way of changing an account is missed.

Hashes, codes and secrets stay in `users`; what is listed here is all that ever leaves the branch. Whoever else writes
`staff` (rows that come back from head office after a restore) is corrected at once: it says what the accounts are now,
and a person without an account here cannot sign in.
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
_TABLE: Final = StaffMember.__tablename__
_DIFFERS: Final = {"sqlite": "IS NOT", "postgresql": "IS DISTINCT FROM"}
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
        yield f"DROP TRIGGER IF EXISTS staff_keeps_{event}"
        yield (
            f"CREATE TRIGGER staff_keeps_{event} AFTER {event.upper()} ON staff FOR EACH ROW BEGIN "
            f"{'; '.join(_corrections('sqlite'))}; END"
        )


def _postgresql() -> Iterator[str]:
    yield (
        "CREATE OR REPLACE FUNCTION staff_follows() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"{_copy('postgresql', row='NEW', rows='')}; RETURN NULL; END $$"
    )
    # Not OF columns: a migration could not drop a column that a trigger names.
    for event in ("insert", "update"):
        yield f"DROP TRIGGER IF EXISTS staff_{event} ON users"
        yield (
            f"CREATE TRIGGER staff_{event} AFTER {event.upper()} ON users "
            "FOR EACH ROW EXECUTE FUNCTION staff_follows()"
        )
    yield (
        "CREATE OR REPLACE FUNCTION staff_keeps() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"{'; '.join(_corrections('postgresql'))}; RETURN NULL; END $$"
    )
    yield "DROP TRIGGER IF EXISTS staff_keeps ON staff"
    yield (
        "CREATE TRIGGER staff_keeps AFTER INSERT OR UPDATE ON staff FOR EACH ROW EXECUTE FUNCTION staff_keeps()"
    )


def _copy(dialect: str, *, row: str, rows: str) -> str:
    # Only what differs is written: signing in changes an account, and must not send it to head office.
    said, differs = _values(dialect, row), _DIFFERS[dialect]
    others = [name for name in said if name != "id"]
    taken = ", ".join(f"{name} = excluded.{name}" for name in others)
    other = " OR ".join(f"{_TABLE}.{name} {differs} excluded.{name}" for name in others)
    return (
        f"INSERT INTO {_TABLE} ({', '.join(said)}) SELECT {', '.join(said.values())} {rows} "
        f"ON CONFLICT (id) DO UPDATE SET {taken} WHERE {other}"
    )


def _corrections(dialect: str) -> Iterator[str]:
    said, differs = _values(dialect, "users"), _DIFFERS[dialect]
    others = {name: value for name, value in said.items() if name != "id"}
    account = "FROM users WHERE users.id = NEW.id"
    other = " OR ".join(f"{_TABLE}.{name} {differs} {value}" for name, value in others.items())
    yield (
        f"UPDATE {_TABLE} SET ({', '.join(others)}) = (SELECT {', '.join(others.values())} {account}) "  # noqa: S608 - names are ours
        f"WHERE id = NEW.id AND EXISTS (SELECT 1 {account} AND ({other}))"
    )
    yield (
        f"UPDATE {_TABLE} SET state = 'disabled' "  # noqa: S608 - as above
        f"WHERE id = NEW.id AND state <> 'disabled' AND NOT EXISTS (SELECT 1 {account})"
    )


def _values(dialect: str, row: str) -> dict[str, str]:
    values = {name: value.format(row=row) for name, value in _SAID.items()}
    if dialect == "postgresql":
        values["manager_id"] += "::uuid"
    return values
