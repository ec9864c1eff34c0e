from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select

from branch_node.billing.models import BillLine
from branch_node.customers.models import Customer
from branch_node.managers.models import Manager
from branch_node.statistics import operations, queries
from branch_node.statistics.models import CustomerMonth
from branch_node.statistics.operations import FIGURES, MonthsComputed
from branch_node.statistics.queries import MonthFilter
from branch_node.worklogs.models import WorkLog
from shared.domain.billing.vocabulary import BillKind
from shared.domain.worklogs.vocabulary import WorkLogKind
from shared.ids import new_id
from tests.support.branch import NOON, SHANGHAI

CONTACT_KINDS = {"visit", "call", "message", "service"}
# The last instant of a month and the first of the next, in Shanghai, in New York and where clocks change.
EDGES = [
    datetime(2026, 2, 28, 15, 59, 59, 999999, tzinfo=UTC),
    datetime(2026, 2, 28, 16, 0, tzinfo=UTC),
    datetime(2026, 3, 1, 4, 59, 59, 999999, tzinfo=UTC),
    datetime(2026, 3, 1, 5, 0, tzinfo=UTC),
    datetime(2026, 3, 8, 4, 30, tzinfo=UTC),
    datetime(2026, 3, 9, 3, 59, 59, 999999, tzinfo=UTC),
    datetime(2026, 3, 9, 4, 0, tzinfo=UTC),
]


def compute(sessions, timezone=SHANGHAI):
    with sessions.begin() as session:
        return operations.compute_months(session, timezone=timezone, currency="CNY")


def stored(sessions):
    with sessions() as session:
        return {
            (row.customer_id, row.month, row.currency): tuple(getattr(row, name) for name in FIGURES)
            for row in session.scalars(select(CustomerMonth))
        }


def test_a_month_adds_up_money_and_contacts_of_one_customer(sessions, rows):
    manager, customer = rows.manager(), rows.customer()
    rows.bill_line(customer, amount_minor=100)
    rows.bill_line(customer, amount_minor=60, kind=BillKind.PAYMENT)
    rows.bill_line(customer, amount_minor=-5, kind=BillKind.ADJUSTMENT)
    rows.work_log(manager, customer_id=customer, kind=WorkLogKind.VISIT)
    rows.work_log(manager, customer_id=customer, kind=WorkLogKind.CALL, started_at=NOON + timedelta(days=2))
    rows.work_log(manager, customer_id=customer, kind=WorkLogKind.MEETING)

    assert compute(sessions) == MonthsComputed(created=1)

    assert stored(sessions) == {(customer, "2026-03", "CNY"): (100, 60, -5, 3, 2, 1, date(2026, 3, 20))}


def test_computing_again_changes_nothing_and_a_changed_month_keeps_its_id(sessions, rows):
    customer = rows.customer()
    rows.bill_line(customer, amount_minor=100)
    compute(sessions)
    with sessions() as session:
        before = session.scalar(select(CustomerMonth.id))

    assert compute(sessions) == MonthsComputed()
    rows.bill_line(customer, amount_minor=50)
    assert compute(sessions) == MonthsComputed(updated=1)

    with sessions() as session:
        row = session.scalars(select(CustomerMonth)).one()
    assert (row.id, row.charge_minor) == (before, 150)


def test_a_month_whose_facts_are_gone_is_removed(sessions, rows, database):
    customer = rows.customer()
    with sessions.begin() as session:
        session.execute(
            insert(CustomerMonth),
            [
                {
                    "id": new_id(),
                    "customer_id": customer,
                    "month": "2025-12",
                    "currency": "CNY",
                    **dict.fromkeys(FIGURES[:-1], 1),
                }
            ],
        )

    assert compute(sessions) == MonthsComputed(removed=1)
    assert stored(sessions) == {}


def test_contacts_stand_once_in_the_row_of_the_nodes_currency(sessions, rows):
    manager, customer = rows.manager(), rows.customer()
    rows.bill_line(customer, amount_minor=100, currency="USD")
    rows.work_log(manager, customer_id=customer)

    compute(sessions)

    assert stored(sessions) == {
        (customer, "2026-03", "USD"): (100, 0, 0, 1, 0, 0, None),
        (customer, "2026-03", "CNY"): (0, 0, 0, 0, 1, 0, date(2026, 3, 18)),
    }


def test_only_the_months_asked_for_are_computed(sessions, rows):
    customer = rows.customer()
    rows.bill_line(customer, period="2026-01")
    rows.bill_line(customer, period="2026-02")

    with sessions.begin() as session:
        operations.compute_months(session, timezone=SHANGHAI, currency="CNY", months=["2026-02"])

    assert {month for _, month, _ in stored(sessions)} == {"2026-02"}


def test_months_are_listed_with_their_sums(sessions, rows):
    manager = rows.manager()
    mine, other = rows.customer(manager_id=manager), rows.customer()
    rows.bill_line(mine, amount_minor=100)
    rows.bill_line(other, amount_minor=11)
    compute(sessions)

    with sessions() as session:
        [everybody] = queries.list_months(session, MonthFilter())
        [own] = queries.list_months(session, MonthFilter(manager_id=manager))
        [row] = session.execute(queries.customer_months(MonthFilter(month="2026-03", customer_id=mine))).all()
    assert (everybody.month, everybody.customers, everybody.charge_minor) == ("2026-03", 2, 111)
    assert all(isinstance(value, int) for value in everybody[2:])
    assert own.charge_minor == 100
    assert row.CustomerMonth.charge_minor == 100


