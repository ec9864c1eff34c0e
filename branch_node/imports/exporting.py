"""Records that HQ has not acknowledged, as files that `import` takes in: how a refused copy is emptied.

Row by row: how many there are makes no difference to the memory it takes.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, FromClause, Row, Select, or_, select
from sqlalchemy.orm import Session

from branch_node.imports import parsers
from branch_node.imports.columns import ATTRIBUTE, SINCE, Column, Kind
from branch_node.imports.kinds import KINDS
from branch_node.imports.store import UNITS
from branch_node.runtime import BranchRuntime
from branch_node.units.models import UnitOwner
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
            labels = _unsent_labels(session, kind)
            rows = _unsent_rows(session, kind)
            counts[kind.name] = _write(folder / f"{kind.name}.csv", kind, labels, rows, zone)
    return counts


def _unsent_rows(session: Session, kind: Kind) -> Iterator[dict[str, Any]]:
    """Yield the stored values of each record, with the numbers of what it refers to."""
    columns: list[ColumnElement[Any]] = list(kind.table.c)
    source: FromClause = kind.table
    for column in kind.columns:
        if column.refers is not None:
            other = column.refers.alias()
            columns.append(other.c[_number_of(column.refers.name)].label(column.name))
            source = source.outerjoin(other, other.c.id == kind.table.c[column.stored_as])
    if kind.table is UNITS:
        # Since when a unit is its owner's follows from its events and stands in no column of its own.
        owned = (UnitOwner.unit_id == UNITS.c.id) & UnitOwner.until_on.is_(None)
        columns.append(UnitOwner.from_on.label(SINCE))
        source = source.outerjoin(UnitOwner, owned & UnitOwner.customer_id.is_not(None))
    for row in _streamed(session, kind, select(*columns).select_from(source)):
        yield dict(row._mapping)


def _unsent_labels(session: Session, kind: Kind) -> list[str]:
    """Return the names of all attributes that these records have: they are headings, which stand before any row."""
    if "attributes" not in kind.table.c:
        return []
    held = _streamed(session, kind, select(kind.table.c.attributes))
    return sorted({label for row in held for label in row[0] or ()})


def _streamed(session: Session, kind: Kind, wanted: Select[Any]) -> Iterable[Row[Any]]:
    under_way = select(OutboxBatch.id).where(
        OutboxBatch.acknowledged_at.is_(None), OutboxBatch.voided_at.is_(None)
    )
    unsent = select(Change.record_id).where(
        Change.record_type == kind.record_type,
        or_(Change.batch_id.is_(None), Change.batch_id == SET_ASIDE, Change.batch_id.in_(under_way)),
    )
    ordered = wanted.where(kind.table.c.id.in_(unsent)).order_by(kind.table.c.id)
    return session.execute(ordered.execution_options(yield_per=FETCH))


def _number_of(table: str) -> str:
    return next(kind.key for kind in KINDS.values() if kind.table.name == table)


def _write(
    path: Path, kind: Kind, labels: Sequence[str], rows: Iterable[dict[str, Any]], zone: tzinfo
) -> int:
    columns = [column for column in kind.columns if not column.stored_as.startswith(ATTRIBUTE)]
    headings = [column.name for column in columns] + [ATTRIBUTE + label for label in labels]
    with path.open("wb") as file:
        return write_csv(
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
