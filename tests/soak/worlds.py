"""S7, S10 and S18: companies in this process, on real databases and a real web server."""

import os
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing import Pipe, Process
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

from sqlalchemy import func, insert, select

from branch_node import app as branch_app
from branch_node.outbound.queries import get_membership
from branch_node.outbound.transport import HttpTransport
from branch_node.tables import APP as BRANCH_TABLES
from hq_server.tables import APP as HQ_TABLES
from shared.auth import operations as accounts
from shared.clock import SystemClock
from shared.ids import new_id
from shared.rights.vocabulary import DataRange, StaffKind
from tests.soak.figure import Figure
from tests.support import postgres, setbacks
from tests.support.databases import DIALECTS, DatabaseFactory
from tests.support.faultproxy import FaultProxy
from tests.support.page_client import PageClient
from tests.support.postgres import TestRun
from tests.support.processes import free_port, start_serving
from tests.support.world import NOON, BranchHere, World, make_world, migrated
from tests.system.test_proof_load import run_cycles

BRANCHES: Final = 20
AFTER_THE_BACKUP: Final = 200
# S10: of every hundred connections twenty are reset and ten never get through; the others have 64 kbit/s.
THIN: Final = ("slow",) * 70 + ("reset",) * 20 + ("half-open",) * 10
PAGES: Final = 200
PASSWORD: Final = "correct horse battery"
MILLION: Final = 1_000_000


@contextmanager
def opened_world(dialect: str) -> Iterator[World]:
    """Set up head office on `dialect` and room for branches on SQLite."""
    with tempfile.TemporaryDirectory(prefix="branchline-soak-") as name:
        folder = Path(name)
        (folder / "run").mkdir()
        run = TestRun(folder / "run", os.getpid())
        factory = DatabaseFactory(run, folder)
        hq = factory.create(dialect, migrated(factory, dialect, HQ_TABLES))
        try:
            with make_world(
                folder, hq, lambda: factory.create("sqlite", migrated(factory, "sqlite", BRANCH_TABLES))
            ) as world:
                yield world
        finally:
            postgres.stop(run)


def restored_head_office() -> Iterator[Figure]:
    """S7: head office set back by a day, twenty branches; nobody does anything."""
    for dialect in DIALECTS:
        with opened_world(dialect) as world:
            branches = [world.make_branch(f"B{number:03}") for number in range(BRANCHES)]
            _everybody_writes(world, branches)
            archive = setbacks.back_up_hq(world)
            world.advance(hours=24)
            _everybody_writes(world, branches)
            setbacks.set_back_hq(world, archive)
            started = time.perf_counter()
            cycles = 0
            while any(branch.digests() != world.hq_digests(branch.code) for branch in branches):
                cycles += 1
                for branch in branches:
                    branch.push()
                world.advance(minutes=10)
            took = time.perf_counter() - started
        measured = (
            f"{dialect}: equal after {cycles} cycle(s) of each of {BRANCHES} branches, {took:.1f} s of work"
        )
        yield Figure("S7", cycles <= 1, measured, "the missing tail back without a person in 10 minutes")


