"""Whose history counts: comparing this node's chains with HQ's, and beginning a new one when it was set back.

HQ behind us: its batches after that are offered again. HQ ahead of us, or with other content under
our numbers: this node's database was set back. Then the newest batch both hold is found, what HQ
received after it is fetched, and a new lineage begins; nothing at HQ is overwritten unseen.
"""

import logging
from collections.abc import Iterator
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, and_, insert, literal, or_, select, update
from sqlalchemy.orm import Session

from branch_node.outbound import queries
from branch_node.outbound.alarms import HQ_LOST, HQ_SET_BACK, SET_BACK
from branch_node.outbound.client import HqClient
from branch_node.outbound.models import Lineage, Membership
from branch_node.outbound.recovered import fetch_recovered, put_back
from branch_node.outbound.versions import Versions
from branch_node.runtime import BranchRuntime
from shared.alarms.operations import raise_alarm
from shared.alarms.vocabulary import AlarmKind
from shared.audit.operations import record
from shared.ids import new_id
from shared.stamp import Stamp, Via
from sync_protocol.catalog import CHANNELS, Binding, Bindings
from sync_protocol.changelog.models import ChainHead, Change, OutboxBatch
from sync_protocol.changelog.touching import hold_table
from sync_protocol.contract.messages import ChannelState, LineageRequest, StateAnswer

log = logging.getLogger(__name__)
Point = tuple[int, int, str]
BEGINNING: Final = (0, 0, "")


def lineage_at_hq(state: StateAnswer) -> int | None:
    """Return the number of the history HQ is in, or None when it has received nothing."""
    if state.lineage is not None:
        return state.lineage
    return max((head.lineage for head in state.channels.values()), default=None)


def settle(
    runtime: BranchRuntime, client: HqClient, member: Membership, state: StateAnswer
) -> tuple[Membership, int]:
    """Begin a new lineage when HQ knows what we do not; offer again what it does not hold.

    Returns the membership, which may be of the new lineage, and how many batches are offered again.
    """
    with runtime.database.reads() as session:
        agreed = agrees(session, state, member)
        unknown = None if agreed else find_unknown(session, state, member)
        gone = None if agreed or unknown is not None else find_gone(session, state)
    if unknown is not None:
        member = begin_lineage(runtime, client, member, state, why=unknown)
    elif gone is not None:
        member = begin_lineage(runtime, client, member, state, why=gone, alarm=HQ_SET_BACK)
    put_back(runtime, member.lineage)
    if agreed:
        return member, 0
    with runtime.database.sessions.begin() as session:
        return member, offer_again(session, state, at=runtime.clock.now())


def agrees(session: Session, state: StateAnswer, member: Membership) -> bool:
    """Whether HQ stands in this history, at the last batch of every channel that counts here: neither side lacks any.

    One statement; whatever it does not find equal is looked into by `find_unknown`, `find_gone` and `offer_again`.
    """
    if (state.lineage, state.lineage_id) != (member.lineage, member.lineage_id):
        return False
    same = and_(
        OutboxBatch.channel == ChainHead.channel,
        OutboxBatch.lineage == ChainHead.lineage,
        OutboxBatch.batch_no == ChainHead.batch_no,
        OutboxBatch.digest == ChainHead.digest,
        OutboxBatch.voided_at.is_(None),
    )
    heads = session.execute(
        select(ChainHead.channel, ChainHead.lineage, ChainHead.batch_no, ChainHead.digest, OutboxBatch.id)
        .select_from(ChainHead)
        .outerjoin(OutboxBatch, same)
    ).all()
    ours = {head.channel: (head.lineage, head.batch_no, head.digest) for head in heads}
    theirs = {name: (head.lineage, head.batch_no, head.digest) for name, head in state.channels.items()}
    return ours == theirs and all(head.id is not None for head in heads)


