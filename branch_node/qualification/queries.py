"""Reads of qualifications: the rules in force, the facts of many customers at once, the list and what is due."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import BigInteger, ColumnElement, Row, Select, and_, case, cast, func, or_, select
from sqlalchemy.orm import Session

from branch_node.billing.models import BillLine
from branch_node.customers.models import Customer
from branch_node.erased.models import Erasure
from branch_node.inbound.models import InboundItem
from branch_node.inbound.queries import hq_time
from branch_node.qualification.models import Qualification
from branch_node.worklogs.models import WorkLog
from branch_node.worklogs.queries import CONTACTS, stands
from shared.domain.billing.vocabulary import BillKind
from shared.domain.calendar import day_bounds
from shared.domain.customers.rules import is_credit_code, is_id_card
from shared.domain.customers.vocabulary import Grade, IdentityDocument
from shared.domain.published.vocabulary import ItemKind
from shared.domain.qualification import facts
from shared.domain.qualification.checks import NAME
from shared.domain.qualification.facts import Datum
from shared.domain.qualification.rules import RuleSet, add_months, read_rules
from shared.domain.qualification.standard import STANDARD
from shared.domain.qualification.vocabulary import STANDING, JudgedAs, QualificationState
from shared.errors import N_, BranchlineError, Kind

# So long before its last day a judgement can be renewed, and is listed as due.
AHEAD: Final = timedelta(days=90)
CHUNK: Final = 2_000
SORTS: Final[Mapping[str, Any]] = {
    "judged_at": Qualification.judged_at,
    "next_review_on": Qualification.next_review_on,
    "score": Qualification.score,
    "customer_no": Customer.customer_no,
}
_CHECKED: Final = {
    IdentityDocument.ID_CARD: is_id_card,
    IdentityDocument.BUSINESS_LICENCE: is_credit_code,
}


class QualificationNotFoundError(BranchlineError):
    """There is no such qualification."""

    code = "qualification-not-found"
    kind = Kind.NOT_FOUND
    message = N_("There is no such qualification here.")


@dataclass(frozen=True, slots=True)
class QualificationFilter:
    """Which qualifications are wanted; everything empty means all; `due_by` leaves those in force and due then."""

    states: tuple[QualificationState, ...] = ()
    outcomes: tuple[JudgedAs, ...] = ()
    grades: tuple[Grade, ...] = ()
    customer_id: str = ""
    due_by: date | None = None


def rules_in_force(session: Session, now: datetime) -> RuleSet:
    """Return the rules that head office has published; until it does, those built in, version 0."""
    found = session.execute(
        select(InboundItem.body, InboundItem.body_version).where(
            InboundItem.kind == ItemKind.RULES.value,
            InboundItem.name == NAME,
            InboundItem.body.is_not(None),
            or_(InboundItem.expires_at.is_(None), InboundItem.expires_at > hq_time(session, now)),
        )
    ).one_or_none()
    return read_rules(found[0], found[1]) if found is not None and found[0] else STANDARD


def get_qualification(session: Session, qualification_id: str) -> Qualification:
    """Return one; raises QualificationNotFoundError."""
    found = session.get(Qualification, qualification_id)
    if found is None:
        raise QualificationNotFoundError
    return found


def find_standing(session: Session, customer_id: str) -> Qualification | None:
    """Return the judgement of a customer that counts, also when it has expired."""
    return _newest(session, customer_id, STANDING)


def find_proposed(session: Session, customer_id: str) -> Qualification | None:
    """Return the judgement of a customer that waits for a decision."""
    return _newest(session, customer_id, (QualificationState.PROPOSED,))


def list_of_customer(session: Session, customer_id: str) -> Sequence[Qualification]:
    """Return every judgement of a customer, the latest first."""
    wanted = select(Qualification).where(Qualification.customer_id == customer_id)
    return session.scalars(wanted.order_by(Qualification.judged_at.desc(), Qualification.id.desc())).all()


def select_qualifications(wanted: QualificationFilter) -> Select[Qualification, Customer]:
    """Return the statement of the qualifications wanted, each with its customer."""
    statement = select(Qualification, Customer).join(Customer, Customer.id == Qualification.customer_id)
    for column, values in (
        (Qualification.state, wanted.states),
        (Qualification.outcome, wanted.outcomes),
        (Qualification.grade, wanted.grades),
    ):
        if values:
            statement = statement.where(column.in_(values))
    if wanted.customer_id:
        statement = statement.where(Qualification.customer_id == wanted.customer_id)
    return statement.where(_is_due(wanted.due_by)) if wanted.due_by else statement


def list_proposed(session: Session, *, limit: int) -> Sequence[Row[Qualification, Customer]]:
    """Return what waits for a decision, the oldest first, each with its customer."""
    wanted = select_qualifications(QualificationFilter(states=(QualificationState.PROPOSED,)))
    return session.execute(wanted.order_by(Qualification.judged_at, Qualification.id).limit(limit)).all()


def count_states(session: Session, today: date) -> dict[str, int]:
    """Return how many judgements wait, are due and have expired, and how many customers were never judged."""
    expired = Qualification.state == QualificationState.EXPIRED
    counted = select(
        func.count(case((Qualification.state == QualificationState.PROPOSED, 1))),
        func.count(case((_is_due(today + AHEAD), 1))),
        func.count(case((expired, 1))),
    )
    proposed, due, over = session.execute(counted).one()
    never = session.scalar(select(func.count()).select_from(Customer).where(_never_judged())) or 0
    return {"proposed": proposed, "due": due, "expired": over, "never": never}


def due_customers(session: Session, today: date, *, limit: int) -> list[str]:
    """Return the customers whose judgement is due or expired and not proposed anew, those longest due first."""
    waiting = _proposals()
    statement = (
        select(Qualification.customer_id)
        .where(_is_due(today + AHEAD), Qualification.customer_id.not_in(waiting))
        .where(Qualification.customer_id.not_in(select(Erasure.customer_id)))
        .order_by(Qualification.next_review_on, Qualification.id)
    )
    return list(session.scalars(statement.limit(limit)))


def never_judged(session: Session, *, limit: int) -> list[str]:
    """Return the customers that nobody has judged, in the order of their numbers."""
    statement = select(Customer.id).where(_never_judged()).order_by(Customer.customer_no)
    return list(session.scalars(statement.limit(limit)))


def collect_facts(
    session: Session, customer_ids: Sequence[str], *, today: date, timezone: str, currency: str
) -> dict[str, dict[str, Datum]]:
    """Return the facts of customers by id, by a few statements for two thousand of them; money is of one currency."""
    found: dict[str, dict[str, Datum]] = {}
    for at in range(0, len(customer_ids), CHUNK):
        ids = customer_ids[at : at + CHUNK]
        found.update(_profiles(session, ids, today))
        for customer_id, known in _money(session, ids, today, currency):
            found[customer_id].update(known)
        for customer_id, products in _products(session, ids, today):
            found[customer_id][facts.PRODUCTS] = products
        for customer_id, contacts in _contacts(session, ids, today, timezone):
            found[customer_id][facts.CONTACTS] = contacts
    return found


def _profiles(session: Session, ids: Sequence[str], today: date) -> dict[str, dict[str, Datum]]:
    columns = (
        Customer.id,
        Customer.kind,
        Customer.id_type,
        Customer.id_no,
        Customer.opened_on,
        Customer.status,
    )
    rows = session.execute(select(*columns).where(Customer.id.in_(ids)))
    return {
        row.id: {
            facts.KIND: row.kind.value,
            facts.DOCUMENT: row.id_type.value if row.id_type else None,
            facts.NUMBER_GIVEN: bool(row.id_no),
            facts.NUMBER_VALID: _is_valid(row.id_type, row.id_no),
            facts.MONTHS: _months(row.opened_on, today),
            facts.STATUS: row.status.value,
            facts.BILLED: 0,
            facts.PAID_SHARE: None,
            facts.ARREARS: 0,
            facts.PRODUCTS: (),
            facts.CONTACTS: 0,
        }
        for row in rows
    }


def _money(
    session: Session, ids: Sequence[str], today: date, currency: str
) -> Iterator[tuple[str, dict[str, Datum]]]:
    lately = BillLine.period > _period_ago(today)
    paid = BillLine.kind == BillKind.PAYMENT

    def total(condition: ColumnElement[bool]) -> ColumnElement[int]:
        # PostgreSQL sums whole numbers into a decimal; amounts are whole everywhere.
        return cast(func.coalesce(func.sum(case((condition, BillLine.amount_minor), else_=0)), 0), BigInteger)

    rows = session.execute(
        select(
            BillLine.customer_id,
            total(and_(lately, ~paid)),
            total(and_(lately, paid)),
            total(~paid),
            total(paid),
        )
        .where(BillLine.customer_id.in_(ids), BillLine.currency == currency)
        .group_by(BillLine.customer_id)
    )
    for customer_id, billed, payed, ever_billed, ever_paid in rows:
        share = payed * 100 // billed if billed > 0 else None
        yield (
            customer_id,
            {
                facts.BILLED: billed,
                facts.PAID_SHARE: share,
                facts.ARREARS: max(0, ever_billed - ever_paid),
            },
        )


def _products(session: Session, ids: Sequence[str], today: date) -> Iterator[tuple[str, tuple[str, ...]]]:
    rows = session.execute(
        select(BillLine.customer_id, BillLine.product)
        .where(BillLine.customer_id.in_(ids), BillLine.period > _period_ago(today))
        .where(BillLine.kind == BillKind.CHARGE)
        .distinct()
    )
    products: dict[str, list[str]] = {}
    for customer_id, product in rows:
        products.setdefault(customer_id, []).append(product)
    for customer_id, names in products.items():
        yield customer_id, tuple(sorted(names))


def _contacts(session: Session, ids: Sequence[str], today: date, timezone: str) -> Iterator[tuple[str, int]]:
    begins = day_bounds(add_months(today, -12), timezone)[0]
    rows = session.execute(
        select(WorkLog.customer_id, func.count())
        .where(
            WorkLog.customer_id.in_(ids), WorkLog.started_at >= begins, WorkLog.kind.in_(CONTACTS), stands()
        )
        .group_by(WorkLog.customer_id)
    )
    for customer_id, count in rows:
        yield str(customer_id), count


def _period_ago(today: date) -> str:
    """Return the last month that does not belong to the twelve up to today's."""
    return add_months(today.replace(day=1), -12).strftime("%Y-%m")


