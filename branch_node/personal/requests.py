"""What people ask about their data: recorded with a due day, answered, and for erasure decided by two."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from sqlalchemy import Select, exists, select
from sqlalchemy.orm import Session

from branch_node.billing.queries import BillFilter, sums_of
from branch_node.customers.models import Customer
from branch_node.customers.queries import get_customer
from branch_node.erasure.operations import Known
from branch_node.imports.models import Import, ImportState
from branch_node.personal.erasing import erase
from branch_node.personal.holds import refuse_if_held
from branch_node.personal.models import PersonalRequest
from branch_node.personal.request_errors import (
    AnswerError,
    BalanceOpenError,
    FileOpenError,
    NotErasureError,
    RequestDayError,
    RequestNotFoundError,
    RequestOverError,
    RequestWordError,
    UploadOpenError,
    WhoAskedError,
)
from branch_node.personal.request_words import IdentityCheck
from shared.domain.calendar import add_working_days
from shared.domain.customers.vocabulary import CustomerStatus
from shared.domain.erasure.vocabulary import ErasureReason
from shared.domain.personal.vocabulary import RequestKind, RequestState
from shared.errors import N_
from shared.i18n import format_money
from shared.ids import new_id
from shared.rights.vocabulary import Action, Resource
from shared.stamp import Stamp
from shared.twoperson.models import ProposedAct
from shared.twoperson.operations import propose
from shared.twoperson.vocabulary import ActKind

ERASE: Final = "erase-customer"
SUBJECT: Final = "personal_request"
# The law gives fifteen working days for an answer.
WORKING_DAYS: Final = 15
LONGEST_NAME: Final = 120
LONGEST: Final = 500
LEAST_ANSWER: Final = 3
ENDED: Final = (CustomerStatus.CLOSED, CustomerStatus.PROSPECT)
# An upload that lies there until it is taken in or discarded.
LYING: Final = (
    ImportState.UPLOADED,
    ImportState.CHECKING,
    ImportState.CHECKED,
    ImportState.RUNNING,
    ImportState.INTERRUPTED,
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody asks, as it was written down."""

    kind: RequestKind
    asked_by: str
    identity: IdentityCheck
    received_on: date
    note: str = ""

    @classmethod
    def from_form(cls, given: Mapping[str, str], today: date) -> "Asked":
        """Read a form; raises RequestWordError, WhoAskedError and RequestDayError."""
        kind = next((one for one in RequestKind if one.value == given.get("kind")), None)
        identity = next((one for one in IdentityCheck if one.value == given.get("identity")), None)
        if kind is None or identity is None:
            raise RequestWordError(field="kind" if kind is None else "identity")
        asked_by = given.get("asked_by", "").strip()
        if not 0 < len(asked_by) <= LONGEST_NAME:
            raise WhoAskedError(field="asked_by")
        try:
            received_on = date.fromisoformat(given.get("received_on", "").strip() or today.isoformat())
        except ValueError:
            raise RequestDayError(field="received_on") from None
        if received_on > today:
            raise RequestDayError(field="received_on")
        return cls(kind, asked_by, identity, received_on, given.get("note", "").strip()[:LONGEST])


def record_request(
    session: Session, customer_id: str, asked: Asked, *, by: Stamp, order_id: str | None = None
) -> PersonalRequest:
    """Write down what a person asks; it is due fifteen working days later. Raises CustomerNotFoundError."""
    customer = get_customer(session, customer_id)
    request = PersonalRequest(
        id=new_id(),
        customer_id=customer.id,
        kind=asked.kind,
        asked_by=asked.asked_by,
        identity=asked.identity,
        received_on=asked.received_on,
        due_on=add_working_days(asked.received_on, WORKING_DAYS),
        state=RequestState.OPEN,
        note=asked.note or None,
        order_id=order_id,
        made_at=by.at,
        made_by=by.actor,
    )
    session.add(request)
    session.flush()
    return request


def receive_order(
    session: Session, order_id: str, customer_id: str, *, reason: str, who: str, today: date, by: Stamp
) -> PersonalRequest:
    """Write down that head office asks for an erasure; the branch decides on it as on any other, by two people.

    The same order comes again when either side was set back, and then changes nothing. Raises CustomerNotFoundError.
    """
    known = session.scalar(select(PersonalRequest).where(PersonalRequest.order_id == order_id))
    if known is not None:
        return known
    asked = Asked(RequestKind.ERASURE, who[:LONGEST_NAME], IdentityCheck.HEAD_OFFICE, today, reason[:LONGEST])
    return record_request(session, customer_id, asked, by=by, order_id=order_id)


