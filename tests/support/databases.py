"""Empty and ready-made databases of both kinds, fresh for each test and quick to make."""

import itertools
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from filelock import FileLock
from psycopg import sql
from sqlalchemy import URL, make_url

from tests.support import postgres
from tests.support.groups import not_run
from tests.support.postgres import NoPostgresError, TestRun

DIALECTS: Final = ("sqlite", "postgresql")


class DatabaseFactory:
    """Makes databases for one process of a test run."""

    def __init__(self, run: TestRun, folder: Path, *, only_sqlite: bool = False) -> None:
        """Keep SQLite files in `folder`; with `only_sqlite`, tests that ask for PostgreSQL are not run."""
        self._run = run
        self._folder = folder
        self._only_sqlite = only_sqlite
        self._names = (f"{run.prefix}{os.getpid()}_{number}" for number in itertools.count(1))

    def create(self, dialect: str, template: str | None = None) -> str:
        """Return the URL of a fresh database: empty, or a copy of the database at URL `template`.

        Nobody may be connected to the template: dispose of its engine first.
        """
        if dialect == "sqlite":
            return self._create_sqlite(next(self._names), template)
        return self._create_postgres(next(self._names), template)

    def template(self, dialect: str, name: str, build: Callable[[str], None]) -> str:
        """Return the URL of a database that `build(url)` filled once for the whole run, to be copied only.

        `build` must leave no connection open (dispose of its engine).
        """
        marker = self._run.folder / f"template-{dialect}-{name}"
        with FileLock(f"{marker}.lock"):
            if marker.exists():
                return marker.read_text()
            if dialect == "sqlite":
                url = f"sqlite:///{marker}.db"
            else:
                url = self._create_postgres(f"{self._run.prefix}template_{name}", None)
            build(url)
            marker.write_text(url)
        return url

    def drop(self, url: str) -> None:
        """Remove a database made by `create`, whoever is still connected to it."""
        parsed = make_url(url)
        assert parsed.database
        if parsed.get_backend_name() == "sqlite":
            for suffix in ("", "-wal", "-shm"):
                Path(parsed.database + suffix).unlink(missing_ok=True)
            return
        with postgres.connect(self._server()) as connection:
            connection.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(parsed.database))
            )

    def _create_sqlite(self, name: str, template: str | None) -> str:
        path = self._folder / f"{name}.db"
        if template:
            source = make_url(template).database
            assert source
            wal = Path(source + "-wal")
            assert not (wal.exists() and wal.stat().st_size), f"somebody is still connected to {template}"
            shutil.copyfile(source, path)
        return f"sqlite:///{path}"

    def _create_postgres(self, name: str, template: str | None) -> str:
        server = self._server()
        source = (make_url(template).database if template else None) or "template0"
        with postgres.connect(server) as connection:
            connection.execute(
                # A third quicker than through the log, which nobody needs here; and so is dropping it.
                sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(
                    sql.Identifier(name), sql.Identifier(source)
                )
            )
        return server.set(database=name).render_as_string(hide_password=False)

    def server_url(self) -> str:
        """Return the URL of the run's PostgreSQL server, for who makes databases there and drops them."""
        return self._server().render_as_string(hide_password=False)

    def _server(self) -> URL:
        if self._only_sqlite:
            not_run("postgresql", "--only-sqlite was given")
        try:
            return postgres.server_url(self._run)
        except NoPostgresError as error:
            not_run("postgresql", str(error))
