"""Making a node from a backup: checked first, then put in place as a whole."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

from sqlalchemy import make_url

from shared.config import Home
from shared.db.backup import postgres
from shared.db.backup.archive import (
    POSTGRES_MEMBER,
    SQLITE_MEMBER,
    BackupError,
    Manifest,
    RowsDifferError,
    read_archive,
)
from shared.db.backup.looking import Unpacked
from shared.db.backup.making import count_file_rows, count_rows, sync_folder
from shared.db.engine import Database
from shared.db.erased import carry_over
from shared.db.inuse import LOCK_FILE, alone
from shared.errors import N_, BranchlineError, Kind

ASIDE_FORMAT: Final = "%Y%m%dT%H%M%SZ"
URL_KEY: Final = "database_url"
SQLITE_COMPANIONS: Final = ("-wal", "-shm")
# Looks at a backup before anything is touched, and raises when it must not be put in place.
Permit = Callable[[Unpacked], object]


class HomeNotEmptyError(BranchlineError):
    """Restoring would hide a node that is there."""

    code = "home-not-empty"
    kind = Kind.CONFLICT
    message = N_("There is a node or a database in %(place)s; with --force it is moved aside, not deleted.")


def restore_backup(
    archive: Path,
    home: Home,
    *,
    app: str,
    now: datetime,
    force: bool = False,
    database_url: str | None = None,
    permit: Permit | None = None,
) -> Manifest:
    """Make the node at `home` what it was when `archive` was made, and return what was in the archive.

    Every digest is checked before anything is touched. A node already there is moved aside with `force`
    and refused without. `database_url` puts the database elsewhere than it was. `permit` is asked when the
    backup is known to be whole; when it raises, everything is as it was. Raises BackupError, HomeNotEmptyError and
    HomeInUseError.
    """
    home.path.parent.mkdir(parents=True, exist_ok=True)
    stamp = now.strftime(ASIDE_FORMAT)
    with alone(home), _stage(home) as stage:
        if _occupied(home) and not force:
            raise HomeNotEmptyError(place=str(home.path))
        manifest = read_archive(archive, into=stage.path)
        if manifest.app != app:
            raise BackupError(problem=N_("the file was made by the other kind of node"))
        # The backup knows nothing of who was erased since.
        carry_over(home, stage)
        url = _database_url(stage, manifest, home, database_url)
        if permit is not None:
            permit(Unpacked(stage.path, manifest.dialect, url))
        if manifest.dialect == "sqlite":
            _place_sqlite(stage, home, Path(make_url(url).database or ""), manifest, force=force, stamp=stamp)
            _swap(stage, home, stamp)
        else:
            with _filled_postgres(stage, url, manifest, force=force, stamp=stamp):
                _swap(stage, home, stamp)
    return manifest


@contextmanager
def _stage(home: Home) -> Iterator[Home]:
    folder = tempfile.mkdtemp(prefix=f".{home.path.name}-restoring-", dir=home.path.parent)
    try:
        yield Home(Path(folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _occupied(home: Home) -> bool:
    return home.path.is_dir() and any(path.name != LOCK_FILE for path in home.path.iterdir())


def _database_url(stage: Home, manifest: Manifest, home: Home, wanted: str | None) -> str:
    """Decide where the database goes and write it into the configuration."""
    config = stage.read_config()
    url = make_url(wanted or config[URL_KEY])
    if url.get_backend_name() != manifest.dialect:
        raise BackupError(problem=N_("the file holds a database of the other kind (SQLite or PostgreSQL)"))
    if wanted is None and manifest.dialect == "sqlite":
        path = Path(url.database or "")
        if path.is_relative_to(manifest.home):
            # It stood in the old home, so it stands in the new one.
            url = url.set(database=str(home.path / path.relative_to(manifest.home)))
    config[URL_KEY] = url.render_as_string(hide_password=False)
    stage.write_config(config)
    return str(config[URL_KEY])


def _place_sqlite(
    stage: Home, home: Home, path: Path, manifest: Manifest, *, force: bool, stamp: str
) -> None:
    source = stage.path / SQLITE_MEMBER
    _check_rows(count_file_rows(source), manifest)
    for suffix in SQLITE_COMPANIONS:
        source.with_name(source.name + suffix).unlink(missing_ok=True)
    if path.is_relative_to(home.path):
        target = stage.path / path.relative_to(home.path)
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        source.rename(target)
        return
    if path.exists():
        if not force:
            raise HomeNotEmptyError(place=str(path))
        for suffix in ("", *SQLITE_COMPANIONS):
            old = path.with_name(path.name + suffix)
            if old.exists():
                old.rename(path.with_name(f"{path.name}.before-{stamp}{suffix}"))
    shutil.move(source, path)


@contextmanager
def _filled_postgres(stage: Home, url: str, manifest: Manifest, *, force: bool, stamp: str) -> Iterator[None]:
    """Fill the database; when the block fails, it is as it was before."""
    database, aside = Database(url), f"{postgres.ASIDE}{stamp.lower()}"
    try:
        moved, server = _make_room(database, url, aside, force=force)
        try:
            postgres.load(server, url, stage.path / POSTGRES_MEMBER, stage.path)
            with database.engine.connect() as connection:
                _check_rows(count_rows(connection), manifest)
            for name in (POSTGRES_MEMBER, postgres.ACCESS_FILE):
                (stage.path / name).unlink(missing_ok=True)
            yield
        except BaseException:
            with database.engine.begin() as connection:
                postgres.put_back(connection, aside if moved else None)
            raise
    finally:
        database.dispose()


def _make_room(database: Database, url: str, aside: str, *, force: bool) -> tuple[bool, int]:
    """Move what is in the database aside; returns whether there was anything, and the server's version."""
    with database.engine.begin() as connection:
        moved = not postgres.is_empty(connection)
        if moved and not force:
            raise HomeNotEmptyError(place=make_url(url).render_as_string())
        if moved:
            postgres.set_aside(connection, aside)
        return moved, postgres.server_version(connection)


def _check_rows(found: dict[str, int], manifest: Manifest) -> None:
    if found != manifest.rows:
        differ = sorted(name for name, _ in set(found.items()) ^ set(manifest.rows.items()))
        raise RowsDifferError(tables=", ".join(differ))


def _swap(stage: Home, home: Home, stamp: str) -> None:
    if home.path.exists():
        if _occupied(home):
            home.path.rename(home.path.with_name(f"{home.path.name}.before-{stamp}"))
        else:
            shutil.rmtree(home.path)
    stage.path.rename(home.path)
    sync_folder(home.path.parent)
