"""Many branches at once: each a process of its own, head office a process on PostgreSQL, over real HTTP."""

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from multiprocessing import Queue, get_context
from pathlib import Path
from typing import Any, Final

import psutil
from sqlalchemy import select

from benchmarks.work import make_customers, write_customers
from branch_node import app as branch_app
from branch_node.managers.models import Manager
from branch_node.outbound.cycle import run_cycle
from branch_node.outbound.queries import get_membership
from branch_node.outbound.transport import HttpTransport
from branch_node.runtime import BranchRuntime
from shared.clock import SystemClock
from shared.jobs.job import Progress
from tests.support.databases import DatabaseFactory
from tests.support.processes import Command, free_port, start, start_serving
from tests.support.world import make_world

FEW: Final = 2
MANY: Final = 16
LOADS: Final = 8
SAMPLE_S: Final = 0.05
MB: Final = 2**20
_spawn = get_context("spawn")


@dataclass(frozen=True)
class Race:
    """What came of some branches pushing at once."""

    rows_per_second: float
    slowest_vs_median: float
    hq_mb: float


def measure(folder: Path, factory: DatabaseFactory, rows: int) -> dict[str, float]:
    """Return how 16 branches fare against 2 with as many rows in all, and what memory both sides take."""
    few = race(folder / "few", factory, FEW, rows)
    many = race(folder / "many", factory, MANY, rows)
    loads = race(folder / "loads", factory, LOADS, rows * 2)
    return {
        "rows_a_second_of_2_branches": few.rows_per_second,
        "rows_a_second_of_16_branches": many.rows_per_second,
        "total_of_16_vs_2": many.rows_per_second / few.rows_per_second,
        "slowest_of_16_vs_median": many.slowest_vs_median,
        "hq_mb_during_8_first_loads": loads.hq_mb,
        "branch_mb_idle": idle_branch(folder / "idle"),
    }


def race(folder: Path, factory: DatabaseFactory, branches: int, rows: int) -> Race:
    """Let branches with `rows` rows in all send them at once, each after a cycle without: nodes run for months."""
    folder.mkdir(parents=True)
    port, database = free_port(), factory.create("postgresql")
    homes = _set_up(folder, factory, database, branches, f"http://127.0.0.1:{port}")
    hq = start_serving("hq-server", folder / "hq", port, folder=folder)
    ready, told, go = _spawn.Queue(), _spawn.Queue(), _spawn.Event()
    each = rows // branches
    runners = [
        _spawn.Process(target=_push, args=(home, each, ready, go, told), daemon=True) for home in homes
    ]
    for runner in runners:
        runner.start()
    for _runner in runners:
        ready.get()
    started = time.monotonic()
    go.set()
    most = _watch(hq, runners)
    assert all(runner.exitcode == 0 for runner in runners), "a branch has not got through"
    ends = sorted(told.get() for _runner in runners)
    hq.stop()
    factory.drop(database)
    seconds = [end - started for end in ends]
    return Race(rows / seconds[-1], seconds[-1] / statistics.median(seconds), most)


def idle_branch(folder: Path) -> float:
    """Return the memory of a branch that serves and has nothing to do, in MB."""
    folder.mkdir(parents=True)
    home = folder / "branch"
    start("branch-node", "init", "--home", str(home), folder=folder).succeed()
    node = start_serving("branch-node", home, free_port(), folder=folder)
    size = _memory(node)
    node.stop()
    return size


def _set_up(folder: Path, factory: DatabaseFactory, database: str, branches: int, url: str) -> Sequence[Path]:
    """Make head office and its branches, each with an account manager."""
    homes = []
    with make_world(folder, database, lambda: factory.create("sqlite")) as world:
        for number in range(branches):
            branch = world.make_branch(f"B{number:03}")
            branch.add_manager()
            branch.push()
            with branch.runtime.database.sessions.begin() as session:
                get_membership(session).hq_url = url
            homes.append(branch.runtime.settings.home.path)
    return homes


def _push(home: Path, rows: int, ready: "Queue[Any]", go: Any, told: "Queue[float]") -> None:  # noqa: ANN401 - an event of another process
    """Write the rows and push them once all are ready; in a process of its own."""
    runtime = replace(branch_app.open_runtime(home), clock=SystemClock(), transport=HttpTransport())
    _push_all(runtime)
    with runtime.database.reads() as session:
        manager = session.scalars(select(Manager.id)).one()
    write_customers(runtime.database, make_customers(rows, [manager]))
    ready.put(home.name)
    go.wait()
    _push_all(runtime)
    told.put(time.monotonic())


def _push_all(runtime: BranchRuntime) -> None:
    """Push until everything is delivered, coming again when head office says."""
    while True:
        result = run_cycle(runtime, Progress())
        if result.outcome == "done" and not result.unfinished:
            return
        assert result.outcome in {"retry", "waiting"}, result
        time.sleep(result.wait.total_seconds() if result.wait else SAMPLE_S)


def _watch(hq: Command, runners: Sequence[Any]) -> float:
    """Return the most memory head office took until every runner was done, in MB."""
    most = 0.0
    while any(runner.is_alive() for runner in runners):
        most = max(most, _memory(hq))
        time.sleep(SAMPLE_S)
    return most


def _memory(command: Command) -> float:
    assert command.process.pid
    return float(psutil.Process(command.process.pid).memory_info().rss) / MB
