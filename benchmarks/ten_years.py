"""What the pages of a customer of ten years take beside those of a new one, at a branch, and how they are read.

Run with `python -m benchmarks.ten_years [--others N] [--rounds N] [--only sqlite|postgresql] [--plans]`. Around them
stand others with a little of everything. Ten years are 5,000 contacts, 2,000 services, 120 months of bills, 500 changes
and 100 documents. A branch manager asks. `--plans` prints how the database goes about each statement of the line's
pages. The machine is shared and noisy: medians, old and new by turns, and only the ratio means anything.
"""

import argparse
import os
import random
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from sqlalchemy import event, insert, text
from sqlalchemy.orm import Session

from benchmarks import finding
from benchmarks.finding import BY, WHOLE, at_50, serving, timed
from benchmarks.search import AT, made_up
from branch_node.billing.models import BillLine
from branch_node.customers import operations
from branch_node.customers.models import Customer
from branch_node.documents.models import Document, DocumentVersion
from branch_node.managers.models import Manager
from branch_node.tables import APP
from branch_node.worklogs.models import WORK_LOG_SEARCH, WorkLog
from branch_node.worklogs.queries import words_of
from shared.audit.operations import record_rows
from shared.db.base import Base
from shared.db.engine import Database
from shared.db.migrations import upgrade
from shared.db.search_followed import index_changed
from shared.ids import new_id
from tests.support import postgres
from tests.support.databases import DIALECTS, DatabaseFactory
from tests.support.page_client import FollowingClient

DAYS: Final = 3_650
CONTACTS: Final = 5_000
SERVICES: Final = 2_000
MONTHS: Final = 120
CHANGES: Final = 500
DOCUMENTS: Final = 100
OTHERS: Final = 5_000
PAGES: Final = {
    "by month": "/customers/{at}",
    "line": "/customers/{at}/timeline",
    "line, contacts": "/customers/{at}/timeline?topic=contact",
    "line, visits": "/customers/{at}/timeline?topic=visit",
    "line, money": "/customers/{at}/timeline?topic=money",
    "line, changes": "/customers/{at}/timeline?topic=change",
    "line, from five years ago": "/customers/{at}/timeline?before={place}",
    "care": "/customers/{at}/care",
    "documents": "/customers/{at}/documents",
    "money": "/customers/{at}/money",
    "profile": "/customers/{at}/profile",
    "history of the file": "/customers/{at}/history",
}


