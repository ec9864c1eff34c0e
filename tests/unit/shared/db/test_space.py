"""The reserve, the mark of a full disk, and knowing a full disk by its errors."""

import errno
import sqlite3
from collections import namedtuple

import psycopg
import pytest
from sqlalchemy.exc import OperationalError

from shared.config import Home
from shared.db.space import MB, DiskSpace, NodeFullError, is_out_of_room

Usage = namedtuple("Usage", "total used free")


class Disk:
    """Room on a disk, as it is told."""

    def __init__(self, free_mb=1_000):
        self.free_mb = free_mb

    def __call__(self, _path):
        return Usage(0, 0, self.free_mb * MB)


@pytest.fixture
def disk():
    return Disk()


@pytest.fixture
def space(tmp_path, disk):
    return DiskSpace(Home(tmp_path), reserve_mb=2, limit_mb=10, usage=disk)


def test_the_reserve_is_given_up_when_room_runs_out_and_made_again_after(space, disk, tmp_path):
    space.check()
    space.keep_reserve()
    assert (tmp_path / "reserve").stat().st_size == 2 * MB

    disk.free_mb = 9
    with pytest.raises(NodeFullError):
        space.check()
    assert space.is_full
    assert not (tmp_path / "reserve").exists()

    disk.free_mb = 11  # what the reserve has freed is not yet room
    with pytest.raises(NodeFullError):
        space.check()
    space.keep_reserve()
    assert not space.has_reserve

    disk.free_mb = 14
    space.check()
    space.keep_reserve()
    assert space.has_reserve
    assert not space.is_full


def test_every_process_of_the_node_is_read_only(space, disk, tmp_path):
    other = DiskSpace(Home(tmp_path), reserve_mb=2, limit_mb=10, usage=disk)
    disk.free_mb = 12
    space.run_full()

    with pytest.raises(NodeFullError):
        other.check()


def test_a_reserve_that_does_not_fit_leaves_nothing_behind(space, tmp_path, monkeypatch):
    def full(_path, _size):
        (tmp_path / "reserve.new").touch()
        raise OSError(errno.ENOSPC, "no room")

    monkeypatch.setattr("shared.db.space._fill", full)
    space.keep_reserve()

    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_tells_nothing_stops_nobody(tmp_path):
    def unknown(_path):
        raise OSError

    DiskSpace(Home(tmp_path), reserve_mb=2, limit_mb=10, usage=unknown).check()


@pytest.mark.parametrize(
    ("error", "full"),
    [
        (OSError(errno.ENOSPC, "x"), True),
        (OSError(errno.EDQUOT, "x"), True),
        (OSError(errno.EIO, "x"), False),
        (OperationalError("q", {}, psycopg.errors.DiskFull("x")), True),
        (OperationalError("q", {}, psycopg.errors.AdminShutdown("x")), False),
        (OperationalError("q", {}, sqlite3.OperationalError("database or disk is full")), True),
        (OperationalError("q", {}, sqlite3.OperationalError("database is locked")), False),
    ],
)
def test_a_full_disk_is_known_by_its_errors(error, full):
    assert is_out_of_room(error) is full
