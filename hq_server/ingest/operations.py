"""Taking in a batch: its place in the chain, its rows, its receipt, all in one transaction."""

import re
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final

from msgspec import UNSET
from sqlalchemy import Table, select, update
from sqlalchemy.orm import Session

from hq_server.branches.models import Branch
from hq_server.branches.queries import find_node_owner
from hq_server.carrying.operations import carry
from hq_server.erasure.operations import after_batch
from hq_server.gate.errors import SyncRefusedError
from hq_server.ingest import lineages, proving
from hq_server.ingest.backups import backed_up_through
from hq_server.ingest.models import ChainPosition, InboxBatch
from hq_server.parking.operations import Arrival, settle_arrival
from hq_server.parking.waiting import Waiting
from hq_server.replica.models import Tombstone
from hq_server.runtime import HqIdentity
from shared.db.base import instant_text
from sync_protocol.apply import Applied, Target, apply_batch
from sync_protocol.catalog import BACKLOG, Bindings, Owner
from sync_protocol.contract.codes import Problem
from sync_protocol.contract.evolution import UnreadableSchemaError
from sync_protocol.contract.fields import ID_PATTERN, is_instant
from sync_protocol.contract.keys import RECEIPT, sign_message
from sync_protocol.contract.messages import BatchHeader, ParkedNotice, Receipt, to_json
from sync_protocol.contract.payload import Batch

CHUNK = 500
# A receipt tells the first refusals; all of them stand in HQ's parked records.
MOST_NOTICES = 100
ID: Final = re.compile(ID_PATTERN.encode())
# How JSON may spell any character, digits too.
ESCAPED: Final = rb"\u00"
# A receipt that was emptied after its retention is made anew, without its notices.
NOTHING_APPLIED: Final = Applied(changes={}, refused=())


@dataclass(frozen=True, slots=True)
class Delivery:
    """A batch as it came: whole and readable, from a known branch."""

    branch_number: int
    batch: Batch
    wire_bytes: int
    at: datetime


def check_delivery(
    session: Session, branch: Branch, batch: Batch, idempotency_key: str, *, bindings: Bindings
) -> None:
    """Refuse a batch that is not this branch's own, or of a version we do not read; writes nothing.

    A branch whose node was replaced still sends what the one before had sealed; nobody names another branch's node.
    Raises SyncRefusedError. The owner of the rows comes from the key that signed, never from the body.
    """
    header = batch.header
    if header.branch != branch.code or not _was_node_of(session, branch, header.node):
        raise SyncRefusedError(Problem.MALFORMED, "the header names another branch or node than the key")
    place = batch.idempotency_key.removeprefix(header.node)
    if idempotency_key not in {f"{branch.node_id}{place}", batch.idempotency_key}:
        raise SyncRefusedError(Problem.MALFORMED, "Idempotency-Key and header differ")
    _check_schema(bindings, header)
    if not is_instant(header.sealed_at):
        raise SyncRefusedError(Problem.MALFORMED, "sealed_at is not an instant")


def _check_schema(bindings: Bindings, header: BatchHeader) -> None:
    binding = bindings.get(header.record)
    if binding is None or binding.record.owner is not Owner.BRANCH:
        raise SyncRefusedError(Problem.SCHEMA, f"record {header.record} is not known here", readable={})
    record = binding.record
    if header.channel not in {record.channel, BACKLOG}:
        raise SyncRefusedError(Problem.SCHEMA, f"channel is not that of {header.record}", readable={})
    try:
        record.reading(header.schema, header.columns)
    except UnreadableSchemaError as error:
        readable = {record.name: list(record.reads)}
        raise SyncRefusedError(
            Problem.SCHEMA, f"{error} is not read here, or has other columns", readable=readable
        ) from error


def _was_node_of(session: Session, branch: Branch, node: str) -> bool:
    """Whether a node is this branch's, or was; one nobody knows was, before HQ was restored."""
    return node == branch.node_id or find_node_owner(session, node) in {None, branch.number}


