"""Making a backup: one consistent file while the node goes on working."""

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, create_engine, inspect, text

from shared.config import Home
from shared.db.backup import postgres
from shared.db.backup.archive import (
    CONFIG,
    FOLDERS,
    FORMAT,
    POSTGRES_MEMBER,
    SQLITE_MEMBER,
    BackupError,
    DatabaseDamagedError,
    Manifest,
    read_manifest,
    write_archive,
)
from shared.db.base import instant_text
from shared.db.engine import Database
from shared.errors import N_

PRODUCT: Final = "branchline"


Look = Callable[[Connection], object]


def make_backup(
    database: Database, home: Home, target: Path, *, app: str, now: datetime, look: Look | None = None
) -> Manifest:
    """Write the node's database, configuration, keys and files to `target` and return what is in it.

    The database is as it was at one moment, whatever is written meanwhile; `look` is called with a
    connection that sees just that. `target` is replaced only when the new file has been read back and
    found whole. Raises BackupError.
    """
    target = target.resolve()
    if not target.parent.is_dir():
        raise BackupError(problem=N_("the folder for the file does not exist"))
    unfinished = target.with_name(target.name + ".new")
    try:
        with tempfile.TemporaryDirectory(prefix=".backup-", dir=target.parent) as folder:
            name, path, rows = _copy_database(database, Path(folder), look)
            manifest = Manifest(
                format=FORMAT,
                app=app,
                version=version(PRODUCT),
                dialect=database.dialect,
                made_at=instant_text(now),
                home=str(home.path),
                members={},
                rows=dict(rows),
            )
            written = write_archive(unfinished, [(name, path), *_files(home)], manifest)
        if read_manifest(unfinished) != written:
            raise BackupError(problem=N_("the file is incomplete or was changed"))
        unfinished.replace(target)
        sync_folder(target.parent)
    finally:
        unfinished.unlink(missing_ok=True)
    return written


def count_rows(connection: Connection) -> dict[str, int]:
    """Return how many rows each table has."""
    quote = connection.dialect.identifier_preparer.quote
    return {
        name: connection.execute(text(f"SELECT count(*) FROM {quote(name)}")).scalar_one()  # noqa: S608 - quoted
        for name in sorted(inspect(connection).get_table_names())
    }


def count_file_rows(path: Path, look: Look | None = None) -> dict[str, int]:
    """Return how many rows each table of an SQLite file has; raises BackupError when the file is damaged."""
    database = Database(f"sqlite:///{path}")
    try:
        with database.engine.connect() as connection:
            said = connection.exec_driver_sql("PRAGMA integrity_check").scalars().all()
            if said != ["ok"]:
                raise DatabaseDamagedError(detail=said[0])
            if look is not None:
                look(connection)
            return count_rows(connection)
    finally:
        database.dispose()


def sync_folder(folder: Path) -> None:
    """Put a folder's entries on disk, so that a rename survives a power cut."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _copy_database(database: Database, work: Path, look: Look | None) -> tuple[str, Path, Mapping[str, int]]:
    if database.dialect == "sqlite":
        path = work / SQLITE_MEMBER
        _copy_sqlite(database, path)
        return SQLITE_MEMBER, path, count_file_rows(path, look)
    path = work / POSTGRES_MEMBER
    with database.reads() as session:
        connection = session.connection()
        postgres.dump(connection, database.url, path, work)
        if look is not None:
            look(connection)
        return POSTGRES_MEMBER, path, count_rows(connection)


def _copy_sqlite(database: Database, path: Path) -> None:
    # Page by page and in one go: a snapshot that writers do not disturb. VACUUM INTO would number rows anew.
    copy = create_engine(f"sqlite:///{path}", module=database.engine.dialect.loaded_dbapi)
    raw, raw_copy = database.engine.raw_connection(), copy.raw_connection()
    try:
        assert raw.driver_connection is not None
        assert raw_copy.driver_connection is not None
        raw.driver_connection.backup(raw_copy.driver_connection)
        # One file that needs no log beside it.
        raw_copy.driver_connection.execute("PRAGMA journal_mode=DELETE")
    finally:
        raw_copy.close()
        raw.close()
        copy.dispose()


def _files(home: Home) -> Iterator[tuple[str, Path]]:
    yield CONFIG, home.config_file
    for folder in FOLDERS:
        for path in sorted((home.path / folder).rglob("*")):
            if path.is_file() and not path.is_symlink():
                yield path.relative_to(home.path).as_posix(), path
