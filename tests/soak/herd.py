"""S6: head office was away for three days, and all branches come back in the same moment."""

import statistics
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import psutil
from sqlalchemy import insert

from branch_node.outbound.cycle import run_cycle
from branch_node.outbound.queries import get_membership
from branch_node.outbound.transport import HttpTransport
from shared.clock import SystemClock
from shared.ids import new_id
from shared.jobs.job import Progress
from tests.soak.figure import Figure
from tests.soak.worlds import opened_world
from tests.support.databases import DIALECTS
from tests.support.processes import Command, free_port, start_serving
from tests.support.world import BranchHere, World

LONGEST_S: Final = 900
MOST_MB: Final = 1024
MB: Final = 2**20
# The runner of jobs looks once a second.
LOOK_S: Final = 1.0


@dataclass(frozen=True)
class Return:
    """How it went: when each branch was through, how long pages took meanwhile, and head office's memory."""

    finished: list[float]
    pages: list[float]
    most_mb: float
    waits: int

    @property
    def p95(self) -> float:
        """Of the pages, in seconds."""
        return statistics.quantiles(self.pages, n=20)[-1]


def herd(count: int, rows: int, slots: int | None) -> Iterator[Figure]:
    """S6 on either database; `slots` other than head office's own tell how many are right."""
    for dialect in DIALECTS:
        with opened_world(dialect) as world:
            branches = [world.make_branch(f"B{number:03}") for number in range(count)]
            for branch in branches:
                _fill(branch, rows)
            if slots is not None:
                home = world.hq.settings.home
                home.write_config({**home.read_config(), "intake_slots": slots})
            came = come_back(world, branches)
            world.assert_equal()
        last, median = max(came.finished), statistics.median(came.finished)
        holds = last <= LONGEST_S and came.p95 < 0.5 and last <= 2 * median and came.most_mb < MOST_MB
        measured = (
            f"{dialect}: {count} branches x {rows} rows in {last:.0f} s, the last {last / median:.2f} times the "
            f"median; pages p95 {came.p95 * 1000:.0f} ms; {came.most_mb:.0f} MB; told to wait {came.waits} times; equal"
        )
        wanted = "15 minutes, pages under 500 ms, twice the median, under 1 GB, nothing lost or doubled"
        yield Figure("S6", holds, measured, wanted)


def come_back(world: World, branches: list[BranchHere]) -> Return:
    """Serve head office, let every branch push until it is through, and look at a page all the while."""
    port = free_port()
    hq = start_serving("hq-server", world.hq.settings.home.path, port, folder=world.folder)
    finished: list[float] = []
    waits: list[int] = []
    started = time.monotonic()
    threads = [
        threading.Thread(target=_push, args=(branch, f"http://127.0.0.1:{port}", started, finished, waits))
        for branch in branches
    ]
    for thread in threads:
        thread.start()
    pages, most = [], 0.0
    while any(thread.is_alive() for thread in threads):
        pages.append(_page(port))
        most = max(most, _memory(hq))
        time.sleep(0.1)
    hq.stop()
    assert len(finished) == len(branches), "a branch has not got through"
    return Return(finished, pages, most, sum(waits))


def _push(branch: BranchHere, url: str, started: float, finished: list[float], waits: list[int]) -> None:
    with branch.runtime.database.sessions.begin() as session:
        get_membership(session).hq_url = url
    runtime = replace(branch.runtime, transport=HttpTransport(), clock=SystemClock())
    waited = 0
    while True:
        result = run_cycle(runtime, Progress())
        if result.outcome == "done" and not result.unfinished:
            break
        waited += result.outcome == "waiting"
        time.sleep(result.wait.total_seconds() + LOOK_S / 2 if result.wait else 0)
    finished.append(time.monotonic() - started)
    waits.append(waited)


def _fill(branch: BranchHere, rows: int) -> None:
    """Enter customers as three days without a line leave them: committed, captured, not sent."""
    touched: dict[str, Any] = {
        "created_at": branch.world.clock.now(),
        "created_by": "ana",
        "updated_at": branch.world.clock.now(),
        "updated_by": "ana",
    }
    table = branch.runtime.bindings["customer"].table
    made = [
        {
            "id": new_id(),
            "customer_no": f"H{number:06}",
            "kind": "individual",
            "name": f"客户{number}",
            "mobile": f"138{number:08}",
            "address": f"解放路 {number} 号",
            "status": "active",
            "tags": ["vip"],
            "attributes": {"level": "gold"},
            **touched,
        }
        for number in range(rows)
    ]
    with branch.runtime.database.sessions.begin() as session:
        session.execute(insert(table), made)


def _page(port: int) -> float:
    began = time.perf_counter()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=60) as answer:
        answer.read()
    return time.perf_counter() - began


def _memory(command: Command) -> float:
    assert command.process.pid
    return float(psutil.Process(command.process.pid).memory_info().rss) / MB
