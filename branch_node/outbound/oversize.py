"""Records too large to be sent, told to people until they are smaller."""

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from branch_node.outbound.alarms import RECORD_TOO_LARGE
from shared.alarms.operations import clear_alarm, raise_alarm
from shared.db.scope import EVERY
from shared.domain.wire_words import RECORD_NUMBERS
from shared.rights.ranges import BY_HAND, rows_seen
from sync_protocol.catalog import Bindings
from sync_protocol.changelog.models import OversizeRecord
from sync_protocol.contract.payload import MAX_PAYLOAD_BYTES, MAX_WIRE_BYTES

MB: Final = 2**20


def tell(session: Session, bindings: Bindings, told: Collection[str], *, at: datetime) -> None:
    """Raise an alarm for each record that is set aside, once, and clear those of records that go again.

    For whichever receiver it is set aside: it is one record, and one alarm. `told` are those with an open alarm.
    """
    everywhere = session.scalars(select(OversizeRecord).execution_options(**EVERY))
    present = {f"{one.record_type}/{one.record_id}": one for one in everywhere}
    for name, one in present.items():
        if name not in told:
            raise_alarm(
                session, RECORD_TOO_LARGE, ("record", name), at=at, details=_details(session, bindings, one)
            )
    for name in set(told) - present.keys():
        clear_alarm(session, RECORD_TOO_LARGE, ("record", name), at=at)


def number_of(session: Session, bindings: Bindings, one: OversizeRecord) -> str:
    """Return the number by which people know a record, or its id."""
    table, column = bindings[one.record_type].table, RECORD_NUMBERS.get(one.record_type)
    if column is None:
        return one.record_id
    number = select(table.c[column]).where(table.c.id == one.record_id, *rows_seen(session, table))
    found = session.scalar(number.execution_options(**BY_HAND))
    return str(found or one.record_id)


def _details(session: Session, bindings: Bindings, one: OversizeRecord) -> dict[str, Any]:
    """Return what the alarm tells: as it goes over the line when that is too much, else unpacked."""
    on_line = one.wire_bytes > MAX_WIRE_BYTES
    size, most = (one.wire_bytes, MAX_WIRE_BYTES) if on_line else (one.payload_bytes, MAX_PAYLOAD_BYTES)
    return {
        "number": number_of(session, bindings, one),
        "size": -(-size // MB),
        "most": most // MB,
    }
