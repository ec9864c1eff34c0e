from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from branch_node.billing import operations, queries
from branch_node.billing.operations import (
    CorrectionOfCorrectionError,
    LineCorrectedMeanwhileError,
    NothingToCorrectError,
)
from branch_node.billing.queries import BillFilter
from shared.audit.models import AuditEntry
from shared.domain.billing.vocabulary import BillKind
from tests.support.branch import ANA, NOON

TODAY = date(2026, 3, 18)


def correct(session, line_id, right, seen, by=ANA):
    return operations.correct_line(
        session, line_id, right_minor=right, seen_minor=seen, remark="多收了", booked_on=TODAY, by=by
    )


def test_a_correction_is_a_new_line_with_the_difference_so_that_the_sum_is_right(sessions, rows):
    customer = rows.customer()
    line_id = rows.bill_line(customer, amount_minor=10_000, bill_no="B-7", product="宽带")

    with sessions.begin() as session:
        correction_id = correct(session, line_id, 7_500, 10_000).id

    with sessions() as session:
        line, correction = queries.get_line(session, line_id), queries.get_line(session, correction_id)
        [sums] = queries.sums_of(session, BillFilter(customer_id=customer))
        entry = session.scalars(select(AuditEntry).where(AuditEntry.event == "bill_line.corrected")).one()
    assert line.amount_minor == 10_000
    assert (correction.amount_minor, correction.kind, correction.bill_no) == (
        -2_500,
        BillKind.CHARGE,
        "B-7-C1",
    )
    assert (correction.period, correction.product, correction.created_by) == ("2026-03", "宽带", "ana")
    assert (sums.charge, sums.lines, sums.balance) == (7_500, 2, 7_500)
    assert (entry.event, entry.subject_id) == ("bill_line.corrected", customer)


def test_a_line_can_be_corrected_again_and_then_stands_at_the_latest_amount(sessions, rows):
    line_id = rows.bill_line(rows.customer(), amount_minor=10_000)
    with sessions.begin() as session:
        correct(session, line_id, 7_500, 10_000)
    with sessions.begin() as session:
        correct(session, line_id, 9_000, 7_500)

    with sessions() as session:
        assert queries.amount_now(session, queries.get_line(session, line_id)) == 9_000
        assert [line.amount_minor for line in queries.corrections_of(session, line_id)] == [-2_500, 1_500]
        assert queries.corrected_among(session, [line_id]) == {line_id}


@pytest.mark.parametrize(
    ("right", "seen", "error"),
    [(10_000, 10_000, NothingToCorrectError), (5_000, 8_000, LineCorrectedMeanwhileError)],
)
def test_a_correction_that_changes_nothing_or_rests_on_an_old_amount_is_refused(
    sessions, rows, right, seen, error
):
    line_id = rows.bill_line(rows.customer(), amount_minor=10_000)

    with pytest.raises(error), sessions.begin() as session:
        correct(session, line_id, right, seen)

    with sessions() as session:
        assert queries.corrections_of(session, line_id) == []


def test_a_correction_itself_cannot_be_corrected(sessions, rows):
    line_id = rows.bill_line(rows.customer(), amount_minor=10_000)
    with sessions.begin() as session:
        correction_id = correct(session, line_id, 7_500, 10_000).id

    with pytest.raises(CorrectionOfCorrectionError), sessions.begin() as session:
        correct(session, correction_id, 0, -2_500)


@pytest.mark.parametrize("statement", ["UPDATE bill_lines SET amount_minor = 1", "DELETE FROM bill_lines"])
def test_the_database_itself_refuses_to_change_or_remove_a_line(sessions, rows, statement):
    rows.bill_line(rows.customer(), amount_minor=10_000)

    with pytest.raises(DBAPIError), sessions.begin() as session:
        session.execute(text(statement))

    with sessions() as session:
        assert queries.sums_of(session, BillFilter())[0].charge == 10_000


