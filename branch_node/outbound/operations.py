"""Writes of the outbound side: joining, acknowledging what HQ has committed, noting cycles."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from branch_node.outbound import queries
from branch_node.outbound.errors import AlreadyMemberError
from branch_node.outbound.models import Cycle, HqBackedUp, Membership
from shared.audit.operations import record
from shared.db.scope import EVERY, FIRST, receiver_of
from shared.ids import new_id
from shared.stamp import Stamp
from sync_protocol.changelog.models import OutboxBatch
from sync_protocol.contract.keys import decode_key
from sync_protocol.contract.messages import EnrolmentAnswer

HEAD_OFFICE: Final = 1


def remember_membership(
    session: Session, answer: EnrolmentAnswer, *, node_id: str, hq_url: str, by: Stamp
) -> Membership:
    """Become the branch HQ enrolled this node as; raises AlreadyMemberError when it is one already."""
    present = queries.find_membership(session)
    if present is not None:
        raise AlreadyMemberError(branch=present.branch_code)
    receiver = receiver_of(session)
    known = session.scalar(select(func.max(Membership.id)).execution_options(**EVERY)) or HEAD_OFFICE
    member = Membership(
        id=HEAD_OFFICE if receiver == FIRST else known + 1,
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
    session.flush()
    record(session, "node.joined", subject=queries.alarm_subject(session), by=by, details={"hq": hq_url})
    return member


def renew_membership(
    session: Session, answer: EnrolmentAnswer, *, node_id: str, hq_url: str, by: Stamp
) -> Membership:
    """Be known to HQ again as the branch this node is; history and data stay. Raises AlreadyMemberError for another."""
    member = queries.get_membership(session)
    if answer.branch != member.branch_code:
        raise AlreadyMemberError(branch=member.branch_code)
    member.node_id, member.hq_url, member.hq_id = node_id, hq_url, answer.hq
    member.branch_name, member.hq_public_key = answer.name, decode_key(answer.hq_public_key)
    record(session, "node.rejoined", subject=queries.alarm_subject(session), by=by, details={"hq": hq_url})
    return member


def acknowledge(
    session: Session, batch_id: int, receipt: dict[str, Any], *, at: datetime, took_ms: int | None = None
) -> None:
    """Keep HQ's signed receipt; from here on the changes in the batch count as delivered.

    `took_ms` is how long the delivery took over the line.
    """
    session.execute(
        update(OutboxBatch)
        .where(OutboxBatch.id == batch_id, OutboxBatch.acknowledged_at.is_(None))
        .values(acknowledged_at=at, receipt=receipt, took_ms=took_ms)
    )


def note_backed_up(
    session: Session, points: Mapping[str, tuple[int, int]], *, at: datetime, lower: bool
) -> None:
    """Keep how far HQ's backups hold each channel, `(lineage, batch number)`.

    HQ's state is its latest word and may be `lower` than before: it was restored. A receipt may be one given
    long ago, so it only raises.
    """
    for channel, point in points.items():
        known = session.get(HqBackedUp, channel)
        if known is None:
            known = HqBackedUp(channel=channel, lineage=0, batch_no=0, told_at=at)
            session.add(known)
        if lower or point > (known.lineage, known.batch_no):
            known.lineage, known.batch_no, known.told_at = *point, at


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
