"""A customer of two files is one person in what is worked from: arrears, visits due, who was not spoken to, judging."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from branch_node.billing.queries import list_arrears
from branch_node.customers.models import Customer
from branch_node.customers.queries import CustomerFilter, count_customers, search_customers
from branch_node.merging import operations
from branch_node.qualification.queries import SOURCES
from branch_node.worklogs.care import list_visits_due, visit_due
from branch_node.worklogs.queries import count_untouched, list_untouched, not_spoken_to
from shared.domain.billing.vocabulary import BillKind
from shared.domain.customers.vocabulary import ValueTier
from shared.domain.qualification import facts
from shared.domain.qualification.collecting import Frame, collect_facts
from shared.domain.worklogs.vocabulary import WorkLogKind
from tests.support.branch import ANA, NOON, SHANGHAI

TODAY = NOON.date()
DAY = timedelta(days=1)


@pytest.fixture
def holder(rows):
    return rows.manager()


@pytest.fixture
def files(rows, sessions, holder):
    """A customer who was not spoken to for long, and the file that was merged into it, spoken to lately."""
    survivor, loser = (
        rows.customer(name=name, manager_id=holder, value_tier=ValueTier.HIGH) for name in ("方晓晓", "方晓")
    )
    rows.work_log(holder, customer_id=survivor, started_at=NOON - 50 * DAY, kind=WorkLogKind.VISIT)
    rows.work_log(holder, customer_id=loser, started_at=NOON - 2 * DAY, kind=WorkLogKind.VISIT)
    rows.bill_line(survivor, amount_minor=900, period="2026-01")
    rows.bill_line(loser, amount_minor=500, period="2026-02", product="短信")
    rows.bill_line(loser, amount_minor=600, period="2026-02", kind=BillKind.PAYMENT)
    with sessions.begin() as session:
        proposed = operations.propose(session, survivor, loser, [], by=ANA)
        operations.carry_out(session, proposed.id, by=replace(ANA, actor="li"))
    return survivor, loser


@pytest.mark.parametrize("of_one", [True, False])
def test_what_they_owe_is_what_both_files_owe_together(files, sessions, rows, holder, of_one):
    other = rows.customer(manager_id=holder)
    rows.bill_line(other, amount_minor=300, period="2026-02")
    even = rows.customer(manager_id=holder)
    rows.bill_line(even, amount_minor=100, period="2026-02", kind=BillKind.PAYMENT)

    with sessions() as session:
        owing = list_arrears(
            session, before_period="2026-03", manager_id=holder if of_one else None, limit=10
        )
    assert [(row.id, row.balance) for row in owing] == [(files[0], 800), (other, 300)]
    assert all(isinstance(row.balance, int) for row in owing)


def test_who_visited_either_file_visited_the_customer(files, sessions):
    with sessions() as session:
        assert list_visits_due(session, manager_id=None, now=NOON, timezone=SHANGHAI, limit=9) == []
        survivor = session.get_one(Customer, files[0])
        assert visit_due(session, survivor, now=NOON, timezone=SHANGHAI) == TODAY + 28 * DAY


def test_who_spoke_to_them_under_either_number_spoke_to_them(files, sessions, holder):
    since = NOON - 30 * DAY
    with sessions() as session:
        assert list_untouched(session, since=since, manager_id=holder, today=TODAY, limit=9) == []
        assert count_untouched(session, [since, NOON - DAY], manager_id=None, today=TODAY) == [0, 1]
        [one] = list_untouched(session, since=NOON - DAY, manager_id=None, today=TODAY, limit=9)
        assert (one.id, one.last) == (files[0], NOON - 2 * DAY)
        assert [count_quiet(session, days) for days in (30, 1)] == [0, 1]


def count_quiet(session, days):
    """Count whom the list shows as not spoken to for so many days."""

    def quiet(_session):
        return not_spoken_to(NOON - days * DAY, TODAY)

    return count_customers(session, CustomerFilter(also=(quiet,)))


def test_a_search_names_the_file_they_go_by_first_and_says_of_the_other_that_it_was_merged(files, sessions):
    with sessions() as session:
        by_name = search_customers(session, "方", limit=9)
        number = session.get_one(Customer, files[1]).customer_no
        by_number = search_customers(session, number, limit=9)

    assert [(row.Customer.id, row.merged_into) for row in by_name] == [(files[0], None), (files[1], files[0])]
    assert by_number[0].Customer.id == files[1]


def test_they_are_judged_by_what_stands_in_both_files(files, sessions):
    with sessions() as session:
        found = collect_facts(session, SOURCES, [files[0]], Frame(date(2026, 3, 18), SHANGHAI, "CNY"))
    known = found[files[0]]
    assert (known[facts.BILLED], known[facts.PAID_SHARE], known[facts.ARREARS]) == (1_400, 42, 800)
    assert known[facts.PRODUCTS] == ("宽带", "短信")
    assert known[facts.CONTACTS] == 2
