"""The customers behind a cell: the same rows under the same filters, so they add up to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from sqlalchemy import CTE, ColumnElement, Select, and_, func, literal, select
from sqlalchemy.orm import Session

from hq_server.analysis.grid import Question
from hq_server.analysis.queries import NotByProductError, people_wanted
from hq_server.analysis.sources import known
from hq_server.analysis.vocabulary import Measure
from hq_server.customers.identities import is_counted
from hq_server.replica.models import ReplicaBillLine, ReplicaCustomer, ReplicaCustomerIdentity
from shared.domain.billing.vocabulary import BillKind

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
    """One page of the files behind a cell, how many there are and of how many customers, and the cell's figure."""

    rows: Sequence[Behind]
    count: int
    total: int
    customers: int


def customers_behind(session: Session, question: Question, *, offset: int, limit: int) -> Drill:
    """Return the customers that make up a cell, the largest share first; raises NotByProductError.

    `question` is narrowed to the cell: its row and column stand in the filters and the months.
    """
    of_people = question.measure.of_people
    statement = _people(question) if of_people else _money(question)
    everything = statement.order_by(None).cte("everything")
    count, total = session.execute(
        select(func.count(), func.coalesce(func.sum(everything.c.amount), 0)).select_from(everything)
    ).one()
    rows = session.execute(statement.offset(offset).limit(limit)).all()
    one_more = _counted_twice(session, everything) if question.measure.by_file or not of_people else 0
    return Drill([_behind(tuple(row)) for row in rows], int(count), int(total), int(count) - one_more)


def _counted_twice(session: Session, everything: CTE) -> int:
    """Return how many files behind a cell belong to a customer with another file behind it."""
    link, into = ReplicaCustomerIdentity, everything.alias("into_file")
    found = session.execute(
        select(everything.c.branch_number, everything.c.customer_id, link.identity_id, into.c.branch_number)
        .join(
            link,
            and_(
                link.branch_number == everything.c.branch_number,
                link.customer_id == everything.c.customer_id,
            ),
        )
        .outerjoin(
            into,
            and_(into.c.branch_number == link.branch_number, into.c.customer_id == link.identity_id),
        )
    ).all()
    files = {(row[0], row[1]) for row in found}
    identities = {(row[0], row[2]): row[3] is not None for row in found}
    return len(files) - sum(not is_here for is_here in identities.values())


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
    wanted = people_wanted(question)
    if not question.measure.by_file:
        wanted.append(is_counted())
    return (
        select(
            customer.branch_number,
            customer.id.label("customer_id"),
            *_profile(),
            literal(1).label("amount"),
            literal(0).label("lines"),
        )
        .where(*wanted)
        .order_by(customer.opened_on.desc(), customer.branch_number, customer.customer_no)
    )


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
