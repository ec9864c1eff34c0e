"""How fast head office's pages answer: 100 branches and 1,000,000 customers on PostgreSQL, p50 and p95 in ms.

Run with `python -m benchmarks.hq_pages [--branches N] [--customers N] [--rounds N] [--dialect sqlite]`.
Each page is asked through the whole application (sign-in, queries, template). Two branches have a batch
that is not taken in yet, as between two runs of the job: their rows are summed anew for every page.
"""

import argparse
import os
import random
import shutil
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sqlalchemy import text, update

from hq_server.analysis import jobs
from hq_server.ingest.models import InboxBatch
from shared.clock import FakeClock
from shared.db.engine import Database
from shared.jobs.job import Progress
from shared.stamp import Stamp, Via
from tests.integration.hq_server.conftest import build_tables, make_app, sign_in
from tests.support import postgres
from tests.support.databases import DIALECTS, DatabaseFactory
from tests.support.hq_company import GIVEN, SURNAMES, Size, fill_company

NOW: Final = datetime(2026, 11, 18, 4, tzinfo=UTC)
GOAL_MS: Final = 200.0
WAITING_BRANCHES: Final = (7, 8)
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
    parser.add_argument("--dialect", choices=DIALECTS, default="postgresql")
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
        measure(DatabaseFactory(run, folder).create(options.dialect), size, options.rounds, folder)
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
        fill_company(session, size, NOW)
    print(f"filled in {time.perf_counter() - started:.0f} s", flush=True)
    started = time.perf_counter()
    outcome = jobs.take_in(app.extensions["branchline"], Stamp(NOW, "bench", Via.JOB), Progress())
    print(f"taken in {time.perf_counter() - started:.0f} s: {dict(outcome.counts)}", flush=True)
    with database.sessions.begin() as session:
        session.execute(
            update(InboxBatch)
            .where(InboxBatch.branch_number.in_(WAITING_BRANCHES), InboxBatch.record_type == "bill_line")
            .values(indexed_at=None)
        )
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


if __name__ == "__main__":
    main()
