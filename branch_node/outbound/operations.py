"""Writes of the outbound side: joining, acknowledging what HQ has committed, offering again what it lost."""

from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from branch_node.outbound import queries
from branch_node.outbound.errors import AlreadyMemberError, HistoryError
from branch_node.outbound.models import Cycle, Membership
from shared.audit.operations import record
from shared.ids import new_id
from shared.stamp import Stamp
from sync_protocol.changelog.models import ChainHead, OutboxBatch
from sync_protocol.contract.keys import decode_key
from sync_protocol.contract.messages import ChannelState, EnrolmentAnswer


def remember_membership(
    session: Session, answer: EnrolmentAnswer, *, node_id: str, hq_url: str, by: Stamp
) -> Membership:
    """Become the branch HQ enrolled this node as; raises AlreadyMemberError when it is one already."""
    present = queries.find_membership(session)
    if present is not None:
        raise AlreadyMemberError(branch=present.branch_code)
    member = Membership(
        id=1,
        node_id=node_id,
        branch_code=answer.branch,
        branch_name=answer.name,
        hq_url=hq_url,
        hq_id=answer.hq,
        hq_public_key=decode_key(answer.hq_public_key),
        lineage=1,
        lineage_id=new_id(),
        joined_at=by.at,
        push_interval_s=answer.push_interval_s,
    )
    session.add(member)
    record(session, "node.joined", subject=("branch", answer.branch), by=by, details={"hq": hq_url})
    return member


def acknowledge(session: Session, batch_id: int, receipt: dict[str, Any], *, at: datetime) -> None:
    """Keep HQ's signed receipt; from here on the changes in the batch count as delivered."""
    session.execute(
        update(OutboxBatch)
        .where(OutboxBatch.id == batch_id, OutboxBatch.acknowledged_at.is_(None))
        .values(acknowledged_at=at, receipt=receipt)
    )


def compare_heads(session: Session, heads: dict[str, ChannelState]) -> int:
    """Compare HQ's chain heads with ours; offer again what HQ no longer has, and return how many batches.

    Raises HistoryError when HQ holds a history that is not ours: then nothing may be sent.
    """
    reopened = 0
    for ours in session.scalars(select(ChainHead).order_by(ChainHead.channel)):
        theirs = heads.get(ours.channel, ChannelState(lineage=ours.lineage, batch_no=0, digest=""))
        if theirs.lineage != ours.lineage or theirs.batch_no > ours.batch_no:
            detail = f"HQ {theirs.lineage}/{theirs.batch_no}, here {ours.lineage}/{ours.batch_no}"
            raise HistoryError(channel=ours.channel, detail=detail)
        if theirs.batch_no and _digest_of(session, ours, theirs.batch_no) != theirs.digest:
            raise HistoryError(channel=ours.channel, detail=f"batch {theirs.batch_no} differs")
        reopened += reopen(session, ours.channel, lineage=ours.lineage, after=theirs.batch_no)
    for channel in heads.keys() - set(session.scalars(select(ChainHead.channel))):
        if heads[channel].batch_no:
            raise HistoryError(
                channel=channel, detail=f"HQ has batch {heads[channel].batch_no}, this node none"
            )
    return reopened


def reopen(session: Session, channel: str, *, lineage: int, after: int) -> int:
    """Count batches above `after` as not delivered, so that they are sent again; return how many there were."""
    result = session.execute(
        update(OutboxBatch)
        .where(
            OutboxBatch.channel == channel,
            OutboxBatch.lineage == lineage,
            OutboxBatch.batch_no > after,
            OutboxBatch.acknowledged_at.is_not(None),
        )
        .values(acknowledged_at=None)
    )
    return int(result.rowcount)  # type: ignore[attr-defined]


def begin_cycle(session: Session, *, at: datetime) -> Cycle:
    """Write down that a cycle has begun; one that never ended (the process died) is closed as given up."""
    session.execute(
        update(Cycle)
        .where(Cycle.ended_at.is_(None))
        .values(ended_at=at, outcome="given-up", problem="process-ended")
    )
    cycle = Cycle(started_at=at, outcome="running", counts={})
    session.add(cycle)
    session.flush()
    return cycle


def _digest_of(session: Session, head: ChainHead, batch_no: int) -> str | None:
    return session.scalar(
        select(OutboxBatch.digest).where(
            OutboxBatch.channel == head.channel,
            OutboxBatch.lineage == head.lineage,
            OutboxBatch.batch_no == batch_no,
        )
    )
