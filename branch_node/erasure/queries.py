"""The erasures of this branch, and what still holds something from before."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from branch_node.erased.models import Erasure
from shared.db.scope import EVERY
from shared.domain.erasure.rules import CARRIERS
from sync_protocol.changelog.models import OutboxBatch


def list_erasures(session: Session) -> Sequence[Erasure]:
    """Return all erasures, the first one first."""
    return session.scalars(select(Erasure).order_by(Erasure.id)).all()


def list_open(session: Session) -> Sequence[Erasure]:
    """Return the erasures of which something from before may still be on this node's disk."""
    return session.scalars(select(Erasure).where(Erasure.complete_at.is_(None)).order_by(Erasure.id)).all()


def last_batch(session: Session) -> int:
    """Return the number under which the last batch lies here, for whichever receiver; 0 before the first."""
    return session.scalar(select(func.coalesce(func.max(OutboxBatch.id), 0)).execution_options(**EVERY)) or 0


def count_kept(session: Session, through: int) -> int:
    """Return how many batches up to `through` still have their bytes and may hold what was erased since."""
    kept = select(func.count()).where(
        OutboxBatch.id <= through, OutboxBatch.payload.is_not(None), OutboxBatch.record_type.in_(CARRIERS)
    )
    return session.scalar(kept.execution_options(**EVERY)) or 0


def waiting_through(session: Session) -> int:
    """Return the last batch from before an erasure that is not complete; 0 when all are."""
    last = select(func.max(Erasure.through_batch)).where(Erasure.complete_at.is_(None))
    return session.scalar(last) or 0