# --- against a plain oracle --------------------------------------------------------------------------

lines = st.tuples(
    st.integers(0, 2),
    st.sampled_from(["2026-02", "2026-03", "2026-04"]),
    st.sampled_from(["charge", "payment", "adjustment"]),
    st.integers(-(10**12), 10**12),
    st.sampled_from(["CNY", "USD"]),
)
instants = st.one_of(
    st.sampled_from(EDGES),
    st.datetimes(datetime(2026, 2, 1), datetime(2026, 4, 30), timezones=st.just(UTC)),  # noqa: DTZ001 - made aware
)
logs = st.tuples(
    st.one_of(st.none(), st.integers(0, 2)),
    st.sampled_from([kind.value for kind in WorkLogKind]),
    instants,
    st.one_of(st.none(), st.integers(0, 30)),
)


def oracle(line_rows, log_rows, zone):
    """What the months should say, one fact after the other."""
    months: defaultdict[Any, dict[str, Any]] = defaultdict(
        lambda: {**dict.fromkeys(FIGURES, 0), "last_contact_on": None}
    )
    for customer, period, kind, amount, currency in line_rows:
        row = months[customer, period, currency]
        row[f"{kind}_minor"] += amount
        row["bill_lines"] += 1
    corrected = {corrects for *_, corrects in log_rows if corrects is not None}
    for at, (customer, kind, started, _) in enumerate(log_rows):
        if at in corrected or customer is None or kind not in CONTACT_KINDS:
            continue
        day = started.astimezone(zone).date()
        row = months[customer, day.strftime("%Y-%m"), "CNY"]
        row["contacts"] += 1
        row["visits"] += kind == "visit"
        row["last_contact_on"] = max(day, row["last_contact_on"] or day)
    return {key: tuple(row[name] for name in FIGURES) for key, row in months.items()}


def _in_order(log_rows):
    """Drop corrections of what comes later, or was corrected before."""
    seen: set[int] = set()
    kept = []
    for at, (*fact, corrects) in enumerate(log_rows):
        possible = corrects is not None and corrects < at and corrects not in seen
        kept.append((*fact, corrects if possible else None))
        if possible:
            seen.add(corrects)
    return kept


@pytest.mark.parametrize("timezone", [SHANGHAI, "America/New_York"])
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(line_rows=st.lists(lines, max_size=12), log_rows=st.lists(logs, max_size=12))
def test_months_say_exactly_what_a_plain_count_of_the_facts_says(database, timezone, line_rows, log_rows):
    # A correction comes after what it corrects, and nothing is corrected twice.
    log_rows = _in_order(log_rows)
    customers = [new_id() for _ in range(3)]
    with database.sessions() as session:  # rolled back: every example starts from the empty database
        fill(session, customers, line_rows, log_rows)
        operations.compute_months(session, timezone=timezone, currency="CNY")
        found = {
            (customers.index(row.customer_id), row.month, row.currency): tuple(
                getattr(row, name) for name in FIGURES
            )
            for row in session.scalars(select(CustomerMonth))
        }
        again = operations.compute_months(session, timezone=timezone, currency="CNY")
        session.rollback()
    assert found == oracle(line_rows, log_rows, ZoneInfo(timezone))
    assert again == MonthsComputed()


def fill(session, customers, line_rows, log_rows):
    made = {"created_at": NOON, "created_by": "x"}
    changed = {"updated_at": NOON, "updated_by": "x"}
    manager = new_id()
    session.execute(
        insert(Manager),
        [{"id": manager, "manager_no": "M", "name": "M", "status": "active", **made, **changed}],
    )
    row = {"kind": "individual", "status": "active", "tags": [], "attributes": {}, **made, **changed}
    session.execute(
        insert(Customer),
        [{"id": key, "customer_no": f"K{at}", "name": "K", **row} for at, key in enumerate(customers)],
    )
    if line_rows:
        fixed = {"product": "p", "booked_on": date(2026, 3, 1), **made}
        session.execute(
            insert(BillLine),
            [
                {
                    "id": new_id(),
                    "bill_no": f"B{at}",
                    "customer_id": customers[customer],
                    "period": period,
                    "kind": kind,
                    "amount_minor": amount,
                    "currency": currency,
                    **fixed,
                }
                for at, (customer, period, kind, amount, currency) in enumerate(line_rows)
            ],
        )
    ids = [new_id() for _ in log_rows]
    for at, (customer, kind, started, corrects) in enumerate(log_rows):
        session.execute(
            insert(WorkLog),
            [
                {
                    "id": ids[at],
                    "log_no": f"L{at}",
                    "manager_id": manager,
                    "kind": kind,
                    "customer_id": None if customer is None else customers[customer],
                    "started_at": started,
                    "text": "t",
                    "entered_at": started,
                    "corrects_id": None if corrects is None else ids[corrects],
                    **made,
                }
            ],
        )
