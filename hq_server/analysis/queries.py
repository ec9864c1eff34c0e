"""Answers to questions about all branches together, from the sums kept ready or the rows themselves."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import ColumnElement, Result, Subquery, case, func, select
from sqlalchemy.orm import Session

from hq_server.analysis import sources
from hq_server.analysis.grid import Counts, Fact, Grid, Question, flow_grid, stock_grid
from hq_server.analysis.months import first_day, shift
from hq_server.analysis.vocabulary import Dimension, Measure
from hq_server.branches.models import Branch
from hq_server.customers.identities import count_shared
from hq_server.replica.models import ReplicaCustomer
from shared.domain.customers.vocabulary import CustomerStatus
from shared.errors import N_, BranchlineError

EARLIER: Final = "0000-00"
UNDATED: Final = ""
_AMOUNTS: Final = {
    Measure.CHARGES: "charge_minor",
    Measure.PAYMENTS: "payment_minor",
    Measure.ADJUSTMENTS: "adjustment_minor",
    Measure.BILL_LINES: "bill_lines",
}
# The columns of files and of customers: of all that were opened, and of a stock.
_COUNTED: Final = {False: ("opened", "customers"), True: ("not_closed", "customers_not_closed")}
_COLUMNS: Final = {
    Dimension.BRANCH: "branch_number",
    Dimension.MONTH: "month",
    Dimension.PRODUCT: "product",
    Dimension.KIND: "kind",
    Dimension.GRADE: "grade",
}


class NotByProductError(BranchlineError):
    """Customers were to be broken down or filtered by product, which a customer does not have."""

    code = "not-by-product"
    message = N_(
        "Customers cannot be counted by product, which belongs to bill lines. Choose another measure."
    )


@dataclass(frozen=True, slots=True)
class BranchMonth:
    """A branch's charges in one month and the month before, in one currency."""

    branch_number: int
    currency: str
    this_month: int
    last_month: int


def answer(session: Session, question: Question) -> Grid:
    """Return the figures asked for; raises NotByProductError.

    A customer counts once a branch, by the file that stays; `Grid.counts` says how many files and customers there are.
    Customers of a month are those opened by its end and not closed today: branches do not send when
    a customer was closed, so a closed one is left out of every month. A customer without an opening date
    stands in no month; `Grid.undated` says how many there are.
    """
    if question.measure.of_people:
        return _people(session, question)
    return flow_grid(question, _money_facts(session, question))


def occurring(session: Session) -> tuple[list[str], list[str]]:
    """Return the currencies and the products that occur in bill lines."""
    source = sources.occurring(sources.waiting_branches(session, frozenset({"bill_line"}))).subquery()
    pairs = session.execute(select(source.c.currency, source.c.product).distinct()).all()
    return sorted({currency for currency, _product in pairs}), sorted(
        {product for _currency, product in pairs}
    )


def months_by_branch(session: Session, month: str, before: str) -> list[BranchMonth]:
    """Return each branch's charges of `month` and of the month `before`, currencies apart."""
    waiting = sources.waiting_branches(session, frozenset({"bill_line"}))
    source = sources.charge_source(waiting).subquery("charges")

    def charged(wanted: str) -> ColumnElement[int]:
        return func.sum(case((source.c.month == wanted, source.c.charge_minor), else_=0))

    statement = (
        select(source.c.branch_number, source.c.currency, charged(month), charged(before))
        .where(source.c.month.in_([month, before]))
        .group_by(source.c.branch_number, source.c.currency)
        .order_by(source.c.branch_number, source.c.currency)
    )
    return [BranchMonth(row[0], row[1], int(row[2]), int(row[3])) for row in session.execute(statement)]


def _money(session: Session) -> Subquery:
    return sources.money_source(sources.waiting_branches(session, sources.MONEY_FROM)).subquery("money")


def _first_month(question: Question) -> str:
    """Return the first month to count: the change needs the one before the last, or before each."""
    if question.rows is Dimension.MONTH:
        return shift(question.months[0], -1)
    return min(question.months[0], question.month_before)


def _money_facts(session: Session, question: Question) -> Iterator[Fact]:
    source = _money(session)
    keys = _keys(question, source)
    amount = func.sum(source.c[_AMOUNTS[question.measure]])
    statement = (
        select(*keys, source.c.month, amount)
        .where(
            source.c.month.between(_first_month(question), question.months[1]), *_filters(question, source)
        )
        .group_by(*dict.fromkeys([*keys, source.c.month]))
    )
    if question.measure.is_money:
        statement = statement.where(source.c.currency == question.currency)
    return _facts(session.execute(statement))


