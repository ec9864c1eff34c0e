"""Reads of what is carried."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hq_server.carrying.models import CarriedValues, SchemaTaken
from hq_server.parking.models import ParkedRecord
from hq_server.parking.vocabulary import ParkedState
from sync_protocol.catalog import Bindings, RecordType


def proven_versions(
    session: Session, branch_number: int, bindings: Bindings
) -> Mapping[str, tuple[int, int]]:
    """Return the first and the last version of each record type that HQ reads whole of a branch.

    While values are still being carried, the last is the one that was read whole when they came.
    """
    statement = (
        select(CarriedValues.record_type, func.min(CarriedValues.known_version))
        .where(CarriedValues.branch_number == branch_number)
        .group_by(CarriedValues.record_type)
    )
    carried: dict[str, int] = {row[0]: row[1] for row in session.execute(statement)}
    return {
        name: (first, min(last, carried.get(name, last)))
        for name, (first, last) in versions_of(bindings).items()
    }


def versions_of(bindings: Bindings) -> Mapping[str, tuple[int, int]]:
    """Return the first and the last version of each record type that this release reads."""
    return {name: (binding.record.reads[0], binding.record.version) for name, binding in bindings.items()}


def list_known_now(session: Session, record: RecordType, *, limit: int) -> Sequence[CarriedValues]:
    """Return carried values that the present version knows."""
    statement = select(CarriedValues).where(
        CarriedValues.record_type == record.name, CarriedValues.schema_version <= record.version
    )
    ordered = statement.order_by(CarriedValues.branch_number, CarriedValues.id)
    return session.scalars(ordered.limit(limit)).all()


def list_refused(session: Session, record: str, *, above: int, limit: int) -> Sequence[ParkedRecord]:
    """Return refused lines of a record type above an id, oldest first; not those that only wait for another."""
    statement = select(ParkedRecord).where(
        ParkedRecord.record_type == record,
        ParkedRecord.state == ParkedState.PARKED,
        ParkedRecord.waits_id.is_(None),
        ParkedRecord.id > above,
    )
    return session.scalars(statement.order_by(ParkedRecord.id).limit(limit)).all()


def with_carried(
    session: Session, branch_number: int, record: str, rows: list[list[Any]], *, schema: int
) -> list[list[Any]]:
    """Return wire rows with the values that were carried of each, up to version `schema`."""
    found = session.scalars(
        select(CarriedValues).where(
            CarriedValues.branch_number == branch_number,
            CarriedValues.record_type == record,
            CarriedValues.id.in_([row[1] for row in rows]),
            CarriedValues.schema_version <= schema,
        )
    )
    carried = {(one.id, one.row_change): one.values for one in found}
    return [[*row, *carried.get((row[1], row[0]), [])] for row in rows]


def find_taken(session: Session, record: str) -> SchemaTaken | None:
    """Return up to which version a record type has been taken in, or None when it never was looked at."""
    return session.get(SchemaTaken, record)