def receive_batch(
    session: Session, delivery: Delivery, *, bindings: Bindings, identity: HqIdentity
) -> Mapping[str, Any]:
    """Apply a batch, or find that it was applied before; return the signed receipt, the same both times.

    Raises SyncRefusedError for a gap or a fork; then nothing was changed. The caller commits before answering.
    """
    header = delivery.batch.header
    position = _lock_position(session, delivery)
    known = _find_inbox(session, delivery)
    if known is not None:
        if known.digest != delivery.batch.digest:
            raise SyncRefusedError(Problem.FORK, f"batch {header.batch_no} was received with other content")
        return known.receipt or _receipt(
            delivery, NOTHING_APPLIED, identity, proving.Found(), None, at=known.received_at
        )
    _check_place(position, delivery)
    started = time.perf_counter()
    entry = _open_inbox(session, delivery)
    reading = bindings[header.record].record.reading(header.schema, header.columns)
    target = Target(
        table=bindings[header.record].table,
        tombstones=_table(Tombstone),
        branch_number=delivery.branch_number,
        batch_id=entry.id,
    )
    waiting = Waiting(session, delivery.branch_number, bindings[header.record].record, bindings)
    applied = apply_batch(session, target, delivery.batch, reading, hold=waiting.hold)
    if applied.carried:
        ours = bindings[header.record].record.version
        carry(session, delivery.branch_number, header, applied, known=ours, batch_id=entry.id)
    _settle_parked(session, delivery, applied, entry.id, waiting=waiting, bindings=bindings)
    named = partial(_list_named, delivery.batch, applied, doubtful=waiting.any_parked)
    after_batch(session, delivery.branch_number, bindings, named=named, at=delivery.at)
    found = proving.compare(
        session, delivery.branch_number, delivery.batch, bindings, entry=entry.id, at=delivery.at
    )
    position.batch_no, position.digest = header.batch_no, delivery.batch.digest
    entry.parked = len(applied.refused)
    backed_up = backed_up_through(session, delivery.branch_number, header.channel, header.lineage)
    entry.receipt = _receipt(delivery, applied, identity, found, backed_up)
    entry.duration_ms = round((time.perf_counter() - started) * 1000)
    session.flush()
    return entry.receipt


def _list_named(batch: Batch, applied: Applied, *, doubtful: bool) -> set[str] | None:
    """Return every id a batch names; None where that does not tell whom it is about.

    So it is with rows that are refused or kept in part, with ids spelt otherwise, and, `doubtful`, while rows that
    came earlier may have gone in with it.
    """
    brought = bool(batch.block or batch.header.removed)
    if brought and (doubtful or applied.refused or applied.carried or ESCAPED in batch.block):
        return None
    ids = {found.decode() for found in ID.findall(batch.block)}
    return ids | {record_id for _change, record_id in batch.header.removed}


def _lock_position(session: Session, delivery: Delivery) -> ChainPosition:
    """Return the chain's row, locked, so that two deliveries of one channel take turns."""
    header = delivery.batch.header
    # The branch row serialises the very first batches of a channel, when there is no row to lock yet.
    session.execute(select(Branch.number).where(Branch.number == delivery.branch_number).with_for_update())
    position = session.get(ChainPosition, (delivery.branch_number, header.channel), with_for_update=True)
    if position is None:
        # A lineage is the branch's, not the channel's: another channel may have begun it already.
        begun = lineages.current_lineage(session, delivery.branch_number)
        if begun is None:
            begun = header.lineage, header.lineage_id
            lineages.remember_first(session, delivery.branch_number, *begun, at=delivery.at)
        position = ChainPosition(
            branch_number=delivery.branch_number,
            channel=header.channel,
            lineage=begun[0],
            lineage_id=begun[1],
            batch_no=0,
            digest="",
        )
        session.add(position)
    return position


