"""Customers of all branches: found by words and filters, and one customer with everything we hold of it.

Everything here is a branch's own; head office reads it and never edits it.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Integer,
    Row,
    Select,
    and_,
    bindparam,
    case,
    column,
    exists,
    false,
    func,
    or_,
    select,
    tuple_,
)
from sqlalchemy.orm import Session, aliased

from hq_server.branches.models import Branch
from hq_server.customers.identities import is_counted
from hq_server.ingest.models import InboxBatch
from hq_server.replica.models import (
    ReplicaBillLine,
    ReplicaContact,
    ReplicaCustomer,
    ReplicaCustomerMonth,
    ReplicaLegalHold,
    ReplicaManager,
    ReplicaUnit,
    ReplicaUnitEvent,
    ReplicaWorkLog,
)
from shared.db.base import Id
from shared.db.search import matching
from shared.db.search_terms import fold, query_terms, terms_of
from shared.domain.billing.vocabulary import BillKind
from shared.domain.contacts.vocabulary import ContactStanding, ContactStatus
from shared.domain.regions.lookup import region_prefix
from shared.domain.units.vocabulary import UnitEventKind
from shared.errors import N_, BranchlineError, Kind
from shared.ids import is_id

SEARCH_INDEX: Final = "hq_customer_search"
# Words that hit more than this find nobody; the page says so and asks for more words.
MOST_HITS: Final = 1_000
# Counting stops here: the database would read a million rows to tell a number nobody needs exactly.
MOST_COUNTED: Final = 10_000

SEARCHED: Final = ("customer_no", "name", "short_name", "mobile", "phone", "id_no")

RowKey = tuple[int, str]


class CustomerNotFoundError(BranchlineError):
    """We hold no such customer of that branch."""

    code = "customer-not-found"
    kind = Kind.NOT_FOUND
    message = N_("Head office holds no such customer of branch %(branch)s.")


@dataclass(frozen=True, slots=True)
class CustomerFilters:
    """Which customers are wanted; everything empty means all files; `counted`, those by which a customer counts."""

    text: str = ""
    branches: frozenset[int] = frozenset()
    kinds: frozenset[str] = frozenset()
    grades: frozenset[str] = frozenset()
    statuses: frozenset[str] = frozenset()
    region: str = ""
    manager: RowKey | None = None
    opened_from: date | None = None
    opened_to: date | None = None
    counted: bool = False


@dataclass(frozen=True, slots=True)
class CustomerCount:
    """How many customers a list has: exactly, or at least `number` where counting stopped."""

    number: int
    capped: bool


@dataclass(frozen=True, slots=True)
class MonthMoney:
    """One month of a customer in one currency, with its bill lines."""

    period: str
    currency: str
    lines: Sequence[ReplicaBillLine]

    def total(self, kind: BillKind) -> int:
        """Return the sum of the month's lines of one kind, in minor units."""
        return sum(line.amount_minor for line in self.lines if line.kind == kind)


def search_key(branch_number: int, customer_id: str) -> str:
    """Return a customer's key in the search index."""
    return f"{branch_number}:{customer_id}"


def row_key(key: str) -> RowKey:
    """Return the branch number and id that a search key stands for."""
    number, _, customer_id = key.partition(":")
    return int(number), customer_id


def select_searched() -> Select[*tuple[Any, ...]]:
    """Select what the search index needs of customers, as plain rows."""
    customer = ReplicaCustomer
    return select(customer.branch_number, customer.id, *(getattr(customer, name) for name in SEARCHED))


def search_words(row: Row[*tuple[Any, ...]]) -> list[str]:
    """Return the words a row of `select_searched` is found by: number, names, phones and document."""
    return terms_of(*(getattr(row, name) for name in SEARCHED))


def contact_words(session: Session, customers: Collection[RowKey]) -> dict[RowKey, list[str]]:
    """Return the words by which these customers are found through their contact people."""
    contact = ReplicaContact
    people = session.execute(
        select(
            contact.branch_number,
            contact.customer_id,
            contact.name,
            contact.mobile,
            contact.phone,
        ).where(
            contact.branch_number.in_({number for number, _one in customers}),
            contact.customer_id.in_([one for _number, one in customers]),
        )
    )
    found: dict[RowKey, list[str]] = {}
    for number, customer_id, *values in people:
        found.setdefault((number, customer_id), []).extend(terms_of(*values))
    return found


def select_customers(session: Session, filters: CustomerFilters) -> tuple[Select[ReplicaCustomer], bool]:
    """Return a select of the wanted customers, and whether the words hit too many to show all."""
    statement = select(ReplicaCustomer).where(*_conditions(filters))
    if not filters.text.strip():
        return statement, False
    keys, capped = find_by_words(session, filters.text)
    return statement.where(_is_one_of(session, ReplicaCustomer, keys)), capped


def find_by_words(session: Session, text: str) -> tuple[list[RowKey], bool]:
    """Return the customers whose words meet every word of `text`, and whether there are more.

    Customers of a batch not yet indexed are found by their columns, so a search is never behind.
    """
    found = session.scalars(matching(session, SEARCH_INDEX, text).limit(MOST_HITS + 1))
    keys = dict.fromkeys(row_key(str(key)) for key in found)
    if query_terms(text):
        keys.update(dict.fromkeys(_find_waiting(session, text)))
    return list(keys)[:MOST_HITS], len(keys) > MOST_HITS


