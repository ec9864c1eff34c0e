"""How fast head office's pages answer: 100 branches and 1,000,000 customers on PostgreSQL, p50 and p95 in ms.

Run with `python -m benchmarks.hq_pages [--branches N] [--customers N] [--rounds N]`.
Each page is asked through the whole application (sign-in, queries, template). Two branches have a batch
that is not taken in yet, as between two runs of the job: their rows are summed anew for every page.
"""

import argparse
import os
import random
import shutil
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sqlalchemy import text

from hq_server.analysis import jobs
from hq_server.branches.models import Branch
from hq_server.customers.queries import SEARCH_INDEX
from hq_server.replica.models import ReplicaBillLine, ReplicaCustomer, ReplicaManager, ReplicaWorkLog
from shared.clock import FakeClock
from shared.db.base import Base
from shared.db.engine import Database
from shared.ids import new_id
from shared.jobs.job import Progress
from shared.stamp import Stamp, Via
from tests.integration.hq_server.conftest import build_tables, make_app, sign_in
from tests.support import postgres
from tests.support.databases import DatabaseFactory
from tests.support.hq_company import GIVEN, SURNAMES, Size, fill_company
from tests.support.hq_rows import BranchRows, add_batch

NOW: Final = datetime(2026, 11, 18, 4, tzinfo=UTC)
GOAL_MS: Final = 200.0
WAITING_BRANCHES: Final = (7, 8)
# What is copied from one branch to the next, with the columns that hold ids.
COPIED: Final[dict[type[Base], tuple[str, ...]]] = {
    ReplicaManager: ("id",),
    ReplicaCustomer: ("id", "manager_id"),
    ReplicaBillLine: ("id", "customer_id"),
    ReplicaWorkLog: ("id", "manager_id", "customer_id", "corrects_id"),
}
# The goal is for lists, overview and search; the others are printed to be known.
PAGES: Final = {
    "overview": "/?part=1",
    "branches": "/branches",
    "customers": "/customers/",
    "customers, by date, page 150": "/customers/?sort=-opened_on&page=150",
    "customers, one branch, grade, status": "/customers/?branch=B042&grade=A&status=active",
    "customers, few of all": "/customers/?kind=group&grade=A&status=closed&region=330106",
    "search, two characters": "/customers/?q={two}",
    "search, three characters": "/customers/?q={three}",
    "search, end of a phone": "/customers/?q={phone}",
    "analysis, branch by month": "/analysis/",
    "analysis, customers, branch by grade": "/analysis/?measure=customers&rows=branch&cols=grade",
    "customers behind a cell": "/analysis/customers?measure=charges&branch=B042&start=2026-10&end=2026-10",
    "managers, one branch": "/managers/?branch=B042",
    "managers, all": "/managers/",
}


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--branches", type=int, default=100)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=30)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="branchline-bench-"))
    run = postgres.TestRun(folder, os.getpid())
    size = Size(
        branches=options.branches,
        managers=20,
        customers=options.customers // options.branches,
        months=2,
        logs=100,
        lines_a_month=1,
    )
    try:
        measure(DatabaseFactory(run, folder).create("postgresql"), size, options.rounds, folder)
    finally:
        postgres.stop(run)
        shutil.rmtree(folder, ignore_errors=True)


def measure(url: str, size: Size, rounds: int, folder: Path) -> None:
    """Fill one database, take everything in, and print each page's figures."""
    build_tables(url)
    database = Database(url)
    app = make_app(database, FakeClock(NOW), folder)
    started = time.perf_counter()
    with database.sessions.begin() as session:
        fill_company(session, replace(size, branches=1), NOW)
    take_in = (app.extensions["branchline"], Stamp(NOW, "bench", Via.JOB), Progress())
    jobs.take_in(*take_in)
    print(f"one branch filled and taken in: {time.perf_counter() - started:.0f} s", flush=True)
    started = time.perf_counter()
    for number in range(2, size.branches + 1):
        copy_branch(database, number)
    print(f"copied to {size.branches} branches: {time.perf_counter() - started:.0f} s", flush=True)
    started = time.perf_counter()
    jobs.take_in(*take_in)
    print(f"their sums prepared: {time.perf_counter() - started:.0f} s", flush=True)
    with database.sessions.begin() as session:
        for number in WAITING_BRANCHES:
            branch = BranchRows(number, session, NOW)
            add_batch(session, branch, "bill_line", rows=1, at=NOW)
    with database.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("ANALYZE"))
    browser = sign_in(app, database)
    chance = random.Random(7)
    print(f"{'page':42}{'p50':>8}{'p95':>8}   goal {GOAL_MS:.0f}")
    for name, path in PAGES.items():
        taken = []
        for _ in range(rounds):
            filled = path.format(
                two=chance.choice(SURNAMES) + chance.choice(GIVEN),
                three=chance.choice(SURNAMES) + chance.choice(GIVEN) + chance.choice(GIVEN),
                phone=f"{chance.randint(0, 999_999):06d}",
            )
            started = time.perf_counter()
            answer = browser.get(filled)
            taken.append((time.perf_counter() - started) * 1000)
            assert answer.status_code == 200, answer.text
        taken.sort()
        p50, p95 = taken[len(taken) // 2], taken[int(len(taken) * 0.95)]
        print(f"{name:42}{p50:8.1f}{p95:8.1f}", flush=True)
    database.dispose()


def copy_branch(database: Database, number: int) -> None:
    """Copy branch 1 as branch `number`: new ids made from the old ones, the same names and figures."""
    with database.sessions.begin() as session:
        first = session.get_one(Branch, 1)
        columns = {column.name: getattr(first, column.name) for column in Branch.__table__.columns}
        columns |= {
            "number": number,
            "code": f"B{number:03d}",
            "name": f"{number} 号分公司",
            "node_id": new_id(),
        }
        session.add(Branch(**columns))
        session.flush()
        for model, references in COPIED.items():
            table = Base.metadata.tables[model.__tablename__]
            names = [column.name for column in table.columns]
            changed = {
                "branch_number": str(number),
                **{name: f"md5({number} || {name}::text)::uuid" for name in references},
            }
            values = ", ".join(changed.get(name, name) for name in names)
            session.execute(
                text(
                    f"INSERT INTO {table.name} ({', '.join(names)})"
                    f" SELECT {values} FROM {table.name} WHERE branch_number = 1"
                )
            )
        session.execute(
            text(
                f"INSERT INTO {SEARCH_INDEX} (key, words)"
                f" SELECT '{number}:' || md5('{number}' || substr(key, 3))::uuid, words"
                f" FROM {SEARCH_INDEX} WHERE key LIKE '1:%'"
            )
        )


if __name__ == "__main__":
    main()
