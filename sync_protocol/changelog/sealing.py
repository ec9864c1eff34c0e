"""Mark and seal: take the changes not yet sealed, read their rows as they now stand, and close them into a batch.

There is no cursor. A change that is not visible yet (its transaction is still open) is simply in a
later batch. Marking, the rows read and the new chain head commit together; they see one snapshot.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    LargeBinary,
    Select,
    Subquery,
    cast,
    func,
    select,
    update,
)
from sqlalchemy import text as sql
from sqlalchemy.orm import Session
from sqlalchemy.sql.functions import aggregate_strings

from shared.db.base import instant_text
from sync_protocol.catalog import Binding
from sync_protocol.changelog.models import ChainHead, Change, OutboxBatch
from sync_protocol.changelog.oversize import Size, set_aside, settle
from sync_protocol.contract.canonical import sha256_hex
from sync_protocol.contract.messages import Barrier, BatchHeader
from sync_protocol.contract.payload import MAX_PAYLOAD_BYTES, build_payload, compress, fits
from sync_protocol.contract.versions import PROTOCOL
from sync_protocol.wire import wire_row

BATCH_CHANGES: Final = 5_000
TARGET_BYTES: Final = MAX_PAYLOAD_BYTES // 4
NEWEST: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Sender:
    """Who seals: the branch's code, the node and the lineage its numbers belong to."""

    branch: str
    node: str
    lineage: int
    lineage_id: str


@dataclass(frozen=True, slots=True)
class Lane:
    """Which unsealed changes go, above `after` and up to `through`, and in which channel: None is the type's own."""

    channel: str | None = None
    after: int = 0
    through: int = NEWEST

    def conditions(self) -> list[ColumnElement[bool]]:
        """Return what a change of this lane meets; nothing is asked that holds for all."""
        conditions = [Change.id > self.after] if self.after else []
        return conditions if self.through == NEWEST else [*conditions, Change.id <= self.through]


WHOLE: Final = Lane()


@dataclass(frozen=True, slots=True)
class Bound:
    """Most changes in a batch, and most bytes of its rows while they are of more than one record."""

    changes: int
    size: int


@dataclass(frozen=True, slots=True)
class Place:
    """The last batch of a channel's chain."""

    lineage: int
    batch_no: int
    digest: str


def seal_next(
    session: Session,
    binding: Binding,
    sender: Sender,
    *,
    at: datetime,
    limit: int = BATCH_CHANGES,
    size: int = TARGET_BYTES,
    lane: Lane = WHOLE,
) -> OutboxBatch | None:
    """Seal up to `limit` unsealed changes of one record type, of `lane` only; return None when there are none.

    With more than one record it holds at most `size` bytes of rows. Must run in a session of one snapshot
    (`Database.snapshot`), in one process at a time. A record too large for any batch is set aside, and the next ones
    are sealed.
    """
    _let_wait(session)
    bound = Bound(limit, min(size, TARGET_BYTES))
    found = _next_that_fits(session, binding, sender, lane, bound, at=at)
    if found is None:
        return None
    head, taken, sealed = found
    batch = _store(session, head, sealed, changes=taken.changes, at=at)
    _mark(session, binding, taken, batch)
    return batch


