"""Where the figures come from: the replica's rows, or the sums kept ready where they are the same."""

from collections.abc import Collection
from typing import Any, Final

from sqlalchemy import (
    Select,
    String,
    and_,
    case,
    exists,
    func,
    literal,
    literal_column,
    or_,
    select,
    type_coerce,
    union_all,
)
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.selectable import CompoundSelect

from hq_server.analysis.models import CustomerCell, MoneyCell, Prepared, RecordCount
from hq_server.branches.models import Branch
from hq_server.customers.identities import is_counted
from hq_server.ingest.models import InboxBatch
from hq_server.replica.models import (
    ReplicaBillLine,
    ReplicaContact,
    ReplicaCustomer,
    ReplicaCustomerIdentity,
    ReplicaCustomerMonth,
    ReplicaDayClose,
    ReplicaDepartment,
    ReplicaErasure,
    ReplicaLegalHold,
    ReplicaManager,
    ReplicaOfferAnswer,
    ReplicaOperationMonth,
    ReplicaPersonalRequest,
    ReplicaQualification,
    ReplicaQuestionAnswer,
    ReplicaStaff,
    Replicated,
    ReplicaUnit,
    ReplicaUnitEvent,
    ReplicaWorkLog,
)
from shared.domain.billing.vocabulary import BillKind
from shared.domain.customers.vocabulary import CustomerStatus

REPLICAS: Final[dict[str, type[Replicated]]] = {
    "customer": ReplicaCustomer,
    "contact": ReplicaContact,
    "manager": ReplicaManager,
    "department": ReplicaDepartment,
    "staff": ReplicaStaff,
    "customer_month": ReplicaCustomerMonth,
    "operation_month": ReplicaOperationMonth,
    "qualification": ReplicaQualification,
    "unit": ReplicaUnit,
    "bill_line": ReplicaBillLine,
    "work_log": ReplicaWorkLog,
    "unit_event": ReplicaUnitEvent,
    "offer_answer": ReplicaOfferAnswer,
    "question_answer": ReplicaQuestionAnswer,
    "day_close": ReplicaDayClose,
    "legal_hold": ReplicaLegalHold,
    "customer_identity": ReplicaCustomerIdentity,
    "personal_request": ReplicaPersonalRequest,
    "erasure": ReplicaErasure,
}
MONEY_FROM = frozenset({"bill_line", "customer"})
CUSTOMERS_FROM = frozenset({"customer", "customer_identity"})
RECORDS_FROM = frozenset(REPLICAS)

# Written into the statement, not bound: PostgreSQL must see the same expression in SELECT and GROUP BY.
EMPTY = literal_column("''", String)

Rows = Select[*tuple[Any, ...]]
Union = CompoundSelect[*tuple[Any, ...]]


def waiting_branches(session: Session, record_types: Collection[str]) -> list[int]:
    """Return the branches whose ready sums do not count now: never prepared, or a batch of these types waits.

    For them the pages sum the replica's rows directly; it costs time and never exactness.
    """
    unprepared = ~exists().where(Prepared.branch_number == Branch.number)
    waiting = exists().where(
        and_(
            InboxBatch.branch_number == Branch.number,
            InboxBatch.indexed_at.is_(None),
            InboxBatch.record_type.in_(list(record_types)),
        )
    )
    earlier = exists().where(CustomerCell.branch_number == Branch.number, CustomerCell.customers.is_(None))
    return list(session.scalars(select(Branch.number).where(or_(unprepared, waiting, earlier))))


def known(column: Any) -> ColumnElement[str]:  # noqa: ANN401 - mapped attribute or column
    """Return a column's code, or '' where the row has none or its customer has not arrived."""
    return func.coalesce(type_coerce(column, String), EMPTY)


def money_rows(branches: Collection[int]) -> Rows:
    """Select the bill lines of `branches` from the replica, summed as MoneyCell holds them.

    Bill lines and not customer_months: only the lines know the product, and their sums are by
    construction the control totals that branch and head office compare. A line whose customer
    has not arrived (parked, say) still counts, under kind and grade ''.
    """
    line, customer = ReplicaBillLine, ReplicaCustomer
    kind, grade = known(customer.kind), known(customer.grade)

    def amount(kind: BillKind) -> ColumnElement[int]:
        return func.sum(case((line.kind == kind, line.amount_minor), else_=0))

    return (
        select(
            line.branch_number,
            line.period.label("month"),
            line.product,
            kind.label("kind"),
            grade.label("grade"),
            line.currency,
            amount(BillKind.CHARGE).label("charge_minor"),
            amount(BillKind.PAYMENT).label("payment_minor"),
            amount(BillKind.ADJUSTMENT).label("adjustment_minor"),
            func.count().label("bill_lines"),
        )
        .select_from(line)
        .outerjoin(
            customer,
            # The branches once more: PostgreSQL would otherwise read the customers of all of them.
            and_(
                customer.branch_number == line.branch_number,
                customer.id == line.customer_id,
                customer.branch_number.in_(list(branches)),
            ),
        )
        .where(line.branch_number.in_(list(branches)))
        .group_by(line.branch_number, line.period, line.product, kind, grade, line.currency)
    )


