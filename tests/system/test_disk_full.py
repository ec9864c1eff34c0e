"""A full disk at head office or at a branch: nothing is taken in that cannot be kept, nothing is lost."""

import os
import subprocess
from collections import namedtuple
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import func, select

from branch_node.app import open_runtime
from branch_node.config import create_home
from branch_node.customers.models import Customer
from branch_node.runtime import Answer, Request
from branch_node.tables import APP as BRANCH_TABLES
from hq_server.replica.models import ReplicaCustomer
from shared.alarms.queries import list_open
from shared.db.migrations import upgrade
from shared.db.space import MB, DiskSpace, NodeFullError, is_out_of_room
from shared.jobs.job import Progress
from shared.jobs.jobs import watch_space
from sync_protocol.changelog.models import Change, OutboxBatch
from tests.support import groups
from tests.support.world import BranchHere, World, WsgiTransport

Usage = namedtuple("Usage", "total used free")
FULL, ROOM = 5, 10_000


class Disk:
    def __init__(self) -> None:
        self.free_mb = ROOM

    def __call__(self, _path: Path) -> Usage:
        return Usage(0, 0, self.free_mb * MB)


def watch_disk(runtime: object) -> Disk:
    told = Disk()
    home = runtime.settings.home  # type: ignore[attr-defined]
    runtime.__dict__["space"] = DiskSpace(home, reserve_mb=1, limit_mb=10, usage=told)
    return told


class Listening(WsgiTransport):
    answers: list[Answer]

    def send(self, request: Request) -> Answer:
        answer = super().send(request)
        self.answers.append(answer)
        return answer


def test_head_office_without_room_is_busy_and_takes_everything_in_later(world: World) -> None:
    branch = world.make_branch("B001")
    branch.add_customer()
    disk = watch_disk(world.hq)
    disk.free_mb = FULL
    line = Listening(world.app)
    line.answers = []

    result = branch.push(transport=line)

    assert (result.outcome, result.problem) == ("retry", "busy")
    assert line.answers[-1].headers["retry-after"] == "60"
    assert result.wait is not None
    assert result.wait.total_seconds() >= 60
    with world.hq.database.reads() as session:
        assert session.scalar(select(func.count()).select_from(ReplicaCustomer)) == 0
    disk.free_mb = ROOM
    assert branch.push().outcome == "done"
    world.assert_equal()


def test_a_branch_without_room_seals_nothing_new_and_still_sends_what_is_sealed(world: World) -> None:
    branch = world.make_branch("B001")
    branch.add_customer()
    branch.push()
    with branch.runtime.database.sessions.begin() as session:
        session.execute(OutboxBatch.__table__.update().values(acknowledged_at=None))  # type: ignore[attr-defined]
    branch.add_customer()
    disk = watch_disk(branch.runtime)
    disk.free_mb = FULL

    result = branch.push()

    assert (result.outcome, result.problem) == ("retry", "disk-full")
    with branch.runtime.database.reads() as session:
        batches = session.scalars(select(OutboxBatch)).all()
    assert [batch.acknowledged_at is not None for batch in batches] == [True]
    disk.free_mb = ROOM
    assert branch.push().outcome == "done"
    world.assert_equal()


# --- a real disk that is full --------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    if os.geteuid() != 0:
        groups.not_run("disk", "a small file system needs root (mount -t tmpfs)")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(place)], capture_output=True, check=False
    )
    if mounted.returncode:
        groups.not_run("disk", "mount -t tmpfs is not allowed here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=False, capture_output=True)


def test_a_node_on_a_small_disk_fills_up_tells_so_and_comes_back(small_disk: Path) -> None:
    create_home(small_disk / "home", database_url=None)
    opened = open_runtime(small_disk / "home")
    runtime = replace(opened, settings=replace(opened.settings, reserve_mb=4, free_mb=1))
    upgrade(runtime.database, BRANCH_TABLES)
    branch = BranchHere("B001", runtime, World.__new__(World))
    branch.world.clock = runtime.clock  # type: ignore[assignment]
    by = branch.world.by()
    watch_space(runtime, by, Progress())
    assert (small_disk / "home" / "reserve").stat().st_size == 4 * MB
    ballast = small_disk / "ballast"
    free = runtime.space.free_bytes()
    assert free is not None
    ballast.write_bytes(b"\1" * (free - MB // 4))

    # What slips through between two looks at the disk is refused by the database itself.
    saved, refused = 0, None
    for _ in range(5_000):
        try:
            branch.add_customer(remark="x" * 500, address="y" * 200)
        except Exception as error:  # noqa: BLE001 - whatever the database says
            refused = error
            break
        saved += 1
    assert refused is not None
    assert is_out_of_room(refused)
    with pytest.raises(NodeFullError):
        runtime.space.check()
    with runtime.database.reads() as session:
        assert session.scalar(select(func.count()).select_from(Customer)) == saved
        assert session.scalar(select(func.count()).select_from(Change)) == saved

    assert watch_space(runtime, by, Progress()).counts == {"full": 1}
    with runtime.database.reads() as session:
        assert [alarm.code for alarm in list_open(session)] == ["disk-full"], "recorded on the reserve"

    ballast.unlink()
    watch_space(runtime, by, Progress())
    assert runtime.space.has_reserve
    branch.add_customer()
    with runtime.database.reads() as session:
        assert list_open(session) == []
        assert session.scalar(select(func.count()).select_from(Change)) == saved + 1
    runtime.database.dispose()
