"""Which erasures of branches were carried out here."""

from collections.abc import Sequence

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from hq_server.erasure.models import ErasureDone
from hq_server.replica.models import ReplicaErasure


def list_done(session: Session) -> Sequence[ErasureDone]:
    """Return every erasure carried out here, those of one branch together."""
    return session.scalars(
        select(ErasureDone).order_by(ErasureDone.branch_number, ErasureDone.erasure_id)
    ).all()


def list_open(session: Session, branch_number: int) -> Sequence[ErasureDone]:
    """Return those of which the branch may still send something from before: it has not said that all is gone."""
    told = and_(
        ReplicaErasure.branch_number == ErasureDone.branch_number, ReplicaErasure.id == ErasureDone.erasure_id
    )
    return session.scalars(
        select(ErasureDone)
        .outerjoin(ReplicaErasure, told)
        .where(ErasureDone.branch_number == branch_number, ReplicaErasure.complete_at.is_(None))
        .order_by(ErasureDone.erasure_id)
    ).all()


def list_unknown(session: Session, branch_number: int) -> Sequence[ReplicaErasure]:
    """Return what a branch has told of and what has not been carried out here."""
    done = select(ErasureDone.erasure_id).where(ErasureDone.branch_number == branch_number)
    return session.scalars(
        select(ReplicaErasure)
        .where(ReplicaErasure.branch_number == branch_number, ReplicaErasure.id.not_in(done))
        .order_by(ReplicaErasure.id)
    ).all()


def list_on_disk(session: Session) -> Sequence[ErasureDone]:
    """Return those of which something may still lie in free pages of the database."""
    return session.scalars(select(ErasureDone).where(ErasureDone.written_over_at.is_(None))).all()