def main() -> None:
    """Print one table a database."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--others", type=int, default=OTHERS)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--only", choices=DIALECTS)
    parser.add_argument("--plans", action="store_true")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="branchline-bench-"))
    run = postgres.TestRun(folder, os.getpid())
    try:
        factory = DatabaseFactory(run, folder)
        for dialect in (options.only,) if options.only else DIALECTS:
            measure(factory.create(dialect), folder / dialect, options)
    finally:
        postgres.stop(run)
        shutil.rmtree(folder, ignore_errors=True)


def measure(url: str, home: Path, options: argparse.Namespace) -> None:
    """Fill one database and print what each page takes of the old customer and of the new one."""
    database = Database(url)
    upgrade(database, APP)
    with database.sessions.begin() as session:
        old, new, manager = fill(session, options.others)
    if database.dialect == "postgresql":
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))
    page = finding.browser(finding.make_app(home, database, manager), WHOLE)
    print(f"{database.dialect}: {options.others:,} others, {options.rounds} rounds, medians in ms of CPU")
    place = f"{(AT - timedelta(days=DAYS // 2)).isoformat()}_work_{new_id()}".replace("+", "%2B")
    for label, path in PAGES.items():
        of_old, of_new = (path.format(at=at, place=place) for at in (old, new))
        servers = serving(database)
        taken = [
            (timed(page, of_old, servers)[1], timed(page, of_new, servers)[1])
            for _ in range(options.rounds + 1)
        ]
        ten, none = (at_50([pair[of] for pair in taken[1:]]) for of in (0, 1))
        print(f"  {label:28} {ten:8.1f}  new {none:8.1f}  ratio {ten / none:5.2f}", flush=True)
        if options.plans:
            show_plans(page, database, of_old)
    database.dispose()


def show_plans(page: FollowingClient, database: Database, path: str) -> None:
    """Print how the database goes about the statements of a page that read more than a row by its key."""
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:  # noqa: ANN401
        asked.append((statement, parameters))

    event.listen(database.engine, "before_cursor_execute", note)
    page.get(path)
    event.remove(database.engine, "before_cursor_execute", note)
    told = (
        "work_logs",
        "bill_lines",
        "audit_entries",
        "documents",
        "unit_events",
        "offer_answers",
        "question_answers",
        "customer_moves",
        "contacts",
    )
    explain = "EXPLAIN QUERY PLAN " if database.dialect == "sqlite" else "EXPLAIN (ANALYZE, TIMING OFF) "
    with database.engine.connect() as connection:
        for statement, parameters in asked:
            if statement.startswith("SELECT") and any(f"FROM {table}" in statement for table in told):
                print(f"    {' '.join(statement.split())[:110]}")
                for row in connection.exec_driver_sql(explain + statement, parameters):
                    print(f"      {row[-1]}")


def fill(session: Session, others: int) -> tuple[str, str, str]:
    """Write everybody; return the ids of the customer of ten years, of the new one and of who serves both."""
    stamps = {"created_at": AT, "created_by": "bench", "updated_at": AT, "updated_by": "bench"}
    manager = new_id()
    named = {"id": manager, "manager_no": "M1", "name": "王芳", "status": "active"}
    session.execute(insert(Manager), [named | stamps])
    ids: list[str] = []
    for chunk in made_up(others + 2):
        session.execute(insert(Customer), [row | {"manager_id": manager, "grade": "A"} for row in chunk])
        operations.index_changed(session)
        ids += [row["id"] for row in chunk]
    old, new, *rest = ids
    chance = random.Random(3)
    logs = [log_of(number, chance.choice(rest), manager, "call") for number in range(4 * others)]
    bills = [bill_of(number, chance.choice(rest)) for number in range(4 * others)]
    session.execute(insert(WorkLog), logs)
    session.execute(insert(BillLine), bills)
    write_ten_years(session, old, manager)
    index_changed(session, WORK_LOG_SEARCH, words_of)
    changes(session, rest[: others // 2], each=2)
    return old, new, manager


def write_ten_years(session: Session, customer_id: str, manager_id: str) -> None:
    """Write ten years of one customer."""
    kinds = ["service"] * SERVICES + ["call", "visit", "message", "call"] * (CONTACTS // 4)
    random.Random(4).shuffle(kinds)
    logs = [log_of(number, customer_id, manager_id, kind) for number, kind in enumerate(kinds)]
    session.execute(insert(WorkLog), logs)
    months = range(MONTHS * 3)
    session.execute(insert(BillLine), [bill_of(number, customer_id, every=3) for number in months])
    changes(session, [customer_id], each=CHANGES)
    documents(session, customer_id)


def log_of(number: int, customer_id: str, manager_id: str, kind: str) -> dict[str, Any]:
    """Return one entry of ten years."""
    at = AT - timedelta(days=number * DAYS / (CONTACTS + SERVICES) % DAYS)
    row = {"id": new_id(), "manager_id": manager_id, "customer_id": customer_id, "kind": kind}
    row |= {"log_no": f"L{row['id']}", "place": "现场", "text": f"第 {number} 次，谈了设备更新和付款安排"}
    return row | {
        "created_at": at,
        "created_by": "bench",
        "entered_at": at,
        "started_at": at,
        "ended_at": None,
    }


def bill_of(number: int, customer_id: str, *, every: int = 1) -> dict[str, Any]:
    """Return one line of a bill; `every` lines stand on the bill of a month."""
    month = number // every % MONTHS
    year, of_year = 2017 + month // 12, month % 12 + 1
    row: dict[str, Any] = {"id": new_id(), "customer_id": customer_id, "product": "宽带", "currency": "CNY"}
    row |= {"bill_no": f"B{row['id']}", "kind": ("charge", "charge", "payment")[number % 3]}
    row |= {"period": f"{year}-{of_year:02}", "booked_on": AT.date().replace(year, of_year, 3)}
    amount = -20_000 if row["kind"] == "payment" else 10_000
    return row | {
        "amount_minor": amount,
        "corrects_id": None,
        "remark": None,
        "created_at": AT,
        "created_by": "bench",
    }


def changes(session: Session, customer_ids: list[str], *, each: int) -> None:
    """Write changes of customers into the operation log, as far apart as ten years have them."""
    customers = Base.metadata.tables["customers"]
    grades = "ABCD"
    for number in range(each):
        was, now = {"grade": grades[number % 4]}, {"grade": grades[(number + 1) % 4]}
        by = replace(BY, at=AT - timedelta(days=(each - number) * DAYS / each))
        record_rows(session, "customer", customers, [(at, was, now) for at in customer_ids], by=by)


def documents(session: Session, customer_id: str) -> None:
    """Write documents of a customer, and that they were added."""
    rows = list(_documents(customer_id))
    session.execute(insert(Document), [paper for paper, _file in rows])
    session.execute(insert(DocumentVersion), [file for _paper, file in rows])
    table = Base.metadata.tables["documents"]
    record_rows(session, "document", table, [(paper["id"], {}, paper) for paper, _file in rows], by=BY)


def _documents(customer_id: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    stamps = {"created_at": AT, "updated_at": AT, "created_by": "bench", "updated_by": "bench"}
    for number in range(DOCUMENTS):
        at, version = new_id(), new_id()
        paper = {
            "id": at,
            "customer_id": customer_id,
            "kind": "letter",
            "name": f"信函 {number}",
            "versions": 1,
        }
        file = {"id": version, "document_id": at, "customer_id": customer_id, "no": 1, "content_of": version}
        file |= {"file_name": f"scan_{number}.pdf", "form": "pdf", "size": 1, "content_digest": None}
        yield (
            paper | {"number": f"XH-{number:06}"} | stamps,
            file | {"added_at": AT, "added_by": "bench"},
        )


if __name__ == "__main__":
    main()
