"""Moves of a customer between life-cycle stages and value tiers: each with its day and reason, none forgotten."""

from datetime import date
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from branch_node.customers.models import Customer, CustomerMove
from branch_node.customers.queries import CustomerNotFoundError
from branch_node.customers.schemas import REASON_LENGTH
from branch_node.erased.queries import refuse_if_erased
from branch_node.identity.queries import refuse_if_merged
from shared.audit import operations as audit
from shared.db.parts import Part, first_of
from shared.domain.customers.vocabulary import LifecycleStage, MoveOf, ValueTier
from shared.errors import N_, BranchlineError, Kind
from shared.ids import new_id
from shared.stamp import Stamp

LEAST_REASON: Final = 2
MOST_SHOWN: Final = 100
COLUMNS: Final = {MoveOf.STAGE: "lifecycle_stage", MoveOf.TIER: "value_tier"}


class MoveReasonError(BranchlineError):
    """Nobody moves a customer without saying why."""

    code = "move-reason"
    kind = Kind.INVALID
    message = N_("Write in %(least)s to %(most)s characters why the customer moves.")


class MoveDayError(BranchlineError):
    """A move lies in the future, or before the last one."""

    code = "move-day"
    kind = Kind.INVALID
    message = N_("Give a day from the last move (%(last)s) to today.")


class FutureMoveError(MoveDayError):
    """A first move lies in the future."""

    message = N_("Give a day up to today.")


class NoMoveError(BranchlineError):
    """The customer is there already."""

    code = "no-move"
    kind = Kind.CONFLICT
    message = N_("The customer stands there already, so nothing was written.")


def move(
    session: Session,
    customer_id: str,
    to: LifecycleStage | ValueTier,
    *,
    on: date,
    today: date,
    reason: str,
    by: Stamp,
) -> CustomerMove:
    """Move a customer to another stage or tier.

    Raises CustomerNotFoundError, CustomerErasedError, CustomerMergedError, MoveReasonError, MoveDayError and
    NoMoveError.
    """
    what = MoveOf.STAGE if isinstance(to, LifecycleStage) else MoveOf.TIER
    return _move(session, customer_id, what, to, on=on, today=today, reason=reason, by=by)


def move_back(
    session: Session,
    customer_id: str,
    what: MoveOf,
    before: LifecycleStage | ValueTier | None,
    *,
    today: date,
    reason: str,
    by: Stamp,
) -> CustomerMove:
    """Move a customer back to where it stood, which may be nowhere: written down as any other move is.

    Raises what `move` raises.
    """
    return _move(session, customer_id, what, before, on=today, today=today, reason=reason, by=by)


def _move(
    session: Session,
    customer_id: str,
    what: MoveOf,
    to: LifecycleStage | ValueTier | None,
    *,
    on: date,
    today: date,
    reason: str,
    by: Stamp,
) -> CustomerMove:
    customer = session.scalar(select(Customer).where(Customer.id == customer_id).with_for_update())
    if customer is None:
        raise CustomerNotFoundError
    refuse_if_erased(session, customer_id)
    refuse_if_merged(session, customer_id)
    said = " ".join(reason.split())
    if not LEAST_REASON <= len(said) <= REASON_LENGTH:
        raise MoveReasonError(field="reason", least=LEAST_REASON, most=REASON_LENGTH)
    column = COLUMNS[what]
    before: LifecycleStage | ValueTier | None = getattr(customer, column)
    if before is to:
        raise NoMoveError(field="to")
    last = _last_day(session, customer_id, what)
    if last is None and on > today:
        raise FutureMoveError(field="on")
    if last is not None and not last <= on <= today:
        raise MoveDayError(field="on", last=last)
    made = CustomerMove(
        id=new_id(),
        customer_id=customer_id,
        what=what,
        before=before.value if before else None,
        after=to.value if to else None,
        moved_on=on,
        reason=said,
        made_at=by.at,
        made_by=by.actor[:80],
    )
    session.add(made)
    setattr(customer, column, to)
    customer.touch(by)
    session.flush()
    audit.record(session, "customer.changed", subject=("customer", customer_id), by=by)
    return made


def list_moves(session: Session, customer_id: str, *, most: int = MOST_SHOWN) -> Part[CustomerMove]:
    """Return the latest moves of a customer, the last one first, and how many there are."""
    wanted = select(CustomerMove).where(CustomerMove.customer_id == customer_id)
    ordered = wanted.order_by(CustomerMove.moved_on.desc(), CustomerMove.id.desc())
    return first_of(session, ordered, most)


def _last_day(session: Session, customer_id: str, what: MoveOf) -> date | None:
    wanted = select(CustomerMove.moved_on).where(
        CustomerMove.customer_id == customer_id, CustomerMove.what == what
    )
    return session.scalar(wanted.order_by(CustomerMove.moved_on.desc()).limit(1))