def ask_erasure(session: Session, request_id: str, *, reason: str, by: Stamp) -> ProposedAct:
    """Ask a second person to let the customer be erased; nothing is erased before.

    Raises RequestNotFoundError, RequestOverError, NotErasureError, what `check_erasable` raises, ActReasonError and
    ActProposedError.
    """
    request = _open(session, request_id)
    if request.kind is not RequestKind.ERASURE:
        raise NotErasureError
    check_erasable(session, get_customer(session, request.customer_id))
    payload: dict[str, Any] = {"request": request.id, "customer": request.customer_id}
    return propose(session, ERASE_KIND, (SUBJECT, request.id), payload=payload, reason=reason, by=by)


def check_erasable(session: Session, customer: Customer) -> None:
    """Let nobody be erased who is held by law or with whom business is open.

    Raises CustomerHeldError, FileOpenError, BalanceOpenError and UploadOpenError.
    """
    refuse_if_held(session, customer.id)
    if customer.status not in ENDED:
        raise FileOpenError
    owed = [one for one in sums_of(session, BillFilter(customer_id=customer.id)) if one.balance]
    if owed:
        raise BalanceOpenError(amounts=", ".join(format_money(one.balance, one.currency) for one in owed))
    if session.scalar(select(exists().where(Import.stored.is_(True), Import.state.in_(LYING)))):
        raise UploadOpenError


def refuse(session: Session, request_id: str, *, answer: str, by: Stamp) -> None:
    """Answer that it is not done, and why. Raises RequestNotFoundError, RequestOverError and AnswerError."""
    request = _open(session, request_id)
    said = answer.strip()
    if not LEAST_ANSWER <= len(said) <= LONGEST:
        raise AnswerError(field="answer")
    _end(request, RequestState.REFUSED, by=by, answer=said)


def answer_done(session: Session, request_id: str, *, answer: str, by: Stamp) -> None:
    """Answer that it is done; an erasure is by being carried out alone.

    Raises RequestNotFoundError, RequestOverError and NotErasureError.
    """
    request = _open(session, request_id)
    if request.kind is RequestKind.ERASURE:
        raise NotErasureError
    _end(request, RequestState.DONE, by=by, answer=answer.strip()[:LONGEST])


def get_request(session: Session, request_id: str) -> PersonalRequest:
    """Return one request; raises RequestNotFoundError."""
    found = session.get(PersonalRequest, request_id)
    if found is None:
        raise RequestNotFoundError
    return found


def select_requests(
    *, state: RequestState | None = None, customer_id: str = ""
) -> Select[PersonalRequest, Customer]:
    """Select requests with their customers."""
    chosen = select(PersonalRequest, Customer).join(Customer, Customer.id == PersonalRequest.customer_id)
    if state is not None:
        chosen = chosen.where(PersonalRequest.state == state)
    if customer_id:
        chosen = chosen.where(PersonalRequest.customer_id == customer_id)
    return chosen


def due_by(session: Session, day: date) -> Sequence[PersonalRequest]:
    """Return the open requests whose answer is due on `day` or before, the first one due first."""
    return session.scalars(
        select(PersonalRequest)
        .where(PersonalRequest.state == RequestState.OPEN, PersonalRequest.due_on <= day)
        .order_by(PersonalRequest.due_on, PersonalRequest.id)
    ).all()


def _open(session: Session, request_id: str) -> PersonalRequest:
    found = session.get(PersonalRequest, request_id, with_for_update=True, populate_existing=True)
    if found is None:
        raise RequestNotFoundError
    if found.state is not RequestState.OPEN:
        raise RequestOverError
    return found


def _end(request: PersonalRequest, state: RequestState, *, by: Stamp, answer: str = "") -> None:
    request.state, request.ended_at, request.ended_by = state, by.at, by.actor
    request.answer = answer or None


def _execute(session: Session, act: ProposedAct, by: Stamp) -> None:
    request = _open(session, act.payload["request"])
    customer = get_customer(session, request.customer_id)
    # Business may have begun, or a hold been placed, since it was asked for.
    check_erasable(session, customer)
    reason = ErasureReason.ORDER if request.order_id else ErasureReason.REQUEST
    _end(request, RequestState.DONE, by=by)
    session.flush()
    erase(session, Known.now(customer.id, reason, by), by=by)


def _drop(_session: Session, _act: ProposedAct, _by: Stamp) -> None:
    """Nothing was left by asking: the request stays open."""


ERASE_KIND: Final = ActKind(
    ERASE, N_("Erase a customer"), Resource.PERSONAL_DATA, Action.APPROVE, _execute, _drop
)