def _next_that_fits(
    session: Session, binding: Binding, sender: Sender, lane: Lane, bound: Bound, *, at: datetime
) -> "tuple[ChainHead, _Taken, _Sealed] | None":
    """Return the next batch that a receiver takes, and its changes; sets aside the records too large for any."""
    most = bound.changes
    while (taken := _take(session, binding, lane, most)).changes:
        head = _lock_head(session, lane.channel or binding.record.channel, sender)
        sealed = _build(session, binding, sender, head, taken, size=bound.size, at=at)
        if sealed is not None and fits(sealed.payload, sealed.body):
            return head, taken, sealed
        if taken.records > 1:
            most = max(1, taken.changes // 2)
        elif sealed is not None:
            size = Size(len(sealed.payload), len(sealed.body))
            set_aside(session, binding.record.name, _unsealed(binding, taken), size, at=at)
            most = bound.changes
    return None


def _build(
    session: Session,
    binding: Binding,
    sender: Sender,
    head: ChainHead,
    taken: "_Taken",
    *,
    size: int,
    at: datetime,
) -> "_Sealed | None":
    """Return the batch of the taken changes; None when they are more than one record, and clearly too much."""
    block, rows = _read_block(session, binding, taken, session.get_bind().dialect.name)
    if len(block) > size and taken.records > 1:
        return None
    header = _header(
        binding,
        sender,
        head,
        at,
        rows=rows,
        removed=_read_removed(session, binding, taken) if rows < taken.records else [],
        control=_control_totals(session, binding, taken),
        fresh=taken.inserts == taken.changes,
    )
    return _seal(header, block)


def wait_for_sealing(session: Session) -> None:
    """Wait for whoever is sealing, and hold up who would begin to until this transaction ends.

    So a batch was either sealed before, and is seen from here on, or its rows are read after this commits.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(sql(f"LOCK TABLE {OutboxBatch.__tablename__} IN SHARE ROW EXCLUSIVE MODE"))


def _let_wait(session: Session) -> None:
    """Let `wait_for_sealing` know of us: the first statement of a transaction, whose second takes the snapshot."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(sql(f"LOCK TABLE {OutboxBatch.__tablename__} IN ROW EXCLUSIVE MODE"))


def seal_barrier(
    session: Session, binding: Binding, sender: Sender, barrier: Barrier, *, place: Place, at: datetime
) -> OutboxBatch | None:
    """Seal a batch without rows that carries `barrier`; return None when the chain has gone on from `place`.

    `place` is where the channel stood in the snapshot the barrier was taken from: only directly
    behind it do the rows HQ has applied stand for that snapshot.
    """
    head = _lock_head(session, binding.record.channel, sender)
    if Place(head.lineage, head.batch_no, head.digest) != place:
        return None
    header = _header(binding, sender, head, at, rows=0, removed=[], control={}, fresh=False, barrier=barrier)
    return _store(session, head, _seal(header, b""), changes=0, at=at)


def place_in_chain(session: Session, channel: str, sender: Sender) -> Place:
    """Return where a channel's chain stands in the snapshot of `session`."""
    head = session.get(ChainHead, channel)
    if head is None or head.lineage != sender.lineage:
        return Place(sender.lineage, 0, "")
    return Place(head.lineage, head.batch_no, head.digest)


def count_pending(session: Session, *, most: int | None = None, without: Iterable[str] = ()) -> int:
    """Return how many changes HQ has not acknowledged: unsealed ones, up to `most`, and those in batches under way.

    Unsealed ones of the record types in `without` are not counted.
    """
    return int(session.scalar(pending(most, tuple(without))) or 0)


@cache
def pending(most: int | None, without: tuple[str, ...] = ()) -> Select[int]:
    """Return the statement of `count_pending`, put together once: every page of a branch asks it."""
    found = select(Change.id).where(Change.batch_id.is_(None))
    if without:
        found = found.where(Change.record_type.not_in(without))
    waiting = found.limit(most).subquery()
    unsealed = select(func.count()).select_from(waiting).scalar_subquery()
    under_way = select(func.coalesce(func.sum(OutboxBatch.changes), 0)).where(
        OutboxBatch.acknowledged_at.is_(None), OutboxBatch.voided_at.is_(None)
    )
    return select(unsealed + under_way.scalar_subquery())


def count_unsealed(session: Session) -> dict[str, int]:
    """Return how many changes of each record type are in no batch yet; a type without any is not named."""
    unsealed = select(Change.record_type, func.count()).where(Change.batch_id.is_(None))
    return {row[0]: row[1] for row in session.execute(unsealed.group_by(Change.record_type))}


def newest_unsealed(session: Session, binding: Binding, lane: Lane = WHOLE) -> int:
    """Return the highest unsealed change of a record type in `lane`, 0 when there is none."""
    newest = select(func.coalesce(func.max(Change.id), 0)).where(*_unsealed(binding), *lane.conditions())
    return session.scalar(newest) or 0


def has_unsealed(session: Session, binding: Binding, *, through: int, lane: Lane = WHOLE) -> bool:
    """Whether a change of `lane` up to `through` is in no batch yet."""
    some = select(Change.id).where(*_unsealed(binding), *lane.conditions(), Change.id <= through)
    return session.scalar(some.limit(1)) is not None


def has_full_batch(session: Session, binding: Binding, *, lane: Lane, changes: int) -> bool:
    """Whether a lane holds `changes` unsealed changes or more."""
    one = select(Change.id).where(*_unsealed(binding), *lane.conditions()).order_by(Change.id)
    return session.scalar(one.offset(changes - 1).limit(1)) is not None


@dataclass(frozen=True, slots=True)
class _Taken:
    """The unsealed changes above `after` up to `through`: how many, how many of them inserts, of how many records."""

    after: int
    through: int
    changes: int
    inserts: int
    records: int


@dataclass(frozen=True, slots=True)
class _Sealed:
    """A batch as bytes: with its header, and compressed."""

    header: BatchHeader
    payload: bytes
    body: bytes


def _unsealed(binding: Binding, taken: _Taken | None = None) -> list[ColumnElement[bool]]:
    conditions = [Change.record_type == binding.record.name, Change.batch_id.is_(None)]
    if taken is None:
        return conditions
    return [*conditions, *Lane(after=taken.after, through=taken.through).conditions()]


def _take(session: Session, binding: Binding, lane: Lane, limit: int) -> _Taken:
    taken = (
        select(Change.id, Change.op, Change.record_id)
        .where(*_unsealed(binding), *lane.conditions())
        .order_by(Change.id)
        .limit(limit)
        .subquery()
    )
    row = session.execute(
        select(
            func.coalesce(func.max(taken.c.id), 0),
            func.count(),
            func.count().filter(taken.c.op == "I"),
            func.count(taken.c.record_id.distinct()),
        )
    ).one()
    return _Taken(lane.after, *row)


def _latest(binding: Binding, taken: _Taken) -> Subquery:
    """Return the newest taken change of each record; its id is the version of the row sent."""
    if taken.records == taken.changes:
        # Each record has one change: nothing to group.
        return (
            select(Change.id.label("change"), Change.record_id).where(*_unsealed(binding, taken)).subquery()
        )
    return (
        select(func.max(Change.id).label("change"), Change.record_id)
        .where(*_unsealed(binding, taken))
        .group_by(Change.record_id)
        .subquery()
    )


def _read_block(session: Session, binding: Binding, taken: _Taken, dialect: str) -> tuple[bytes, int]:
    """Return the rows as lines in no special order (a batch is its bytes, read once), and how many."""
    latest = _latest(binding, taken)
    joined: ColumnElement[Any] = aggregate_strings(wire_row(binding, latest.c.change, dialect), "\n")
    # As bytes where the driver allows it, so that nothing is decoded and encoded again on the way out.
    lines = cast(joined, LargeBinary) if dialect == "sqlite" else joined
    statement: Select[Any] = select(lines, func.count()).join_from(
        latest, binding.table, binding.table.c.id == latest.c.record_id
    )
    block, rows = session.execute(statement).one()
    if block is None:
        return b"", 0
    return block if isinstance(block, bytes) else str(block).encode(), rows


def _read_removed(session: Session, binding: Binding, taken: _Taken) -> list[tuple[int, str]]:
    latest = _latest(binding, taken)
    statement = (
        select(latest.c.change, latest.c.record_id)
        .outerjoin_from(latest, binding.table, binding.table.c.id == latest.c.record_id)
        .where(binding.table.c.id.is_(None))
        .order_by(latest.c.change)
    )
    return [(int(change), str(record_id)) for change, record_id in session.execute(statement)]


def _control_totals(
    session: Session, binding: Binding, taken: _Taken
) -> dict[str, dict[str, dict[str, int]]]:
    money = binding.record.money
    if money is None:
        return {}
    latest, columns = _latest(binding, taken), binding.table.c
    keys = [columns[money.currency], columns[money.period], columns[money.kind]]
    statement: Select[Any] = (
        select(*keys, func.sum(columns[money.amount]))
        .join_from(latest, binding.table, columns.id == latest.c.record_id)
        .group_by(*keys)
    )
    totals: dict[str, dict[str, dict[str, int]]] = {}
    for currency, period, kind, amount in session.execute(statement):
        totals.setdefault(currency, {}).setdefault(period, {})[str(kind)] = int(amount)
    return totals


def _lock_head(session: Session, channel: str, sender: Sender) -> ChainHead:
    head = session.get(ChainHead, channel, with_for_update=True)
    if head is None:
        head = ChainHead(channel=channel, lineage=sender.lineage, batch_no=0, digest="")
        session.add(head)
    if head.lineage != sender.lineage:
        head.lineage, head.batch_no, head.digest = sender.lineage, 0, ""
    return head


def _header(binding: Binding, sender: Sender, head: ChainHead, at: datetime, **content: Any) -> BatchHeader:  # noqa: ANN401 - members of the header
    """Return the header of the batch that follows `head`."""
    record = binding.record
    return BatchHeader(
        protocol=PROTOCOL,
        branch=sender.branch,
        node=sender.node,
        lineage=sender.lineage,
        lineage_id=sender.lineage_id,
        channel=head.channel,
        batch_no=head.batch_no + 1,
        prev_digest=head.digest,
        record=record.name,
        schema=record.version,
        columns=list(record.check.columns),
        sealed_at=instant_text(at),
        **content,
    )


def _seal(header: BatchHeader, block: bytes) -> _Sealed:
    payload = build_payload(header, block)
    return _Sealed(header, payload, compress(payload))


def _store(session: Session, head: ChainHead, sealed: _Sealed, *, changes: int, at: datetime) -> OutboxBatch:
    header = sealed.header
    batch = OutboxBatch(
        lineage=header.lineage,
        channel=header.channel,
        batch_no=header.batch_no,
        record_type=header.record,
        rows=header.rows,
        changes=changes,
        digest=sha256_hex(sealed.payload),
        sealed_at=at,
        payload=sealed.body,
        payload_bytes=len(sealed.body),
        removed=len(header.removed),
        control=header.control,
    )
    session.add(batch)
    head.batch_no, head.digest = batch.batch_no, batch.digest
    session.flush()
    return batch


def _mark(session: Session, binding: Binding, taken: _Taken, batch: OutboxBatch) -> None:
    settle(session, binding.record.name, _unsealed(binding, taken), batch.id)
    session.execute(
        update(Change)
        .where(*_unsealed(binding, taken))
        .values(batch_id=batch.id)
        .execution_options(synchronize_session=False)
    )
