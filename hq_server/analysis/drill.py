"""The customers behind a cell: the same rows under the same filters, so they add up to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, func, literal, select
from sqlalchemy.orm import Session

from hq_server.analysis.grid import Question
from hq_server.analysis.months import first_day, shift
from hq_server.analysis.queries import NotByProductError
from hq_server.analysis.sources import known
from hq_server.analysis.vocabulary import Measure
from hq_server.replica.models import ReplicaBillLine, ReplicaCustomer
from shared.domain.billing.vocabulary import BillKind
from shared.domain.customers.vocabulary import CustomerStatus

KIND_OF: Final = {
    Measure.CHARGES: BillKind.CHARGE,
    Measure.PAYMENTS: BillKind.PAYMENT,
    Measure.ADJUSTMENTS: BillKind.ADJUSTMENT,
}


@dataclass(frozen=True, slots=True)
class Behind:
    """One customer behind a cell; `customer_no` is None while only its bill lines have arrived."""

    branch_number: int
    customer_id: str
    customer_no: str | None
    name: str | None
    kind: str | None
    grade: str | None
    opened_on: date | None
    amount: int
    lines: int


@dataclass(frozen=True, slots=True)
class Drill:
    """One page of the customers behind a cell, how many there are, and the cell's figure again."""

    rows: Sequence[Behind]
    count: int
    total: int


def customers_behind(session: Session, question: Question, *, offset: int, limit: int) -> Drill:
    """Return the customers that make up a cell, the largest share first; raises NotByProductError.

    `question` is narrowed to the cell: its row and column stand in the filters and the months.
    """
    statement = _people(question) if question.measure.of_people else _money(question)
    everything = statement.order_by(None).subquery()
    count, total = session.execute(
        select(func.count(), func.coalesce(func.sum(everything.c.amount), 0)).select_from(everything)
    ).one()
    rows = session.execute(statement.offset(offset).limit(limit)).all()
    return Drill([_behind(tuple(row)) for row in rows], int(count), int(total))


def _behind(row: Sequence[Any]) -> Behind:
    number, customer_id, customer_no, name, kind, grade, opened_on, amount, lines = row
    return Behind(number, customer_id, customer_no, name, kind, grade, opened_on, int(amount), int(lines))


def _money(question: Question) -> Select[*tuple[Any, ...]]:
    line, customer = ReplicaBillLine, ReplicaCustomer
    counts_lines = question.measure is Measure.BILL_LINES
    amount = (func.count() if counts_lines else func.sum(line.amount_minor)).label("amount")
    profile = _profile()
    statement = (
        select(line.branch_number, line.customer_id, *profile, amount, func.count().label("lines"))
        .outerjoin(customer, and_(*_same_customer(question)))
        .where(line.period.between(*question.months), *_profile_filters(question))
        .group_by(line.branch_number, line.customer_id, *profile)
        .order_by(func.abs(amount).desc(), line.branch_number, line.customer_id)
    )
    if question.branches:
        statement = statement.where(line.branch_number.in_(sorted(question.branches)))
    if question.products:
        statement = statement.where(line.product.in_(sorted(question.products)))
    if question.measure in KIND_OF:
        of_kind = line.kind == KIND_OF[question.measure]
        statement = statement.where(of_kind, line.currency == question.currency)
    return statement


def _same_customer(question: Question) -> list[ColumnElement[bool]]:
    line, customer = ReplicaBillLine, ReplicaCustomer
    same = [customer.branch_number == line.branch_number, customer.id == line.customer_id]
    # Said twice for PostgreSQL, which would otherwise read the customers of all branches.
    branches = sorted(question.branches)
    return [*same, customer.branch_number.in_(branches)] if branches else list(same)


def _people(question: Question) -> Select[*tuple[Any, ...]]:
    if question.products:
        raise NotByProductError
    customer = ReplicaCustomer
    first, last = question.months
    end = first_day(shift(last, 1)) - timedelta(days=1)
    statement = (
        select(
            customer.branch_number,
            customer.id,
            *_profile(),
            literal(1).label("amount"),
            literal(0).label("lines"),
        )
        .where(customer.opened_on <= end, *_profile_filters(question))
        .order_by(customer.opened_on.desc(), customer.branch_number, customer.customer_no)
    )
    if question.branches:
        statement = statement.where(customer.branch_number.in_(sorted(question.branches)))
    if question.measure is Measure.CUSTOMERS:
        return statement.where(customer.status != CustomerStatus.CLOSED)
    return statement.where(customer.opened_on >= first_day(first))


def _profile() -> list[ColumnElement[Any]]:
    customer = ReplicaCustomer
    columns = (customer.customer_no, customer.name, customer.kind, customer.grade, customer.opened_on)
    return [column.expression for column in columns]


def _profile_filters(question: Question) -> list[ColumnElement[bool]]:
    filters: list[ColumnElement[bool]] = []
    if question.kinds:
        filters.append(known(ReplicaCustomer.kind).in_(sorted(question.kinds)))
    if question.grades:
        filters.append(known(ReplicaCustomer.grade).in_(sorted(question.grades)))
    return filters
