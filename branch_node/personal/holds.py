"""Legal holds: while one is open, nothing of the customer is erased."""

from collections.abc import Collection
from datetime import date
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from branch_node.customers.models import Customer
from branch_node.customers.queries import get_customer
from branch_node.erased.queries import refuse_if_erased
from branch_node.identity.queries import members_of
from branch_node.personal.errors import (
    CustomerHeldError,
    HoldDayError,
    HoldNotFoundError,
    HoldOfHeadOfficeError,
    HoldReasonError,
    HoldReleasedError,
)
from branch_node.personal.models import LegalHold
from shared.audit.operations import record
from shared.domain.personal.fields import REASON_LENGTH
from shared.errors import N_
from shared.ids import new_id
from shared.rights.vocabulary import Action, Resource
from shared.stamp import Stamp
from shared.twoperson.models import ProposedAct
from shared.twoperson.operations import propose
from shared.twoperson.vocabulary import ActKind

LEAST_REASON: Final = 3
RELEASE: Final = "hold-release"
SUBJECT: Final = "legal_hold"
OVER: Final = N_("Its last day is over.")


def is_held(session: Session, customer_id: str) -> bool:
    """Tell whether a hold on a customer is open: then nothing of them may be erased."""
    return bool(held_among(session, [customer_id, *members_of(session, customer_id)]))


def held_among(session: Session, customer_ids: Collection[str]) -> set[str]:
    """Return those of some customers on whom a hold is open."""
    open_holds = select(LegalHold.customer_id).where(
        LegalHold.customer_id.in_(customer_ids), LegalHold.released_at.is_(None)
    )
    return set(session.scalars(open_holds))


def refuse_if_held(session: Session, customer_id: str) -> None:
    """Let nobody erase a customer under a hold: raises CustomerHeldError."""
    if is_held(session, customer_id):
        raise CustomerHeldError


def place(
    session: Session,
    customer_id: str,
    *,
    reason: str,
    ends_on: date | None,
    today: date,
    by: Stamp,
    order: tuple[str, str] | None = None,
) -> LegalHold:
    """Keep everything of a customer until the hold is released, or its last day is over.

    `order` is head office's: its id, and who gave it. Raises CustomerNotFoundError, CustomerErasedError,
    HoldReasonError and HoldDayError.
    """
    customer = get_customer(session, customer_id)
    # Whoever blanks or erases this customer at the same moment holds the row, and looks for holds when it has it.
    session.execute(select(Customer.id).where(Customer.id == customer.id).with_for_update())
    refuse_if_erased(session, customer.id)
    said = _reason(reason)
    if ends_on is not None and ends_on < today:
        raise HoldDayError(field="ends_on")
    hold = LegalHold(
        id=new_id(),
        customer_id=customer.id,
        reason=said,
        placed_at=by.at,
        placed_by=order[1] if order else by.actor,
        ends_on=ends_on,
        order_id=order[0] if order else None,
    )
    session.add(hold)
    session.flush()
    _note(session, "hold.placed", hold, by=by)
    return hold


def ask_release(session: Session, hold_id: str, *, reason: str, by: Stamp) -> ProposedAct:
    """Ask a second person to release a hold of this branch.

    Raises HoldNotFoundError, HoldReleasedError, HoldOfHeadOfficeError, ActReasonError and ActProposedError.
    """
    hold = _open(session, hold_id)
    if hold.order_id is not None:
        raise HoldOfHeadOfficeError
    payload: dict[str, Any] = {"hold": hold.id, "customer": hold.customer_id}
    return propose(session, RELEASE_KIND, (SUBJECT, hold.id), payload=payload, reason=reason, by=by)


def release(session: Session, hold_id: str, *, reason: str, who: str, by: Stamp) -> None:
    """Let what was held go its way again; `who` decided. Raises HoldNotFoundError and HoldReleasedError."""
    hold = _open(session, hold_id)
    hold.released_at, hold.released_by, hold.release_reason = by.at, who, reason
    session.flush()
    _note(session, "hold.released", hold, by=by)


def end_over(session: Session, today: date, *, by: Stamp) -> int:
    """Release the holds whose last day is over; `today` must be certain. Returns how many that were."""
    over = session.scalars(
        select(LegalHold)
        .where(LegalHold.released_at.is_(None), LegalHold.ends_on < today)
        .order_by(LegalHold.id)
    ).all()
    for hold in over:
        release(session, hold.id, reason=OVER, who=by.actor, by=by)
    return len(over)


def _execute(session: Session, act: ProposedAct, by: Stamp) -> None:
    release(session, act.payload["hold"], reason=act.reason, who=by.actor, by=by)


def _drop(_session: Session, _act: ProposedAct, _by: Stamp) -> None:
    """Nothing was left by asking: the hold stood all the time."""


RELEASE_KIND: Final = ActKind(
    RELEASE, N_("Release a legal hold"), Resource.LEGAL_HOLD, Action.APPROVE, _execute, _drop
)


def get_hold(session: Session, hold_id: str) -> LegalHold:
    """Return one hold; raises HoldNotFoundError."""
    found = session.get(LegalHold, hold_id)
    if found is None:
        raise HoldNotFoundError
    return found


def _open(session: Session, hold_id: str) -> LegalHold:
    hold = session.get(LegalHold, hold_id, with_for_update=True, populate_existing=True)
    if hold is None:
        raise HoldNotFoundError
    if hold.released_at is not None:
        raise HoldReleasedError
    return hold


def _reason(reason: str) -> str:
    said = reason.strip()
    if not LEAST_REASON <= len(said) <= REASON_LENGTH:
        raise HoldReasonError(field="reason", least=LEAST_REASON, most=REASON_LENGTH)
    return said


def _note(session: Session, event: str, hold: LegalHold, *, by: Stamp) -> None:
    details = {"hold": hold.id, "order": hold.order_id}
    record(session, event, subject=("customer", hold.customer_id), by=by, details=details)
