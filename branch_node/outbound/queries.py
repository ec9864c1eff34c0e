"""Reads of this node's membership, its chains and its cycles."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from branch_node.outbound.errors import NotJoinedError
from branch_node.outbound.models import Cycle, HqBackedUp, Membership, SendingPace
from shared.db.base import instant_text
from shared.db.scope import EVERY, FIRST, receiver_of
from shared.db.snapshot import once
from sync_protocol.catalog import Bindings
from sync_protocol.changelog.models import ChainHead, OutboxBatch
from sync_protocol.changelog.sealing import count_pending

UP_INTERVALS: Final = 1.5
SLOW_INTERVALS: Final = 3.0
FAILED: Final = ("retry", "failed")
# HQ was reached, and sent this node to the end of the line or took all there was.
HEARD: Final = ("done", "waiting")


@dataclass(frozen=True, slots=True)
class Link:
    """The line to HQ as this node knows it: `state` is up, slow, down or waiting (not joined yet)."""

    state: str
    last_contact: datetime | None
    down_since: datetime | None
    pending: int


def find_membership(session: Session) -> Membership | None:
    """Return which branch this node is, or None before it has joined."""
    return once(session, read_membership)


def read_membership(session: Session) -> Membership | None:
    """Return the same, read anew each time."""
    return session.scalar(select(Membership))


def get_membership(session: Session) -> Membership:
    """Return which branch this node is; raises NotJoinedError."""
    found = find_membership(session)
    if found is None:
        raise NotJoinedError
    return found


def is_taken(session: Session, url: str) -> bool:
    """Whether another receiver than the session's is at this address: a code from there would take its place."""
    others = select(Membership.id).where(
        Membership.hq_url == url, Membership.receiver != receiver_of(session)
    )
    return session.scalar(others.execution_options(**EVERY)) is not None


def alarm_subject(session: Session) -> tuple[str, str]:
    """Return what alarms and entries about the session's receiver are about: this branch, or the receiver's name."""
    return subject_of(session, get_membership(session))


def subject_of(session: Session, member: Membership) -> tuple[str, str]:
    """Return the same as `alarm_subject` for whoever knows already which branch this is."""
    receiver = receiver_of(session)
    return ("branch", member.branch_code) if receiver == FIRST else ("receiver", receiver)


def read_backed_up(session: Session) -> dict[str, tuple[int, int]]:
    """Return by channel the last `(lineage, batch number)` that HQ has said its backups hold."""
    rows = session.execute(select(HqBackedUp.channel, HqBackedUp.lineage, HqBackedUp.batch_no))
    return {row[0]: (row[1], row[2]) for row in rows}


def find_last_cycle(session: Session, *outcomes: str) -> Cycle | None:
    """Return the newest cycle, of one of `outcomes` when given."""
    statement = select(Cycle).order_by(Cycle.id.desc()).limit(1)
    if outcomes:
        statement = statement.where(Cycle.outcome.in_(outcomes))
    return session.scalar(statement)


def list_cycles(session: Session, *, limit: int, offset: int = 0) -> Sequence[Cycle]:
    """Return cycles, newest first."""
    return session.scalars(select(Cycle).order_by(Cycle.id.desc()).limit(limit).offset(offset)).all()


def count_failures(session: Session) -> int:
    """Return how many cycles in a row, up to now, have not worked."""
    last_good = select(func.coalesce(func.max(Cycle.id), 0)).where(Cycle.outcome.in_(HEARD)).scalar_subquery()
    return int(
        session.scalar(
            select(func.count()).select_from(Cycle).where(Cycle.id > last_good, Cycle.outcome.in_(FAILED))
        )
        or 0
    )


def list_unacknowledged(
    session: Session, channel: str, *, lineage: int, limit: int = 1
) -> Sequence[OutboxBatch]:
    """Return sealed batches of a history that HQ has not acknowledged, in the order they must be sent."""
    return session.scalars(
        select(OutboxBatch)
        .where(
            OutboxBatch.channel == channel,
            OutboxBatch.lineage == lineage,
            OutboxBatch.acknowledged_at.is_(None),
            OutboxBatch.voided_at.is_(None),
        )
        .order_by(OutboxBatch.batch_no)
        .limit(limit)
    ).all()


