"""A disk that fails now and then, and a database server that breaks down: what was told to be kept is kept."""

import os
import random
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from psycopg import OperationalError
from sqlalchemy import URL, select, text

from branch_node.bindings import BINDINGS
from hq_server.ingest.models import InboxBatch
from sync_protocol.changelog.models import Change, OutboxBatch
from tests.support import postgres
from tests.support.faultydisk import SYNCS, WRITES, FaultyDisk
from tests.support.pair import Pair, make_pair
from tests.support.postgres import TestRun
from tests.support.shares import share

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
PUSHES = share(5, 40)
SAVES = share(300, 3_000)
ROWS = 40
# One write in so many fails, and one sync.
FAULTS = {WRITES: 0.01, SYNCS: 0.1}


@pytest.fixture
def disk(tmp_path: Path) -> FaultyDisk:
    return FaultyDisk(tmp_path, FAULTS)


@pytest.fixture
def pair(tmp_path: Path, make_database_url: Callable[..., str]) -> Iterator[Pair]:
    """Both nodes on SQLite, in files: that is where a disk is ours to look after."""
    urls = {node: make_database_url("sqlite") for node in ("hq", "branch")}
    made = make_pair(tmp_path, {node: tmp_path / node for node in urls}, urls, random.Random(6))
    yield made
    made.close()


def _on_good_disks(pair: Pair) -> None:
    for database in (pair.branch_database, pair.hq_database):
        with database.reads() as session:
            assert session.scalar(text("PRAGMA integrity_check")) == "ok"
    pair.push().succeed()
    pair.assert_equal()


def test_what_a_branch_was_told_is_saved_is_there_and_is_captured_and_nothing_else(
    pair: Pair, disk: FaultyDisk
) -> None:
    url = pair.branch_database.engine.url.render_as_string(hide_password=False)

    said = disk.run("-m", "tests.support.saving", url, str(SAVES))

    told = [line.split() for line in said.stdout.splitlines()]
    saved, refused = ({one for how, one in told if how == word} for word in ("saved", "refused"))
    assert len(told) == SAVES, said.stderr
    assert refused, "the disk has not failed"
    with pair.branch_database.reads() as session:
        there = set(session.scalars(select(BINDINGS["customer"].table.c.id)))
        captured = set(session.scalars(select(Change.record_id).where(Change.record_type == "customer")))
    assert saved == there == captured
    pair.customers = sorted(there)
    _on_good_disks(pair)


def test_pushes_of_a_branch_whose_disk_fails_lose_and_double_nothing(pair: Pair, disk: FaultyDisk) -> None:
    for _push in range(PUSHES):
        pair.write(ROWS)
        done = disk.carry_out("branch-node", "push", "--home", str(pair.homes["branch"]))
        assert done.returncode in {0, 1}, done.stderr
        assert not any(line.startswith("Traceback") for line in done.stderr.splitlines()), done.stderr

    _on_good_disks(pair)


def test_what_a_head_office_with_a_failing_disk_gives_a_receipt_for_is_there(
    pair: Pair, disk: FaultyDisk
) -> None:
    pair.hq.kill()
    served = disk.serve("hq-server", pair.homes["hq"], pair.port)
    try:
        for _push in range(PUSHES):
            served.fail()
            pair.write(ROWS)
            assert pair.push().wait() in {0, 1}
            assert served.process.poll() is None, "head office has ended"
            with pair.branch_database.reads() as ours, pair.hq_database.reads() as theirs:
                receipts = select(OutboxBatch.digest).where(OutboxBatch.acknowledged_at.is_not(None))
                assert set(ours.scalars(receipts)) <= set(theirs.scalars(select(InboxBatch.digest)))
            served.work()
    finally:
        served.end()

    pair.restart_hq()
    _on_good_disks(pair)


# --- a database server that breaks down ----------------------------------------------------------


class Server:
    """A PostgreSQL of our own with its syncs on, and one database in it."""

    def __init__(self, folder: Path) -> None:
        self._run = TestRun(folder, os.getpid(), durable=True)
        self._server = postgres.server_url(self._run)
        with postgres.connect(self._server) as connection:
            connection.execute("CREATE DATABASE node")
        self.url: URL = self._server.set(database="node")

    def break_down(self) -> bool:
        """Let one of its processes die while it works: all end at once, as after a sync that failed.

        PostgreSQL trusts nothing in its memory then, and recovers from its log. False when nobody was connected.
        """
        with postgres.connect(self._server) as connection:
            busy = connection.execute(
                "SELECT pid FROM pg_stat_activity WHERE datname = 'node' ORDER BY state = 'active' DESC"
            ).fetchone()
            if busy is None:
                return False
            os.kill(busy[0], signal.SIGKILL)
            # A server that has not noticed yet still lets people in, and breaks down under them.
            with suppress(OperationalError):
                while True:
                    connection.execute("SELECT 1")
                    time.sleep(0.01)
        return True

    def close(self) -> None:
        postgres.stop(self._run)


@pytest.fixture
def server() -> Iterator[Server]:
    folder = Path(tempfile.mkdtemp(prefix="branchline-test-"))
    folder.chmod(0o711)  # the server is another user's where we are root
    made = Server(folder)
    yield made
    made.close()


@pytest.mark.parametrize("node", ["branch", "hq"])
def test_when_the_database_server_breaks_down_in_the_middle_of_pushes_nothing_is_lost_or_doubled(
    node: str, server: Server, tmp_path: Path, make_database_url: Callable[..., str]
) -> None:
    urls = {name: make_database_url("sqlite") for name in ("hq", "branch") if name != node}
    urls[node] = server.url.render_as_string(hide_password=False)
    pair = make_pair(tmp_path, {name: tmp_path / name for name in urls}, urls, random.Random(node))
    database = pair.hq_database if node == "hq" else pair.branch_database
    broken = 0
    try:
        for _push in range(PUSHES):
            pair.write(ROWS)
            before, push = pair.cycles(), pair.push()
            pair.wait_for_cycle(before, push)
            time.sleep(pair.rng.uniform(0, 0.4))
            database.dispose()
            broken += server.break_down()
            assert push.wait() in {0, 1}, push.words()
            database.dispose()
            _wait_for(server)
        assert broken
        pair.push().succeed()
        pair.assert_equal()
    finally:
        pair.close()


def _wait_for(server: Server) -> None:
    """Return once the server has recovered."""
    while True:
        try:
            postgres.connect(server.url).close()
        except OperationalError:
            time.sleep(0.05)
        else:
            return
