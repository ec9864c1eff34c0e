"""`make bench` still runs: what it measures has the columns and the doors of today's product."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import costs, product, sync
from benchmarks.__main__ import GOALS
from tests.support import postgres
from tests.support.databases import DIALECTS, DatabaseFactory

# A benchmark is a program that leaves some connections to its end.
pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning"),
]
ROWS = 60
MANY = 3 * costs.CHANGES


@pytest.fixture
def durable() -> Iterator[DatabaseFactory]:
    """Databases as a benchmark has them: one that replicates is a contender."""
    folder = Path(tempfile.mkdtemp(prefix="branchline-bench-"))
    run = postgres.TestRun(folder, os.getpid(), durable=True)
    yield DatabaseFactory(run, folder)
    postgres.stop(run)


def test_each_contender_takes_the_customers_of_the_benchmark(
    tmp_path: Path, durable: DatabaseFactory
) -> None:
    ready = {dialect: product.make_ready(tmp_path / dialect, durable, dialect, ROWS) for dialect in DIALECTS}

    rates = sync.measure(ready, durable, rounds=1).rates()

    assert all(rate > 0 for rate in rates.values())
    assert set(GOALS) <= set(sync.ratios(rates))


def test_few_changes_are_delivered_among_few_rows_and_among_many(
    tmp_path: Path, database_factory: DatabaseFactory
) -> None:
    ready = product.make_ready(tmp_path / "few", database_factory, "sqlite", costs.CHANGES)

    few, many = costs.few_among(ready, database_factory, MANY)

    assert min(few.cycle, few.databases, many.cycle, many.databases) > 0
