"""Handing many customers over in one bulk act: one hand-over with its sheet for each account manager they are of."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from branch_node.bulk.errors import AlreadySoError, ChangedSinceError, NobodysCustomerError
from branch_node.bulk.models import BulkRow, RowState
from branch_node.customers.models import Customer
from branch_node.erased.queries import CustomerErasedError
from branch_node.handover import operations
from branch_node.handover import queries as handovers
from branch_node.handover.models import HandoverReason
from branch_node.handover.operations import Order
from branch_node.identity.models import CustomerMerge, MergeState
from branch_node.identity.queries import CustomerMergedError
from branch_node.personal.models import LegalHold
from branch_node.qualification.models import Qualification
from shared.domain.qualification.vocabulary import QualificationState
from shared.errors import BranchlineError
from shared.stamp import Stamp


@dataclass(frozen=True, slots=True)
class Moving:
    """What hangs on customers who are handed over and goes along, as a preview tells it."""

    leavers: int
    judgements: int
    merges: int
    held: int


def hand_over(
    session: Session, customer_ids: Collection[str], taker_id: str, *, today: date, by: Stamp
) -> tuple[dict[str, str], dict[str, BranchlineError]]:
    """Hand customers over to somebody, whoever's they are: customers are spread anew, nobody leaves by it.

    Returns by customer the hand-over they moved with, and why others are left out. Raises HandoverWhoError,
    HandoverNobodyError and HandoverMeanwhileError.
    """
    done: dict[str, str] = {}
    theirs, left = _by_leaver(session, customer_ids, taker_id)
    for leaver_id, ids in sorted(theirs.items()):
        order = Order(leaver_id, taker_id, ids, HandoverReason.BALANCE, last_day=today, today=today)
        done |= dict.fromkeys(ids, operations.hand_over(session, order, by=by).id)
    return done, left


def moving(session: Session, customer_ids: Collection[str], taker_id: str) -> Moving:
    """Return what would go along."""
    theirs, _left = _by_leaver(session, customer_ids, taker_id)
    plans = [handovers.plan(session, leaver_id, ids) for leaver_id, ids in theirs.items()]
    return Moving(
        len(plans),
        sum(one.judgements for one in plans),
        sum(one.merges for one in plans),
        sum(one.held for one in plans),
    )


def moving_of(session: Session, act_id: str, most: int) -> tuple[Moving, int]:
    """Return what would go along with the customers whom trying an act moved, and how many sheets of `most` that is."""
    fit = select(BulkRow.customer_id).where(BulkRow.act_id == act_id, BulkRow.state == RowState.FIT)
    held = select(func.count()).where(Customer.id.in_(fit)).group_by(Customer.manager_id)
    sizes = session.scalars(held).all()
    found = Moving(
        len(sizes),
        _count(
            session, Qualification.customer_id.in_(fit), Qualification.state == QualificationState.PROPOSED
        ),
        _count(session, CustomerMerge.survivor_id.in_(fit), CustomerMerge.state == MergeState.PROPOSED),
        _count(session, LegalHold.customer_id.in_(fit), LegalHold.released_at.is_(None)),
    )
    return found, sum(-(-size // most) for size in sizes)


def _count(session: Session, *wanted: ColumnElement[bool]) -> int:
    return session.scalar(select(func.count()).where(*wanted)) or 0


def take_back(
    session: Session, rows: Mapping[str, BulkRow], *, since: datetime, by: Stamp
) -> dict[str, BranchlineError]:
    """Take every hand-over of a bulk act back; returns which customers stay where they are, and why."""
    kept: dict[str, BranchlineError] = {}
    for handover_id in sorted({row.before for row in rows.values() if row.before}):
        numbers = handovers.numbers_of(session, handover_id)
        try:
            stay = set(operations.take_back(session, handover_id, since=since, by=by))
        except BranchlineError as refused:
            kept |= dict.fromkeys(numbers, refused)
        else:
            kept |= {at: ChangedSinceError() for at, number in numbers.items() if number in stay}
    return kept


def _by_leaver(
    session: Session, customer_ids: Collection[str], taker_id: str
) -> tuple[dict[str, list[str]], dict[str, BranchlineError]]:
    """Return the customers who can be handed over by whose they are, and why the others cannot."""
    theirs: dict[str, list[str]] = {}
    left: dict[str, BranchlineError] = {}
    for some in handovers.chunks(customer_ids):
        for one in session.scalars(select(Customer).where(Customer.id.in_(some)).order_by(Customer.id)):
            if one.manager_id is None:
                left[one.id] = NobodysCustomerError()
            elif one.manager_id == taker_id:
                left[one.id] = AlreadySoError()
            else:
                theirs.setdefault(one.manager_id, []).append(one.id)
    for leaver_id, ids in [*theirs.items()]:
        plan = handovers.plan(session, leaver_id, ids)
        left |= {one.id: CustomerErasedError() for one in plan.erased}
        left |= {one.id: CustomerMergedError() for one in plan.merged}
        theirs[leaver_id] = [one.id for one in plan.customers]
    return {leaver_id: ids for leaver_id, ids in theirs.items() if ids}, left
