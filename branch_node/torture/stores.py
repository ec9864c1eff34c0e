"""Where the made-up company keeps its data: databases copied, kept and put back in a moment, of either kind."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, Final, Protocol
from uuid import uuid4

import psycopg
from psycopg import sql
from sqlalchemy import Connection, Engine, Table, event, make_url, text
from sqlalchemy.exc import ArgumentError

from shared.db.engine import Database
from shared.errors import N_, BranchlineError, Kind

SAVED: Final = "saved"


class ServerError(BranchlineError):
    """There is no PostgreSQL server of that address on which databases can be made."""

    code = "torture-server"
    kind = Kind.INVALID
    message = N_("The database cannot be used now: %(detail)s")


class Stores(Protocol):
    """Databases of one kind, gone with `close`."""

    def new(self, name: str) -> str:
        """Return the URL of a database of this name, empty."""

    def keep(self, database: Database) -> str:
        """Return the name of a copy of a database that nobody is using."""

    def put(self, kept: str, database: Database) -> None:
        """Put a copy in the place of a database that nobody is using."""

    def forget(self) -> None:
        """Remove the copies kept since `mark`."""

    def mark(self) -> None:
        """Keep what has been kept so far for good."""

    def be_quick(self, engine: Engine) -> None:
        """Do not wait for the disk: here no machine loses its power, processes are killed."""

    def unnoticed(self, connection: Connection, table: Table) -> Any:  # noqa: ANN401 - a context manager
        """Return a context in which no trigger of a table runs."""

    def close(self) -> None:
        """Remove everything."""


class SqliteStores:
    """Files in a folder."""

    def __init__(self, folder: Path) -> None:
        """Keep everything in `folder`, which whoever made it removes."""
        self._folder = folder
        self._numbers = count(1)
        self._lasting: set[Path] = set()

    def new(self, name: str) -> str:
        """Return the URL of a database that the first connection makes."""
        return f"sqlite:///{self._folder / f'{name}.db'}"

    def keep(self, database: Database) -> str:
        """Copy the file."""
        database.dispose()
        target = self._folder / f"{SAVED}-{next(self._numbers)}"
        shutil.copyfile(_path(database), target)
        return str(target)

    def put(self, kept: str, database: Database) -> None:
        """Copy the file back."""
        database.dispose()
        path = _path(database)
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        shutil.copyfile(kept, path)

    def mark(self) -> None:
        """Remember the copies there are."""
        self._lasting = set(self._folder.glob(f"{SAVED}-*"))

    def forget(self) -> None:
        """Remove the others."""
        for path in set(self._folder.glob(f"{SAVED}-*")) - self._lasting:
            path.unlink()

    def be_quick(self, engine: Engine) -> None:
        """Leave writing out to the system."""

        def configure(connection: Any, _record: object) -> None:  # noqa: ANN401 - a DB-API connection
            connection.cursor().execute("PRAGMA synchronous=OFF")

        event.listen(engine, "connect", configure)

    @contextmanager
    def unnoticed(self, connection: Connection, table: Table) -> Iterator[None]:
        """Take the triggers away and make them again."""
        triggers = connection.execute(
            text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :table"),
            {"table": table.name},
        ).all()
        for name, _sql in triggers:
            connection.exec_driver_sql(f"DROP TRIGGER {name}")
        yield
        for _name, statement in triggers:
            connection.exec_driver_sql(statement)

    def close(self) -> None:
        """Leave the files to whoever made the folder."""


class PostgresStores:
    """Databases of a server, of names nobody else uses."""

    def __init__(self, server: str) -> None:
        """Make databases on the server at URL `server`, whose user may do so. Raises ServerError."""
        try:
            self._url = make_url(server).set(drivername="postgresql+psycopg")
            plain = self._url.set(drivername="postgresql").render_as_string(hide_password=False)
            self._server = psycopg.connect(plain, autocommit=True)
        except (ArgumentError, psycopg.Error) as error:
            raise ServerError(detail=str(error).strip()) from error
        self._prefix = f"torture_{uuid4().hex[:12]}_"
        self._numbers = count(1)
        self._made: list[str] = []
        self._kept: list[str] = []

    def new(self, name: str) -> str:
        """Make an empty database."""
        made = self._create(name.lower().replace("-", "_"), "template0")
        return self._url.set(database=made).render_as_string(hide_password=False)

    def keep(self, database: Database) -> str:
        """Make a copy beside it."""
        made = self._create(f"{SAVED}_{next(self._numbers)}", self._freed(database))
        self._kept.append(made)
        return made

    def put(self, kept: str, database: Database) -> None:
        """Make it anew as a copy."""
        name = self._freed(database)
        self._drop(name)
        self._create(name.removeprefix(self._prefix), kept)

    def mark(self) -> None:
        """Remember no copy as one to be forgotten."""
        self._kept.clear()

    def forget(self) -> None:
        """Drop the copies."""
        while self._kept:
            self._drop(self._kept.pop())

    def be_quick(self, engine: Engine) -> None:
        """Leave writing out to the server."""

        def configure(connection: Any, _record: object) -> None:  # noqa: ANN401 - a DB-API connection
            connection.execute("SET synchronous_commit = off")
            connection.commit()

        event.listen(engine, "connect", configure)

    @contextmanager
    def unnoticed(self, connection: Connection, table: Table) -> Iterator[None]:
        """Switch the triggers off and on."""
        connection.exec_driver_sql(f"ALTER TABLE {table.name} DISABLE TRIGGER USER")
        yield
        connection.exec_driver_sql(f"ALTER TABLE {table.name} ENABLE TRIGGER USER")

    def close(self) -> None:
        """Drop every database made here."""
        for name in list(self._made):
            self._drop(name)
        self._server.close()

    def _freed(self, database: Database) -> str:
        """Return a database's name once nobody is connected: a killed process may have left a connection behind."""
        database.dispose()
        name = make_url(database.url).database
        assert name
        self._server.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s", [name]
        )
        return name

    def _create(self, name: str, template: str) -> str:
        made = self._prefix + name
        self._server.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(
                sql.Identifier(made), sql.Identifier(template)
            )
        )
        self._made.append(made)
        return made

    def _drop(self, name: str) -> None:
        self._server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
        self._made.remove(name)


def _path(database: Database) -> Path:
    name = make_url(database.url).database
    assert name
    return Path(name)