def no_false_alarms(cycles: int) -> Iterator[Figure]:
    """ALARMS: barriers in every cycle while two people write without a pause; none may differ."""
    for dialect in DIALECTS:
        with opened_world(dialect) as world:
            barriers = run_cycles(world, cycles // len(DIALECTS))
        measured = f"{dialect}: {barriers} comparisons in {cycles // len(DIALECTS)} cycles, none differed"
        yield Figure("ALARMS", holds=True, measured=measured, wanted="no false alarm in 10,000 cycles")


def _everybody_writes(world: World, branches: list[BranchHere]) -> None:
    for branch in branches:
        for _number in range(AFTER_THE_BACKUP // 2):
            branch.add_bill_line(branch.add_customer())
        branch.push()


def thin_line() -> Iterator[Figure]:
    """S10: 64 kbit/s, a tenth of the connections lost, a fifth reset; pages at the branch stay as quick as ever.

    Head office and the line are processes of their own; the pages and the push share one, as in a branch.
    """
    with opened_world("sqlite") as world, _line_to(world) as line:
        url, bytes_sent = line
        branch = world.make_branch("B001")
        branch.push()
        with branch.runtime.database.sessions.begin() as session:
            get_membership(session).hq_url = url
        open_page = _clerk(branch)
        for _number in range(2_000):
            branch.add_bill_line(branch.add_customer())
        before = [_in_a_moment(open_page) for _ in range(PAGES)]
        pushing = threading.Thread(target=_push_until_done, args=(branch,))
        pushing.start()
        meanwhile = []
        while pushing.is_alive():
            meanwhile.append(_in_a_moment(open_page))
        sent = bytes_sent()
        with branch.runtime.database.engine.connect() as connection:
            useful = int(
                connection.exec_driver_sql("SELECT sum(payload_bytes) FROM sync_outbox").scalar_one()
            )
        world.assert_equal()
    slower, ratio = _p95(meanwhile) / _p95(before), sent / useful
    measured = (
        f"pages p95 {slower:.2f} times that without a push; {ratio:.2f} bytes sent for each of the batches"
    )
    yield Figure(
        "S10", slower <= 1.1 and ratio <= 1.3, measured, "pages within 1.1, at most 1.3 bytes for one"
    )


@contextmanager
def _line_to(world: World) -> Iterator[tuple[str, Callable[[], int]]]:
    """Serve the world's head office behind a thin line; give its address, and what tells the bytes sent so far."""
    port = free_port()
    hq = start_serving("hq-server", world.hq.settings.home.path, port, folder=world.folder)
    here, there = Pipe()
    line = Process(target=_thin_line, args=(port, there), daemon=True)
    line.start()

    def bytes_sent() -> int:
        here.send("bytes")
        return int(here.recv())

    try:
        yield here.recv(), bytes_sent
    finally:
        line.kill()
        hq.stop()


def _thin_line(port: int, told: Connection) -> None:
    with FaultProxy(port, random.Random(10), rate=1.0, kinds=THIN) as proxy:
        told.send(proxy.url)
        while told.recv():
            told.send(proxy.bytes_sent)


def _push_until_done(branch: BranchHere) -> None:
    line = HttpTransport()
    branch.runtime = replace(branch.runtime, clock=SystemClock())
    while branch.push(transport=line).outcome != "done":
        pass


def _in_a_moment(open_page: Callable[[], float]) -> float:
    time.sleep(0.05)
    return open_page()


def _clerk(branch: BranchHere) -> Callable[[], float]:
    """Return what opens the list of customers as a clerk does, and tells how long it took."""
    app = branch_app.create_app(branch.runtime)
    app.test_client_class = PageClient
    with branch.runtime.database.sessions.begin() as session:
        user, _code = accounts.create_user(
            session,
            username="wang",
            name="王芳",
            kind=StaffKind.BRANCH_MANAGER,
            data_range=DataRange.BRANCH,
            by=branch.world.by(),
        )
        accounts.set_password(session, user, PASSWORD, by=branch.world.by())
    browser = app.test_client()
    assert isinstance(browser, PageClient)
    browser.sign_in("wang", PASSWORD)

    def open_page() -> float:
        started = time.perf_counter()
        assert browser.get("/customers").status_code == 200
        return time.perf_counter() - started

    open_page()
    return open_page


def _p95(times: list[float]) -> float:
    return statistics.quantiles(times, n=20)[-1]


def rehearsed_restore() -> Iterator[Figure]:
    """S18: a branch of a million rows is restored from yesterday's backup; head office gives back what came after."""
    with opened_world("sqlite") as world:
        branch = world.make_branch("B001")
        _fill(branch, MILLION)
        while branch.push().unfinished:
            world.advance(minutes=10)
        archive = setbacks.back_up_branch(branch)
        since = [branch.add_customer() for _ in range(1_000)]
        branch.push()
        started = time.perf_counter()
        setbacks.restore(branch, archive)
        serving = time.perf_counter() - started
        branch.push()
        took = time.perf_counter() - started
        table = branch.runtime.bindings["customer"].table
        with branch.runtime.database.reads() as session:
            back = session.scalar(select(func.count()).where(table.c.id.in_(since)))
        world.assert_equal()
    measured = (
        f"{MILLION:,} rows: serving after {serving:.0f} s, {back} of 1,000 later rows back after {took:.0f} s"
    )
    yield Figure("S18", back == 1_000 and took <= 600, measured, "none lost that HQ had, 10 minutes")


def _fill(branch: BranchHere, rows: int) -> None:
    """Write `rows` bill lines of a thousand customers."""
    customers = [branch.add_customer() for _ in range(1_000)]
    table = branch.runtime.bindings["bill_line"].table
    made = {"created_at": NOON, "created_by": "ana"}
    for start in range(0, rows, 10_000):
        lines = [
            {
                "id": new_id(),
                "bill_no": f"S{number}",
                "customer_id": customers[number % len(customers)],
                "product": "宽带",
                "period": "2026-10",
                "kind": "charge",
                "amount_minor": number,
                "currency": "CNY",
                "booked_on": NOON.date(),
                **made,
            }
            for number in range(start, start + 10_000)
        ]
        with branch.runtime.database.sessions.begin() as session:
            session.execute(insert(table), lines)
