"""What is known of the comparisons."""

from collections.abc import Collection, Sequence
from typing import Final

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from hq_server.proof.models import DayCheck, Difference, Proof, ResendAsk

MOST_RECOUNTED: Final = 31


def find_proof(session: Session, branch_number: int, record_type: str) -> Proof | None:
    """Return the latest comparison of one branch and record type, or None before the first."""
    return session.get(Proof, (branch_number, record_type))


def list_proofs(session: Session, branches: Collection[int] = ()) -> Sequence[Proof]:
    """Return the latest comparisons, of all branches or of some."""
    statement = select(Proof).order_by(Proof.branch_number, Proof.record_type)
    if branches:
        statement = statement.where(Proof.branch_number.in_(sorted(branches)))
    return session.scalars(statement).all()


def find_open_difference(session: Session, branch_number: int, record_type: str) -> Difference | None:
    """Return the difference of a branch and record type that is not repaired yet."""
    return session.scalar(
        select(Difference).where(
            Difference.branch_number == branch_number,
            Difference.record_type == record_type,
            Difference.repaired_at.is_(None),
        )
    )


def select_differences(*, branches: Collection[int] = ()) -> Select[Difference]:
    """Select differences, newest first."""
    statement = select(Difference).order_by(Difference.id.desc())
    return statement.where(Difference.branch_number.in_(sorted(branches))) if branches else statement


def list_asked(session: Session, branch_number: int) -> list[str]:
    """Return the record types somebody wants this branch to prove at its next contact."""
    return list(
        session.scalars(
            select(Proof.record_type)
            .where(Proof.branch_number == branch_number, Proof.asked_at.is_not(None))
            .order_by(Proof.record_type)
        )
    )


def list_resend_asks(session: Session, branch_number: int) -> Sequence[ResendAsk]:
    """Return what somebody wants this branch to send once more, oldest first."""
    return session.scalars(
        select(ResendAsk)
        .where(ResendAsk.branch_number == branch_number, ResendAsk.ended_at.is_(None))
        .order_by(ResendAsk.id)
    ).all()


def list_recent_asks(session: Session, branch_number: int, *, limit: int = 10) -> Sequence[ResendAsk]:
    """Return what was asked of this branch last, newest first."""
    asked = select(ResendAsk).where(ResendAsk.branch_number == branch_number)
    return session.scalars(asked.order_by(ResendAsk.id.desc()).limit(limit)).all()


def list_recounted(session: Session, branch_number: int) -> list[str]:
    """Return the closed days this branch shall count again: HQ counts them otherwise."""
    days = (
        select(DayCheck.day)
        .where(DayCheck.branch_number == branch_number, DayCheck.complete.is_(False))
        .order_by(DayCheck.day.desc())
        .limit(MOST_RECOUNTED)
    )
    return [day.isoformat() for day in session.scalars(days)]
