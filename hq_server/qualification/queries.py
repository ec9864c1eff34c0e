"""Reads of qualifications as branches sent them."""

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, String, and_, case, func, select, type_coerce
from sqlalchemy.orm import Session

from hq_server.replica.models import (
    ReplicaCustomer,
    ReplicaCustomerIdentity,
    ReplicaErasure,
    ReplicaQualification,
)
from shared.domain.qualification.vocabulary import STANDING, JudgedAs, QualificationState
from shared.errors import N_

FAILED: Final = "failed"
EXPIRED: Final = "expired"
NONE: Final = "none"
# Where a customer stands: a grade that counts, and what there is instead of one.
STANDS: Final = {
    "A": N_("Grade A"),
    "B": N_("Grade B"),
    "C": N_("Grade C"),
    "D": N_("Grade D"),
    FAILED: N_("Not passed"),
    EXPIRED: N_("Expired"),
    NONE: N_("Without any"),
}
SORTS: Final = {
    "customer_no": ReplicaCustomer.customer_no,
    "score": ReplicaQualification.score,
    "next_review_on": ReplicaQualification.next_review_on,
    "branch": ReplicaCustomer.branch_number,
}


def count_standings(session: Session, branches: Collection[int]) -> dict[int, Counter[str]]:
    """Return by branch how many customers stand where; who was erased is not counted, who has merged files once."""
    stand = _stand()
    counted = (
        _customers(branches)
        .with_only_columns(ReplicaCustomer.branch_number, stand, func.count(ReplicaCustomer.id.distinct()))
        .group_by(ReplicaCustomer.branch_number, stand)
    )
    found: dict[int, Counter[str]] = {}
    for number, code, count in session.execute(counted):
        found.setdefault(number, Counter())[code] += count
    return found


def select_customers(
    branches: Collection[int], stands: Collection[str]
) -> Select[ReplicaCustomer, ReplicaQualification]:
    """Return the statement of customers who stand so, each with the judgement that counts, or none."""
    statement = _customers(branches)
    return statement.where(_stand().in_(sorted(stands))) if stands else statement


def list_of_customer(
    session: Session, branch_number: int, customer_id: str
) -> Sequence[ReplicaQualification]:
    """Return every judgement of a customer that has arrived, the latest first."""
    wanted = select(ReplicaQualification).where(
        ReplicaQualification.branch_number == branch_number, ReplicaQualification.customer_id == customer_id
    )
    ordered = wanted.order_by(ReplicaQualification.judged_at.desc(), ReplicaQualification.id.desc())
    return session.scalars(ordered).all()


def _customers(branches: Collection[int]) -> Select[Any, Any]:
    customer, found, erased = ReplicaCustomer, ReplicaQualification, ReplicaErasure
    link = ReplicaCustomerIdentity
    counts = and_(
        found.branch_number == customer.branch_number,
        found.customer_id == customer.id,
        found.state.in_(STANDING),
    )
    gone = select(erased.id).where(
        erased.branch_number == customer.branch_number, erased.customer_id == customer.id
    )
    # A person counts by the file that stays; one that was merged into it is not another customer.
    merged = select(link.id).where(
        link.branch_number == customer.branch_number, link.customer_id == customer.id
    )
    statement = select(customer, found).outerjoin(found, counts).where(~gone.exists(), ~merged.exists())
    return statement.where(customer.branch_number.in_(sorted(branches))) if branches else statement


def _stand() -> ColumnElement[str]:
    found = ReplicaQualification
    return case(
        (found.id.is_(None), NONE),
        (found.state == QualificationState.EXPIRED, EXPIRED),
        (found.outcome == JudgedAs.FAILED, FAILED),
        else_=type_coerce(found.grade, String),
    )
