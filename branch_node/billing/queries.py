"""Bill lines and what they add up to.

Every sum is the plain sum of all its lines: a correction is a line of its own with the signed difference,
so nothing is ever left out or counted twice.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    CompoundSelect,
    Row,
    Select,
    case,
    cast,
    exists,
    func,
    or_,
    select,
    union_all,
)
from sqlalchemy.orm import Session

from branch_node.billing.models import BillLine
from branch_node.customers.models import Customer
from branch_node.identity.models import CustomerIdentity
from branch_node.identity.queries import of_person
from shared.db.search_terms import fold
from shared.domain.billing.vocabulary import BillKind
from shared.errors import N_, BranchlineError, Kind


class BillLineNotFoundError(BranchlineError):
    """There is no such bill line at this branch."""

    code = "bill-line-not-found"
    kind = Kind.NOT_FOUND
    message = N_("There is no such bill line here. It may have gone with the import that brought it in.")


@dataclass(frozen=True, slots=True)
class BillFilter:
    """Which bill lines are wanted; everything empty means all of them."""

    period_from: str = ""
    period_to: str = ""
    product: str = ""
    kinds: tuple[BillKind, ...] = ()
    customer_id: str = ""


@dataclass(frozen=True, slots=True)
class Sums:
    """What lines of one currency add up to, in minor units."""

    currency: str
    lines: int = 0
    amounts: Mapping[BillKind, int] = field(default_factory=dict)

    @property
    def charge(self) -> int:
        """What was charged."""
        return self.amounts.get(BillKind.CHARGE, 0)

    @property
    def payment(self) -> int:
        """What was paid."""
        return self.amounts.get(BillKind.PAYMENT, 0)

    @property
    def adjustment(self) -> int:
        """What was adjusted."""
        return self.amounts.get(BillKind.ADJUSTMENT, 0)

    @property
    def balance(self) -> int:
        """What is still owed: charges and adjustments less payments."""
        return self.charge + self.adjustment - self.payment


@dataclass(frozen=True, slots=True)
class PeriodSums:
    """One period of one customer."""

    period: str
    sums: Sums


# A line, its customer's number and name.
LineRow = Row[BillLine, str, str]

_SIGNED = case((BillLine.kind == BillKind.PAYMENT, -BillLine.amount_minor), else_=BillLine.amount_minor)


def get_line(session: Session, line_id: str) -> BillLine:
    """Return one bill line; raises BillLineNotFoundError."""
    line = session.get(BillLine, line_id)
    if line is None:
        raise BillLineNotFoundError
    return line


def lines(wanted: BillFilter) -> Select[BillLine, str, str]:
    """Return the statement of the lines wanted, each with its customer's number and name."""
    found = select(BillLine, Customer.customer_no, Customer.name.label("customer_name"))
    return found.join(Customer, Customer.id == BillLine.customer_id).where(*_conditions(wanted))


def find_by_number(session: Session, bill_no: str) -> Sequence[LineRow]:
    """Return the line with just this number, and those that correct it."""
    ids = session.scalars(select(BillLine.id).where(BillLine.bill_no.in_(_spellings(bill_no)))).all()
    if not ids:
        return []
    found = lines(BillFilter()).where(or_(BillLine.id.in_(ids), BillLine.corrects_id.in_(ids)))
    return session.execute(found.order_by(BillLine.id)).all()


def any_numbered(bill_no: str) -> ColumnElement[bool]:
    """Return the question whether any line has just this number, whoever may see it: the index alone tells."""
    number = BillLine.__table__.c.bill_no
    return exists(select(number).where(number.in_(_spellings(bill_no))))


def _spellings(bill_no: str) -> list[str]:
    number = fold(bill_no).strip()
    return sorted({bill_no.strip(), number, number.upper()})


def sums_of(session: Session, wanted: BillFilter) -> list[Sums]:
    """Return what all the lines wanted add up to, one entry a currency."""
    grouped = (
        select(BillLine.currency, BillLine.kind, func.count(), func.sum(BillLine.amount_minor))
        .where(*_conditions(wanted))
        .group_by(BillLine.currency, BillLine.kind)
    )
    return [
        sums
        for _period, sums in _collect(((), *row) for row in session.execute(grouped))  # one group: no period
    ]


def periods_of_customer(session: Session, customer_id: str) -> list[PeriodSums]:
    """Return a customer's sums by period and currency, latest period first."""
    grouped = (
        select(
            BillLine.period, BillLine.currency, BillLine.kind, func.count(), func.sum(BillLine.amount_minor)
        )
        .where(of_person(BillLine.customer_id, customer_id))
        .group_by(BillLine.period, BillLine.currency, BillLine.kind)
    )
    found = [PeriodSums(period, sums) for period, sums in _collect(session.execute(grouped))]
    return sorted(found, key=lambda each: (each.period, each.sums.currency), reverse=True)


