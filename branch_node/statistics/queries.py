"""Reading customer months."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import BigInteger, ColumnElement, Row, Select, cast, func, select
from sqlalchemy.orm import Session

from branch_node.customers.models import Customer
from branch_node.statistics.models import CustomerMonth
from shared.db.parts import Part, first_of

JOB: Final = "compute-months"


@dataclass(frozen=True, slots=True)
class MonthFilter:
    """Which customer months are wanted; everything empty means all of them."""

    month: str = ""
    manager_id: str = ""
    customer_id: str = ""


# Month, currency, customers, charge, payment, adjustment, bill lines, contacts, visits.
MonthRow = Row[str, str, int, int, int, int, int, int, int]
# A customer's month with the customer's number and name.
CustomerMonthRow = Row[CustomerMonth, str, str]


def list_months(session: Session, wanted: MonthFilter, *, limit: int = 36) -> Part[MonthRow]:
    """Return what each month adds up to over the customers wanted, one row a currency, latest month first."""
    totals = (
        CustomerMonth.charge_minor,
        CustomerMonth.payment_minor,
        CustomerMonth.adjustment_minor,
        CustomerMonth.bill_lines,
        CustomerMonth.contacts,
        CustomerMonth.visits,
    )
    names = ("charge_minor", "payment_minor", "adjustment_minor", "bill_lines", "contacts", "visits")
    grouped = (
        select(
            CustomerMonth.month,
            CustomerMonth.currency,
            func.count().label("customers"),
            # PostgreSQL sums whole numbers into a decimal; these are whole everywhere.
            *(
                cast(func.sum(column), BigInteger).label(name)
                for column, name in zip(totals, names, strict=True)
            ),
        )
        .where(*_conditions(wanted))
        .group_by(CustomerMonth.month, CustomerMonth.currency)
        .order_by(CustomerMonth.month.desc(), CustomerMonth.currency)
    )
    return first_of(session, grouped, limit)


def customer_months(wanted: MonthFilter) -> Select[CustomerMonth, str, str]:
    """Return the statement of the customer months wanted, each with the customer's number and name."""
    found = select(CustomerMonth, Customer.customer_no, Customer.name.label("customer_name"))
    return found.join(Customer, Customer.id == CustomerMonth.customer_id).where(*_conditions(wanted))


def _conditions(wanted: MonthFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.month:
        conditions.append(CustomerMonth.month == wanted.month)
    if wanted.manager_id:
        held = select(Customer.id).where(Customer.manager_id == wanted.manager_id)
        conditions.append(CustomerMonth.customer_id.in_(held))
    if wanted.customer_id:
        conditions.append(CustomerMonth.customer_id == wanted.customer_id)
    return conditions
