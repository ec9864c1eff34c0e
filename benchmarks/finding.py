"""How fast a branch finds: box, list, filters, views and a customer of ten years, 200,000 customers, p50 and p95 in ms.

Run with `python -m benchmarks.finding [--customers N] [--rounds N] [--only sqlite|postgresql]`; `make bench` runs it
too. Each page is asked through the whole application: rights, queries, template. By the clock, and by CPU: of this
process, which holds SQLite, and of the processes that serve it in PostgreSQL. What limit a page has stands beside it.
A branch manager and an account manager ask, who holds one in fifty.
The yardstick is the CPU of a piece of work that never changes: on a machine with much else to do CPU takes longer too.
The last row is the memory that a file of all of them takes besides.
"""

import argparse
import gc
import json
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

from benchmarks.search import AT, GOAL_MS, kinds_of_query, made_up
from branch_node.app import create_app, open_runtime
from branch_node.config import create_home
from branch_node.customers import operations
from branch_node.customers.models import Customer
from branch_node.documents.jobs import INDEXES as DOCUMENT_INDEXES
from branch_node.documents.models import Document, DocumentVersion
from branch_node.managers.models import Manager
from branch_node.tables import APP
from branch_node.worklogs.models import WORK_LOG_SEARCH, WorkLog
from branch_node.worklogs.queries import words_of
from shared.auth import operations as auth
from shared.clock import FakeClock
from shared.db.engine import Database
from shared.db.migrations import upgrade
from shared.db.search_followed import index_changed
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
DOCUMENTS: Final = 20_000
# Who asks: an account manager, and a branch manager, whose figures `make bench` keeps.
HELD: Final = "account manager"
WHOLE: Final = "branch manager"
USERNAMES: Final = {HELD: "mei", WHOLE: "wang"}
TITLES: Final = ("租赁合同", "采购合同", "服务照片", "保养信函")
PAGES: Final = {
    "box, two Chinese characters": "/search?q={two}",
    "box, one Chinese character": "/search?q={one}",
    "box, pinyin": "/search?q={pinyin}",
    "box, initials": "/search?q={initials}",
    "box, last four of a phone": "/search?q={phone}",
    "box, number": "/search?q={number}",
    "box, title of a document": "/search?q={document}",
    "offers while typing": "/search/offers?q={two}",
    "offers, pinyin": "/search/offers?q={pinyin}",
    "list": "/customers?view=all",
    "list, by name, page 100": "/customers?view=all&sort=name&page=100",
    "list, filtered": "/customers?kind=individual&status=active&grade=A",
    "list, stage and tier": "/customers?lifecycle_stage=growth&value_tier=high",
    "list, words": "/customers?q={two}",
    "list, one account manager": "/customers?manager={manager}",
    "view, birthdays": "/customers?birthday=3&status=active",
    "view, not spoken to": "/customers?quiet=90&status=active",
    "view, incomplete": "/customers?lacking=80",
    "list, grouped by grade": "/customers?group=grade",
    "a customer of ten years": "/customers/{old}",
}
LIST_GOAL_MS: Final = 200.0
FOUND: Final = frozenset({200, 302})  # a number opens the file it names

# What a page takes, in ms: by the clock and of CPU.
Taken = tuple[float, float]


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
            measure(dialect, factory.create(dialect), folder / dialect, options.customers, options.rounds)
    finally:
        postgres.stop(run)
        shutil.rmtree(folder, ignore_errors=True)


def measure(dialect: str, url: str, home: Path, customers: int, rounds: int) -> dict[str, float]:
    """Fill one database, print its figures and return the p95 of each page in ms of CPU."""
    database = Database(url)
    upgrade(database, APP)
    with database.sessions.begin() as session:
        names = fill(session, customers)
    if dialect == "postgresql":
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))
    app = make_app(home, database, names["manager"])
    # As a node does when it starts (shared/startup.py): it does not look for garbage in what stays until the end.
    gc.collect()
    gc.freeze()
    found: dict[str, float] = {}
    pages = {username: browser(app, username) for username in (HELD, WHOLE)}
    for username, page in pages.items():
        print(
            f"{dialect}, {username}: {customers:,} customers, {rounds} rounds; load {os.getloadavg()[0]:.1f}"
        )
        found = ask(page, database, names, kinds_of_query(customers), rounds)
    print(f"  memory of a file of all, besides {export_mb(pages[WHOLE]):10.0f} MB", flush=True)
    database.dispose()
    return found


def ask(
    page: FollowingClient,
    database: Database,
    names: dict[str, str],
    words: dict[str, Any],
    rounds: int,
) -> dict[str, float]:
    """Ask each page, print what it takes and return its p95 in ms of CPU."""
    chance, found = random.Random(7), {}
    for label, path in PAGES.items():
        limit = GOAL_MS if label.startswith(("box", "offers")) else LIST_GOAL_MS
        paths = [path.format(**asked(chance, words), **names) for _ in range(rounds + 1)]
        servers = serving(database)
        taken = [timed(page, one, servers) for one in paths][1:]
        clock, cpu = ([one[at] for one in taken] for at in (0, 1))
        found[label] = at_95(cpu)
        over = " (over)" if found[label] > limit else ""
        spread = f"clock p50 {at_50(clock):7.1f} p95 {at_95(clock):7.1f}   CPU p50 {at_50(cpu):7.1f} p95"
        print(f"  {label:32} {spread} {found[label]:7.1f} ms, limit {limit:g}{over}", flush=True)
    found["yardstick"] = at_50([yardstick() for _ in range(rounds)])
    print(f"  {'yardstick':32} CPU p50 {found['yardstick']:7.1f} ms", flush=True)
    return found


