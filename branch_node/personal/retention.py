"""Blanking personal data of closed customers whose term is over; never the money, never under a legal hold."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from sqlalchemy import Select, delete, exists, func, insert, select, update
from sqlalchemy.orm import Session

from branch_node.billing.models import BillLine
from branch_node.customers.models import Customer
from branch_node.erased.models import Erasure
from branch_node.erasure.operations import Known
from branch_node.inbound.queries import find_place, policies
from branch_node.outbound import queries as outbound
from branch_node.personal.erasing import erase
from branch_node.personal.holds import is_held
from branch_node.personal.models import ClosedCustomer, LegalHold
from branch_node.worklogs.models import WorkLog
from shared.audit.operations import record
from shared.db.base import Base
from shared.db.personal import FieldClass, class_of
from shared.domain.calendar import local_day
from shared.domain.customers.vocabulary import CustomerStatus
from shared.domain.erasure.rules import blanks, personal_columns
from shared.domain.erasure.vocabulary import ErasureReason
from shared.domain.personal.keeping import CLASS_WORDS, KEEP_POLICIES, months_before
from shared.stamp import Stamp

# Who changed a customer last, where that was no activity of the customer's.
ACTOR: Final = "retention"
CUSTOMERS: Final = Base.metadata.tables[Customer.__tablename__]
PAGE: Final = 500
MOST_A_NIGHT: Final = 500
# A contact longer ago, or clocks further apart, leave the time in doubt.
LONGEST_SILENCE: Final = timedelta(days=2)
FURTHEST_APART: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Due:
    """A customer of whom something is past its term: which classes, and whether that is all there is of them."""

    customer_id: str
    customer_no: str
    since: date
    kinds: tuple[FieldClass, ...]
    whole: bool


def certain_time(session: Session, now: datetime) -> datetime | None:
    """Return head office's time, or None when it is not certain: a clock years ahead must not end any term."""
    place, contact = find_place(session), outbound.link(session, now=now).last_contact
    if place is None or contact is None or not timedelta() <= now - contact <= LONGEST_SILENCE:
        return None
    ahead = timedelta(milliseconds=place.ahead_ms)
    return now + ahead if abs(ahead) <= FURTHEST_APART else None


def terms(session: Session, now: datetime) -> dict[FieldClass, int]:
    """Return for how many months each class is kept; a class that is not named is kept for ever."""
    fixed = policies(session, KEEP_POLICIES, now=now)
    return {kind: fixed[name] for name, kind in KEEP_POLICIES.items() if fixed.get(name)}


def note_closed(session: Session) -> None:
    """Bring up to date since when each closed customer is closed; what somebody changes later counts as activity."""
    closed = Customer.status == CustomerStatus.CLOSED
    known = select(ClosedCustomer.customer_id)
    reopened = select(Customer.id).where(~closed)
    session.execute(delete(ClosedCustomer).where(ClosedCustomer.customer_id.in_(reopened)))
    changed = (
        select(Customer.updated_at)
        .where(Customer.id == ClosedCustomer.customer_id, Customer.updated_by != ACTOR)
        .scalar_subquery()
    )
    session.execute(
        update(ClosedCustomer).where(changed > ClosedCustomer.since).values(since=changed),
        execution_options={"synchronize_session": False},
    )
    new = select(Customer.id, Customer.updated_at).where(closed, Customer.id.not_in(known))
    session.execute(insert(ClosedCustomer).from_select(["customer_id", "since"], new))


def find_due(
    session: Session, kept: Mapping[FieldClass, int], today: date, *, timezone: str
) -> Iterator[Due]:
    """Yield the customers of whom something is past its term, those closed first first."""
    if not kept:
        return
    latest = datetime.combine(months_before(today, min(kept.values())), datetime.max.time(), tzinfo=UTC)
    for customer, since, billed, logged in session.execute(_candidates(latest)).yield_per(PAGE):
        last = max(
            local_day(since, timezone),
            date.min if billed is None else billed,
            date.min if logged is None else local_day(logged, timezone),
        )
        over = [kind for kind, months in kept.items() if last < months_before(today, months)]
        held = _held(customer)
        kinds = tuple(kind for kind in CLASS_WORDS if kind in over and held.get(kind))
        whole = set(CLASS_WORDS) <= set(over)
        if kinds or whole:
            yield Due(customer.id, customer.customer_no, last, kinds or tuple(held), whole)


def blank(session: Session, due: Due, *, by: Stamp) -> bool:
    """Blank what is past its term of one customer, by an ordinary change that travels; the money stays.

    Returns False when the customer was held, opened or changed meanwhile: nothing happens then.
    """
    customer = session.get(Customer, due.customer_id, with_for_update=True, populate_existing=True)
    if customer is None or customer.status is not CustomerStatus.CLOSED or is_held(session, customer.id):
        return False
    if due.whole:
        erase(session, Known.now(customer.id, ErasureReason.PURPOSE, by), by=by)
        return True
    row = {column.name: getattr(customer, column.name) for column in CUSTOMERS.columns}
    gone = {column.name for column in personal_columns(CUSTOMERS) if class_of(column) in due.kinds}
    values = {name: value for name, value in blanks(CUSTOMERS, row).items() if name in gone}
    # Not through the session, which would tell the log what was there.
    session.execute(
        update(CUSTOMERS)
        .where(CUSTOMERS.c.id == customer.id)
        .values({**values, "updated_at": by.at, "updated_by": ACTOR})
    )
    session.expire(customer)
    details = {"classes": [kind.value for kind in due.kinds], "since": due.since.isoformat()}
    record(session, "customer.blanked", subject=("customer", due.customer_id), by=by, details=details)
    return True


def count_kinds(found: Iterator[Due] | list[Due]) -> Counter[str]:
    """Return of how many customers each class is past its term."""
    return Counter(kind.value for due in found for kind in due.kinds)


def _candidates(latest: datetime) -> Select[Customer, datetime, date | None, datetime | None]:
    """Select closed customers whose last activity may be long enough ago, with its days."""
    billed = select(func.max(BillLine.booked_on)).where(BillLine.customer_id == Customer.id).scalar_subquery()
    logged = select(func.max(WorkLog.started_at)).where(WorkLog.customer_id == Customer.id).scalar_subquery()
    held = exists().where(LegalHold.customer_id == Customer.id, LegalHold.released_at.is_(None))
    erased = exists().where(Erasure.customer_id == Customer.id)
    return (
        select(Customer, ClosedCustomer.since, billed, logged)
        .join(ClosedCustomer, ClosedCustomer.customer_id == Customer.id)
        .where(Customer.status == CustomerStatus.CLOSED, ClosedCustomer.since <= latest, ~held, ~erased)
        .order_by(ClosedCustomer.since, Customer.id)
    )


def _held(customer: Customer) -> dict[FieldClass, bool]:
    """Return of each class whether anything of it is left."""
    row = {column.name: getattr(customer, column.name) for column in CUSTOMERS.columns}
    wanted, left = blanks(CUSTOMERS, row), Counter[FieldClass]()
    for column in personal_columns(CUSTOMERS):
        if (kind := class_of(column)) is not None:
            left[kind] += row[column.name] != wanted[column.name]
    return {kind: bool(count) for kind, count in left.items()}