def list_customers(
    session: Session,
    statement: Select[ReplicaCustomer],
    *,
    sort: str,
    descending: bool = False,
    offset: int = 0,
    limit: int,
) -> tuple[Sequence[ReplicaCustomer], CustomerCount]:
    """Return part of a list in the order of a column, and how many customers the list has.

    Up to MOST_COUNTED are found once and put in order here. Beyond, the list keeps the order of
    customer numbers, which has an index: sorting a million rows would take seconds.
    """
    customer = ReplicaCustomer
    key = (getattr(customer, sort), customer.branch_number, customer.id)
    some = session.execute(statement.with_only_columns(*key).order_by(None).limit(MOST_COUNTED + 1)).all()
    if len(some) > MOST_COUNTED:
        by_number = statement.order_by(customer.customer_no, customer.branch_number, customer.id)
        start = min(offset, MOST_COUNTED)
        return session.scalars(by_number.offset(start).limit(limit)).all(), CustomerCount(
            MOST_COUNTED, capped=True
        )
    ordered = sorted(some, key=lambda row: (row[0] is not None, row), reverse=descending)
    shown = [(row[1], row[2]) for row in ordered[offset : offset + limit]]
    found = session.scalars(select(customer).where(_is_one_of(session, customer, shown)))
    rows = {(one.branch_number, one.id): one for one in found}
    return [rows[one] for one in shown if one in rows], CustomerCount(len(some), capped=False)


def managers_of(session: Session, customers: Iterable[ReplicaCustomer]) -> dict[RowKey, ReplicaManager]:
    """Return the account managers of these customers, in one query."""
    keys = {(one.branch_number, one.manager_id) for one in customers if one.manager_id}
    if not keys:
        return {}
    rows = session.scalars(select(ReplicaManager).where(_is_one_of(session, ReplicaManager, keys)))
    return {(row.branch_number, row.id): row for row in rows}


def get_customer(session: Session, branch: Branch, customer_id: str) -> ReplicaCustomer:
    """Return one customer of a branch; raises CustomerNotFoundError."""
    customer = session.get(ReplicaCustomer, (branch.number, customer_id))
    if customer is None:
        raise CustomerNotFoundError(branch=branch.code)
    return customer


def find_customer(session: Session, branch: Branch, customer_id: str) -> ReplicaCustomer | None:
    """Return one customer of a branch, or None; words that are no id find nobody."""
    return session.get(ReplicaCustomer, (branch.number, customer_id)) if is_id(customer_id) else None


def is_held(session: Session, customer: ReplicaCustomer) -> bool:
    """Tell whether a legal hold on a customer is open at its branch, as far as that has told us."""
    open_hold = select(ReplicaLegalHold.id).where(
        ReplicaLegalHold.branch_number == customer.branch_number,
        ReplicaLegalHold.customer_id == customer.id,
        ReplicaLegalHold.released_at.is_(None),
    )
    return session.scalar(open_hold.limit(1)) is not None


def find_manager(session: Session, branch_number: int, manager_id: str | None) -> ReplicaManager | None:
    """Return an account manager of a branch, or None."""
    return session.get(ReplicaManager, (branch_number, manager_id)) if manager_id else None


def list_contacts(session: Session, customer: ReplicaCustomer) -> Sequence[ReplicaContact]:
    """Return the contact people of a customer: who is in post first, key persons before others."""
    contact = ReplicaContact
    gone = case((contact.status == ContactStatus.LEFT, 1), else_=0)
    ordinary = case((contact.standing == ContactStanding.KEY, 0), else_=1)
    wanted = select(contact).where(
        contact.branch_number == customer.branch_number, contact.customer_id == customer.id
    )
    return session.scalars(wanted.order_by(gone, ordinary, contact.name, contact.id)).all()


def list_money(session: Session, customer: ReplicaCustomer) -> list[MonthMoney]:
    """Return a customer's bill lines by month and currency, newest month first."""
    line = ReplicaBillLine
    lines = session.scalars(
        select(line)
        .where(line.branch_number == customer.branch_number, line.customer_id == customer.id)
        .order_by(line.period.desc(), line.currency, line.booked_on, line.bill_no, line.id)
    )
    months: dict[tuple[str, str], list[ReplicaBillLine]] = {}
    for one in lines:
        months.setdefault((one.period, one.currency), []).append(one)
    return [MonthMoney(period, currency, found) for (period, currency), found in months.items()]


def list_months(session: Session, customer: ReplicaCustomer) -> Sequence[ReplicaCustomerMonth]:
    """Return a customer's months as its branch computed them, newest first."""
    month = ReplicaCustomerMonth
    statement = select(month).where(
        month.branch_number == customer.branch_number, month.customer_id == customer.id
    )
    return session.scalars(statement.order_by(month.month.desc(), month.currency)).all()