def test_sums_match_the_lines_of_the_filter_for_each_currency(sessions, rows):
    customer = rows.customer(name="张伟")
    rows.bill_line(customer, amount_minor=100, period="2026-01")
    rows.bill_line(customer, amount_minor=60, kind=BillKind.PAYMENT, period="2026-01")
    rows.bill_line(customer, amount_minor=-10, kind=BillKind.ADJUSTMENT, period="2026-02", product="手机")
    rows.bill_line(customer, amount_minor=999, currency="USD", period="2026-02")

    with sessions() as session:
        cny, usd = queries.sums_of(session, BillFilter())
        assert (cny.currency, cny.charge, cny.payment, cny.adjustment, cny.balance) == (
            "CNY",
            100,
            60,
            -10,
            30,
        )
        assert (usd.currency, usd.balance) == ("USD", 999)
        [january] = queries.sums_of(session, BillFilter(period_to="2026-01"))
        assert (january.lines, january.balance) == (2, 40)
        [mobile] = queries.sums_of(session, BillFilter(product="手机"))
        assert mobile.adjustment == -10
        [paid] = queries.sums_of(session, BillFilter(kinds=(BillKind.PAYMENT,)))
        assert (paid.payment, paid.charge) == (60, 0)
        periods = queries.periods_of_customer(session, customer)
        assert [(each.period, each.sums.currency) for each in periods] == [
            ("2026-02", "USD"),
            ("2026-02", "CNY"),
            ("2026-01", "CNY"),
        ]
        assert (
            session.execute(queries.lines(BillFilter(period_from="2026-02", product="手机"))).one()[2]
            == "张伟"
        )


def test_no_lines_have_no_sums(sessions):
    with sessions() as session:
        assert queries.sums_of(session, BillFilter()) == []


def test_arrears_are_what_earlier_periods_left_unpaid_the_largest_first(sessions, rows):
    manager, idle = rows.manager(), rows.manager()
    small, large, paid, new = (rows.customer(manager_id=manager) for _ in range(4))
    rows.bill_line(small, amount_minor=100, period="2026-02")
    rows.bill_line(large, amount_minor=900, period="2026-01")
    rows.bill_line(paid, amount_minor=500, period="2026-02")
    rows.bill_line(paid, amount_minor=500, period="2026-03", kind=BillKind.CHARGE)
    rows.bill_line(paid, amount_minor=500, period="2026-02", kind=BillKind.PAYMENT)
    rows.bill_line(new, amount_minor=700, period="2026-03")

    with sessions() as session:
        owing = queries.list_arrears(session, before_period="2026-03", manager_id=manager, limit=10)
        assert [(row.id, row.balance) for row in owing] == [(large, 900), (small, 100)]
        assert isinstance(owing[0].balance, int)
        assert queries.list_arrears(session, before_period="2026-03", manager_id=idle, limit=10) == []


def test_corrections_by_two_people_from_the_same_page_let_only_the_first_through(sessions, rows):
    line_id = rows.bill_line(rows.customer(), amount_minor=10_000)
    with sessions.begin() as session:
        correct(session, line_id, 7_500, 10_000)

    later = replace(ANA, at=NOON + timedelta(minutes=1), actor="li")
    with pytest.raises(LineCorrectedMeanwhileError), sessions.begin() as session:
        correct(session, line_id, 7_000, 10_000, by=later)


def test_of_two_who_correct_one_line_at_the_same_moment_one_is_told(sessions, rows):
    """Four clerks take the same charge back at once; money is given back once."""
    customer = rows.customer()
    line_id = rows.bill_line(customer, amount_minor=10_000)

    def take_back(name):
        try:
            with sessions.begin() as session:
                correct(session, line_id, 0, 10_000, by=replace(ANA, actor=name))
        except LineCorrectedMeanwhileError:
            return "told"
        return "done"

    with ThreadPoolExecutor(4) as pool:
        answers = sorted(pool.map(take_back, ("a", "b", "c", "d")))

    with sessions() as session:
        [sums] = queries.sums_of(session, BillFilter(customer_id=customer))
    assert answers == ["done", "told", "told", "told"]
    assert (sums.lines, sums.balance) == (2, 0)