def _find_inbox(session: Session, delivery: Delivery) -> InboxBatch | None:
    header = delivery.batch.header
    return session.scalar(
        select(InboxBatch).where(
            InboxBatch.branch_number == delivery.branch_number,
            InboxBatch.lineage == header.lineage,
            InboxBatch.channel == header.channel,
            InboxBatch.batch_no == header.batch_no,
        )
    )


def _check_place(position: ChainPosition, delivery: Delivery) -> None:
    """Refuse a batch that is not the next of its chain."""
    header = delivery.batch.header
    if (header.lineage, header.lineage_id) != (position.lineage, position.lineage_id):
        raise SyncRefusedError(
            Problem.FORK, "the batch belongs to another lineage than this branch's history"
        )
    if header.batch_no > position.batch_no + 1:
        raise SyncRefusedError(
            Problem.GAP, f"batch {position.batch_no + 1} is missing", expected=position.batch_no + 1
        )
    if header.prev_digest != position.digest:
        raise SyncRefusedError(Problem.FORK, f"batch {header.batch_no} follows another history than HQ holds")


def _open_inbox(session: Session, delivery: Delivery) -> InboxBatch:
    header = delivery.batch.header
    entry = InboxBatch(
        branch_number=delivery.branch_number,
        lineage=header.lineage,
        channel=header.channel,
        batch_no=header.batch_no,
        record_type=header.record,
        digest=delivery.batch.digest,
        rows=header.rows,
        removed=len(header.removed),
        parked=0,
        wire_bytes=delivery.wire_bytes,
        control=header.control,
        # The sender's time; it is shown, and nothing is ever ordered by it.
        sealed_at=datetime.fromisoformat(header.sealed_at),
        received_at=delivery.at,
        duration_ms=0,
        receipt={},
    )
    session.add(entry)
    session.flush()
    return entry


def _settle_parked(
    session: Session,
    delivery: Delivery,
    applied: Applied,
    batch_id: int,
    *,
    waiting: Waiting,
    bindings: Bindings,
) -> None:
    """Keep refused rows, settle earlier refusals, and take in what waited for the rows of this batch."""
    header = delivery.batch.header
    arrival = Arrival(
        branch_number=delivery.branch_number,
        batch_id=batch_id,
        record=header.record,
        schema=header.schema,
        lineage=header.lineage,
        removed={record_id: change for change, record_id in header.removed},
        at=delivery.at,
    )
    retried = settle_arrival(session, arrival, applied, waiting, bindings)
    take_in_again(session, retried.batches)


def take_in_again(session: Session, batch_ids: Collection[int]) -> None:
    """Have the figures and the search index look at these batches again: more of their rows are in now."""
    ids = sorted(batch_ids)
    for start in range(0, len(ids), CHUNK):
        some = InboxBatch.id.in_(ids[start : start + CHUNK])
        session.execute(update(InboxBatch).where(some).values(indexed_at=None))


def _receipt(
    delivery: Delivery,
    applied: Applied,
    identity: HqIdentity,
    found: proving.Found,
    backed_up: int | None,
    *,
    at: datetime | None = None,
) -> dict[str, Any]:
    header = delivery.batch.header
    notices = [
        ParkedNotice(change=one.change, id=one.record_id, code=one.code, reasons=one.reasons)
        for one in applied.refused[:MOST_NOTICES]
    ]
    receipt = to_json(
        Receipt(
            branch=header.branch,
            lineage=header.lineage,
            channel=header.channel,
            batch_no=header.batch_no,
            digest=delivery.batch.digest,
            received_through=header.batch_no,
            applied_through=header.batch_no,
            parked=notices,
            hq=identity.hq_id,
            received_at=instant_text(at or delivery.at),
            differs=found.differs,
            beside=UNSET if found.beside is None else dict(found.beside),
            backed_up_through=backed_up,
        )
    )
    return {"receipt": receipt, "signature": sign_message(identity.private_key, RECEIPT, receipt)}


def _table(model: type[Tombstone]) -> Table:
    table = model.__table__
    assert isinstance(table, Table)
    return table