def count_under_way(session: Session) -> dict[str, int]:
    """Return by channel the changes in batches HQ has not acknowledged; a channel without any is not named."""
    sent = select(OutboxBatch.channel, func.sum(OutboxBatch.changes)).where(
        OutboxBatch.acknowledged_at.is_(None), OutboxBatch.voided_at.is_(None)
    )
    return {row[0]: int(row[1]) for row in session.execute(sent.group_by(OutboxBatch.channel))}


def find_pace(session: Session) -> SendingPace | None:
    """Return how large the next batch may be, or None before the first was sent."""
    return session.get(SendingPace, 1)


def list_lineages(session: Session) -> Sequence[int]:
    """Return the numbers of the histories this node has batches of that count."""
    return session.scalars(
        select(OutboxBatch.lineage).where(OutboxBatch.voided_at.is_(None)).distinct()
    ).all()


def list_recent_batches(session: Session, *, limit: int) -> Sequence[OutboxBatch]:
    """Return the newest sealed batches."""
    return session.scalars(select(OutboxBatch).order_by(OutboxBatch.id.desc()).limit(limit)).all()


def list_chain_heads(session: Session) -> Sequence[ChainHead]:
    """Return where each channel stands."""
    return session.scalars(select(ChainHead).order_by(ChainHead.channel)).all()


def link(session: Session, *, now: datetime, pending: int | None = None) -> Link:
    """Return how the line to HQ stands, judged by the cycles; `pending` by who has counted it."""
    member = find_membership(session)
    pending = count_pending(session) if pending is None else pending
    if member is None:
        return Link("waiting", None, None, pending)
    good = find_last_cycle(session, *HEARD)
    last = find_last_cycle(session, *HEARD, *FAILED)
    if good is None or good.ended_at is None:
        return Link("down", None, last.started_at if last else member.joined_at, pending)
    if last is not None and last.outcome in FAILED:
        first = session.scalar(select(func.min(Cycle.started_at)).where(Cycle.id > good.id))
        return Link("down", good.ended_at, first, pending)
    age = now - good.ended_at
    interval = timedelta(seconds=member.push_interval_s)
    state = "up" if age <= interval * UP_INTERVALS else "slow" if age <= interval * SLOW_INTERVALS else "down"
    return Link(state, good.ended_at, good.ended_at if state == "down" else None, pending)


def status_document(session: Session, bindings: Bindings, *, now: datetime) -> dict[str, Any]:
    """Return what `branch-node status --json` prints: counts and totals of this node's own tables."""
    member = find_membership(session)
    last = find_last_cycle(session)
    line = link(session, now=now)
    return {
        "as_of": instant_text(now),
        "branch": {"code": member.branch_code, "name": member.branch_name, "hq": member.hq_url}
        if member
        else None,
        "link": line.state,
        "pending": line.pending,
        "last_cycle": _cycle_document(last) if last else None,
        "records": {
            name: int(session.scalar(select(func.count()).select_from(binding.table)) or 0)
            for name, binding in bindings.items()
        },
        "totals": totals(session, bindings),
    }


def totals(session: Session, bindings: Bindings) -> dict[str, dict[str, dict[str, int]]]:
    """Return sums of money in minor units by currency, period and kind, as they stand in the bill lines."""
    binding = bindings["bill_line"]
    columns = binding.table.c
    statement = (
        select(columns.currency, columns.period, columns.kind, func.sum(columns.amount_minor))
        .group_by(columns.currency, columns.period, columns.kind)
        .order_by(columns.currency, columns.period, columns.kind)
    )
    found: dict[str, dict[str, dict[str, int]]] = {}
    for currency, period, kind, amount in session.execute(statement):
        found.setdefault(currency, {}).setdefault(period, {})[str(kind)] = int(amount)
    return found


def _cycle_document(cycle: Cycle) -> dict[str, Any]:
    return {
        "started_at": instant_text(cycle.started_at),
        "ended_at": instant_text(cycle.ended_at) if cycle.ended_at else None,
        "outcome": cycle.outcome,
        "batches": cycle.batches,
        "rows": cycle.rows,
        "wire_bytes": cycle.wire_bytes,
        "parked": cycle.parked,
        "problem": cycle.problem,
    }
