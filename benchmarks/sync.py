"""Branch to HQ against what the databases can do at best, and against the usual design, in one run.

Every round does each contender once, one after the other, on fresh copies; ratios are of medians.
"""

import statistics
import time
from collections import defaultdict
from pathlib import Path
from typing import Any, Final

from benchmarks import limits, product, usual
from benchmarks.work import make_changes
from shared.db.engine import Database
from tests.support.databases import DIALECTS, DatabaseFactory

LIMITS: Final = {"postgresql": limits.PostgresLimit, "sqlite": limits.SqliteLimit}
SHORT: Final = {"postgresql": "postgres", "sqlite": "sqlite"}
FIRST_CHANGE_OF_UPDATES: Final = 10_000_000

Rates = dict[str, float]


def measure(folder: Path, factory: DatabaseFactory, *, rows: int, rounds: int) -> Rates:
    """Return medians in rows a second by contender."""
    seen: dict[str, list[float]] = defaultdict(list)
    ready = {dialect: product.make_ready(folder / dialect, factory, dialect, rows) for dialect in LIMITS}
    for _round in range(rounds):
        for dialect in DIALECTS:
            for name, rate in _limit(factory, dialect, ready[dialect]).items():
                seen[f"limit_{name}"].append(rate)
            for name, rate in _product(factory, ready[dialect]).items():
                seen[f"product_{name}"].append(rate)
        seen["usual_first_load_postgres"].append(_usual(factory, ready["postgresql"]))
    return {name: statistics.median(rates) for name, rates in seen.items()}


def ratios(rates: Rates) -> Rates:
    """Return the product's rates as shares of the limits, and as a multiple of the usual design."""
    figures = {
        f"{path}_{short}_vs_limit": rates[f"product_{path}_{short}"] / rates[f"limit_{path}_{short}"]
        for short in ("postgres", "sqlite")
        for path in ("first_load", "updates")
    }
    figures["first_load_vs_usual_orm"] = (
        rates["product_first_load_postgres"] / rates["usual_first_load_postgres"]
    )
    return figures


def _limit(factory: DatabaseFactory, dialect: str, ready: product.Ready) -> Rates:
    url, short = factory.create(dialect), SHORT[dialect]
    limits.make_table(url)
    limit: Any = LIMITS[dialect](url)
    changes = make_changes(ready.rows, len(ready.rows) // 2)
    first = limit.prepare(ready.rows, first_change=1)
    updates = limit.prepare(changes, first_change=FIRST_CHANGE_OF_UPDATES)
    rates = {}
    for name, blocks, count in (("first_load", first, len(ready.rows)), ("updates", updates, len(changes))):
        _settle(url)
        started = time.perf_counter()
        limit.run(blocks)
        rates[f"{name}_{short}"] = count / (time.perf_counter() - started)
    limit.close()
    factory.drop(url)
    return rates


def _product(factory: DatabaseFactory, ready: product.Ready) -> Rates:
    pair, short = product.copy(ready, factory), SHORT[ready.hq.database.dialect]
    changes = make_changes(ready.rows, len(ready.rows) // 2)
    _settle(pair.hq.database.url)
    rates = {f"first_load_{short}": len(ready.rows) / pair.cycle(len(ready.rows))}
    pair.change(changes)
    _settle(pair.hq.database.url)
    product.settle(pair.branch.database)
    rates[f"updates_{short}"] = len(changes) / pair.cycle(len(changes))
    pair.close()
    factory.drop(pair.hq.database.url)
    factory.drop(pair.branch.database.url)
    return rates


def _usual(factory: DatabaseFactory, ready: product.Ready) -> float:
    url = factory.create("postgresql")
    limits.make_table(url)
    branch, hq = Database(ready.branch.database.url), Database(url)
    app = usual.create_app(hq)
    _settle(url)
    started = time.perf_counter()
    sent = usual.send_all(branch, app)
    rate = sent / (time.perf_counter() - started)
    branch.dispose()
    hq.dispose()
    factory.drop(url)
    return rate


def _settle(url: str) -> None:
    database = Database(url)
    product.settle(database)
    database.dispose()
