"""Taking along what a list shows, by keys alone: the second step on the way, the reason, the rows of the filter."""

import re

import pyotp
import pytest
from openpyxl import load_workbook
from playwright.sync_api import Page, expect
from sqlalchemy import select

from branch_node.customers.models import Customer
from shared.auth.models import SecondStep, User
from shared.clock import SystemClock
from shared.domain.customers.vocabulary import CustomerKind, CustomerStatus
from shared.exports.models import Export
from tests.browser.hands import choose, enter, follow, push_button, reach
from tests.demo.show import PASSWORD, SignIn

pytestmark = [pytest.mark.xdist_group("company"), pytest.mark.timeout(600)]
WHY = "季度回访名单"


@pytest.fixture(scope="module")
def newcomer(show) -> SignIn:
    """A branch manager without an authenticator, who is nobody else's."""
    added = ("user", "add", "qiu", "--name", "裘千里", "--kind", "branch_manager", "--password-stdin")
    show.nodes["B002"].run(*added, text=PASSWORD)
    return SignIn("B002", "qiu", PASSWORD, "裘千里", "branch_manager")


def set_up_the_second_step(page: Page) -> None:
    """Take an authenticator into use by keys: its key is typed off the page, and its first code entered."""
    push_button(page, "开始")
    secret = re.sub(r"[^A-Z2-7]", "", page.locator(".secret-key").inner_text())  # shown in groups
    enter(page, code=pyotp.TOTP(secret).at(SystemClock().now()))
    push_button(page, "设置第二步验证")
    follow(page, "我已保存")


def test_the_first_export_leads_by_the_second_step_to_the_file_of_what_the_list_shows_by_keys_alone(
    open_window, newcomer, kept_at, tmp_path
):
    window = open_window("B002", newcomer)
    page = window.page
    with kept_at("B002") as session:
        wanted = select(Customer.customer_no).where(
            Customer.kind == CustomerKind.GROUP, Customer.status == CustomerStatus.ACTIVE
        )
        meant = sorted(session.scalars(wanted))
        others = {*session.scalars(select(Customer.customer_no))} - {*meant}

    window.open("/customers")
    choose(page, kind="group", status="active")
    push_button(page, "筛选")
    expect(page.locator(".pager-count")).to_contain_text(str(len(meant)))
    follow(page, "Excel")
    set_up_the_second_step(page)

    # back at what was asked for: the page before the file says how many rows it will have, and asks what for
    expect(page.locator("main .facts").first).to_contain_text(str(len(meant)))
    enter(page, reason=WHY)
    reach(page, page.locator("main").get_by_role("button", name="导出", exact=True))
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    path = tmp_path / "shown.xlsx"
    download.value.save_as(path)

    sheets = [[*sheet.iter_rows(values_only=True)] for sheet in load_workbook(path)]
    told = {str(cell) for row in sheets[0] for cell in row}
    about = " ".join(str(cell) for sheet in sheets[1:] for row in sheet for cell in row)
    assert [number for number in meant if number not in told] == []
    assert told & others == set()
    assert "集团客户" in about
    assert WHY in about
    with kept_at("B002") as session:
        export = session.scalars(select(Export).order_by(Export.asked_at.desc()).limit(1)).one()
        proven = session.scalars(
            select(SecondStep.confirmed_at).join(User).where(User.username == newcomer.username)
        ).one()
    assert (export.asked_by, export.reason, export.rows) == (newcomer.username, WHY, len(meant))
    assert proven is not None
