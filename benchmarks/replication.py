"""PostgreSQL's own logical replication as a peer: from one database of a server into another.

It catches up on what was committed while its table was locked at the other side, as a branch does after its timer;
the clock runs from the moment it may write until the last row can be read there.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, LiteralString

import psycopg
from psycopg import sql
from sqlalchemy import Table, make_url

from benchmarks.work import BATCH, Row, chunks
from shared.db.engine import Database
from tests.support.databases import DatabaseFactory

NAME: Final = "bench"
PATIENCE_S: Final = 300.0


class Replication:
    """One table, published in one database and subscribed to in another."""

    def __init__(self, factory: DatabaseFactory, table: Table) -> None:
        """Make both databases, with the table and its indexes, and join them; nothing is copied yet."""
        self._factory = factory
        self._table = table
        self._urls = [factory.create("postgresql") for _side in range(2)]
        for url in self._urls:
            database = Database(url)
            table.create(database.engine)
            database.dispose()
        self._source, self._sink = (psycopg.connect(_plain(url), autocommit=True) for url in self._urls)
        self._source.execute(
            sql.SQL("CREATE PUBLICATION {} FOR TABLE {}").format(
                sql.Identifier(NAME), sql.Identifier(table.name)
            )
        )
        # Within one server the slot must be there before the subscription, or both wait for each other.
        self._source.execute("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", [NAME])
        self._sink.execute(
            sql.SQL(
                "CREATE SUBSCRIPTION {name} CONNECTION {source} PUBLICATION {name}"
                " WITH (create_slot = false, slot_name = {name}, copy_data = false)"
            ).format(name=sql.Identifier(NAME), source=sql.Literal(_plain(self._urls[0])))
        )

    def insert(self, rows: Sequence[Row]) -> None:
        """Commit rows at the source, `BATCH` a transaction."""
        self._write(self._statement("INSERT INTO {table} ({columns}) VALUES ({values})", rows[0]), rows)

    def update(self, rows: Sequence[Row], columns: Sequence[str]) -> None:
        """Commit changed `columns` of rows at the source, `BATCH` a transaction."""
        sets = sql.SQL(", ").join(
            sql.SQL("{} = {}").format(sql.Identifier(name), sql.Placeholder(name)) for name in columns
        )
        statement = sql.SQL(
            "UPDATE {} SET {} WHERE branch_number = %(branch_number)s AND id = %(id)s"
        ).format(sql.Identifier(self._table.name), sets)
        self._write(statement, rows)

    @contextmanager
    def held_back(self) -> Iterator[None]:
        """Let nothing be applied while the block commits at the source."""
        with psycopg.connect(_plain(self._urls[1])) as holder:
            holder.execute(
                sql.SQL("LOCK TABLE {} IN EXCLUSIVE MODE").format(sql.Identifier(self._table.name))
            )
            yield

    def catch_up(self) -> None:
        """Wait until the sink holds all that is committed at the source."""
        place = self._source.execute("SELECT pg_current_wal_lsn()").fetchone()
        assert place is not None
        started = time.monotonic()
        while not self._reached(place[0]):
            assert time.monotonic() - started < PATIENCE_S, "the subscription does not catch up"
            time.sleep(0.002)

    def close(self) -> None:
        """Take it all away."""
        self._sink.execute(f"ALTER SUBSCRIPTION {NAME} DISABLE")
        self._sink.execute(f"ALTER SUBSCRIPTION {NAME} SET (slot_name = NONE)")
        self._sink.execute(f"DROP SUBSCRIPTION {NAME}")
        while self._source.execute("SELECT 1 FROM pg_replication_slots WHERE active").fetchone():
            time.sleep(0.01)
        self._source.execute("SELECT pg_drop_replication_slot(%s)", [NAME])
        for connection in (self._source, self._sink):
            connection.close()
        for url in self._urls:
            self._factory.drop(url)

    def _write(self, statement: sql.Composed, rows: Sequence[Row]) -> None:
        for chunk in chunks(rows, BATCH):
            with self._source.transaction(), self._source.cursor() as cursor:
                cursor.executemany(statement, chunk)

    def _statement(self, form: LiteralString, row: Row) -> sql.Composed:
        return sql.SQL(form).format(
            table=sql.Identifier(self._table.name),
            columns=sql.SQL(", ").join(map(sql.Identifier, row)),
            values=sql.SQL(", ").join(map(sql.Placeholder, row)),
        )

    def _reached(self, place: str) -> bool:
        told = self._source.execute(
            "SELECT replay_lsn >= %s::pg_lsn FROM pg_stat_replication WHERE application_name = %s",
            [place, NAME],
        ).fetchone()
        return bool(told and told[0])


def _plain(url: str) -> str:
    """Return what libpq connects by; a server talks to itself over the same socket."""
    parsed: Any = make_url(url)
    return f"host={parsed.query['host']} dbname={parsed.database} user={parsed.username}"