def select_work_logs(customer: ReplicaCustomer) -> Select[ReplicaWorkLog, str | None]:
    """Select the work logs that name a customer, each with its account manager's name."""
    log, manager = ReplicaWorkLog, ReplicaManager
    written_by = and_(manager.branch_number == log.branch_number, manager.id == log.manager_id)
    return (
        select(log, manager.name)
        .outerjoin(manager, written_by)
        .where(log.branch_number == customer.branch_number, log.customer_id == customer.id)
    )


def select_units(customer: ReplicaCustomer) -> Select[ReplicaUnit]:
    """Select the tracked units a customer has or had, as far as they have arrived."""
    unit, event, later = ReplicaUnit, ReplicaUnitEvent, aliased(ReplicaUnitEvent)
    corrected = exists().where(later.branch_number == event.branch_number, later.corrects_id == event.id)
    theirs = select(event.unit_id).where(
        event.branch_number == customer.branch_number,
        event.customer_id == customer.id,
        event.kind == UnitEventKind.OWNER,
        ~corrected,
    )
    mine = unit.owner_id == customer.id
    return select(unit).where(unit.branch_number == customer.branch_number, or_(mine, unit.id.in_(theirs)))


def theirs_first(customer: ReplicaCustomer) -> list[ColumnElement[Any]]:
    """Return the order of a customer's units: those they have now before those they had, each by number."""
    return [case((ReplicaUnit.owner_id == customer.id, 0), else_=1), ReplicaUnit.serial_no.expression]


def _conditions(filters: CustomerFilters) -> list[ColumnElement[bool]]:
    customer = ReplicaCustomer
    found = _choices(filters)
    if filters.counted:
        found.append(is_counted())
    if filters.region:
        found.append(customer.region_code.startswith(region_prefix(filters.region), autoescape=True))
    if filters.manager:
        number, manager_id = filters.manager
        found += [customer.branch_number == number, customer.manager_id == manager_id]
    if filters.opened_from:
        found.append(customer.opened_on >= filters.opened_from)
    if filters.opened_to:
        found.append(customer.opened_on <= filters.opened_to)
    return found


def _choices(filters: CustomerFilters) -> list[ColumnElement[bool]]:
    customer = ReplicaCustomer
    found: list[ColumnElement[bool]] = []
    if filters.branches:
        found.append(customer.branch_number.in_(sorted(filters.branches)))
    if filters.kinds:
        found.append(customer.kind.in_(sorted(filters.kinds)))
    if filters.grades:
        found.append(_grade_in(filters.grades))
    if filters.statuses:
        found.append(customer.status.in_(sorted(filters.statuses)))
    return found


def _grade_in(grades: frozenset[str]) -> ColumnElement[bool]:
    named = ReplicaCustomer.grade.in_(sorted(grade for grade in grades if grade))
    return or_(named, ReplicaCustomer.grade.is_(None)) if "" in grades else named


def _is_one_of(
    session: Session, table: type[ReplicaCustomer] | type[ReplicaManager], keys: Collection[RowKey]
) -> ColumnElement[bool]:
    if not keys:
        return false()
    ordered = sorted(keys)
    if session.get_bind().dialect.name == "postgresql":
        # A join with the keys: PostgreSQL plans a thousand conditions slowly, and reads everything for them.
        numbers = bindparam(None, [number for number, _one in ordered], ARRAY(Integer))
        ids = bindparam(None, [one for _number, one in ordered], ARRAY(Id))
        rows = func.unnest(numbers, ids).table_valued(column("number", Integer), column("id", Id))
        given = rows.render_derived(name="given")
        return tuple_(table.branch_number, table.id).in_(select(given.c.number, given.c.id))
    return tuple_(table.branch_number, table.id).in_(ordered)


def _find_waiting(session: Session, text: str) -> list[RowKey]:
    customer = ReplicaCustomer
    waiting = select(InboxBatch.id).where(
        InboxBatch.indexed_at.is_(None), InboxBatch.record_type == "customer"
    )
    looked_at = (customer.customer_no, customer.name, customer.short_name, customer.mobile, customer.phone)
    words = [
        or_(*(func.lower(column).contains(word, autoescape=True) for column in looked_at))
        for word in fold(text).split()
    ]
    statement = select(customer.branch_number, customer.id).where(customer.batch_id.in_(waiting), *words)
    found = [(row[0], row[1]) for row in session.execute(statement.limit(MOST_HITS + 1))]
    return [*found, *_find_waiting_contacts(session, text)]


def _find_waiting_contacts(session: Session, text: str) -> list[RowKey]:
    contact = ReplicaContact
    waiting = select(InboxBatch.id).where(
        InboxBatch.indexed_at.is_(None), InboxBatch.record_type == "contact"
    )
    words = [
        or_(
            *(
                func.lower(column).contains(word, autoescape=True)
                for column in (contact.name, contact.mobile, contact.phone)
            )
        )
        for word in fold(text).split()
    ]
    statement = select(contact.branch_number, contact.customer_id)
    statement = statement.where(contact.batch_id.in_(waiting), *words).distinct()
    return [(row[0], row[1]) for row in session.execute(statement.limit(MOST_HITS + 1))]
