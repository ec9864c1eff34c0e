"""What a branch remembers of its membership and of its sync cycles."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, Integer, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base, BigCounter, Id, Json
from shared.db.scope import KeyedByReceiver, OfReceiver


class Membership(OfReceiver, Base):
    """Which branch this node is to a receiver, and where that is; one row a receiver, written when it joins.

    `lineage` counts the histories of this node's data; batch numbers belong to one of them. `unknown_there` are the
    record types that the receiver did not know when it was asked last.
    """

    __tablename__ = "membership"
    __table_args__ = (UniqueConstraint("receiver"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    node_id: Mapped[str] = mapped_column(Id)
    branch_code: Mapped[str] = mapped_column(String(20))
    branch_name: Mapped[str] = mapped_column(String(80))
    hq_url: Mapped[str] = mapped_column(String(200))
    hq_id: Mapped[str] = mapped_column(Id)
    hq_public_key: Mapped[bytes] = mapped_column(LargeBinary(32))
    lineage: Mapped[int] = mapped_column(Integer)
    lineage_id: Mapped[str] = mapped_column(Id)
    joined_at: Mapped[datetime]
    push_interval_s: Mapped[int] = mapped_column(Integer)
    unknown_there: Mapped[list[str] | None] = mapped_column(Json)


class HqBackedUp(KeyedByReceiver, Base):
    """How far HQ says its backups hold a channel; what is not in one is kept here, to be sent again.

    `told_at` is when HQ first said so.
    """

    __tablename__ = "hq_backed_up"

    channel: Mapped[str] = mapped_column(String(20), primary_key=True)
    lineage: Mapped[int] = mapped_column(Integer)
    batch_no: Mapped[int] = mapped_column(BigInteger)
    told_at: Mapped[datetime]


class NodeKey(Base):
    """A key this node has signed with, and since when; the key itself is a file outside the database."""

    __tablename__ = "node_keys"

    key_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    since: Mapped[datetime]


class Lineage(KeyedByReceiver, Base):
    """One history of this node's data. Opened when HQ knew what this node no longer does: it was restored.

    `forked_at` tells by channel the last batch `[lineage, batch_no, digest]` that both sides held;
    `announced_at` is when HQ took note, `recovered` how many rows came back from HQ.
    """

    __tablename__ = "lineages"

    lineage: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    lineage_id: Mapped[str] = mapped_column(Id)
    reason: Mapped[str] = mapped_column(String(40))
    forked_at: Mapped[dict[str, Any]] = mapped_column(Json)
    opened_at: Mapped[datetime]
    announced_at: Mapped[datetime | None]
    recovered: Mapped[int] = mapped_column(Integer, default=0)


class RecoveredRow(KeyedByReceiver, Base):
    """A row HQ had received and this node no longer held: what HQ sent of it, and what came of it here.

    `line` is the wire row, null when HQ knew the record as removed. `state` is offered, restored (put back),
    same (here already), conflict (changed here meanwhile: a person decides), took-hq or kept-ours.
    """

    __tablename__ = "recovered_rows"
    __table_args__ = (Index("ix_recovered_rows_state", "state"),)

    lineage: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    record_type: Mapped[str] = mapped_column(String(40), primary_key=True)
    record_id: Mapped[str] = mapped_column(Id, primary_key=True)
    line: Mapped[str | None] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(20))
    settled_at: Mapped[datetime | None]
    settled_by: Mapped[str | None] = mapped_column(String(80))


class HqLogEnd(KeyedByReceiver, Base):
    """Where HQ's operation log ended when it showed us: evidence that HQ itself cannot change, signed by it.

    The last few are kept, and each that later did not fit HQ's log, with what was wrong (`bad`).
    """

    __tablename__ = "hq_log_ends"

    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    hq_id: Mapped[str] = mapped_column(Id)
    seq: Mapped[int] = mapped_column(BigCounter)
    digest: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime]
    signature: Mapped[str] = mapped_column(String(100))
    bad: Mapped[str | None] = mapped_column(String(20))


class Cycle(OfReceiver, Base):
    """One sync cycle: what it sent, how long it took, and why it ended."""

    __tablename__ = "sync_cycles"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(BigCounter, primary_key=True, autoincrement=True)
    started_at: Mapped[datetime] = mapped_column(index=True)
    ended_at: Mapped[datetime | None]
    outcome: Mapped[str] = mapped_column(String(20))
    batches: Mapped[int] = mapped_column(Integer, default=0)
    rows: Mapped[int] = mapped_column(Integer, default=0)
    wire_bytes: Mapped[int] = mapped_column(Integer, default=0)
    parked: Mapped[int] = mapped_column(Integer, default=0)
    problem: Mapped[str | None] = mapped_column(String(40))
    detail: Mapped[str | None] = mapped_column(String(300))
    counts: Mapped[dict[str, Any]] = mapped_column(Json)


class SendingPace(KeyedByReceiver, Base):
    """How large the next batch may be, in changes and in bytes before compression; one row a receiver.

    `last_changes` took `last_ms` from push to receipt.
    """

    __tablename__ = "sending_paces"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    changes: Mapped[int] = mapped_column(Integer)
    size: Mapped[int] = mapped_column(Integer)
    last_changes: Mapped[int | None] = mapped_column(Integer)
    last_ms: Mapped[int | None] = mapped_column(Integer)
    measured_at: Mapped[datetime]


class RefusedRecord(OfReceiver, Base):
    """A record of ours that HQ has refused and keeps aside, as HQ told it last; replaced as a whole."""

    __tablename__ = "refused_records"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(BigCounter, primary_key=True, autoincrement=True)
    record_type: Mapped[str] = mapped_column(String(40))
    record_id: Mapped[str | None] = mapped_column(String(80))
    row_lineage: Mapped[int] = mapped_column(Integer)
    row_change: Mapped[int | None] = mapped_column(BigInteger)
    code: Mapped[str] = mapped_column(String(40))
    reasons: Mapped[dict[str, Any]] = mapped_column(Json)
    parked_at: Mapped[datetime]
    seen_at: Mapped[datetime]
