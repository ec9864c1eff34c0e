"""Carrying values of later versions, and putting them where they belong once this version knows them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import and_, select, tuple_
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.orm import Session

from hq_server.carrying import queries
from hq_server.carrying.models import CarriedValues, SchemaTaken
from hq_server.parking.models import ParkedRecord
from hq_server.parking.operations import tell
from hq_server.parking.vocabulary import ParkedState
from sync_protocol.apply import INVALID, Applied
from sync_protocol.catalog import Binding
from sync_protocol.contract.messages import BatchHeader
from sync_protocol.wire import row_values, wire_row

CHUNK: Final = 500
VERSION: Final = ("row_lineage", "row_change")


def carry(
    session: Session, branch_number: int, header: BatchHeader, applied: Applied, *, known: int, batch_id: int
) -> int:
    """Keep what of applied rows is of columns not known here, of each row the newest; return of how many."""
    kept = [
        {
            "branch_number": branch_number,
            "record_type": header.record,
            "id": record_id,
            "row_lineage": header.lineage,
            "row_change": change,
            "schema_version": header.schema,
            "known_version": known,
            "batch_id": batch_id,
            "values": values,
        }
        for record_id, (change, values) in applied.carried.items()
        if applied.changes.get(record_id) == change
    ]
    insert = insert_postgresql if session.get_bind().dialect.name == "postgresql" else insert_sqlite
    for start in range(0, len(kept), CHUNK):
        statement = insert(CarriedValues).values(kept[start : start + CHUNK])
        new = statement.excluded
        session.execute(
            statement.on_conflict_do_update(
                index_elements=["branch_number", "record_type", "id"],
                set_={
                    name: new[name]
                    for name in (*VERSION, "schema_version", "known_version", "batch_id", "values")
                },
                where=tuple_(new.row_lineage, new.row_change)
                > tuple_(CarriedValues.row_lineage, CarriedValues.row_change),
            )
        )
    return len(kept)


def take_in(session: Session, binding: Binding, *, at: datetime, limit: int = CHUNK) -> int:
    """Put some carried values into the columns that this version knows; return how many were looked at.

    A row that has been replaced or removed since needs none of them. What this version refuses is parked.
    """
    found = queries.list_known_now(session, binding.record, limit=limit)
    refused: set[int] = set()
    for carried in found:
        line = _whole_line(session, binding, carried)
        if line is not None and not _put(session, binding, carried, line, at=at):
            refused.add(carried.branch_number)
        session.delete(carried)
    session.flush()
    for branch_number in refused:
        tell(session, branch_number, at=at, again=True)
    return len(found)


def note_taken(session: Session, record: str, version: int, *, at: datetime) -> None:
    """Write down that nothing of a record type waits for this version any more."""
    known = queries.find_taken(session, record)
    if known is None:
        session.add(SchemaTaken(record_type=record, version=version, taken_at=at))
    else:
        known.version, known.taken_at = version, at


def _whole_line(session: Session, binding: Binding, carried: CarriedValues) -> bytes | None:
    """Return the row as it was sent, from what HQ holds of it and what was carried; None when it has changed since."""
    table = binding.table
    dialect = session.get_bind().dialect.name
    line = session.scalar(
        select(wire_row(binding.at_version(carried.known_version), table.c.row_change, dialect)).where(
            _same(binding, carried)
        )
    )
    return None if line is None else line.encode()[:-1] + b"," + msgspec.json.encode(carried.values)[1:]


def _put(session: Session, binding: Binding, carried: CarriedValues, line: bytes, *, at: datetime) -> bool:
    """Write the columns that were carried; False when this version refuses them, and the row was parked."""
    record = binding.record
    reading = record.reading(carried.schema_version)
    reasons = reading.check.refuse_line(line)
    if reasons is not None:
        session.add(_parked(carried, line, reasons, at=at))
        return False
    row = reading.lengthened([reading.check.read_line(line)])[0]
    values = row_values(binding, msgspec.structs.astuple(row))
    added = record.columns[len(record.at_version(carried.known_version).columns) :]
    session.execute(
        binding.table.update().where(_same(binding, carried)).values({name: values[name] for name in added})
    )
    return True


def _same(binding: Binding, carried: CarriedValues) -> Any:  # noqa: ANN401 - a condition
    columns = binding.table.c
    return and_(
        columns.branch_number == carried.branch_number,
        columns.id == carried.id,
        columns.row_lineage == carried.row_lineage,
        columns.row_change == carried.row_change,
    )


def _parked(
    carried: CarriedValues, line: bytes, reasons: Mapping[str, list[str]], *, at: datetime
) -> ParkedRecord:
    return ParkedRecord(
        branch_number=carried.branch_number,
        batch_id=carried.batch_id,
        record_type=carried.record_type,
        schema_version=carried.schema_version,
        record_id=carried.id,
        row_lineage=carried.row_lineage,
        row_change=carried.row_change,
        line=line.decode(),
        code=INVALID,
        reasons=dict(reasons),
        state=ParkedState.PARKED,
        parked_at=at,
    )
