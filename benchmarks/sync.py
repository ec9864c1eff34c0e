"""Branch to HQ against what the databases can do at best, and against the usual design, in one run.

Every round does each contender once, one after the other, on fresh copies; ratios are of medians.
"""

import gc
from collections.abc import Mapping
from dataclasses import replace
from threading import Thread
from typing import Any, Final

import waitress
from sqlalchemy import insert

from benchmarks import limits, product, usual
from benchmarks.meter import Meter
from benchmarks.replication import Replication
from benchmarks.work import (
    BATCH,
    chunks,
    make_changes,
    make_work_logs,
    replica_rows,
    table_of,
    write_customers,
)
from branch_node.outbound.queries import get_membership
from branch_node.outbound.transport import HttpTransport
from branch_node.worklogs.models import WorkLog
from hq_server import app as hq_app
from hq_server.replica.models import ReplicaCustomer, ReplicaWorkLog
from shared.db.engine import Database
from tests.support.databases import DIALECTS, DatabaseFactory

LIMITS: Final = {"postgresql": limits.PostgresLimit, "sqlite": limits.SqliteLimit}
SHORT: Final = {"postgresql": "postgres", "sqlite": "sqlite"}
# Its rate does not depend on how many; it is slow.
USUAL_ROWS: Final = 10_000
FIRST_CHANGE_OF_UPDATES: Final = 10_000_000

Rates = dict[str, float]


def measure(ready: Mapping[str, product.Ready], factory: DatabaseFactory, *, rounds: int) -> Meter:
    """Return what each contender took."""
    meter = Meter()
    for _round in range(rounds):
        for dialect in DIALECTS:
            _limit(factory, dialect, ready[dialect], meter)
            _product(factory, ready[dialect], meter)
        _usual(factory, ready["postgresql"], meter)
        _work_log(factory, ready["postgresql"], meter)
        _replicated(factory, ready["postgresql"], meter)
    return meter


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
    for path, peer in (("updates", "product_updates_postgres"), ("work_log", "product_work_log_postgres")):
        figures[f"{path}_vs_logical_replication"] = rates[peer] / rates[f"replication_{path}"]
    return figures


def over_http(ready: product.Ready, factory: DatabaseFactory) -> float:
    """Return rows a second of one first load over waitress on loopback; for information."""
    pair = product.copy(ready, factory)
    server = waitress.create_server(hq_app.create_app(pair.hq), host="127.0.0.1", port=0, threads=4)
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    with pair.branch.database.sessions.begin() as session:
        get_membership(session).hq_url = f"http://127.0.0.1:{server.effective_port}"
    over = replace(pair, branch=replace(pair.branch, transport=HttpTransport()))
    _settle(pair.hq.database.url)
    rate = len(ready.rows) / over.cycle(len(ready.rows))
    server.close()
    thread.join(timeout=10)
    _drop(pair, factory)
    return rate


def _limit(factory: DatabaseFactory, dialect: str, ready: product.Ready, meter: Meter) -> None:
    url, short = factory.create(dialect), SHORT[dialect]
    limits.make_table(url)
    limit: Any = LIMITS[dialect](url)
    changes = make_changes(ready.rows, len(ready.rows) // 2)
    first = limit.prepare(ready.rows, first_change=1)
    updates = limit.prepare(changes, first_change=FIRST_CHANGE_OF_UPDATES)
    for name, blocks, count in (("first_load", first, len(ready.rows)), ("updates", updates, len(changes))):
        _settle(url)
        with meter.run(f"limit_{name}_{short}", count):
            limit.run(blocks)
    limit.close()
    factory.drop(url)


def _product(factory: DatabaseFactory, ready: product.Ready, meter: Meter) -> None:
    pair, short = product.copy(ready, factory), SHORT[ready.hq.database.dialect]
    changes = make_changes(ready.rows, len(ready.rows) // 2)
    _settle(pair.hq.database.url)
    with meter.run(f"product_first_load_{short}", len(ready.rows)):
        pair.cycle(len(ready.rows))
    pair.change(changes)
    _settle(pair.hq.database.url)
    product.settle(pair.branch.database)
    with meter.run(f"product_updates_{short}", len(changes)):
        pair.cycle(len(changes))
    _drop(pair, factory)


def _work_log(factory: DatabaseFactory, ready: product.Ready, meter: Meter) -> None:
    pair = product.copy(ready, factory)
    pair.cycle(len(ready.rows))
    entries = make_work_logs(len(ready.rows), ready.rows[0]["manager_id"])
    with pair.branch.database.sessions.begin() as session:
        for chunk in chunks(entries, BATCH):
            session.execute(insert(WorkLog), list(chunk))
    _settle(pair.hq.database.url)
    product.settle(pair.branch.database)
    with meter.run("product_work_log_postgres", len(entries)):
        pair.cycle(len(entries))
    _drop(pair, factory)


def _replicated(factory: DatabaseFactory, ready: product.Ready, meter: Meter) -> None:
    customers = Replication(factory, table_of(ReplicaCustomer))
    with customers.held_back():
        customers.insert(replica_rows(ready.rows, first_change=1, batch_id=1))
    customers.catch_up()
    changes = make_changes(ready.rows, len(ready.rows) // 2)
    with customers.held_back():
        customers.update(
            replica_rows(changes, first_change=FIRST_CHANGE_OF_UPDATES, batch_id=2),
            ("mobile", "grade", "remark", "updated_at", "row_change", "batch_id"),
        )
    with meter.run("replication_updates", len(changes)):
        customers.catch_up()
    customers.close()
    entries = make_work_logs(len(ready.rows), ready.rows[0]["manager_id"])
    work_log = Replication(factory, table_of(ReplicaWorkLog))
    with work_log.held_back():
        work_log.insert(replica_rows(entries, first_change=1, batch_id=1, model=ReplicaWorkLog))
    with meter.run("replication_work_log", len(entries)):
        work_log.catch_up()
    work_log.close()


def _usual(factory: DatabaseFactory, ready: product.Ready, meter: Meter) -> None:
    hq_url, branch_url = factory.create("postgresql"), factory.create("sqlite", ready.branch.database.url)
    limits.make_table(hq_url)
    branch, hq = Database(branch_url), Database(hq_url)
    write_customers(branch, ready.rows[: USUAL_ROWS + usual.ROWS])
    app = usual.create_app(hq)
    last = usual.send(branch, app, most=usual.ROWS)  # as warm as the product is
    _settle(hq_url)
    with meter.run("usual_first_load_postgres", USUAL_ROWS):
        usual.send(branch, app, most=USUAL_ROWS, after=last)
    branch.dispose()
    hq.dispose()
    factory.drop(branch_url)
    factory.drop(hq_url)


def _drop(pair: product.Pair, factory: DatabaseFactory) -> None:
    pair.close()
    factory.drop(pair.hq.database.url)
    factory.drop(pair.branch.database.url)


def _settle(url: str) -> None:
    """Start each run from rest; the rows this program holds are no work for the collector of anyone's garbage."""
    gc.collect()
    gc.freeze()
    database = Database(url)
    product.settle(database)
    database.dispose()
