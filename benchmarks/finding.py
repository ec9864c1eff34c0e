"""How fast a branch finds: box, list, filters, views and a customer of ten years, 200,000 customers, p50 and p95 in ms.

Run with `python -m benchmarks.finding [--customers N] [--rounds N] [--only sqlite|postgresql]`. Each page is
asked through the whole application: rights, queries, template. By the clock, and by the CPU of this process, which
holds SQLite and not PostgreSQL's server. The last row is the memory that a file of all of them takes besides.
"""

import argparse
import os
import random
import resource
import shutil
import tempfile
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from flask import Flask
from sqlalchemy import insert, select, text
from sqlalchemy.orm import Session

from benchmarks.search import AT, GOAL_MS, figures, kinds_of_query, made_up
from branch_node.app import create_app, open_runtime
from branch_node.config import create_home
from branch_node.customers import operations
from branch_node.customers.models import Customer
from branch_node.managers.models import Manager
from branch_node.tables import APP
from branch_node.worklogs.models import WORK_LOG_SEARCH, WorkLog
from branch_node.worklogs.queries import words_of
from shared.auth import operations as auth
from shared.clock import FakeClock
from shared.db.engine import Database
from shared.db.migrations import upgrade
from shared.db.search import index_changed
from shared.ids import new_id
from shared.rights.vocabulary import DataRange, StaffKind
from shared.stamp import Stamp, Via
from tests.support import postgres
from tests.support.databases import DIALECTS, DatabaseFactory
from tests.support.page_client import FollowingClient

PASSWORD: Final = "correct horse battery"
BY: Final = Stamp(at=AT, actor="bench", via=Via.COMMAND)
ENTRIES: Final = 2_000
MANAGERS: Final = 50
PAGES: Final = {
    "box, two Chinese characters": "/search?q={two}",
    "box, one Chinese character": "/search?q={one}",
    "box, pinyin": "/search?q={pinyin}",
    "box, last four of a phone": "/search?q={phone}",
    "offers while typing": "/search/offers?q={two}",
    "list": "/customers?view=all",
    "list, by name, page 100": "/customers?view=all&sort=name&page=100",
    "list, filtered": "/customers?kind=individual&status=active&grade=A",
    "list, words": "/customers?q={two}",
    "list, one account manager": "/customers?manager={manager}",
    "view, birthdays": "/customers?birthday=3&status=active",
    "view, not spoken to": "/customers?quiet=90&status=active",
    "view, incomplete": "/customers?lacking=80",
    "list, grouped by grade": "/customers?group=grade",
    "a customer of ten years": "/customers/{old}",
}


def main() -> None:
    """Print one table a database."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--only", choices=DIALECTS)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="branchline-bench-"))
    run = postgres.TestRun(folder, os.getpid())
    try:
        factory = DatabaseFactory(run, folder)
        for dialect in (options.only,) if options.only else DIALECTS:
            measure(dialect, factory.create(dialect), folder / dialect, options)
    finally:
        postgres.stop(run)
        shutil.rmtree(folder, ignore_errors=True)


def measure(dialect: str, url: str, home: Path, options: argparse.Namespace) -> None:
    """Fill one database and print its figures."""
    database = Database(url)
    upgrade(database, APP)
    with database.sessions.begin() as session:
        names = fill(session, options.customers)
    if dialect == "postgresql":
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))
    page = browser(make_app(home, database))
    chance = random.Random(7)
    words = kinds_of_query(options.customers)
    print(f"{dialect}: {options.customers:,} customers, {options.rounds} rounds, goal {GOAL_MS:g} ms")
    for label, path in PAGES.items():
        taken = [timed(page, path.format(**asked(chance, words), **names)) for _ in range(options.rounds)][1:]
        clock, cpu = ([one[at] for one in taken] for at in (0, 1))
        print(f"  {label:32} clock {figures(clock)}   CPU {figures(cpu)}", flush=True)
    print(f"  memory of a file of all, besides {export_mb(page):10.0f} MB", flush=True)
    database.dispose()


def fill(session: Session, customers: int) -> dict[str, str]:
    """Write the customers and ten years of one of them; return the ids the pages name."""
    stamps = {"created_at": AT, "created_by": "bench", "updated_at": AT, "updated_by": "bench"}
    held = [new_id() for _ in range(MANAGERS)]
    session.execute(
        insert(Manager),
        [
            {"id": at, "manager_no": f"M{n}", "name": "王芳", "status": "active", **stamps}
            for n, at in enumerate(held)
        ],
    )
    chance = random.Random(3)
    for chunk in made_up(customers):
        for row in chunk:
            row |= {"manager_id": chance.choice(held), "grade": chance.choice("ABCD")}
        session.execute(insert(Customer), chunk)
        operations.index_changed(session)
    old = session.scalars(select(Customer.id).limit(1)).one()
    session.execute(insert(WorkLog), [log_of(number, old, held[0]) for number in range(ENTRIES)])
    index_changed(session, WORK_LOG_SEARCH, words_of)
    return {"old": old, "manager": held[0]}


def log_of(number: int, customer_id: str, manager_id: str) -> dict[str, Any]:
    """Return one entry of ten years."""
    at = AT - timedelta(days=number * 1.8)
    row = {"id": new_id(), "log_no": f"L{number}", "manager_id": manager_id, "customer_id": customer_id}
    made = {"created_at": at, "created_by": "bench", "entered_at": at, "started_at": at, "ended_at": None}
    return (
        row | made | {"kind": "visit", "place": "现场", "text": f"第 {number} 次走访，谈了设备更新和付款安排"}
    )


def make_app(home: Path, database: Database) -> Flask:
    """Return the branch's app over a database, with one branch manager."""
    create_home(home, database_url=database.url)
    runtime = open_runtime(home)
    runtime.database.dispose()
    app = create_app(replace(runtime, database=database, clock=FakeClock(AT)))
    app.test_client_class = FollowingClient
    with database.sessions.begin() as session:
        user, _code = auth.create_user(
            session,
            username="wang",
            name="王",
            kind=StaffKind.BRANCH_MANAGER,
            data_range=DataRange.BRANCH,
            by=BY,
        )
        auth.set_password(session, user, PASSWORD, by=BY)
    return app


def browser(app: Flask) -> FollowingClient:
    """Return a browser of the branch manager."""
    client = app.test_client()
    assert isinstance(client, FollowingClient)
    client.sign_in("wang", PASSWORD)
    return client


def asked(chance: random.Random, words: dict[str, Any]) -> dict[str, str]:
    """Return what somebody types this time."""
    return {
        "two": words["two Chinese characters"](chance),
        "one": words["one Chinese character"](chance),
        "pinyin": words["pinyin"](chance),
        "phone": words["last four of a phone"](chance),
    }


def timed(page: FollowingClient, path: str) -> tuple[float, float]:
    """Return the milliseconds one page takes, by the clock and of CPU."""
    began, worked = time.perf_counter(), time.process_time()
    answer = page.get(path)
    taken = (time.perf_counter() - began) * 1000, (time.process_time() - worked) * 1000
    assert answer.status_code == 200, (path, answer.status_code)
    return taken


def export_mb(page: FollowingClient) -> float:
    """Return by how much the most memory of this process grew with a file of all customers, in MB."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    answer = page.take("/customers/export.csv?view=all")
    size = sum(len(part) for part in answer.iter_encoded())
    assert size > 0, answer.status_code
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


if __name__ == "__main__":
    main()
