import re

from sqlalchemy import select

from branch_node.billing.models import BillLine
from shared.domain.billing.vocabulary import BillKind


def amounts(sessions):
    with sessions() as session:
        return list(session.scalars(select(BillLine.amount_minor).order_by(BillLine.id)))


def test_the_list_shows_the_lines_of_its_filter_and_what_all_of_them_add_up_to(browser, rows):
    customer = rows.customer(name="张伟")
    for number in range(30):
        rows.bill_line(customer, amount_minor=1_000, period="2026-02", bill_no=f"F{number:02}")
    rows.bill_line(customer, amount_minor=99_900, period="2026-03")

    page = browser.get("/billing?period_from=2026-02&period_to=2026-02").text

    assert "1 to 25 of 30" in page
    assert "CN¥300.00" in page
    assert "999.00" not in page
    assert "Period from: <b>2026-02</b>" in page
    assert "No bill line matches" in browser.get("/billing?product=nothing").text


def test_a_clerk_corrects_a_line_and_sees_it_stand_at_the_right_amount(browser, sessions, rows):
    line_id = rows.bill_line(rows.customer(), amount_minor=10_000, bill_no="B-7")
    form = browser.get(f"/billing/{line_id}").text

    page = browser.send(
        f"/billing/{line_id}/corrections",
        right="75.5",
        seen=re.findall(r'name="seen" value="(\d+)"', form)[0],
        remark="多收了",
    )

    assert "The correction B-7-C1 is entered." in page.text
    assert "CN¥75.50" in page.text
    assert amounts(sessions) == [10_000, -2_450]


def test_an_amount_or_reason_that_is_missing_or_wrong_is_said_beside_its_field(browser, sessions, rows):
    line_id = rows.bill_line(rows.customer(), amount_minor=10_000)
    for right, remark, sentence in (
        ("75.123", "x", "Please give an amount with at most two decimals"),
        ("", "x", "Please fill this in."),
        ("75", " ", "Please fill this in."),
        ("100.00", "x", "The line stands at this amount already"),
    ):
        page = browser.send(f"/billing/{line_id}/corrections", right=right, seen="10000", remark=remark)
        assert page.status_code in {400, 409}
        assert sentence in page.text
    stale = browser.send(f"/billing/{line_id}/corrections", right="1", seen="9999", remark="x")
    assert "Somebody corrected this line meanwhile" in stale.text
    assert amounts(sessions) == [10_000]


def test_an_export_holds_the_lines_of_the_filter(browser, rows):
    customer = rows.customer(name="张伟", customer_no="K1")
    rows.bill_line(customer, amount_minor=-12_345, kind=BillKind.ADJUSTMENT, bill_no="B-1")
    rows.bill_line(customer, amount_minor=1, bill_no="B-2")

    text = browser.take("/billing/export.csv?kind=adjustment").data.decode("utf-8-sig")

    [_heading, row] = text.splitlines()
    assert row.startswith("B-1,K1,张伟,宽带,2026-03,Adjustment,-123.45,CNY,2026-03-01")
