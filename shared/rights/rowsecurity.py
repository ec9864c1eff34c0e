"""The second wall on PostgreSQL: row-level security made of the same declarations as the first.

Sessions of people act as the role `branchline_viewer`, which owns nothing: the database shows it the rows its
settings allow. Jobs, commands and the sync act as the node's own login, which owns the tables and sees all.
"""

from collections.abc import Sequence
from typing import Any, Final
from weakref import WeakKeyDictionary

from sqlalchemy import (
    ColumnElement,
    Connection,
    Dialect,
    Pool,
    case,
    cast,
    event,
    func,
    literal_column,
    select,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session, SessionTransaction

from shared.db.base import Id, Instant
from shared.db.scope import ScopedSession
from shared.rights.ranges import Ranged, Seer, Sight, sight_of
from shared.rights.vocabulary import DataRange

ROLE: Final = "branchline_viewer"
POLICY: Final = "branchline_range"
_SEEING: Final = (DataRange.SELF, DataRange.TEAM, DataRange.BRANCH, DataRange.GROUP)
ADDING: Final = "branchline_adding"
# Asked once a pool: a wall is built by a migration, before the node serves.
_WALLED: Final[WeakKeyDictionary[Pool, bool]] = WeakKeyDictionary()

_MAKE_ROLE: Final = f"""
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{ROLE}') THEN
        BEGIN
            CREATE ROLE {ROLE} NOLOGIN;
        EXCEPTION WHEN duplicate_object OR unique_violation OR insufficient_privilege THEN
            NULL;
        END;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = '{ROLE}') AND NOT pg_has_role('{ROLE}', 'MEMBER') THEN
        BEGIN
            GRANT {ROLE} TO CURRENT_USER;
        EXCEPTION WHEN insufficient_privilege THEN
            NULL;
        END;
    END IF;
END
$$
"""  # noqa: S608 - the name of the role is ours


def install_row_security(
    connection: Connection, ranged: Sequence[Ranged], *, append_only: Sequence[str] = ()
) -> bool:
    """Make or renew the role and the policies; tables named in `append_only` the role may add to, never change.

    Returns False where there is no second wall: on SQLite, and where the login may neither make the role nor use
    it (docs/operations.md says what a database administrator does then).
    """
    if connection.dialect.name != "postgresql":
        return False
    connection.exec_driver_sql(_MAKE_ROLE)
    if not _usable(connection):
        return False
    schema = connection.exec_driver_sql("SELECT quote_ident(current_schema())").scalar_one()
    for given in (
        f"USAGE ON SCHEMA {schema}",
        f"SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema}",
        f"USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA {schema}",
    ):
        connection.exec_driver_sql(f"GRANT {given} TO {ROLE}")
    for name in append_only:
        connection.exec_driver_sql(f"REVOKE UPDATE, DELETE, TRUNCATE ON {name} FROM {ROLE}")
        # Whatever somebody may see of it: what they do is told in it.
        connection.exec_driver_sql(f"DROP POLICY IF EXISTS {ADDING} ON {name}")
        connection.exec_driver_sql(f"CREATE POLICY {ADDING} ON {name} FOR INSERT TO {ROLE} WITH CHECK (true)")
    for one in ranged:
        name = one.table.name
        connection.exec_driver_sql(f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY")
        connection.exec_driver_sql(f"DROP POLICY IF EXISTS {POLICY} ON {name}")
        connection.exec_driver_sql(f"CREATE POLICY {POLICY} ON {name} TO {ROLE} USING ({_allowed(one)})")
    return True


def remove_row_security(connection: Connection) -> None:
    """Take the policies away: a column or table that one names could not be changed by a migration."""
    if connection.dialect.name != "postgresql":
        return
    named = connection.exec_driver_sql(
        "SELECT quote_ident(tablename) FROM pg_policies WHERE policyname = %s AND schemaname = current_schema()",
        (POLICY,),
    )
    for table in named.scalars().all():
        connection.exec_driver_sql(f"DROP POLICY {POLICY} ON {table}")


def has_row_security(connection: Connection) -> bool:
    """Tell whether the second wall stands in this database."""
    if connection.dialect.name != "postgresql" or not _usable(connection):
        return False
    built = connection.exec_driver_sql(
        "SELECT EXISTS (SELECT FROM pg_policies WHERE policyname = %s AND schemaname = current_schema())",
        (POLICY,),
    )
    return bool(built.scalar())


@event.listens_for(ScopedSession, "after_begin")
def _act_as_viewer(session: Session, _transaction: SessionTransaction, connection: Connection) -> None:
    sight = sight_of(session)
    # Who sees every row needs no wall, and would pay for it row by row.
    if sight is None or sight.sees_all or connection.dialect.name != "postgresql":
        return
    pool = connection.engine.pool
    if pool not in _WALLED:
        _WALLED[pool] = has_row_security(connection)
    if not _WALLED[pool]:
        return
    settings = settings_of(sight) | {"role": ROLE}
    calls = ", ".join(f"set_config('{name}', %s, true)" for name in settings)
    connection.exec_driver_sql(f"SELECT {calls}", tuple(settings.values()))


def settings_of(sight: Sight) -> dict[str, str]:
    """Return the settings of a transaction that say whose eyes it has."""
    seer = sight.seer
    return {
        "branchline.user": seer.user_id or "",
        "branchline.manager": seer.manager_id or "",
        "branchline.at": seer.at.isoformat(),
        "branchline.branches": ",".join(map(str, sight.branches)) if sight.branches is not None else "all",
    } | {
        f"branchline.{resource.value}": sight.range_of(resource).value
        for resource in {one.resource for one in sight.ranged}
    }


def lacks_second_wall(connection: Connection) -> bool:
    """Tell whether this PostgreSQL leaves it to the program alone which rows people see; SQLite always does."""
    return connection.dialect.name == "postgresql" and not _usable(connection)


def _usable(connection: Connection) -> bool:
    found = connection.exec_driver_sql(
        "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = %s AND pg_has_role(oid, 'MEMBER'))", (ROLE,)
    )
    return bool(found.scalar())


def _setting(name: str) -> ColumnElement[str]:
    return func.nullif(func.current_setting(f"branchline.{name}", True), "")


def _once(expression: ColumnElement[Any]) -> ColumnElement[Any]:
    """Have PostgreSQL work out a setting once a statement, not once a row."""
    return select(expression).scalar_subquery()


def _allowed(one: Ranged) -> str:
    seer = Seer(
        _once(cast(_setting("user"), Id())),
        _once(cast(_setting("manager"), Id())),
        _once(cast(_setting("at"), Instant())),
        compares_rows=True,
    )
    limited = None
    if one.limited is not None:
        limited = f"{_everywhere()} OR {_text(one.limited(seer, _once(_branches_json())))}"
        if not one.rows:
            return limited
    reach = _once(_setting(one.resource.value))
    whole = [each.value for each in _SEEING if each not in one.rows]
    ways = [_text(reach.in_(whole))]
    ways += [f"{_text(reach == each.value)} AND ({_text(rows(seer))})" for each, rows in one.rows.items()]
    of_range = " OR ".join(f"({way})" for way in ways)
    if limited is not None:
        return f"({of_range}) AND ({limited})"
    if one.branch is None:
        return of_range
    listed = _text(_once(func.string_to_array(_setting("branches"), literal_column("','"))))
    return f"({of_range}) AND ({_everywhere()} OR {one.branch.key}::text = ANY ({listed}::text[]))"


def _everywhere() -> str:
    return _text(_once(_setting("branches")) == "all")


def _branches_json() -> ColumnElement[str]:
    numbers = _setting("branches")
    return case((numbers == "all", literal_column("'[]'")), else_=func.concat("[", numbers, "]"))


def _text(expression: ColumnElement[Any]) -> str:
    dialect: Dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    compiled = expression.compile(dialect=dialect, compile_kwargs={"literal_binds": True})
    return str(compiled).replace("%%", "%")
