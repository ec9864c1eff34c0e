"""Bulk loading of checked wire rows: the fastest way each database has, with one statement a table.

PostgreSQL: a compact JSON row without its brackets is a CSV row, so a block goes into COPY as one piece;
only rows with JSON escapes that CSV does not share are written value by value. Rows that the sender
made since its last batch are copied straight into the table, others through a staging table
and one upsert. SQLite: executemany of the typed rows with one upsert.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import psycopg
from sqlalchemy import Connection, Table
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from sync_protocol.contract.checks import RecordCheck

# The JSON escapes msgspec writes that CSV with ESCAPE '\' does not undo; `\"` and `\\` are undone by both.
FOREIGN_ESCAPE: Final = re.compile(rb"\\[nrtubf]")
PIECE: Final = 500
# Searching for a refused row, fewer are inserted one by one: emptying a staging table again and again costs more.
FEW: Final = 64
OWN_COLUMNS: Final = ("branch_number", "row_lineage", "batch_id")


@dataclass(frozen=True, slots=True)
class RowVersion:
    """What HQ adds to each row: whose it is, the lineage of its version, the batch that brought it."""

    branch_number: int
    lineage: int
    batch_id: int
    fresh: bool

    @property
    def values(self) -> tuple[int, int, int]:
        """Return the values of OWN_COLUMNS."""
        return self.branch_number, self.lineage, self.batch_id


def load_rows(
    session: Session,
    table: Table,
    check: RecordCheck,
    rows: list[Any],
    version: RowVersion,
    *,
    searching: bool = False,
) -> None:
    """Insert or update typed rows that passed `check`, each only when its version is newer than the one held.

    `searching` says that these are part of rows of which the database refused some. Raises SQLAlchemy's
    errors; the caller holds a savepoint.
    """
    if session.get_bind().dialect.name != "postgresql":
        _insert_each(session, table, check, rows, version, mark="?")
    elif searching and len(rows) < FEW:
        _insert_each(session, table, check, rows, version, mark="%s")
    else:
        _load_postgresql(session, table, check, rows, version)


def _table_columns(check: RecordCheck) -> list[str]:
    return ["row_change", *check.columns[1:]]


def _conflict_clause(table: Table, columns: list[str]) -> str:
    updated = [name for name in (*columns, "row_lineage", "batch_id") if name != "id"]
    assignments = ", ".join(f"{name} = excluded.{name}" for name in updated)
    return (
        f"ON CONFLICT (branch_number, id) DO UPDATE SET {assignments} "
        f"WHERE (excluded.row_lineage, excluded.row_change) > ({table.name}.row_lineage, {table.name}.row_change)"
    )


def _insert_each(
    session: Session, table: Table, check: RecordCheck, rows: list[Any], version: RowVersion, *, mark: str
) -> None:
    columns = _table_columns(check)
    marks = ", ".join([mark] * len(columns))
    own = ", ".join(str(value) for value in version.values)
    statement = (
        f"INSERT INTO {table.name} ({', '.join(columns)}, {', '.join(OWN_COLUMNS)}) "  # noqa: S608 - our own names and numbers
        f"VALUES ({marks}, {own}) {_conflict_clause(table, columns)}"
    )
    session.connection().exec_driver_sql(statement, [msgspec.structs.astuple(row) for row in rows])


def _load_postgresql(
    session: Session, table: Table, check: RecordCheck, rows: list[Any], version: RowVersion
) -> None:
    columns = _table_columns(check)
    own = ",".join(str(value) for value in version.values)
    if version.fresh and _copied_straight(session, table, columns, _pieces(check, rows, suffix=f",{own}")):
        return
    connection = session.connection()
    names, own_names = ", ".join(columns), ", ".join(OWN_COLUMNS)
    stage = f"stage_{table.name}"
    connection.exec_driver_sql(
        f"CREATE TEMPORARY TABLE IF NOT EXISTS {stage} ON COMMIT DELETE ROWS "  # noqa: S608 - our own names
        f"AS SELECT {names} FROM {table.name} WITH NO DATA"
    )
    connection.exec_driver_sql(f"TRUNCATE {stage}")
    _copy(connection, f"{stage} ({names})", _pieces(check, rows))
    connection.exec_driver_sql(
        f"INSERT INTO {table.name} ({names}, {own_names}) SELECT {names}, {own} FROM {stage} "  # noqa: S608 - our own names and numbers
        f"{_conflict_clause(table, columns)}"
    )


def _copied_straight(session: Session, table: Table, columns: list[str], pieces: Iterator[bytes]) -> bool:
    """Copy rows the sender calls fresh into the table; False, with nothing done, when one is here already."""
    try:
        with session.begin_nested():
            _copy(session.connection(), f"{table.name} ({', '.join([*columns, *OWN_COLUMNS])})", pieces)
    except IntegrityError:
        return False
    return True


def _copy(connection: Connection, into: str, pieces: Iterator[bytes]) -> None:
    statement = f"COPY {into} FROM STDIN (FORMAT csv, ESCAPE '\\', NULL 'null')"
    driver: Any = connection.connection.driver_connection
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            for piece in pieces:
                copy.write(piece)
    except psycopg.Error as error:
        raise DBAPIError.instance(statement, None, error, psycopg.Error) from error


def _pieces(check: RecordCheck, rows: list[Any], *, suffix: str = "") -> Iterator[bytes]:
    """Yield rows as CSV, piece by piece, so that the server reads one while we write the next.

    They are written anew, so that a sender's spaces or unusual escapes cannot reach the CSV reader.
    """
    for start in range(0, len(rows), PIECE):
        yield _csv(check.write_lines(rows[start : start + PIECE]), suffix=suffix.encode())


def _csv(block: bytes, *, suffix: bytes = b"") -> bytes:
    """Turn JSON arrays, one a line, into CSV rows that end in `suffix`."""
    ending = suffix + b"\n"
    if FOREIGN_ESCAPE.search(block) is None:
        return block[1:-1].replace(b"]\n[", ending) + ending
    return b"".join(
        (_csv_row(line) if FOREIGN_ESCAPE.search(line) else line[1:-1]) + ending
        for line in block.split(b"\n")
    )


def _csv_row(line: bytes) -> bytes:
    return ",".join(_csv_value(value) for value in msgspec.json.decode(line)).encode()


def _csv_value(value: str | int | None) -> str:
    if value is None:
        return "null"
    if isinstance(value, int):
        return str(value)
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