def _months(since: date | None, today: date) -> int | None:
    if since is None:
        return None
    return max(0, (today.year - since.year) * 12 + today.month - since.month - (today.day < since.day))


def _is_valid(kind: IdentityDocument | None, number: str | None) -> bool:
    """Tell whether a document number is right as far as can be checked: other documents have no check digit."""
    if kind is None or not number:
        return False
    check = _CHECKED.get(kind)
    return check is None or check(number)


def _newest(session: Session, customer_id: str, states: Sequence[QualificationState]) -> Qualification | None:
    wanted = select(Qualification).where(
        Qualification.customer_id == customer_id, Qualification.state.in_(states)
    )
    return session.scalar(wanted.order_by(Qualification.judged_at.desc(), Qualification.id.desc()).limit(1))


def _is_due(day: date | None) -> ColumnElement[bool]:
    return and_(Qualification.state.in_(STANDING), Qualification.next_review_on <= day)


def _proposals() -> Select[str]:
    return select(Qualification.customer_id).where(Qualification.state == QualificationState.PROPOSED)


def _never_judged() -> ColumnElement[bool]:
    judged = select(Qualification.id).where(Qualification.customer_id == Customer.id)
    return and_(~judged.exists(), Customer.id.not_in(select(Erasure.customer_id)))
