"""Head office and a branch that has joined it, as processes on real databases, and rows of all that travels."""

import json
import random
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import count
from pathlib import Path
from typing import Any, Final

from sqlalchemy import func, insert, select, text

from branch_node.bindings import BINDINGS as BRANCH_TABLES
from hq_server.bindings import BINDINGS as HQ_TABLES
from hq_server.ingest.models import InboxBatch
from shared.db.engine import Database
from shared.ids import new_id
from sync_protocol.changelog.models import OutboxBatch
from sync_protocol.reconcile import digest_table
from tests.support.processes import Command, free_port, start, start_serving

NOON: Final = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
DAY: Final = date(2026, 11, 20)


@dataclass
class Pair:
    """HQ and one branch that has joined it, as processes on real databases."""

    folder: Path
    homes: Mapping[str, Path]
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
        self.hq = start_serving("hq-server", self.homes["hq"], self.port, folder=self.folder)

    def push(self) -> Command:
        """Start one push."""
        return start("branch-node", "push", "--home", str(self.homes["branch"]), folder=self.folder)

    def status(self, program: str, home: str) -> Any:
        """Return what `status --json` says."""
        asked = start(program, "status", "--home", str(self.homes[home]), "--json", folder=self.folder)
        return json.loads(asked.succeed())

    def close(self) -> None:
        """End everything."""
        self.hq.go_on()
        self.hq.kill()
        self.hq_database.dispose()
        self.branch_database.dispose()

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


def make_pair(folder: Path, homes: Mapping[str, Path], urls: Mapping[str, str], rng: random.Random) -> Pair:
    """Set up both nodes in `homes` on the databases at `urls` (`hq` and `branch`); head office serves."""
    port = free_port()
    for program, home in (("hq-server", "hq"), ("branch-node", "branch")):
        init = ("init", "--home", str(homes[home]), "--database", urls[home])
        start(program, *init, folder=folder).succeed()
    enrol = ("enrol", "--home", str(homes["hq"]), "B001", "分公司", "--json")
    code = json.loads(start("hq-server", *enrol, folder=folder).succeed())["code"]
    hq = start_serving("hq-server", homes["hq"], port, folder=folder)
    join = ("join", "--home", str(homes["branch"]), "--hq", f"http://127.0.0.1:{port}", "--code", code)
    start("branch-node", *join, folder=folder).succeed()
    return Pair(folder, homes, port, Database(urls["hq"]), Database(urls["branch"]), hq, rng)
