"""The refused rows that are a branch's last word on a record: HQ holds it in no newer version."""

from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from hq_server.parking.models import ParkedRecord
from hq_server.parking.queries import held_versions
from hq_server.parking.vocabulary import ParkedState
from sync_protocol.catalog import Binding
from sync_protocol.contract.evolution import respelt

STANDING: Final = (ParkedState.PARKED, ParkedState.WAIVED)


def list_refused_types(session: Session, branch_number: int) -> frozenset[str]:
    """Return the record types of which any line of a branch is refused, parked or waived."""
    refused = select(ParkedRecord.record_type).where(
        ParkedRecord.branch_number == branch_number, ParkedRecord.state.in_(STANDING)
    )
    return frozenset(session.scalars(refused.distinct()))


def newest_refused(session: Session, branch_number: int, binding: Binding) -> dict[str, ParkedRecord]:
    """Return by id the newest refused line, parked or waived, of each record that HQ holds in no newer version."""
    newest: dict[str, ParkedRecord] = {}
    refused = select(ParkedRecord).where(
        ParkedRecord.branch_number == branch_number,
        ParkedRecord.record_type == binding.record.name,
        ParkedRecord.state.in_(STANDING),
    )
    for parked in session.scalars(refused):
        known = newest.get(parked.record_id or "")
        if parked.record_id is not None and (known is None or parked.version > known.version):
            newest[parked.record_id] = parked
    held = held_versions(session, branch_number, binding.table, binding.record.name, newest)
    return {one: parked for one, parked in newest.items() if parked.version > held.get(one, (0, 0))}


def line_of(parked: ParkedRecord, binding: Binding) -> bytes:
    """Return a refused line in the bound version of its record type."""
    record = binding.record
    return respelt(
        record.schemas, record.name, parked.line.encode(), sent=parked.schema_version, wanted=record.version
    )
