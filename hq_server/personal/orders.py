"""Orders to branches about personal data: given here, carried out there, and what became of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from hq_server.branches.models import Branch
from hq_server.customers.queries import CustomerNotFoundError
from hq_server.feed.models import FeedItem, FeedTelling, FeedVersion
from hq_server.feed.operations import publish_order
from hq_server.personal.errors import HoldNotThereError, OrderDayError, OrderErasedError, OrderReasonError
from hq_server.replica.models import ReplicaCustomer, ReplicaErasure, ReplicaLegalHold
from shared.audit.operations import record
from shared.db.parts import Part
from shared.domain.published.orders import LEAST_REASON, MOST_REASON, Order, OrderKind, read_order
from shared.domain.published.vocabulary import ItemKind
from shared.errors import N_
from shared.rights.vocabulary import Action, Resource
from shared.stamp import Stamp
from shared.twoperson.models import ProposedAct
from shared.twoperson.operations import propose
from shared.twoperson.vocabulary import ActKind

RELEASE: Final = "hold-release"
SUBJECT: Final = "legal_hold"
SENT: Final = "sent"
MOST_LISTED: Final = 500


@dataclass(frozen=True, slots=True)
class Given:
    """One order, to whom it went, and the branch's word about it; `outcome` is sent until it has one."""

    item: FeedItem
    order: Order
    branch: Branch | None
    customer: ReplicaCustomer | None
    outcome: str
    telling: FeedTelling | None


def order_hold(
    session: Session,
    branch: Branch,
    customer_id: str,
    *,
    reason: str,
    ends_on: date | None,
    today: date,
    by: Stamp,
) -> FeedItem:
    """Have a branch hold everything of one of its customers; it does with its next contact, and says so.

    Raises CustomerNotFoundError, OrderErasedError, OrderReasonError and OrderDayError.
    """
    _check_customer(session, branch, customer_id)
    if ends_on is not None and ends_on < today:
        raise OrderDayError(field="ends_on")
    order = Order(OrderKind.HOLD, customer_id, _reason(reason), by.actor, ends_on=ends_on)
    return _give(session, branch, order, by=by)


def order_erasure(session: Session, branch: Branch, customer_id: str, *, reason: str, by: Stamp) -> FeedItem:
    """Have a branch write down that a customer is to be erased; two people there decide on it as on any request.

    Raises CustomerNotFoundError, OrderErasedError and OrderReasonError.
    """
    _check_customer(session, branch, customer_id)
    order = Order(OrderKind.ERASE, customer_id, _reason(reason), by.actor)
    return _give(session, branch, order, by=by)


def ask_release(session: Session, hold: ReplicaLegalHold, *, reason: str, by: Stamp) -> ProposedAct:
    """Ask a second person at head office to order the release of a hold.

    Raises HoldNotThereError, ActReasonError and ActProposedError.
    """
    if hold.released_at is not None:
        raise HoldNotThereError
    payload: dict[str, Any] = {"branch": hold.branch_number, "hold": hold.id, "customer": hold.customer_id}
    code = session.get_one(Branch, hold.branch_number).code
    return propose(session, RELEASE_KIND, subject_of(code, hold), payload=payload, reason=reason, by=by)


def subject_of(code: str, hold: ReplicaLegalHold) -> tuple[str, str]:
    """Return what the release of a branch's hold is about."""
    return SUBJECT, f"{code}/{hold.id}"


def _execute(session: Session, act: ProposedAct, by: Stamp) -> None:
    said = act.payload
    order = Order(OrderKind.RELEASE, said["customer"], act.reason, by.actor, hold_id=said["hold"])
    _give(session, session.get_one(Branch, said["branch"]), order, by=by)


def _drop(_session: Session, _act: ProposedAct, _by: Stamp) -> None:
    """Nothing was sent by asking: the hold stood all the time."""


RELEASE_KIND: Final = ActKind(
    RELEASE, N_("Release a legal hold"), Resource.LEGAL_HOLD, Action.APPROVE, _execute, _drop
)


def list_given(session: Session, numbers: Sequence[int] | None = None) -> Part[Given]:
    """Return the latest orders given to some branches (none: all), the last first, each with what became of it."""
    branches = {branch.code: branch for branch in session.scalars(select(Branch))}
    given = session.execute(
        select(FeedItem, FeedVersion)
        .join(FeedVersion, FeedVersion.item_id == FeedItem.id)
        .where(FeedItem.kind == ItemKind.PERSONAL_ORDER)
        .order_by(FeedItem.made_at.desc(), FeedItem.id.desc())
    )
    # An order names its branch in a list, which databases search differently; there is one a hold or an erasure.
    theirs = [
        (item, version)
        for item, version in given
        if (branch := branches.get(version.branches[0])) and (not numbers or branch.number in numbers)
    ]
    found = theirs[:MOST_LISTED]
    ids = [item.id for item, _version in found]
    told = {
        one.item_id: one for one in session.scalars(select(FeedTelling).where(FeedTelling.item_id.in_(ids)))
    }
    orders = [
        _given(session, item, read_order(version.body), branches.get(version.branches[0]), told.get(item.id))
        for item, version in found
    ]
    return Part(orders, len(theirs))


def _given(
    session: Session, item: FeedItem, order: Order, branch: Branch | None, telling: FeedTelling | None
) -> Given:
    customer = session.get(ReplicaCustomer, (branch.number, order.customer_id)) if branch else None
    return Given(item, order, branch, customer, telling.outcome if telling else SENT, telling)


def _give(session: Session, branch: Branch, order: Order, *, by: Stamp) -> FeedItem:
    item = publish_order(session, branch.code, order.body(), by=by)
    details = {"order": item.id, "what": order.kind.value, "branch": branch.code}
    record(session, "order.published", subject=("customer", order.customer_id), by=by, details=details)
    return item


def _check_customer(session: Session, branch: Branch, customer_id: str) -> None:
    if session.get(ReplicaCustomer, (branch.number, customer_id)) is None:
        raise CustomerNotFoundError(branch=branch.code)
    erased = select(ReplicaErasure.id).where(
        ReplicaErasure.branch_number == branch.number, ReplicaErasure.customer_id == customer_id
    )
    if session.scalar(erased) is not None:
        raise OrderErasedError


def _reason(reason: str) -> str:
    said = reason.strip()
    if not LEAST_REASON <= len(said) <= MOST_REASON:
        raise OrderReasonError(field="reason", least=LEAST_REASON, most=MOST_REASON)
    return said
