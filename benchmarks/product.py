"""The product's own path with every guarantee on: whole sync cycles of a real branch into the real HQ app."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from sqlalchemy import select

from benchmarks.work import Row, make_customers, write_changes, write_customers
from branch_node.managers.models import Manager
from branch_node.outbound.cycle import run_cycle
from branch_node.runtime import BranchRuntime
from hq_server.app import create_app
from hq_server.runtime import HqRuntime
from shared.db.engine import Database
from shared.ids import new_id
from shared.jobs.job import Progress
from tests.support.databases import DatabaseFactory
from tests.support.world import WsgiTransport, make_world

MANAGERS: Final = 50
FIRST: Final = "FIRST"


@dataclass(frozen=True)
class Ready:
    """A branch and the HQ it has joined, closed, to be copied for each run, and the customers it will have."""

    hq: HqRuntime
    branch: BranchRuntime
    rows: list[Row]


@dataclass(frozen=True)
class Pair:
    """A branch and HQ, copied for one run."""

    hq: HqRuntime
    branch: BranchRuntime

    def cycle(self, expected: int) -> float:
        """Run one cycle and return its seconds; it must deliver `expected` rows."""
        started = time.perf_counter()
        result = run_cycle(self.branch, Progress())
        seconds = time.perf_counter() - started
        assert (result.outcome, result.rows, result.parked) == ("done", expected, 0), result
        return seconds

    def change(self, rows: Sequence[Row]) -> None:
        """Commit changes at the branch."""
        write_changes(self.branch.database, rows)

    def close(self) -> None:
        """Close both databases."""
        self.branch.database.dispose()
        self.hq.database.dispose()


def make_ready(folder: Path, factory: DatabaseFactory, dialect: str, count: int) -> Ready:
    """Make HQ on `dialect` and a branch on SQLite that has joined it, and `count` customers still in memory."""
    folder.mkdir(parents=True)
    with make_world(folder, factory.create(dialect), lambda: factory.create("sqlite")) as world:
        branch = world.make_branch("B001")
        for _number in range(MANAGERS):
            branch.add_manager()
        assert branch.push().outcome == "done"
        with branch.runtime.database.reads() as session:
            managers = list(session.scalars(select(Manager.id)))
        return Ready(world.hq, branch.runtime, make_customers(count, managers))


def copy(ready: Ready, factory: DatabaseFactory) -> Pair:
    """Return fresh copies of both nodes, running for a while, with all customers committed and not sent yet."""
    hq_url = factory.create(ready.hq.database.dialect, ready.hq.database.url)
    hq = replace(ready.hq, database=Database(hq_url))
    branch_url = factory.create("sqlite", ready.branch.database.url)
    branch = replace(ready.branch, database=Database(branch_url), transport=WsgiTransport(create_app(hq)))
    pair = Pair(hq, branch)
    # Statements are compiled and connections open by the first two cycles: nodes run for months.
    first = {**ready.rows[0], "id": new_id(), "customer_no": FIRST}
    write_customers(branch.database, [first])
    pair.cycle(1)
    pair.change([first])
    pair.cycle(1)
    write_customers(branch.database, ready.rows)
    settle(branch.database)
    settle(hq.database)
    return pair


def settle(database: Database) -> None:
    """Write out what earlier work left behind, so that nobody pays for it in a measured run."""
    connection: Any = database.engine.raw_connection()
    if database.dialect == "postgresql":
        connection.driver_connection.autocommit = True
        connection.driver_connection.execute("CHECKPOINT")
        connection.driver_connection.autocommit = False
    else:
        connection.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
