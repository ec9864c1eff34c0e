"""A backup made while the node works, and a node made from it."""

import io
import tarfile
from datetime import UTC, datetime, timedelta
from threading import Event, Thread

import pytest
import zstandard
from sqlalchemy import inspect, make_url, text

from shared.config import Home
from shared.db.backup import (
    BackupError,
    HomeNotEmptyError,
    make_backup,
    postgres,
    read_manifest,
    restore_backup,
)
from shared.db.backup.archive import MANIFEST
from shared.db.engine import Database
from shared.db.inuse import HomeInUseError, in_use

NOON = datetime(2026, 3, 9, 4, 0, tzinfo=UTC)
SECRET = b"0123456789" * 4


@pytest.fixture
def home(tmp_path, make_database_url, dialect):
    """A node with keys, a file, and two tables whose rows come in pairs."""
    home = Home(tmp_path / "node")
    home.create()
    url = f"sqlite:///{home.path / 'node.db'}" if dialect == "sqlite" else make_database_url(dialect)
    home.write_config({"database_url": url, "port": 8100})
    home.write_key("node.key", SECRET)
    (home.files / "2026").mkdir()
    (home.files / "2026" / "文件.bin").write_bytes(b"\0" * 3_000_000)
    (home.path / "logs").mkdir()
    (home.path / "logs" / "node.log").write_text("not part of a node")
    return home


@pytest.fixture
def database(home):
    database = Database(home.read_config()["database_url"])
    with database.sessions.begin() as session:
        for table in ("ones", "twos"):
            session.execute(text(f"CREATE TABLE {table} (id integer PRIMARY KEY, word varchar(80))"))
    write_pair(database, 1)
    yield database
    database.dispose()


@pytest.fixture
def second_url(make_database_url, dialect, tmp_path):
    return (
        f"sqlite:///{tmp_path / 'second' / 'node.db'}" if dialect == "sqlite" else make_database_url(dialect)
    )


def write_pair(database, number):
    with database.sessions.begin() as session:
        for table in ("ones", "twos"):
            row = {"id": number, "word": f"中文 {number}"}
            session.execute(text(f"INSERT INTO {table} (id, word) VALUES (:id, :word)"), row)


def rows(url, table="ones"):
    database = Database(url)
    try:
        with database.reads() as session:
            return [tuple(row) for row in session.execute(text(f"SELECT id, word FROM {table} ORDER BY id"))]
    finally:
        database.dispose()


def back_up(database, home, target):
    return make_backup(database, home, target, app="branch", now=NOON)


def restore(archive, home, **more):
    app = more.pop("app", "branch")
    now = more.pop("now", NOON)
    return restore_backup(archive, home, app=app, now=now, **more)


def test_a_restored_node_has_the_database_the_keys_and_the_files(database, home, second_url, tmp_path):
    archive = tmp_path / "backup.tar.zst"
    made = back_up(database, home, archive)
    second = Home(tmp_path / "second")

    restored = restore(archive, second, database_url=second_url)

    assert restored == made == read_manifest(archive)
    assert made.rows == {"ones": 1, "twos": 1}
    assert rows(second.read_config()["database_url"]) == [(1, "中文 1")]
    assert second.read_key("node.key") == SECRET
    assert (second.files / "2026" / "文件.bin").stat().st_size == 3_000_000
    assert second.read_config()["port"] == 8100
    assert not (second.path / "logs").exists()
    assert archive.stat().st_mode & 0o077 == 0
    assert {path.name for path in tmp_path.iterdir()} <= {"node", "second", "backup.tar.zst"}


def test_a_backup_made_while_others_write_is_of_one_moment(database, home, second_url, tmp_path):
    stop = Event()

    def write():
        number = 1
        while not stop.is_set():
            number += 1
            write_pair(database, number)

    writer = Thread(target=write)
    writer.start()
    try:
        archives = [tmp_path / f"{number}.tar.zst" for number in range(3)]
        counts = [back_up(database, home, archive).rows for archive in archives]
    finally:
        stop.set()
        writer.join(20)

    assert all(count["ones"] == count["twos"] for count in counts)
    assert counts[0]["ones"] < counts[-1]["ones"]
    second = Home(tmp_path / "second")
    restore(archives[-1], second, database_url=second_url)
    url = second.read_config()["database_url"]
    assert rows(url, "ones") == rows(url, "twos")


def test_restoring_over_a_node_needs_force_and_keeps_the_old_one(database, home, tmp_path):
    archive = tmp_path / "backup.tar.zst"
    back_up(database, home, archive)
    write_pair(database, 2)
    database.dispose()
    url = home.read_config()["database_url"]

    with pytest.raises(HomeNotEmptyError):
        restore(archive, home)
    assert len(rows(url)) == 2

    restore(archive, home, force=True)

    assert rows(url) == [(1, "中文 1")]
    old = Home(tmp_path / "node.before-20260309T040000Z")
    assert old.read_key("node.key") == SECRET
    if make_url(url).get_backend_name() == "sqlite":
        assert len(rows(f"sqlite:///{old.path / 'node.db'}")) == 2
    else:
        assert len(rows(url, "before_20260309t040000z.ones")) == 2


