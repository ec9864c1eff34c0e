"""Changing rows behind the product's back: raw SQL, with the triggers that would capture it dropped."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import Connection, Table, insert, select, text

from branch_node.bindings import install_capture
from branch_node.customers.models import CONTACT_SEARCH, CUSTOMER_SEARCH
from branch_node.worklogs.models import WORK_LOG_SEARCH
from shared.db.engine import Database
from shared.ids import new_id
from tests.support.world import BranchHere, World

KINDS: Final = ("flip", "drop", "add")
# A column of each record type whose text or number may change without another rule noticing.
COLUMNS: Final = {
    "manager": "name",
    "department": "name",
    "staff": "name",
    "customer": "name",
    "contact": "name",
    "qualification": "judged_by",
    "unit": "serial_no",
    "bill_line": "amount_minor",
    "work_log": "text",
    "unit_event": "created_by",
    "offer_answer": "offer_code",
    "question_answer": "question_code",
    "customer_month": "charge_minor",
    "operation_month": "visits",
    "day_close": "closed_at",
    "legal_hold": "reason",
    "customer_identity": "merged_by",
    "personal_request": "ended_at",
    "erasure": "erased_by",
}
# Tables with one row a customer at most.
ONCE_A_CUSTOMER: Final = {
    "erasures",
    "replica_erasures",
    "customer_identities",
    "replica_customer_identities",
}


@contextmanager
def uncaptured(database: Database, table: Table) -> Iterator[Connection]:
    """A transaction in which nothing notices what is written to `table`, foreign keys neither."""
    with database.engine.begin() as connection:
        if database.dialect == "postgresql":
            connection.execute(text(f"ALTER TABLE {table.name} DISABLE TRIGGER ALL"))
            yield connection
            connection.execute(text(f"ALTER TABLE {table.name} ENABLE TRIGGER ALL"))
            return
        # SQLite hears this outside a transaction only.
        for statement in ("COMMIT", "PRAGMA foreign_keys=OFF", "BEGIN IMMEDIATE"):
            connection.exec_driver_sql(statement)
        for (name,) in connection.execute(
            text("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :table"),
            {"table": table.name},
        ).all():
            connection.execute(text(f"DROP TRIGGER {name}"))
        yield connection
        for statement in ("COMMIT", "PRAGMA foreign_keys=ON", "BEGIN IMMEDIATE"):
            connection.exec_driver_sql(statement)


def damage(world: World, branch: BranchHere, side: str, record: str, kind: str) -> str:
    """Flip, drop or add one row of a record type at "hq" or at the "branch"; return the id it is about."""
    runtime: Any = world.hq if side == "hq" else branch.runtime
    table = runtime.bindings[record].table
    with uncaptured(runtime.database, table) as connection:
        row = dict(connection.execute(select(table).order_by(table.c.id).limit(1)).mappings().one())
        changed = _damage(connection, table, row, kind, COLUMNS[record])
    if side == "branch":
        with runtime.database.engine.begin() as connection:
            install_capture(connection)
            CUSTOMER_SEARCH.install(connection)
            CONTACT_SEARCH.install(connection)
            WORK_LOG_SEARCH.install(connection)
    return changed


def _damage(connection: Connection, table: Table, row: dict[str, Any], kind: str, column: str) -> str:
    record_id = str(row["id"])
    if kind == "drop":
        connection.execute(table.delete().where(table.c.id == record_id))
    elif kind == "flip":
        connection.execute(
            table.update().where(table.c.id == record_id).values({column: _flipped(row[column])})
        )
    else:
        record_id = new_id()
        new = {**row, "id": record_id}
        for unique in ("customer_no", "contact_no", "manager_no", "bill_no", "log_no", "code", "serial_no"):
            if unique in new:
                new[unique] = f"X{record_id[-12:]}"
        if table.name in ONCE_A_CUSTOMER:
            new["customer_id"] = new_id()
        if "month" in new:
            new["month"] = "1999-01"
        if "day" in new:
            new["day"] = new["day"].replace(year=1999)
        connection.execute(insert(table).values(**new))
    return record_id


def _flipped(value: Any) -> Any:
    if isinstance(value, str):
        return chr(ord(value[0]) ^ 1) + value[1:]
    if isinstance(value, int):
        return value ^ 1
    return value.replace(microsecond=value.microsecond ^ 1)
