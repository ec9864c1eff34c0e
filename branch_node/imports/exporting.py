"""Records that HQ has not acknowledged, as files that `import` takes in: how a refused copy is emptied."""

from collections.abc import Iterator, Sequence
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, FromClause, or_, select
from sqlalchemy.orm import Session

from branch_node.imports import parsers
from branch_node.imports.columns import ATTRIBUTE, Column, Kind
from branch_node.imports.kinds import KINDS
from branch_node.runtime import BranchRuntime
from shared.files.spreadsheets import Column as Heading
from shared.files.spreadsheets import write_csv
from sync_protocol.changelog.models import SET_ASIDE, Change, OutboxBatch

FETCH: Final = 1_000


def export_unsent(runtime: BranchRuntime, folder: Path) -> dict[str, int]:
    """Write one CSV file a kind into `folder`, made if need be; return how many records each holds.

    What was removed here is not in them. Raises OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    zone = ZoneInfo(runtime.settings.timezone)
    counts = {}
    with runtime.database.reads() as session:
        for kind in KINDS.values():
            rows = list(_unsent_rows(session, kind))
            _write(folder / f"{kind.name}.csv", kind, rows, zone)
            counts[kind.name] = len(rows)
    return counts


def _unsent_rows(session: Session, kind: Kind) -> Iterator[dict[str, Any]]:
    """Yield the stored values of each record, with the numbers of what it refers to."""
    under_way = select(OutboxBatch.id).where(
        OutboxBatch.acknowledged_at.is_(None), OutboxBatch.voided_at.is_(None)
    )
    unsent = select(Change.record_id).where(
        Change.record_type == kind.record_type,
        or_(Change.batch_id.is_(None), Change.batch_id == SET_ASIDE, Change.batch_id.in_(under_way)),
    )
    columns: list[ColumnElement[Any]] = list(kind.table.c)
    source: FromClause = kind.table
    for column in kind.columns:
        if column.refers is not None:
            other = column.refers.alias()
            columns.append(other.c[_number_of(column.refers.name)].label(column.name))
            source = source.outerjoin(other, other.c.id == kind.table.c[column.stored_as])
    statement = select(*columns).select_from(source).where(kind.table.c.id.in_(unsent))
    statement = statement.order_by(kind.table.c.id).execution_options(yield_per=FETCH)
    for row in session.execute(statement):
        yield dict(row._mapping)


def _number_of(table: str) -> str:
    return next(kind.key for kind in KINDS.values() if kind.table.name == table)


def _write(path: Path, kind: Kind, rows: Sequence[dict[str, Any]], zone: tzinfo) -> None:
    labels = sorted({label for row in rows for label in row.get("attributes") or ()})
    columns = [column for column in kind.columns if not column.stored_as.startswith(ATTRIBUTE)]
    headings = [column.name for column in columns] + [ATTRIBUTE + label for label in labels]
    with path.open("wb") as file:
        write_csv(
            file,
            columns=[Heading(name, name) for name in headings],
            rows=(
                [_cell(column, row, zone) for column in columns]
                + [(row.get("attributes") or {}).get(label) for label in labels]
                for row in rows
            ),
        )


def _cell(column: Column, row: dict[str, Any], zone: tzinfo) -> object:
    """Return a value as `import` reads it: amounts in major units, times on the clock of the branch."""
    value = row[column.name] if column.refers is not None else row[column.stored_as]
    if value is not None and column.stored_as == "amount_minor":
        return str(parsers.to_major(value, row["currency"]))
    if isinstance(value, datetime):
        return value.astimezone(zone).replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")
    return value
