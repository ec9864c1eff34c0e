"""What each bulk act does to one customer and how it is taken back; rules are those of the operations it calls."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from marshmallow import ValidationError
from sqlalchemy.orm import Session

from branch_node.bulk.errors import (
    AlreadySoError,
    BulkWhatError,
    ChangedSinceError,
    TagsFullError,
)
from branch_node.bulk.models import BulkKind
from branch_node.customers import moves, sharing
from branch_node.customers.models import Customer, CustomerShare
from branch_node.customers.operations import change_customer
from branch_node.customers.published import check_published
from branch_node.customers.schemas import MOST_TAGS, split_tags
from shared.db.base import instant_text
from shared.domain.customers.vocabulary import (
    CustomerStatus,
    LifecycleStage,
    MoveOf,
    PreferredChannel,
    ServiceLevel,
    ValueTier,
)
from shared.domain.vocabulary import Vocabulary
from shared.ids import is_id
from shared.rights.vocabulary import Action, Resource
from shared.stamp import Stamp

UPDATE: Final = (Resource.CUSTOMER, Action.UPDATE)
CODES: Final[dict[BulkKind, type[Vocabulary]]] = {
    BulkKind.STAGE: LifecycleStage,
    BulkKind.TIER: ValueTier,
    BulkKind.LEVEL: ServiceLevel,
    BulkKind.CHANNEL: PreferredChannel,
    BulkKind.RETIRE: CustomerStatus,
}
RIGHTS: Final = {
    BulkKind.SHARE: (Resource.CUSTOMER_SHARE, Action.CREATE),
    BulkKind.HAND_OVER: (Resource.CUSTOMER, Action.TRANSFER),
    BulkKind.RETIRE: (Resource.CUSTOMER, Action.RETIRE),
}
# Whose value is an account manager.
PEOPLE: Final = frozenset({BulkKind.SHARE, BulkKind.HAND_OVER})
MOVES: Final = {BulkKind.STAGE: MoveOf.STAGE, BulkKind.TIER: MoveOf.TIER}
FIELDS: Final = {
    BulkKind.LEVEL: "service_level",
    BulkKind.CHANNEL: "preferred_channel",
    BulkKind.RETIRE: "status",
}


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be done, with which value, why, and on which day."""

    kind: BulkKind
    value: str
    reason: str
    today: date

    @property
    def right(self) -> tuple[Resource, Action]:
        """What who orders it must be allowed."""
        return RIGHTS.get(self.kind, UPDATE)


def check_value(kind: BulkKind, value: str) -> str:
    """Return the value as it is set; raises BulkWhatError."""
    given = " ".join(value.split())
    if kind is BulkKind.RETIRE:
        return CustomerStatus.CLOSED.value
    if kind in CODES:
        good = given in {one.value for one in CODES[kind]}
    elif kind in PEOPLE:
        good = is_id(given)
    else:
        good = _is_tag(given)
    if not good:
        raise BulkWhatError
    return given


def do(session: Session, customer: Customer, order: Order, *, by: Stamp) -> str | None:
    """Do it to one customer and return what was before; a refusal is raised before anything is written."""
    return _DO.get(order.kind, _set)(session, customer, order, by)


def take_back(
    session: Session, customer: Customer, order: Order, before: str | None, *, done_at: datetime, by: Stamp
) -> None:
    """Make one customer again what it was; raises ChangedSinceError and what operations raise."""
    if customer.updated_at > done_at:
        raise ChangedSinceError
    if order.kind in {BulkKind.ADD_TAG, BulkKind.DROP_TAG}:
        turned = BulkKind.DROP_TAG if order.kind is BulkKind.ADD_TAG else BulkKind.ADD_TAG
        _tag(session, customer, Order(turned, order.value, order.reason, order.today), by)
    elif order.kind in MOVES:
        was = _member(order.kind, before) if before else None
        moves.move_back(
            session, customer.id, MOVES[order.kind], was, today=order.today, reason=order.reason, by=by
        )
    elif order.kind is BulkKind.SHARE:
        there = session.get(CustomerShare, (customer.id, order.value))
        if there is None or there.shared_at != done_at:
            raise ChangedSinceError
        _unshare(session, customer, order, before, by)
    else:
        values = {FIELDS[order.kind]: _member(order.kind, before) if before else None}
        change_customer(session, customer.id, values, seen_at=customer.updated_at, by=by)


def _set(session: Session, customer: Customer, order: Order, by: Stamp) -> str | None:
    name, value = FIELDS[order.kind], _member(order.kind, order.value)
    before = getattr(customer, name)
    if before is value:
        raise AlreadySoError
    change_customer(session, customer.id, {name: value}, seen_at=customer.updated_at, by=by)
    return before.value if before else None


def _tag(session: Session, customer: Customer, order: Order, by: Stamp) -> str | None:
    adds = order.kind is BulkKind.ADD_TAG
    if (order.value in customer.tags) is adds:
        raise AlreadySoError
    if adds and len(customer.tags) >= MOST_TAGS:
        raise TagsFullError
    kept = [tag for tag in customer.tags if tag != order.value]
    values: dict[str, Any] = {"tags": [*kept, order.value] if adds else kept}
    try:
        check_published(session, values, customer, now=by.at)
    except ValidationError:
        raise BulkWhatError from None
    change_customer(session, customer.id, values, seen_at=customer.updated_at, by=by)
    return None


def _move(session: Session, customer: Customer, order: Order, by: Stamp) -> str | None:
    to: Any = _member(order.kind, order.value)
    made = moves.move(session, customer.id, to, on=order.today, today=order.today, reason=order.reason, by=by)
    return made.before


def _share(session: Session, customer: Customer, order: Order, by: Stamp) -> str | None:
    there = session.get(CustomerShare, (customer.id, order.value))
    if there is not None and there.ends_at is None:
        raise AlreadySoError
    before = instant_text(there.ends_at) if there is not None and there.ends_at is not None else None
    sharing.share_customer(session, customer.id, order.value, ends_at=None, by=by)
    return before


def _unshare(session: Session, customer: Customer, order: Order, before: str | None, by: Stamp) -> None:
    ends_at = datetime.fromisoformat(before) if before else None
    if ends_at is not None and ends_at > by.at:
        sharing.share_customer(session, customer.id, order.value, ends_at=ends_at, by=by)
    else:
        sharing.end_share(session, customer.id, order.value, by=by)


def _member(kind: BulkKind, value: str) -> Any:  # noqa: ANN401 - a member of one of CODES
    return next(one for one in CODES[kind] if one.value == value)


def _is_tag(given: str) -> bool:
    try:
        return split_tags(given) == [given]
    except ValidationError:
        return False


_DO: Final[dict[BulkKind, Callable[[Session, Customer, Order, Stamp], str | None]]] = {
    BulkKind.ADD_TAG: _tag,
    BulkKind.DROP_TAG: _tag,
    BulkKind.STAGE: _move,
    BulkKind.TIER: _move,
    BulkKind.SHARE: _share,
}