@pytest.mark.parametrize("aside", [None, ()], ids=["", "made by an earlier version"])
def test_a_node_that_was_restored_once_is_restored_again_from_a_backup_made_since(
    database, home, second_url, tmp_path, monkeypatch, aside
):
    if aside is not None:
        monkeypatch.setattr(postgres, "WITHOUT_ASIDE", aside)
    first, second = tmp_path / "first.tar.zst", tmp_path / "second.tar.zst"
    back_up(database, home, first)
    database.dispose()
    restore(first, home, force=True)
    write_pair(database, 2)
    back_up(database, home, second)
    database.dispose()

    restore(second, home, force=True, now=NOON + timedelta(hours=1))
    restore(second, Home(tmp_path / "second"), database_url=second_url)

    assert len(rows(home.read_config()["database_url"])) == len(rows(second_url)) == 2
    fresh = Database(second_url)
    with fresh.engine.connect() as connection:
        assert not [name for name in inspect(connection).get_schema_names() if name.startswith("before_")]
    fresh.dispose()


def test_a_running_node_is_not_restored_over(database, home, tmp_path):
    archive = tmp_path / "backup.tar.zst"
    back_up(database, home, archive)

    with in_use(home), pytest.raises(HomeInUseError):
        restore(archive, home, force=True)

    assert home.read_key("node.key") == SECRET


def test_when_the_last_step_of_restoring_fails_everything_is_as_it_was(database, home, tmp_path, monkeypatch):
    archive = tmp_path / "backup.tar.zst"
    back_up(database, home, archive)
    write_pair(database, 2)
    database.dispose()
    (tmp_path / "node.before-20260309T040000Z").write_text("in the way")

    with pytest.raises(OSError, match="20260309"):
        restore(archive, home, force=True)

    assert len(rows(home.read_config()["database_url"])) == 2
    assert home.read_key("node.key") == SECRET
    assert not [path for path in tmp_path.iterdir() if "restoring" in path.name]


def test_a_backup_of_the_other_kind_of_node_is_refused(database, home, tmp_path):
    archive = tmp_path / "backup.tar.zst"
    back_up(database, home, archive)

    with pytest.raises(BackupError):
        restore(archive, Home(tmp_path / "second"), app="hq")

    assert not (tmp_path / "second").exists()


@pytest.fixture
def sqlite_archive(tmp_path):
    home = Home(tmp_path / "node")
    home.create()
    home.write_config({"database_url": f"sqlite:///{home.path / 'node.db'}"})
    home.write_key("node.key", SECRET)
    database = Database(home.read_config()["database_url"])
    with database.sessions.begin() as session:
        session.execute(text("CREATE TABLE ones (id integer PRIMARY KEY)"))
    archive = tmp_path / "backup.tar.zst"
    back_up(database, home, archive)
    database.dispose()
    return archive


def test_a_backup_cut_off_anywhere_is_refused_and_nothing_is_touched(sqlite_archive, tmp_path):
    whole = sqlite_archive.read_bytes()
    for place in range(0, len(whole), max(1, len(whole) // 60)):
        sqlite_archive.write_bytes(whole[:place])
        with pytest.raises(BackupError):
            restore(sqlite_archive, Home(tmp_path / "second"))
    assert not (tmp_path / "second").exists()


def test_a_backup_with_a_wrong_bit_is_refused_unless_its_content_is_the_same(sqlite_archive, tmp_path):
    whole = sqlite_archive.read_bytes()
    content = zstandard.ZstdDecompressor().decompressobj().decompress(whole)
    refused = 0
    for place in range(0, len(whole), max(1, len(whole) // 60)):
        damaged = whole[:place] + bytes([whole[place] ^ 0x40]) + whole[place + 1 :]
        sqlite_archive.write_bytes(damaged)
        try:
            read_manifest(sqlite_archive)
        except BackupError:
            refused += 1
        else:  # a few bits of a zstd frame mean nothing
            assert zstandard.ZstdDecompressor().decompressobj().decompress(damaged) == content
    assert refused > 50


@pytest.mark.parametrize("name", ["../evil", "/evil", "keys/../../evil", "keys", "other.txt", "files//x"])
def test_a_member_that_would_leave_the_home_is_refused(name, sqlite_archive, tmp_path):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        entry = tarfile.TarInfo(name)
        entry.size = 4
        tar.addfile(entry, io.BytesIO(b"evil"))
        tar.addfile(tarfile.TarInfo(MANIFEST))
    sqlite_archive.write_bytes(zstandard.compress(stream.getvalue()))

    with pytest.raises(BackupError):
        restore(sqlite_archive, Home(tmp_path / "second"))

    assert not list(tmp_path.rglob("evil"))


def test_a_link_in_an_archive_is_refused(sqlite_archive, tmp_path):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        entry = tarfile.TarInfo("keys/node.key")
        entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(entry)
    sqlite_archive.write_bytes(zstandard.compress(stream.getvalue()))

    with pytest.raises(BackupError):
        read_manifest(sqlite_archive)


def test_a_failed_backup_leaves_the_last_good_one(sqlite_archive, tmp_path):
    good = sqlite_archive.read_bytes()
    home = Home(tmp_path / "node")
    database = Database(home.read_config()["database_url"])
    with database.sessions.begin() as session:
        session.execute(text("INSERT INTO ones SELECT value FROM json_each('[1,2,3]')"))
    home.config_file.unlink()

    with pytest.raises(FileNotFoundError):
        back_up(database, home, sqlite_archive)

    database.dispose()
    assert sqlite_archive.read_bytes() == good
    assert {path.name for path in tmp_path.iterdir()} == {"node", "backup.tar.zst"}
