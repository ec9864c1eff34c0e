"""What commands share: the home they act on, who runs them, and saying things in the right place."""

import getpass
import json
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import click
from flask import Flask
from sqlalchemy import Connection
from sqlalchemy.orm import Session

from shared.audit.acting import acting
from shared.audit.verification import Head, KnownHeads
from shared.db.migrations import MigratedApp, MigrationsPendingError, pending
from shared.errors import N_
from shared.jobs.job import Job
from shared.runtime import NodeRuntime
from shared.stamp import Stamp, Via


class BackupWatcher(Protocol):
    """What an app wants to know of its backups."""

    def look(self, snapshot: Connection) -> object:
        """Read what the backup holds, from its own snapshot."""
        ...

    def completed(self, session: Session, *, by: Stamp) -> object:
        """Remember it: the file has been written and read back."""
        ...


@dataclass(frozen=True, slots=True)
class NodeApp:
    """What the common commands need to know of an app.

    `command` is its name on the command line, `tables` its migrations, `home_env` the environment variable
    that may name the home. `after_restore(runtime)` is called when a backup has been restored and
    migrated, before the node is used, so that it can make itself known as such. `backing_up()` gives
    what looks at the backup's own snapshot and what is done, in the command's transaction, when the file is whole.
    `known_heads(runtime)` tells where the operation log ended as others know it, by what lies here, and
    `ask_heads(runtime)` asks them. `before_use(runtime)` is called before pages are served or jobs run, and after a
    restore: what an older backup has brought back goes before anybody sees it.
    """

    command: str
    tables: MigratedApp
    home_env: str
    open_runtime: Callable[[Path], Any]
    create_app: Callable[[Any], Flask]
    jobs: Sequence[Job]
    after_restore: Callable[[Any], object] | None = None
    backing_up: Callable[[], BackupWatcher] | None = None
    known_heads: Callable[[Any], Sequence[Head]] | None = None
    ask_heads: Callable[[Any], KnownHeads] | None = None
    before_use: Callable[[Any], object] | None = None

    def open(self, home: Path) -> Any:  # noqa: ANN401 - the app's own runtime
        """Open the node in `home` for one command; its database is closed when the command ends."""
        runtime = self.open_runtime(home)
        context = click.get_current_context()
        context.call_on_close(runtime.database.dispose)
        context.with_resource(acting(lambda: command_stamp(runtime)))
        return runtime

    def check_migrated(self, runtime: NodeRuntime) -> None:
        """Refuse to work on a database older than the code; raises MigrationsPendingError."""
        waiting = pending(runtime.database, self.tables)
        if waiting:
            command = f"{self.command} migrate --home {runtime.settings.home.path}"
            raise MigrationsPendingError(count=len(waiting), command=command)


def home_option(env: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a command `--home DIR`, which may also come from the environment variable `env`."""
    return click.option(
        "--home",
        metavar="DIR",
        type=click.Path(file_okay=False, path_type=Path),
        envvar=env,
        show_envvar=True,
        required=True,
        help=N_("The node's directory."),
    )


def database_option() -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a command `--database URL`, whose password need not stand where every user of the machine can read it."""
    return click.option(
        "--database",
        metavar="URL",
        callback=from_stdin,
        help=N_("Where the data is, - to read that from stdin; SQLite in DIR when not given."),
    )


def from_stdin(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    """Return what an option was given; for `-` the next line of stdin, which no list of processes shows."""
    return sys.stdin.readline().strip() if value == "-" else value


def command_stamp(runtime: NodeRuntime) -> Stamp:
    """Return who runs this command, by the system's word, and when."""
    return Stamp(runtime.clock.now(), _user(), Via.COMMAND, socket.gethostname())


def say(sentence: str) -> None:
    """Tell the person at the terminal something; it goes to stderr, since stdout is for data."""
    click.echo(sentence, err=True)


def echo(data: str) -> None:
    """Print data, which scripts may read."""
    click.echo(data)


def echo_json(document: object) -> None:
    """Print a document as JSON on stdout."""
    click.echo(json.dumps(document, ensure_ascii=False, indent=2, default=str))


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "?"  # a container may run under a number that has no name