def count_customers(session: Session) -> dict[int, Counts]:
    """Return by branch how many files and customers we hold, whatever their state; of the branches that are seen."""
    source = _customers(session)
    statement = select(
        source.c.branch_number, func.sum(source.c.opened), func.sum(source.c.customers)
    ).group_by(source.c.branch_number)
    counted = {row[0]: Counts(int(row[1]), int(row[2])) for row in session.execute(statement)}
    return {number: counted.get(number, Counts()) for number in session.scalars(select(Branch.number))}


def _people(session: Session, question: Question) -> Grid:
    if question.products or Dimension.PRODUCT in {question.rows, question.columns}:
        raise NotByProductError
    measure = question.measure
    source = _opened(session, question)
    files, customers = (source.c[name] for name in _COUNTED[measure.is_stock])
    counted = files if measure.by_file else customers
    keys, filters = _keys(question, source), _filters(question, source)
    statement = (
        select(*keys, source.c.month, func.sum(counted))
        .where(source.c.month != UNDATED, source.c.month <= question.months[1], *filters)
        .group_by(*dict.fromkeys([*keys, source.c.month]))
    )
    facts = _facts(session.execute(statement))
    undated = session.scalar(select(func.sum(counted)).where(source.c.month == UNDATED, *filters))
    grid = (stock_grid if measure.is_stock else flow_grid)(question, facts, undated=int(undated or 0))
    first = "" if measure.is_stock else question.months[0]
    inside = (source.c.month != UNDATED, source.c.month >= first, source.c.month <= question.months[1])
    row = session.execute(select(func.sum(files), func.sum(customers)).where(*inside, *filters)).one()
    shared = count_shared(session, *people_wanted(question))
    return replace(grid, counts=Counts(int(row[0] or 0), int(row[1] or 0), shared))


def people_wanted(question: Question) -> list[ColumnElement[bool]]:
    """Return the conditions on the files that a question about customers counts, merged ones or not."""
    customer = ReplicaCustomer
    first, last = question.months
    wanted = [customer.opened_on < first_day(shift(last, 1))]
    if question.measure.is_stock:
        wanted.append(customer.status != CustomerStatus.CLOSED)
    else:
        wanted.append(customer.opened_on >= first_day(first))
    if question.branches:
        wanted.append(customer.branch_number.in_(sorted(question.branches)))
    if question.kinds:
        wanted.append(sources.known(customer.kind).in_(sorted(question.kinds)))
    if question.grades:
        wanted.append(sources.known(customer.grade).in_(sorted(question.grades)))
    return wanted


def _customers(session: Session) -> Subquery:
    waiting = sources.waiting_branches(session, sources.CUSTOMERS_FROM)
    return sources.customer_source(waiting, dialect=session.get_bind().dialect.name).subquery("people")


def _opened(session: Session, question: Question) -> Subquery:
    """Select customer counts with everything opened before the months asked for as one group."""
    source = _customers(session)
    first = _first_month(question)
    earlier = (source.c.opened_month < first) & (source.c.opened_month != UNDATED)
    month = case((earlier, EARLIER), else_=source.c.opened_month)
    columns = (
        source.c.branch_number,
        source.c.kind,
        source.c.grade,
        *(source.c[name] for names in _COUNTED.values() for name in names),
    )
    return select(*columns, month.label("month")).subquery("opened_in")


def _keys(question: Question, source: Subquery) -> list[ColumnElement[Any]]:
    return [source.c[_COLUMNS[one]] for one in (question.rows, question.columns) if one is not None]


def _filters(question: Question, source: Subquery) -> list[ColumnElement[bool]]:
    wanted: dict[str, frozenset[Any]] = {
        "branch_number": question.branches,
        "product": question.products,
        "kind": question.kinds,
        "grade": question.grades,
    }
    return [source.c[name].in_(sorted(values)) for name, values in wanted.items() if values]


def _facts(result: Result[Any]) -> Iterator[Fact]:
    for row in result:
        *keys, month, amount = tuple(row)
        yield Fact(str(keys[0]), str(keys[1]) if len(keys) > 1 else "", month, int(amount))