def find_unknown(session: Session, state: StateAnswer, member: Membership) -> str | None:
    """Tell what HQ holds that this node does not know; None when HQ's history is a part of ours."""
    hq = lineage_at_hq(state)
    if hq is None or hq < member.lineage:
        return None
    if hq > member.lineage or (state.lineage_id or member.lineage_id) != member.lineage_id:
        return f"history {hq} is not this node's {member.lineage}"
    for channel, head in state.channels.items():
        if head.batch_no and not _held(session, channel, (head.lineage, head.batch_no, head.digest)):
            return f"{channel} {head.batch_no}"
    return None


def find_gone(session: Session, state: StateAnswer) -> str | None:
    """Tell which batch HQ misses whose bytes were purged, since it was in HQ's backups; None when all can be sent."""
    hq = lineage_at_hq(state)
    nothing = ChannelState(lineage=hq or 0, batch_no=0, digest="")
    for channel in session.scalars(select(OutboxBatch.channel).distinct()):
        head = state.channels.get(channel, nothing)
        after = _later((head.lineage, head.batch_no))
        gone = session.scalar(
            select(OutboxBatch.batch_no)
            .where(OutboxBatch.channel == channel, after, _purged())
            .order_by(OutboxBatch.id)
            .limit(1)
        )
        if gone is not None:
            return f"{channel} {gone}"
    return None


def offer_again(session: Session, state: StateAnswer, *, at: datetime) -> int:
    """Count as not delivered every batch that HQ does not hold (any more); return how many."""
    hq = lineage_at_hq(state)
    nothing = ChannelState(lineage=hq or 0, batch_no=0, digest="")
    reopened = 0
    for channel in session.scalars(select(OutboxBatch.channel).distinct()):
        head = state.channels.get(channel, nothing)
        reopened += reopen(session, channel, after=(head.lineage, head.batch_no))
    if reopened:
        log.warning("HQ had lost batches; sending them again", extra={"batches": reopened})
        raise_alarm(session, HQ_LOST, queries.alarm_subject(session), at=at, details={"batches": reopened})
    return reopened


def reopen(session: Session, channel: str, *, after: tuple[int, int]) -> int:
    """Count batches after a point as not delivered, so that they are sent again; return how many there were."""
    result = session.execute(
        update(OutboxBatch)
        .where(
            OutboxBatch.channel == channel,
            _later(after),
            OutboxBatch.voided_at.is_(None),
            OutboxBatch.acknowledged_at.is_not(None),
        )
        .values(acknowledged_at=None)
        .execution_options(synchronize_session=False)
    )
    return int(result.rowcount)  # type: ignore[attr-defined]


def begin_lineage(
    runtime: BranchRuntime,
    client: HqClient,
    member: Membership,
    state: StateAnswer,
    *,
    why: str,
    alarm: AlarmKind = SET_BACK,
) -> Membership:
    """Find the common point, fetch what HQ received after it, and begin a new lineage; return the membership.

    `alarm` says which side was set back, and is the reason told to HQ.
    May be cut off anywhere and run again: until its last transaction nothing of this node's history has changed.
    """
    number = max(lineage_at_hq(state) or 0, member.lineage) + 1
    common = dict(_common_points(runtime, client, state))
    # HQ has nothing of what it does not know.
    fetched = fetch_recovered(Versions.told(state).narrowed(runtime), client, number, common)
    with runtime.database.sessions.begin() as session:
        now = runtime.clock.now()
        own = queries.get_membership(session)
        own.lineage, own.lineage_id = number, new_id()
        session.add(
            Lineage(
                lineage=number,
                lineage_id=own.lineage_id,
                reason=alarm.code,
                forked_at={channel: list(point) for channel, point in common.items() if point != BEGINNING},
                opened_at=now,
                recovered=fetched,
            )
        )
        resealed = sum(
            _give_up(session, runtime.bindings, channel, point, at=now) for channel, point in common.items()
        )
        details = {"lineage": number, "rows": fetched, "batches": resealed, "why": why}
        about = queries.alarm_subject(session)
        raise_alarm(session, alarm, about, at=now, details=details)
        by = Stamp(now, "sync", Via.SYNC, "")
        record(session, "sync.lineage-opened", subject=about, by=by, details=details)
    log.warning("a new lineage was opened", extra=details)
    return own


