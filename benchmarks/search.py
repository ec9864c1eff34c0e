"""How fast a customer is found: 200,000 customers on both databases, six kinds of query, p50 and p95 in ms.

Run with `python -m benchmarks.search [--customers N] [--only-sqlite]`.
"""

import argparse
import os
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import insert, text

from branch_node.customers import operations, queries
from branch_node.customers.models import Customer
from branch_node.managers.models import Manager
from shared.db.base import Base
from shared.db.engine import Database
from shared.db.search import match
from shared.db.search_followed import SearchDirty
from shared.db.search_terms import fold
from shared.ids import new_id
from tests.support import postgres
from tests.support.databases import DIALECTS, DatabaseFactory

SURNAMES: Final = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾萧田董袁潘于蒋蔡余杜叶程单仇解"
)
GIVEN: Final = "伟芳娜秀英敏静丽强磊军洋勇艳杰娟涛明超兰霞平刚桂文华建国玉梅志红海燕春云飞鹏宇浩然子涵欣怡"
AT: Final = datetime(2026, 1, 1, tzinfo=UTC)
CHUNK: Final = 5_000
GOAL_MS: Final = 20.0


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--only-sqlite", action="store_true")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="branchline-bench-"))
    run = postgres.TestRun(folder, os.getpid())
    try:
        factory = DatabaseFactory(run, folder)
        for dialect in DIALECTS[:1] if options.only_sqlite else DIALECTS:
            measure(dialect, factory.create(dialect), options.customers, options.rounds)
    finally:
        postgres.stop(run)
        shutil.rmtree(folder, ignore_errors=True)


def measure(dialect: str, url: str, customers: int, rounds: int) -> None:
    """Fill one database and print its figures."""
    database = Database(url)
    tables = [Manager.__table__, Customer.__table__, SearchDirty.__table__]
    Base.metadata.create_all(database.engine, tables=tables)  # type: ignore[arg-type]
    began = time.perf_counter()
    with database.sessions.begin() as session:
        for chunk in made_up(customers):
            session.execute(insert(Customer), chunk)
            operations.index_changed(session)
    filled = time.perf_counter() - began
    if dialect == "postgresql":
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))
    print(f"{dialect}: {customers:,} customers inserted and indexed in {filled:.1f} s")
    chance = random.Random(7)
    for label, make in kinds_of_query(customers).items():
        keys = [timed(database, make(chance), keys_only=True) for _ in range(rounds)]
        page = [timed(database, make(chance), keys_only=False) for _ in range(rounds)]
        print(f"  {label:24} keys {figures(keys)}   ranked page {figures(page)}")
    database.dispose()


def made_up(customers: int) -> Iterator[list[dict[str, Any]]]:
    """Yield made-up customers in chunks."""
    chance = random.Random(1)
    row: dict[str, Any] = {"kind": "individual", "status": "active", "tags": [], "attributes": {}}
    row |= {"created_at": AT, "created_by": "bench", "updated_at": AT, "updated_by": "bench"}
    for start in range(0, customers, CHUNK):
        yield [
            row
            | {
                "id": new_id(),
                "customer_no": f"C{number:07d}",
                "name": person(chance),
                "mobile": f"13{chance.randrange(10**9):09d}",
            }
            for number in range(start, min(start + CHUNK, customers))
        ]


def person(chance: random.Random) -> str:
    """Return a surname and one or two given names."""
    return chance.choice(SURNAMES) + "".join(chance.choice(GIVEN) for _ in range(chance.choice((1, 2, 2))))


def kinds_of_query(customers: int) -> dict[str, Callable[[random.Random], str]]:
    """Return what people type."""
    return {
        "two Chinese characters": lambda chance: chance.choice(SURNAMES) + chance.choice(GIVEN),
        "one Chinese character": lambda chance: chance.choice(SURNAMES),
        "pinyin": lambda chance: chance.choice(("zhangw", "liming", "wangxiu", "chenyu", "shanw", "zengg")),
        "initials": lambda chance: chance.choice(("zw", "lm", "wxy", "cyh", "zgf")),
        "last four of a phone": lambda chance: f"{chance.randrange(10_000):04d}",
        "customer number": lambda chance: f"C{chance.randrange(customers):07d}",
    }


def timed(database: Database, query: str, *, keys_only: bool) -> float:
    """Return the milliseconds one search takes."""
    assert fold(query)
    with database.reads() as session:
        began = time.perf_counter()
        if keys_only:
            match(session, "customer_search", query)
        else:
            queries.search_customers(session, query, limit=20)
        return (time.perf_counter() - began) * 1000


def figures(taken: list[float]) -> str:
    """Return p50 and p95, marked when beyond the goal."""
    ordered = sorted(taken)
    p50, p95 = ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.95)]
    return f"p50 {p50:7.2f} p95 {p95:7.2f} ms{' (over)' if p95 > GOAL_MS else ''}"


if __name__ == "__main__":
    main()
