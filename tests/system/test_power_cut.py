"""The power fails while people write and a push is under way: what was acknowledged is there when it is back."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import SQLAlchemyError

from branch_node.bindings import BINDINGS
from hq_server.ingest.models import InboxBatch
from sync_protocol.changelog.models import Change, OutboxBatch
from tests.support.pair import Pair, make_pair
from tests.support.powercut import CutDisk
from tests.support.shares import share

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
# The whole of S3 is 20 turns of both tests: 520 cuts.
MANY_CUTS = 13
CUTS = share(6, MANY_CUTS)
ROWS = 40
# After a push has begun, which on a busy machine takes its time.
LONGEST_S = 0.5


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[CutDisk]:
    made = CutDisk(tmp_path / "disk.img", tmp_path / "disk")
    yield made
    made.close()


@pytest.fixture
def pair_on(
    tmp_path: Path, disk: CutDisk, make_database_url: Callable[..., str]
) -> Iterator[Callable[[str], Pair]]:
    """Make a pair of nodes; the named one lives on the disk whose power is cut, on SQLite."""
    made: list[Pair] = []

    def make(node: str) -> Pair:
        homes = {name: (disk.folder if name == node else tmp_path) / name for name in ("hq", "branch")}
        urls = {name: make_database_url("sqlite") for name in homes}
        urls[node] = f"sqlite:///{disk.folder / 'node.db'}"
        made.append(make_pair(tmp_path, homes, urls, random.Random(node)))
        return made[0]

    yield make
    for pair in made:
        pair.close()


class Writer(threading.Thread):
    """A person who saves until the power fails, and knows what was saved before.

    What the kernel says of a write that is under way at that moment tells nothing: a dark machine says nothing.
    """

    def __init__(self, pair: Pair) -> None:
        super().__init__()
        self.pair = pair
        self.saved = list(pair.customers)
        self.dark = threading.Event()

    def run(self) -> None:
        while not self.dark.is_set():
            try:
                self.pair.write(1)
            except (SQLAlchemyError, OSError):
                return
            saved = list(self.pair.customers)
            if not self.dark.is_set():
                self.saved = saved


def test_what_a_branch_saved_before_a_power_cut_is_there_and_is_captured(
    disk: CutDisk, pair_on: Callable[[str], Pair]
) -> None:
    pair = pair_on("branch")
    pair.write(ROWS)
    for _cut in range(CUTS):
        writer = Writer(pair)
        before = pair.cycles()
        writer.start()
        push = pair.push()
        pair.wait_for_cycle(before, push)
        time.sleep(pair.rng.uniform(0, LONGEST_S))
        writer.dark.set()
        disk.cut()
        writer.join()
        push.kill()
        pair.branch_database.dispose()
        disk.power_on()

        with pair.branch_database.reads() as session:
            assert session.scalar(text("PRAGMA integrity_check")) == "ok"
            there = set(session.scalars(select(BINDINGS["customer"].table.c.id)))
            captured = set(session.scalars(select(Change.record_id).where(Change.record_type == "customer")))
        assert set(writer.saved) <= there
        assert there <= captured
        pair.customers = sorted(there)
    pair.push().succeed()
    pair.assert_equal()


def test_what_head_office_gave_a_receipt_for_before_a_power_cut_is_there(
    disk: CutDisk, pair_on: Callable[[str], Pair]
) -> None:
    pair = pair_on("hq")
    for _cut in range(CUTS):
        pair.write(ROWS)
        before = pair.cycles()
        push = pair.push()
        pair.wait_for_cycle(before, push)
        time.sleep(pair.rng.uniform(0, LONGEST_S))
        with pair.branch_database.reads() as session:
            receipts = select(OutboxBatch.digest).where(OutboxBatch.acknowledged_at.is_not(None))
            acknowledged = set(session.scalars(receipts))
        disk.cut()
        assert push.wait() in {0, 1}, push.words()
        pair.hq.kill()
        pair.hq_database.dispose()
        disk.power_on()

        with pair.hq_database.reads() as session:
            assert session.scalar(text("PRAGMA integrity_check")) == "ok"
            held = set(session.scalars(select(InboxBatch.digest)))
        assert acknowledged <= held
        pair.restart_hq()
    with pair.branch_database.reads() as session:
        assert session.scalar(select(func.count()).select_from(OutboxBatch))
    pair.push().succeed()
    pair.assert_equal()
