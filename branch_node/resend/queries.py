"""What is being sent once more, what comes next of it, and which records a person meant."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from branch_node.resend.errors import BatchGoneError, ResendNumberError
from branch_node.resend.models import Resend
from shared.db.parts import Part, first_of
from shared.domain.wire_words import RECORD_NUMBERS
from sync_protocol.catalog import Binding
from sync_protocol.changelog.models import OutboxBatch
from sync_protocol.contract.payload import decompress, parse_payload

ENTERED = "created_at"


@dataclass(frozen=True, slots=True)
class BatchName:
    """Which batch a person means: its channel, number and lineage."""

    channel: str
    batch_no: int
    lineage: int

    def __str__(self) -> str:
        """Return it as people write it."""
        return f"{self.channel}/{self.batch_no}" + (f" ({self.lineage})" if self.lineage > 1 else "")


def find_current(session: Session, among: Collection[str], *, lock: bool = False) -> Resend | None:
    """Return what of these record types is being sent once more now: the one asked for first."""
    open_ = select(Resend).where(Resend.ended_at.is_(None), Resend.record_type.in_(sorted(among)))
    first = open_.order_by(Resend.id).limit(1)
    return session.scalar(first.with_for_update() if lock else first)


def list_resends(session: Session, *, limit: int) -> Part[Resend]:
    """Return what was asked for last, newest first, and how much there is."""
    return first_of(session, select(Resend).order_by(Resend.id.desc()), limit)


def next_ids(session: Session, binding: Binding, one: Resend, zone: str, limit: int) -> list[str]:
    """Return the records whose turn is next."""
    if one.ids is not None:
        return [record_id for record_id in one.ids if record_id > (one.done_through or "")][:limit]
    key = binding.table.c.id
    chosen = _in_range(binding, one, zone)
    if one.done_through is not None:
        chosen.append(key > one.done_through)
    return list(session.scalars(select(key).where(*chosen).order_by(key).limit(limit)))


def count_planned(session: Session, binding: Binding, one: Resend, zone: str) -> int:
    """Return how many records it is about."""
    if one.ids is not None:
        return len(one.ids)
    chosen = _in_range(binding, one, zone)
    return session.scalar(select(func.count()).select_from(binding.table).where(*chosen)) or 0


def list_ended_asks(session: Session, record_type: str, asked: Sequence[str]) -> list[str]:
    """Return which of head office's questions about a record type are answered: everything has been sent."""
    ended = select(Resend.asked_of_hq).where(
        Resend.record_type == record_type, Resend.asked_of_hq.in_(asked), Resend.ended_at.is_not(None)
    )
    return sorted(str(one) for one in session.scalars(ended))


def list_known_asks(session: Session, asked: Sequence[str]) -> set[str]:
    """Return which of head office's questions are known here."""
    return {
        str(one) for one in session.scalars(select(Resend.asked_of_hq).where(Resend.asked_of_hq.in_(asked)))
    }


def ids_of_numbers(session: Session, binding: Binding, numbers: Sequence[str]) -> list[str]:
    """Return the records people know by these numbers, in the order of their ids; raises ResendNumberError."""
    table, column = binding.table, RECORD_NUMBERS.get(binding.record.name)
    ids = set[str]()
    for number in numbers:
        known = table.c[column] == number if column else table.c.id == number
        found = session.scalars(select(table.c.id).where(known)).all()
        if not found:
            raise ResendNumberError(field="numbers", number=number)
        ids.update(found)
    return sorted(ids)


def get_batch(session: Session, name: BatchName) -> OutboxBatch:
    """Return a sealed batch; raises BatchGoneError."""
    found = session.scalar(
        select(OutboxBatch).where(
            OutboxBatch.channel == name.channel,
            OutboxBatch.batch_no == name.batch_no,
            OutboxBatch.lineage == name.lineage,
        )
    )
    if found is None:
        raise BatchGoneError(batch=str(name))
    return found


def ids_in_batch(batch: OutboxBatch, name: BatchName) -> list[str]:
    """Return the records in a batch, removed ones among them, in the order of their ids; raises BatchGoneError."""
    if batch.payload is None:
        raise BatchGoneError(batch=str(name))
    content = parse_payload(decompress(batch.payload, "zstd"))
    rows = msgspec.json.Decoder(list[msgspec.Raw]).decode_lines(content.block) if content.block else []
    ids = {msgspec.json.decode(row[1], type=str) for row in rows}
    return sorted(ids | {record_id for _change, record_id in content.header.removed})


def _in_range(binding: Binding, one: Resend, zone: str) -> list[ColumnElement[bool]]:
    if one.entered_from is None or one.entered_to is None:
        return []
    entered = binding.table.c[ENTERED]
    begins, ends = (
        datetime.combine(day, time(), tzinfo=ZoneInfo(zone)).astimezone(UTC)
        for day in (one.entered_from, one.entered_to + timedelta(days=1))
    )
    return [entered >= begins, entered < ends]
