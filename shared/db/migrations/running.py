"""Running revisions in this process: all of them in one transaction, or none."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal

from alembic import command
from alembic.config import Config
from alembic.ddl.sqlite import SQLiteImpl
from alembic.migration import MigrationContext
from alembic.operations.batch import ApplyBatchImpl
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Connection, Table, text

from shared.db.base import Base, BigCounter, Id, Instant, Json
from shared.db.engine import Database
from shared.db.migrations.app import MigratedApp
from shared.errors import N_, BranchlineError, Kind

# Any number will do; it only has to be the same in every process that migrates.
LOCK: Final = 7_203_341
SQLITE_AUTOINCREMENT: Final = "AUTOINCREMENT"


class MigrationError(BranchlineError):
    """A migration would have harmed the database and was taken back as a whole."""

    code = "migration-failed"
    kind = Kind.CONFLICT
    message = N_("The migration was taken back: after it, %(table)s would give its numbers a second time.")


class BrokenReferenceError(MigrationError):
    """Rows would refer to rows that are not there."""

    code = "migration-breaks-reference"
    message = N_(
        "The migration was taken back: after it, rows of %(table)s would refer to missing rows of %(other)s."
    )


class DatabaseNewerError(BranchlineError):
    """The database was migrated by a newer program than this one."""

    code = "database-newer"
    kind = Kind.CONFLICT
    message = N_("The database was made by a newer program than this one; run the newer one.")


class MigrationsPendingError(BranchlineError):
    """The database is older than the code."""

    code = "migrations-pending"
    kind = Kind.UNAVAILABLE
    message = N_("The database is older than this program (%(count)s steps); run `%(command)s` first.")


def upgrade(database: Database, app: MigratedApp, *, generated: bool = True) -> list[str]:
    """Bring the database to today's tables and return the revisions run; a second call runs none.

    Everything happens in one transaction that others wait for, so two processes may call it
    at once. `generated=False` leaves out the app's `after_upgrade`.
    """
    config = configuration(app)
    with _exclusive(database) as connection:
        before = _pending(connection, config)
        config.attributes["connection"] = connection
        app.before_change(connection)
        command.upgrade(config, "head")
        if generated:
            app.after_upgrade(connection)
    return before


def downgrade(database: Database, app: MigratedApp, revision: str = "base") -> None:
    """Take the database back to an older revision; data of the tables dropped is gone."""
    config = configuration(app)
    with _exclusive(database) as connection:
        config.attributes["connection"] = connection
        app.before_change(connection)
        command.downgrade(config, revision)


def pending(database: Database, app: MigratedApp) -> list[str]:
    """Return the revisions that `upgrade` would run, oldest first."""
    with database.reads() as session:
        return _pending(session.connection(), configuration(app))


def configuration(app: MigratedApp) -> Config:
    """Return alembic's configuration for one app."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("version_locations", str(app.folder))
    config.set_main_option("path_separator", "newline")
    config.set_main_option(
        "file_template", "%%(year)d%%(month).2d%%(day).2d_%%(hour).2d%%(minute).2d_%%(rev)s_%%(slug)s"
    )
    config.attributes["app"] = app
    return config


def configure(context: EnvironmentContext | Any) -> None:  # noqa: ANN401 - alembic.context is a module that acts as one
    """Tell alembic about the connection and the tables; called by env.py."""
    attributes = context.config.attributes
    own = {table.name for table in attributes["app"].tables()}
    context.configure(
        connection=attributes["connection"],
        target_metadata=Base.metadata,
        include_object=_only(own),
        render_as_batch=True,
        render_item=_render,
        compare_type=True,
        compare_server_default=True,
    )


def _pending(connection: Connection, config: Config) -> list[str]:
    heads = MigrationContext.configure(connection).get_current_heads()
    script = ScriptDirectory.from_config(config)
    try:
        return [step.revision for step in script.iterate_revisions("heads", heads or "base")][::-1]
    except CommandError as error:
        raise DatabaseNewerError from error


def _only(own: set[str]) -> Callable[..., bool]:
    def include(thing: object, name: str | None, kind: str, *_: object) -> bool:
        if kind == "table":
            return name in own
        table = getattr(thing, "table", None)
        return not isinstance(table, Table) or table.name in own

    return include


def _render(kind: str, thing: object, _context: object) -> str | Literal[False]:
    # Our own types stay names in a revision: what they mean is fixed, see shared.db.base.
    if kind != "type":
        return False
    if thing is Json or thing is BigCounter:
        return "base.Json" if thing is Json else "base.BigCounter"
    return f"base.{type(thing).__name__}()" if isinstance(thing, Id | Instant) else False


@contextmanager
def _exclusive(database: Database) -> Iterator[Connection]:
    if database.dialect == "sqlite":
        with _exclusive_sqlite(database) as connection:
            yield connection
        return
    with database.engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        yield connection


@contextmanager
def _exclusive_sqlite(database: Database) -> Iterator[Connection]:
    with database.engine.connect() as connection:
        raw = connection.connection.driver_connection
        assert raw is not None
        # Rebuilding a table drops it: with foreign keys on, that would delete what refers to it.
        raw.execute("PRAGMA foreign_keys=OFF")
        try:
            with connection.begin():
                counters = _counters(connection)
                _drop_triggers(connection)
                yield connection
                _keep_counters(connection, counters)
                _check_references(connection)
        finally:
            raw.execute("PRAGMA foreign_keys=ON")


def _drop_triggers(connection: Connection) -> None:
    names = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars().all()
    for name in names:
        connection.exec_driver_sql(f'DROP TRIGGER "{name}"')


def _counters(connection: Connection) -> dict[str, int]:
    if not _has_sequences(connection):
        return {}
    rows = connection.execute(text("SELECT name, seq FROM sqlite_sequence"))
    return {row.name: row.seq for row in rows}


def _keep_counters(connection: Connection, before: dict[str, int]) -> None:
    """Put the counters of rebuilt tables back: a number once given must never be given again."""
    now = _counters(connection)
    for name, number in before.items():
        definition = _definition(connection, name)
        if definition is None or now.get(name, 0) >= number:
            continue
        if SQLITE_AUTOINCREMENT not in definition.upper():
            raise MigrationError(table=name)
        row = {"name": name, "number": number}
        connection.execute(text("DELETE FROM sqlite_sequence WHERE name = :name"), row)
        connection.execute(text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :number)"), row)


def _check_references(connection: Connection) -> None:
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
    if broken is not None:
        raise BrokenReferenceError(table=broken[0], other=broken[2])


def _has_sequences(connection: Connection) -> bool:
    return _definition(connection, "sqlite_sequence") is not None


def _definition(connection: Connection, table: str) -> str | None:
    statement = text("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = :name")
    return connection.execute(statement, {"name": table}).scalar()


class _KeepsAutoincrement(SQLiteImpl):
    """Alembic's SQLite, except that a rebuilt table stays AUTOINCREMENT, which reflection does not see."""

    __dialect__ = "sqlite"

    def prep_table_for_batch(self, batch_impl: ApplyBatchImpl, table: Table) -> None:
        """Carry AUTOINCREMENT over to the table that takes `table`'s place."""
        super().prep_table_for_batch(batch_impl, table)
        connection = self.connection
        if connection is None or batch_impl.new_table is None:
            return
        if SQLITE_AUTOINCREMENT in (_definition(connection, table.name) or "").upper():
            batch_impl.new_table.dialect_options["sqlite"]["autoincrement"] = True
