"""kill -9 of either node at random moments of a push, over and over: nothing is lost and nothing doubled."""

import json
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, insert, select, text

from branch_node.bindings import BINDINGS as BRANCH_TABLES
from branch_node.outbound.models import Cycle
from hq_server.bindings import BINDINGS as HQ_TABLES
from hq_server.ingest.models import InboxBatch
from shared.db.engine import Database
from shared.ids import new_id
from sync_protocol.changelog.models import OutboxBatch
from sync_protocol.reconcile import digest_table
from tests.support.processes import Command, free_port, start, start_serving

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
# On each of the two databases, of each of the two nodes: fifty in all of each node.
KILLS = 25
MOST_ROUNDS = 4 * KILLS
ROWS = 60  # customers written before each push, with bill lines and logs
NOON = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
DAY = date(2026, 11, 20)


@dataclass
class Pair:
    """HQ and one branch that has joined it, as processes on real databases."""

    folder: Path
    port: int
    hq_database: Database
    branch_database: Database
    hq: Command
    rng: random.Random
    numbers: Iterator[int] = field(default_factory=lambda: count(1))
    customers: list[str] = field(default_factory=list)
    managers: list[str] = field(default_factory=list)

    def restart_hq(self) -> None:
        """Start HQ again after it was killed."""
        self.hq = start_serving("hq-server", self.folder / "hq", self.port, folder=self.folder)

    def push(self) -> Command:
        """Start one push."""
        return start("branch-node", "push", "--home", str(self.folder / "branch"), folder=self.folder)

    def status(self, program: str, home: str) -> Any:
        """Return what `status --json` says."""
        return json.loads(
            start(
                program, "status", "--home", str(self.folder / home), "--json", folder=self.folder
            ).succeed()
        )

    def write(self, rows: int) -> None:
        """Write some of everything that travels, and change some of what has travelled."""
        managers = [
            self._row(manager_no="M", name="经理", status="active", **_updated())
            for _ in range(rows // 20 + 1)
        ]
        self.managers += [row["id"] for row in managers]
        customers = [self._customer() for _ in range(rows)]
        bills = [self._bill(row["id"]) for row in customers for _ in range(2)]
        logs = [self._log(row["id"]) for row in customers[::3]]
        tables = {name: binding.table for name, binding in BRANCH_TABLES.items()}
        with self.branch_database.sessions.begin() as session:
            session.execute(insert(tables["manager"]), managers)
            session.execute(insert(tables["customer"]), customers)
            session.execute(insert(tables["bill_line"]), bills)
            session.execute(insert(tables["work_log"]), logs)
            for customer in self.rng.sample(self.customers, min(20, len(self.customers))):
                session.execute(
                    text("UPDATE customers SET remark = :r WHERE id = :i"),
                    {"r": f"改{next(self.numbers)}", "i": customer},
                )
        self.customers += [row["id"] for row in customers]

    def cycles(self) -> int:
        """Return how many push cycles have begun."""
        with self.branch_database.engine.connect() as connection:
            return int(connection.scalar(text("SELECT coalesce(max(id), 0) FROM sync_cycles")) or 0)

    def wait_for_cycle(self, after: int, push: Command) -> bool:
        """Return once a push is at its work; False when it ended before it was seen."""
        while self.cycles() <= after:
            if not push.process.is_alive():
                return False
            time.sleep(0.002)
        return True

    def assert_equal(self) -> None:
        """Fail unless HQ holds what the branch holds: rows, digests, batches, sums of money."""
        with self.branch_database.reads() as ours, self.hq_database.reads() as theirs:
            for name, binding in BRANCH_TABLES.items():
                assert digest_table(theirs, HQ_TABLES[name]) == digest_table(ours, binding), name
            sent = select(OutboxBatch.channel, OutboxBatch.batch_no, OutboxBatch.digest).order_by(
                OutboxBatch.digest
            )
            held = select(InboxBatch.channel, InboxBatch.batch_no, InboxBatch.digest).order_by(
                InboxBatch.digest
            )
            assert ours.execute(sent).all() == theirs.execute(held).all()
            assert ours.scalar(select(func.count()).where(OutboxBatch.acknowledged_at.is_(None))) == 0
        branch, (at_hq,) = self.status("branch-node", "branch"), self.status("hq-server", "hq")["branches"]
        assert branch["pending"] == 0
        assert at_hq["parked"] == 0
        assert (at_hq["records"], at_hq["totals"]) == (branch["records"], branch["totals"])
        assert branch["records"]["customer"] == len(self.customers)

    def _row(self, **values: Any) -> dict[str, Any]:
        number = next(self.numbers)
        numbered = {
            key: f"{value}{number}" if key.endswith("_no") else value for key, value in values.items()
        }
        return {"id": new_id(), **numbered}

    def _customer(self) -> dict[str, Any]:
        return self._row(
            customer_no="C",
            kind="individual",
            name="客户",
            status="active",
            manager_id=self.rng.choice(self.managers),
            tags=["vip"],
            attributes={"level": "gold"},
            **_updated(),
        )

    def _bill(self, customer_id: str) -> dict[str, Any]:
        return self._row(
            bill_no="B",
            customer_id=customer_id,
            product="宽带",
            period="2026-10",
            kind=self.rng.choice(["charge", "payment"]),
            amount_minor=self.rng.randrange(1, 10**6),
            currency="CNY",
            booked_on=DAY,
            **_created(),
        )

    def _log(self, customer_id: str) -> dict[str, Any]:
        return self._row(
            log_no="L",
            manager_id=self.rng.choice(self.managers),
            customer_id=customer_id,
            kind="visit",
            started_at=NOON,
            text="走访",
            entered_at=NOON,
            **_created(),
        )


def _created() -> dict[str, Any]:
    return {"created_at": NOON, "created_by": "ana"}


def _updated() -> dict[str, Any]:
    return {**_created(), "updated_at": NOON, "updated_by": "ana"}


@pytest.fixture
def pair(tmp_path: Path, make_database_url: Callable[..., str], dialect: str) -> Iterator[Pair]:
    """HQ on `dialect`, its branch on the other kind of database."""
    other = {"sqlite": "postgresql", "postgresql": "sqlite"}[dialect]
    urls = {"hq": make_database_url(dialect), "branch": make_database_url(other)}
    port = free_port()
    for program, home in (("hq-server", "hq"), ("branch-node", "branch")):
        start(
            program, "init", "--home", str(tmp_path / home), "--database", urls[home], folder=tmp_path
        ).succeed()
    enrolled = start(
        "hq-server", "enrol", "--home", str(tmp_path / "hq"), "B001", "分公司", "--json", folder=tmp_path
    )
    code = json.loads(enrolled.succeed())["code"]
    hq = start_serving("hq-server", tmp_path / "hq", port, folder=tmp_path)
    join = ("join", "--home", str(tmp_path / "branch"), "--hq", f"http://127.0.0.1:{port}", "--code", code)
    start("branch-node", *join, folder=tmp_path).succeed()
    made = Pair(tmp_path, port, Database(urls["hq"]), Database(urls["branch"]), hq, random.Random(dialect))
    yield made
    made.hq.go_on()
    made.hq.kill()
    made.hq_database.dispose()
    made.branch_database.dispose()


def _length_of_a_push(pair: Pair) -> float:
    """Return how long an undisturbed cycle takes, in seconds, with as much to send as each round writes."""
    pair.write(ROWS)
    pair.push().succeed()
    with pair.branch_database.reads() as session:
        cycle = session.scalars(select(Cycle).order_by(Cycle.id.desc()).limit(1)).one()
    assert cycle.ended_at is not None
    return (cycle.ended_at - cycle.started_at).total_seconds()


def _kill_in_the_middle(pair: Pair, victim: Callable[[Command], Command]) -> int:
    """Kill at random moments of pushes until it was in the middle of one KILLS times; return how many pushes."""
    length, killed = _length_of_a_push(pair), 0
    for rounds in range(1, MOST_ROUNDS):
        pair.write(ROWS)
        before = pair.cycles()
        push = pair.push()
        at_work = pair.wait_for_cycle(before, push)
        time.sleep(pair.rng.uniform(0, length))
        killed += at_work and push.process.is_alive()
        victim(push).kill()
        if victim(push) is pair.hq:
            assert push.wait() in {0, 1}, push.words()
            pair.restart_hq()
        if killed == KILLS:
            return rounds
    pytest.fail(f"only {killed} of {MOST_ROUNDS} kills were in the middle of a push")


def test_a_branch_killed_in_the_middle_of_pushes_loses_and_doubles_nothing(pair: Pair) -> None:
    pair.write(1_500)

    _kill_in_the_middle(pair, lambda push: push)

    pair.push().succeed()
    pair.assert_equal()


def test_hq_killed_in_the_middle_of_pushes_loses_and_doubles_nothing(pair: Pair) -> None:
    pair.write(1_500)

    _kill_in_the_middle(pair, lambda _push: pair.hq)

    pair.push().succeed()
    pair.assert_equal()


def test_of_two_pushes_at_once_one_works_and_one_says_that_it_is_busy(pair: Pair) -> None:
    pair.write(10)
    pair.hq.pause()
    first = pair.push()
    assert pair.wait_for_cycle(0, first)
    second = pair.push()

    assert second.wait() == 1
    assert "push" in second.words()
    pair.hq.go_on()
    first.succeed()
    pair.assert_equal()
