"""What keeping in step costs a branch: capture, bytes on the line, idle cycles, few changes among many rows."""

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import func, select, text

from benchmarks import product
from benchmarks.work import Row, keyed_json, make_changes, table_of, write_changes, write_customers
from branch_node.customers.models import Customer
from branch_node.outbound.cycle import run_cycle
from branch_node.runtime import Answer, Request, Transport
from shared.db.engine import Database
from shared.jobs.job import Progress
from sync_protocol.changelog.models import OutboxBatch
from tests.support.databases import DatabaseFactory

CHANGES: Final = 1_000
ROUNDS: Final = 5
TRIGGERS: Final = ("insert", "update", "delete")


class Counting:
    """Counts the requests that pass."""

    def __init__(self, inner: Transport) -> None:
        """Pass requests on to `inner`."""
        self._inner = inner
        self.requests = 0

    def send(self, request: Request) -> Answer:
        """Pass one request on."""
        self.requests += 1
        return self._inner.send(request)


def capture(ready: product.Ready, factory: DatabaseFactory) -> float:
    """Return what writing costs with the capture triggers as a multiple of without: inserts and updates together."""
    with_triggers, without = [], []
    for _round in range(ROUNDS):
        with_triggers.append(_write(ready, factory, captured=True))
        without.append(_write(ready, factory, captured=False))
    return statistics.median(with_triggers) / statistics.median(without)


def wire(ready: product.Ready, factory: DatabaseFactory) -> tuple[float, float]:
    """Return bytes a changed row on the line (headers of requests apart), and as keyed JSON."""
    pair = product.copy(ready, factory)
    pair.cycle(len(ready.rows))
    changes = make_changes(ready.rows, len(ready.rows) // 2)
    pair.change(changes)
    with pair.branch.database.reads() as session:
        last = session.scalar(select(func.max(OutboxBatch.id)))
    pair.cycle(len(changes))
    with pair.branch.database.reads() as session:
        sent = select(func.sum(OutboxBatch.payload_bytes)).where(OutboxBatch.id > last)
        size = int(session.scalar(sent) or 0)
    _drop(pair, factory)
    return size / len(changes), statistics.mean(len(keyed_json(row)) for row in changes)


def idle(ready: product.Ready, factory: DatabaseFactory) -> tuple[int, float]:
    """Return the requests of a cycle with nothing to send, and its CPU milliseconds, HQ's included."""
    pair = product.copy(ready, factory)
    pair.cycle(len(ready.rows))
    line = Counting(pair.branch.transport)
    branch = replace(pair.branch, transport=line)
    taken = []
    for _round in range(10):
        started = time.process_time()
        run_cycle(branch, Progress())
        taken.append(time.process_time() - started)
    _drop(pair, factory)
    return line.requests // len(taken), statistics.median(taken) * 1000


@dataclass(frozen=True)
class Few:
    """Seconds of a cycle of 1,000 changes among some rows, and of what the databases alone take for them."""

    cycle: float
    databases: float


def few_among(ready: product.Ready, factory: DatabaseFactory, many: int) -> tuple[Few, Few]:
    """Return what a cycle of 1,000 changes takes: among the rows of `ready`, and among `many`."""
    pair = product.copy(ready, factory)
    count = len(ready.rows)
    pair.cycle(count)
    few = _few(pair)
    copies = max(many // count - 1, 1)
    for number in range(copies):
        with pair.branch.database.sessions.begin() as session:
            session.execute(text(_copy_rows(number)))
    pair.cycle(copies * count)
    result = few, _few(pair)
    _drop(pair, factory)
    return result


def _few(pair: product.Pair) -> Few:
    taken = []
    for number in range(ROUNDS):
        with pair.branch.database.sessions.begin() as session:
            session.execute(
                text(
                    "UPDATE customers SET mobile = :mobile WHERE id IN"
                    " (SELECT id FROM customers ORDER BY random() LIMIT :count)"
                ),
                {"mobile": f"137{number:08d}", "count": CHANGES},
            )
        product.settle(pair.branch.database)
        product.settle(pair.hq.database)
        taken.append(pair.cycle(CHANGES))
    alone = [_by_the_databases(pair, f"136{number:08d}") for number in range(ROUNDS)]
    return Few(statistics.median(taken), statistics.median(alone))


def _by_the_databases(pair: product.Pair, mobile: str) -> float:
    """Return the seconds of reading 1,000 rows by their ids and changing them by their ids, and nothing else."""
    branch: Any = pair.branch.database.engine.raw_connection().driver_connection
    hq: Any = pair.hq.database.engine.raw_connection().driver_connection
    chosen = branch.execute("SELECT id FROM customers ORDER BY random() LIMIT ?", (CHANGES,)).fetchall()
    product.settle(pair.hq.database)
    started = time.perf_counter()
    for key in chosen:
        branch.execute("SELECT * FROM customers WHERE id = ?", key).fetchone()
    hq.execute("BEGIN IMMEDIATE")
    change = "UPDATE replica_customers SET mobile = ? WHERE branch_number = 1 AND id = ?"
    done = hq.executemany(change, [(mobile, *key) for key in chosen])
    hq.execute("COMMIT")
    seconds = time.perf_counter() - started
    assert done.rowcount == CHANGES
    return seconds


def _copy_rows(number: int) -> str:
    """Return the statement that doubles the made-up customers under ids and numbers of their own."""
    names = [column.name for column in table_of(Customer).columns]
    changed = {
        "id": "substr(r, 1, 8) || '-' || substr(r, 9, 4) || '-4' || substr(r, 13, 3) || '-8' || substr(r, 16, 3)"
        " || '-' || substr(r, 19, 12)",
        "customer_no": f"customer_no || '-{number}'",
    }
    values = ", ".join(changed.get(name, name) for name in names)
    return (
        f"INSERT INTO customers ({', '.join(names)}) SELECT {values} FROM"
        " (SELECT *, lower(hex(randomblob(16))) AS r FROM customers"
        " WHERE customer_no LIKE 'C%' AND customer_no NOT LIKE '%-%')"
    )


def _write(ready: product.Ready, factory: DatabaseFactory, *, captured: bool) -> float:
    url = factory.create("sqlite", ready.branch.database.url)
    database = Database(url)
    with database.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM customers")
        if not captured:
            for event in TRIGGERS:
                connection.exec_driver_sql(f"DROP TRIGGER capture_customers_{event}")
    product.settle(database)
    rows: Sequence[Row] = ready.rows[: 4 * CHANGES]
    started = time.perf_counter()
    write_customers(database, rows)
    write_changes(database, make_changes(rows, len(rows)))
    taken = time.perf_counter() - started
    database.dispose()
    factory.drop(url)
    return taken


def _drop(pair: product.Pair, factory: DatabaseFactory) -> None:
    pair.close()
    factory.drop(pair.hq.database.url)
    factory.drop(pair.branch.database.url)