def at_50(taken: list[float]) -> float:
    """Return the median."""
    return sorted(taken)[len(taken) // 2]


def at_95(taken: list[float]) -> float:
    """Return the 95th percentile."""
    return sorted(taken)[int(len(taken) * 0.95)]


def yardstick() -> float:
    """Return the milliseconds of CPU of a piece of work that never changes."""
    worked = time.process_time()
    for _ in range(100):
        json.loads(json.dumps({str(number): [number] * 5 for number in range(40)}))
    return (time.process_time() - worked) * 1000


def serving(database: Database) -> list[Path]:
    """Return where the system tells the CPU of the processes of PostgreSQL that serve this one; none elsewhere."""
    if database.dialect != "postgresql":
        return []
    with database.engine.connect() as connection:
        own = text("SELECT pid FROM pg_stat_activity WHERE datname = current_database()")
        files = [Path(f"/proc/{pid}/schedstat") for pid in connection.scalars(own)]
    return [one for one in files if one.exists()]


def served(servers: list[Path]) -> float:
    """Return the seconds of CPU that those processes have had."""
    return sum(int(one.read_text().split()[0]) for one in servers) / 1e9


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
    old = session.scalars(select(Customer.id).where(Customer.manager_id == held[0]).limit(1)).one()
    session.execute(insert(WorkLog), [log_of(number, old, held[0]) for number in range(ENTRIES)])
    index_changed(session, WORK_LOG_SEARCH, words_of)
    fill_documents(session)
    return {"old": old, "manager": held[0]}


def fill_documents(session: Session) -> None:
    """Write a document of each of many customers, and index them."""
    chance, stamps = random.Random(5), {"created_at": AT, "updated_at": AT, "created_by": "bench"}
    documents, versions = [], []
    for number, customer_id in enumerate(session.scalars(select(Customer.id).limit(DOCUMENTS))):
        at, version = new_id(), new_id()
        name = f"{chance.choice(TITLES)}{number}"
        paper = {"id": at, "customer_id": customer_id, "kind": "letter", "name": name, "versions": 1}
        documents.append(paper | {"number": f"HT-{number:06}", "updated_by": "bench"} | stamps)
        file = {"id": version, "document_id": at, "customer_id": customer_id, "no": 1, "content_of": version}
        file |= {"file_name": f"scan_{number}.pdf", "form": "pdf", "size": 1, "content_digest": None}
        versions.append(file | {"added_at": AT, "added_by": "bench"})
    session.execute(insert(Document), documents)
    session.execute(insert(DocumentVersion), versions)
    for followed, words in DOCUMENT_INDEXES:
        index_changed(session, followed, words)


def log_of(number: int, customer_id: str, manager_id: str) -> dict[str, Any]:
    """Return one entry of ten years."""
    at = AT - timedelta(days=number * 1.8)
    row = {"id": new_id(), "log_no": f"L{number}", "manager_id": manager_id, "customer_id": customer_id}
    made = {"created_at": at, "created_by": "bench", "entered_at": at, "started_at": at, "ended_at": None}
    return (
        row | made | {"kind": "visit", "place": "现场", "text": f"第 {number} 次走访，谈了设备更新和付款安排"}
    )


def make_app(home: Path, database: Database, manager_id: str) -> Flask:
    """Return the branch's app over a database, with a branch manager and an account manager."""
    create_home(home, database_url=database.url)
    runtime = open_runtime(home)
    runtime.database.dispose()
    app = create_app(replace(runtime, database=database, clock=FakeClock(AT)))
    app.test_client_class = FollowingClient
    with database.sessions.begin() as session:
        for username, kind, reach, link in (
            (WHOLE, StaffKind.BRANCH_MANAGER, DataRange.BRANCH, None),
            (HELD, StaffKind.ACCOUNT_MANAGER, DataRange.SELF, manager_id),
        ):
            user, _code = auth.create_user(
                session, username=USERNAMES[username], name="王", kind=kind, data_range=reach, by=BY
            )
            auth.set_password(session, user, PASSWORD, by=BY)
            user.manager_id = link
    return app


def browser(app: Flask, username: str) -> FollowingClient:
    """Return a browser of one of the two."""
    client = app.test_client()
    assert isinstance(client, FollowingClient)
    client.sign_in(USERNAMES[username], PASSWORD)
    return client


def asked(chance: random.Random, words: dict[str, Any]) -> dict[str, str]:
    """Return what somebody types this time."""
    return {
        "two": words["two Chinese characters"](chance),
        "one": words["one Chinese character"](chance),
        "pinyin": words["pinyin"](chance),
        "initials": words["initials"](chance),
        "phone": words["last four of a phone"](chance),
        "number": words["customer number"](chance),
        "document": chance.choice(TITLES),
    }


def timed(page: FollowingClient, path: str, servers: list[Path]) -> Taken:
    """Return the milliseconds one page takes, by the clock and of CPU, the servers' included."""
    began, worked = time.perf_counter(), time.process_time() + served(servers)
    answer = page.get(path)
    clock, cpu = time.perf_counter() - began, time.process_time() + served(servers) - worked
    assert answer.status_code in FOUND, (path, answer.status_code)
    return clock * 1000, cpu * 1000


def export_mb(page: FollowingClient) -> float:
    """Return by how much the most memory of this process grew with a file of all customers, in MB."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    answer = page.take("/customers/export.csv?view=all")
    size = sum(len(part) for part in answer.iter_encoded())
    assert size > 0, answer.status_code
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


if __name__ == "__main__":
    main()
