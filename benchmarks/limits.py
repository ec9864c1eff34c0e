"""The limits: what each database takes at best, from rows in memory, with no guarantee of ours.

The table, its key and its indexes are those of HQ's replica; 5,000 rows a transaction, every one durable.
"""

from collections.abc import Sequence
from typing import Any

import psycopg
from sqlalchemy import make_url

from benchmarks.work import BATCH, Row, chunks, replica_columns, replica_tuples, table_of
from hq_server.replica.models import ReplicaCustomer
from shared.db.engine import Database

TABLE = ReplicaCustomer.__tablename__


def _conflict() -> str:
    sets = ", ".join(f"{n} = excluded.{n}" for n in replica_columns() if n not in {"branch_number", "id"})
    return f"ON CONFLICT (branch_number, id) DO UPDATE SET {sets}"


def make_table(url: str) -> None:
    """Make HQ's table of customers in an empty database."""
    database = Database(url)
    table_of(ReplicaCustomer).create(database.engine)
    database.dispose()


class PostgresLimit:
    """COPY into a staging table, one INSERT .. ON CONFLICT a transaction."""

    def __init__(self, url: str) -> None:
        """Open `url`, which has the table."""
        plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        self._connection = psycopg.connect(plain)
        self._connection.execute(
            f"CREATE TEMPORARY TABLE stage ON COMMIT DELETE ROWS AS SELECT * FROM {TABLE} WITH NO DATA"
        )
        self._connection.commit()

    def prepare(self, rows: Sequence[Row], *, first_change: int) -> list[bytes]:
        """Return what `run` takes; its making is not part of the limit."""
        return [
            b"".join(
                _copy_line(values)
                for values in replica_tuples(chunk, first_change=first_change, batch_id=number)
            )
            for number, chunk in enumerate(chunks(rows, BATCH), start=first_change)
        ]

    def run(self, blocks: Sequence[bytes]) -> None:
        """Upsert the blocks, each in a transaction of its own."""
        for block in blocks:
            with self._connection.transaction(), self._connection.cursor() as cursor:
                with cursor.copy("COPY stage FROM STDIN") as copy:
                    copy.write(block)
                cursor.execute(f"INSERT INTO {TABLE} SELECT * FROM stage {_conflict()}")

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


class SqliteLimit:
    """executemany of one upsert a transaction, in WAL with synchronous=FULL."""

    def __init__(self, url: str) -> None:
        """Open `url`, which has the table."""
        self._database = Database(url)
        self._connection: Any = self._database.engine.raw_connection().driver_connection

    def prepare(self, rows: Sequence[Row], *, first_change: int) -> list[list[tuple[Any, ...]]]:
        """Return what `run` takes; its making is not part of the limit."""
        return [
            replica_tuples(chunk, first_change=first_change, batch_id=number)
            for number, chunk in enumerate(chunks(rows, BATCH), start=first_change)
        ]

    def run(self, blocks: Sequence[list[tuple[Any, ...]]]) -> None:
        """Upsert the blocks, each in a transaction of its own."""
        marks = ", ".join("?" * len(replica_columns()))
        for block in blocks:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany(f"INSERT INTO {TABLE} VALUES ({marks}) {_conflict()}", block)
            self._connection.execute("COMMIT")

    def close(self) -> None:
        """Close the connection."""
        self._database.dispose()


def _copy_line(values: Sequence[Any]) -> bytes:
    return "\t".join(_copy_value(value) for value in values).encode() + b"\n"


def _copy_value(value: object) -> str:
    if value is None:
        return r"\N"
    return str(value).replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