def announce(runtime: BranchRuntime, client: HqClient, number: int) -> None:
    """Tell HQ of a lineage; HQ takes the same one twice."""
    with runtime.database.reads() as session:
        opened = session.get_one(Lineage, number)
    client.open_lineage(
        number,
        LineageRequest(
            lineage_id=opened.lineage_id,
            reason=opened.reason,
            forked_at={
                channel: (point[0], point[1], point[2]) for channel, point in opened.forked_at.items()
            },
        ),
    )
    with runtime.database.sessions.begin() as session:
        session.get_one(Lineage, number).announced_at = runtime.clock.now()


def _common_points(
    runtime: BranchRuntime, client: HqClient, state: StateAnswer
) -> Iterator[tuple[str, Point]]:
    """Yield for each channel the newest batch that HQ and this node hold with the same content."""
    with runtime.database.reads() as session:
        ours = set(session.scalars(select(OutboxBatch.channel).distinct()))
    for channel in sorted({*CHANNELS, *ours, *state.channels}):
        yield channel, _common_point(runtime, client, channel) if channel in CHANNELS else BEGINNING


def _common_point(runtime: BranchRuntime, client: HqClient, channel: str) -> Point:
    below = None
    while True:
        page = client.chain(channel, below)
        with runtime.database.reads() as session:
            for entry in page.entries:
                if _held(session, channel, entry):
                    return entry
        if page.older is None:
            return BEGINNING
        below = page.older


def _held(session: Session, channel: str, point: Point) -> bool:
    lineage, batch_no, digest = point
    held = session.scalar(
        select(OutboxBatch.digest).where(
            OutboxBatch.channel == channel,
            OutboxBatch.lineage == lineage,
            OutboxBatch.batch_no == batch_no,
            OutboxBatch.voided_at.is_(None),
        )
    )
    return held == digest


def _give_up(session: Session, bindings: Bindings, channel: str, common: Point, *, at: datetime) -> int:
    """Void our batches after the common point and free their changes to be sealed anew; return how many.

    Where changes were purged with their batches, nobody knows any more which records they were about: then every
    record of that type is sent again.
    """
    beyond = [OutboxBatch.channel == channel, _later(common[:2]), OutboxBatch.voided_at.is_(None)]
    purged = select(OutboxBatch.record_type).where(*beyond, _purged()).distinct()
    for record_type in session.scalars(purged).all():
        # A receiver may take fewer record types than it did.
        if record_type in bindings:
            _send_all_again(session, bindings[record_type])
    ids = session.scalars(select(OutboxBatch.id).where(*beyond)).all()
    for batch_id in ids:
        session.execute(
            update(Change)
            .where(Change.batch_id == batch_id)
            .values(batch_id=None)
            .execution_options(synchronize_session=False)
        )
    session.execute(
        update(OutboxBatch)
        .where(OutboxBatch.id.in_(ids))
        .values(voided_at=at)
        .execution_options(synchronize_session=False)
    )
    return len(ids)


def _send_all_again(session: Session, binding: Binding) -> None:
    """Append a change for every record of a type; what HQ holds too many is found by the next barrier."""
    hold_table(session, binding)
    everything = select(literal(binding.record.name), binding.table.c.id, literal("U"))
    session.execute(insert(Change).from_select(["record_type", "record_id", "op"], everything))


def _purged() -> ColumnElement[bool]:
    return and_(OutboxBatch.payload.is_(None), OutboxBatch.voided_at.is_(None))


def _later(point: tuple[int, int]) -> ColumnElement[bool]:
    lineage, batch_no = point
    return or_(
        OutboxBatch.lineage > lineage,
        and_(OutboxBatch.lineage == lineage, OutboxBatch.batch_no > batch_no),
    )