def lines_in_periods(
    session: Session, customer_id: str, periods: Collection[str], *, limit: int
) -> list[BillLine]:
    """Return the latest lines a customer has in each of these periods, at most `limit` each, latest period first."""
    latest = BillLine.booked_on.desc(), BillLine.id.desc()
    place = func.row_number().over(partition_by=BillLine.period, order_by=latest)
    within = select_of_customer(customer_id).where(BillLine.period.in_(sorted(periods)))
    ranked = within.with_only_columns(BillLine.id, place.label("place")).subquery()
    shown = select(BillLine).join(ranked, ranked.c.id == BillLine.id).where(ranked.c.place <= limit)
    return list(session.scalars(shown.order_by(BillLine.period.desc(), *latest)))


def select_of_customer(customer_id: str) -> Select[BillLine]:
    """Select a customer's lines, those of files merged into theirs included."""
    return select(BillLine).where(of_person(BillLine.customer_id, customer_id))


def corrections_of(session: Session, line_id: str) -> list[BillLine]:
    """Return the lines that correct one line, in the order they were made."""
    return list(
        session.scalars(select(BillLine).where(BillLine.corrects_id == line_id).order_by(BillLine.id))
    )


def corrected_among(session: Session, ids: Sequence[str]) -> set[str]:
    """Return which of the lines have been corrected."""
    found = select(BillLine.corrects_id).where(BillLine.corrects_id.in_(ids))
    return {corrected for corrected in session.scalars(found) if corrected is not None}


def amount_now(session: Session, line: BillLine) -> int:
    """Return what a line stands at with all its corrections."""
    corrected = select(func.sum(BillLine.amount_minor)).where(BillLine.corrects_id == line.id)
    return line.amount_minor + int(session.scalar(corrected) or 0)


def list_products(session: Session) -> list[str]:
    """Return the products that bill lines name, in order."""
    return list(session.scalars(select(BillLine.product).distinct().order_by(BillLine.product)))


def list_arrears(
    session: Session, *, before_period: str, manager_id: str | None, limit: int
) -> Sequence[Row[str, str, str, str, int]]:
    """Return who owes for periods before this one: id, number, name, currency, balance; most first."""
    # PostgreSQL sums whole numbers into a decimal; amounts are whole everywhere.
    balance = cast(func.sum(_SIGNED), BigInteger).label("balance")
    earlier = BillLine.period < before_period
    sums = select(BillLine.customer_id, BillLine.currency, balance).where(earlier)
    if manager_id:
        held = select(Customer.id).where(Customer.manager_id == manager_id)
        sums = sums.where(BillLine.customer_id.in_(held))
    # The few that owe most are found before their names are: names of everybody would be read for nothing.
    single = sums.where(BillLine.customer_id.not_in(_of_several_files()))
    single = single.group_by(BillLine.customer_id, BillLine.currency).having(func.sum(_SIGNED) > 0)
    several = _owing_with_merged(balance, earlier, manager_id)
    both = union_all(single, several).subquery()
    owing = select(both).order_by(both.c.balance.desc(), both.c.customer_id).limit(limit).subquery()
    named = select(Customer.id, Customer.customer_no, Customer.name, owing.c.currency, owing.c.balance)
    joined = named.join(owing, owing.c.customer_id == Customer.id)
    return session.execute(joined.order_by(owing.c.balance.desc(), Customer.customer_no)).all()


def _of_several_files() -> CompoundSelect[str]:
    """Select the files of customers who have several: those merged, and those they were merged into."""
    return select(CustomerIdentity.customer_id).union_all(select(CustomerIdentity.identity_id))


def _owing_with_merged(balance: Any, earlier: ColumnElement[bool], manager_id: str | None) -> Select[Any]:  # noqa: ANN401 - a labelled sum
    """Select what customers of several files owe, over all of these."""
    links = union_all(
        select(CustomerIdentity.customer_id.label("file"), CustomerIdentity.identity_id.label("person")),
        select(CustomerIdentity.identity_id, CustomerIdentity.identity_id).distinct(),
    ).subquery()
    sums = (
        select(links.c.person.label("customer_id"), BillLine.currency, balance)
        .join(BillLine, BillLine.customer_id == links.c.file)
        .where(earlier)
        .group_by(links.c.person, BillLine.currency)
        .having(func.sum(_SIGNED) > 0)
    )
    if manager_id:
        sums = sums.where(links.c.person.in_(select(Customer.id).where(Customer.manager_id == manager_id)))
    return sums


def _conditions(wanted: BillFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.period_from:
        conditions.append(BillLine.period >= wanted.period_from)
    if wanted.period_to:
        conditions.append(BillLine.period <= wanted.period_to)
    if wanted.product:
        conditions.append(BillLine.product == wanted.product)
    if wanted.kinds:
        conditions.append(BillLine.kind.in_(wanted.kinds))
    if wanted.customer_id:
        conditions.append(of_person(BillLine.customer_id, wanted.customer_id))
    return conditions


def _collect(rows: Iterable[Sequence[Any]]) -> list[tuple[str, Sums]]:
    """Turn (group, currency, kind, lines, amount) into one Sums a group and currency."""
    amounts: dict[tuple[str, str], dict[BillKind, int]] = defaultdict(dict)
    counts: dict[tuple[str, str], int] = defaultdict(int)
    for group, currency, kind, count, amount in rows:
        amounts[group, currency][kind] = int(amount)
        counts[group, currency] += count
    return [
        (group, Sums(currency, counts[group, currency], amounts[group, currency]))
        for group, currency in sorted(amounts)
    ]