def customer_rows(branches: Collection[int], *, dialect: str) -> Rows:
    """Select the files of `branches` from the replica, counted as CustomerCell holds them."""
    customer = ReplicaCustomer
    opened = func.coalesce(month_text(customer.opened_on, dialect), EMPTY)
    kind, grade = known(customer.kind), known(customer.grade)
    not_closed = customer.status != CustomerStatus.CLOSED
    return (
        select(
            customer.branch_number,
            opened.label("opened_month"),
            kind.label("kind"),
            grade.label("grade"),
            func.count().label("opened"),
            func.sum(case((not_closed, 1), else_=0)).label("not_closed"),
            func.sum(case((is_counted(), 1), else_=0)).label("customers"),
            func.sum(case((and_(not_closed, is_counted()), 1), else_=0)).label("customers_not_closed"),
        )
        .where(customer.branch_number.in_(list(branches)))
        .group_by(customer.branch_number, opened, kind, grade)
    )


def month_text(day: Any, dialect: str) -> ColumnElement[str]:  # noqa: ANN401 - as above
    """Return a date column as YYYY-MM on either database."""
    if dialect == "postgresql":
        return func.to_char(day, literal_column("'YYYY-MM'"))
    return func.strftime(literal_column("'%Y-%m'"), day)


def charge_rows(branches: Collection[int]) -> Rows:
    """Select the charges of `branches` by month and currency, without looking at customers."""
    line = ReplicaBillLine
    groups = (line.branch_number, line.period, line.currency)
    return (
        select(line.branch_number, line.period.label("month"), line.currency, func.sum(line.amount_minor))
        .where(line.branch_number.in_(list(branches)), line.kind == BillKind.CHARGE)
        .group_by(*groups)
    )


def record_rows(branches: Collection[int]) -> Union:
    """Select how many rows of each record type the replica holds for each of `branches`."""
    return union_all(
        *(
            select(
                table.branch_number, literal(name, String).label("record_type"), func.count().label("rows")
            )
            .where(table.branch_number.in_(list(branches)))
            .group_by(table.branch_number)
            for name, table in REPLICAS.items()
        )
    )


def money_source(waiting: Collection[int]) -> Union:
    """Select every branch's money: ready sums, or for the `waiting` branches their rows summed now."""
    ready = select(*_columns(MoneyCell)).where(MoneyCell.branch_number.not_in(list(waiting)))
    return union_all(ready, money_rows(waiting)) if waiting else union_all(ready)


def _columns(cell: type[MoneyCell] | type[CustomerCell]) -> list[Any]:
    """Return the columns of sums kept ready as attributes: only those are narrowed to what somebody sees."""
    return [getattr(cell, column.key) for column in cell.__table__.columns]


def charge_source(waiting: Collection[int]) -> Union:
    """Select every branch's charges by month and currency: ready sums, or rows of the `waiting` branches."""
    cell = MoneyCell
    ready = select(cell.branch_number, cell.month, cell.currency, cell.charge_minor)
    ready = ready.where(cell.branch_number.not_in(list(waiting)))
    return union_all(ready, charge_rows(waiting)) if waiting else union_all(ready)


def occurring(waiting: Collection[int]) -> Union:
    """Select the currencies and products of every branch's bill lines, many times over."""
    cell, line = MoneyCell, ReplicaBillLine
    ready = select(cell.currency, cell.product).where(cell.branch_number.not_in(list(waiting)))
    rows = select(line.currency, line.product).where(line.branch_number.in_(list(waiting))).distinct()
    return union_all(ready, rows) if waiting else union_all(ready)


def customer_source(waiting: Collection[int], *, dialect: str) -> Union:
    """Select every branch's customer counts: ready ones, except for the `waiting` branches."""
    ready = select(*_columns(CustomerCell)).where(CustomerCell.branch_number.not_in(list(waiting)))
    return union_all(ready, customer_rows(waiting, dialect=dialect)) if waiting else union_all(ready)


def record_counts(session: Session) -> dict[int, dict[str, int]]:
    """Return how many rows of each record type we hold, by branch number."""
    waiting = waiting_branches(session, RECORDS_FROM)
    ready = select(RecordCount.branch_number, RecordCount.record_type, RecordCount.rows).where(
        RecordCount.branch_number.not_in(waiting)
    )
    counts: dict[int, dict[str, int]] = {}
    for number, record_type, rows in session.execute(ready):
        counts.setdefault(number, {})[record_type] = rows
    if waiting:
        for number, record_type, rows in session.execute(record_rows(waiting)):
            counts.setdefault(number, {})[record_type] = int(rows)
    return counts
