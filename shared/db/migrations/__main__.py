"""The developer's tool: `python -m shared.db.migrations check`, or `... new --app hq -m "what changes"`."""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, make_url

from shared.db.engine import Database
from shared.db.migrations.app import APPS, MigratedApp, load_app, unlisted_shared_modules
from shared.db.migrations.compare import check_revisions
from shared.db.migrations.running import configuration, upgrade
from shared.ids import new_id

APP_CHOICE = click.Choice(sorted(APPS))


@click.group()
def main() -> None:
    """Write and check the revisions of both apps."""


@main.command()
@click.option("--app", "names", type=APP_CHOICE, multiple=True, help="only this app")
@click.option("--postgres", metavar="URL", envvar="TEST_PG_URL", help="a server to make databases on")
def check(names: tuple[str, ...], postgres: str | None) -> None:
    """Migrate empty databases up, down and up, and compare them with the models."""
    apps = [load_app(name) for name in (names or APPS)]
    problems = [
        f"{app.package}.tables does not list {name}" for app in apps for name in app.forgotten_modules()
    ]
    if not names:
        problems += [f"no app lists {name}" for name in unlisted_shared_modules(apps)]
    for app in apps:
        with _sqlite() as first, _sqlite() as second:
            problems += _report(app, first, second)
        if postgres:
            with _postgres(postgres) as first, _postgres(postgres) as second:
                problems += _report(app, first, second)
    if not postgres:
        click.echo("postgresql: not run here (set TEST_PG_URL); the tests check it")
    for line in problems:
        click.echo(line, err=True)
    sys.exit(1 if problems else 0)


@main.command()
@click.option("--app", "name", type=APP_CHOICE, required=True)
@click.option("-m", "--message", required=True, help="what changes, in a few words")
@click.option(
    "--from-scratch", is_flag=True, help="throw the app's revisions away and write one (before a release)"
)
def new(name: str, message: str, *, from_scratch: bool) -> None:
    """Write the revision that leads from the last one to today's models."""
    app = load_app(name)
    if from_scratch:
        for old in app.folder.glob("2*.py"):
            old.unlink()
    config = _writing(configuration(app))
    with _sqlite() as database:
        upgrade(database, app, generated=False)
        with database.engine.begin() as connection:
            config.attributes["connection"] = connection
            command.revision(config, message, autogenerate=True, process_revision_directives=_skip_empty)


def _report(app: MigratedApp, first: Database, second: Database) -> list[str]:
    found = [f"{app.name} {first.dialect}: {line}" for line in check_revisions(app, first, second)]
    click.echo(f"{app.name} {first.dialect}: {'differs' if found else 'ok'}, {len(app.tables())} tables")
    return found


def _writing(config: Config) -> Config:
    # Written as the formatter wants it, so that a new revision passes `make check` as it is.
    commands = {"format": "format -q", "fix": "check --fix -q", "again": "format -q"}
    config.set_section_option("post_write_hooks", "hooks", ", ".join(commands))
    for hook, options in commands.items():
        config.set_section_option("post_write_hooks", f"{hook}.type", "module")
        config.set_section_option("post_write_hooks", f"{hook}.module", "ruff")
        config.set_section_option(
            "post_write_hooks", f"{hook}.options", f"{options} REVISION_SCRIPT_FILENAME"
        )
    return config


def _skip_empty(_context: object, _revision: object, directives: list[Any]) -> None:
    if directives and directives[0].upgrade_ops.is_empty():
        directives.clear()
        click.echo("the models are as the last revision left them; nothing written")


@contextmanager
def _sqlite() -> Iterator[Database]:
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{Path(folder) / 'check.db'}")
        try:
            yield database
        finally:
            database.dispose()


@contextmanager
def _postgres(url: str) -> Iterator[Database]:
    name = f"branchline_check_{new_id().replace('-', '')}"
    server = create_engine(make_url(url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
        database = Database(make_url(url).set(database=name).render_as_string(hide_password=False))
        try:
            yield database
        finally:
            database.dispose()
            connection.exec_driver_sql(f"DROP DATABASE {name}")
    server.dispose()


if __name__ == "__main__":
    main()
