"""The usual jobs of a branch manager and of head office's analyst, from sign-in to what is stored afterwards."""

import re

import pytest
from openpyxl import load_workbook
from playwright.sync_api import Page, expect
from sqlalchemy import func, select

from branch_node.customers.models import Customer
from branch_node.handover.models import Handover, HandoverReason
from branch_node.identity.models import CustomerMerge, MergeState
from branch_node.identity.queries import is_person
from branch_node.imports.models import Import, ImportState
from branch_node.managers.models import Manager
from branch_node.qualification.models import Qualification
from shared.domain.customers.vocabulary import CustomerKind, CustomerStatus
from shared.domain.managers.vocabulary import ManagerStatus
from shared.domain.qualification.vocabulary import QualificationState
from shared.exports.models import Export
from tests.browser.hands import choose, choose_in, enter, follow, press, push_button, reach
from tests.demo.show import PASSWORD, SECRET, SignIn

pytestmark = [pytest.mark.xdist_group("company"), pytest.mark.timeout(600)]
HEADINGS = {
    "客户编号": "customer_no",
    "客户类别": "kind",
    "客户姓名": "name",
    "手机号码": "mobile",
    "客户状态": "status",
}


def wait_for_work(page: Page) -> None:
    """Wait until the page shows no work in progress any more."""
    page.locator(".progress-block").wait_for(state="detached", timeout=120_000)


def test_a_branch_manager_mends_cells_and_decides_on_duplicates_on_the_page_takes_a_file_in_and_back(
    open_window, user_of, kept_at, tmp_path
):
    with kept_at("B003") as session:
        known = session.scalars(
            select(Customer)
            .where(Customer.kind == CustomerKind.INDIVIDUAL, Customer.status == CustomerStatus.ACTIVE)
            .where(Customer.mobile.is_not(None))
            .order_by(Customer.customer_no)
            .limit(1)
        ).one()
    path = tmp_path / "展会名单.csv"
    rows = [
        ("J-1", "个人客户", "巫马行", "14700770001", "在网"),
        ("J-2", "火星客户", "令狐青", "14700770002", "在网"),
        ("J-3", "个人客户", "上官晴", "14700770003", "飞行中"),
        ("J-4", "个人客户", known.name, known.mobile, "在网"),
    ]
    path.write_text(
        "\n".join(",".join(map(str, row)) for row in [list(HEADINGS), *rows]), encoding="utf-8-sig"
    )
    window = open_window("B003", user_of("B003", "branch_manager"))
    page = window.page

    window.open("/imports/new")
    choose(page, kind="customers")
    reach(page, page.locator("input[name=file]"))
    # What the window of the browser itself does after a key is not ours to try.
    page.locator("input[name=file]").set_input_files(path)
    push_button(page, "上载并继续")
    wait_for_work(page)
    for heading, column in HEADINGS.items():
        choose_in(page, page.get_by_role("combobox", name=heading, exact=True), column)
    push_button(page, "检查文件")
    wait_for_work(page)

    # the two wrong cells are mended where they stand, and the file is checked again
    for wrong, right in (("火星客户", "个人客户"), ("飞行中", "在网")):
        reach(page, page.locator(f"input[name^=cell-][value='{wrong}']"))
        page.keyboard.press("ControlOrMeta+a")
        page.keyboard.type(right)
    push_button(page, "保存并重新检查")
    wait_for_work(page)
    expect(page.locator("input[name^=cell-]")).to_have_count(0)

    # whoever is here already is decided on, by the row
    choose_in(page, page.locator("select[name=choice-5]"), "leave")
    push_button(page, "保存所选")
    wait_for_work(page)
    commit = page.locator("form[action$='/commit'] button")
    assert re.findall(r"\d+", commit.inner_text()) == ["3", "0", "1"]
    reach(page, commit)
    press(page, "Enter")
    wait_for_work(page)
    with kept_at("B003") as session:
        done = session.scalars(select(Import).order_by(Import.started_at.desc()).limit(1)).one()
        arrived = session.scalars(
            select(Customer.name).where(Customer.customer_no.like("J-_")).order_by(Customer.customer_no)
        ).all()
    assert (done.state, done.rows_created) == (ImportState.DONE, 3)
    assert arrived == ["巫马行", "令狐青", "上官晴"]

    follow(page, "撤销这次导入")
    reach(page, page.locator("form[action$='/undo'] button"))
    press(page, "Enter")
    wait_for_work(page)
    with kept_at("B003") as session:
        undone = session.get_one(Import, done.id)
        left = session.scalar(select(func.count()).where(Customer.customer_no.like("J-_")))
        there = session.get_one(Customer, known.id)
    assert (undone.state, undone.undone_by, left) == (ImportState.UNDONE, "manager", 0)
    assert there.name == known.name


def test_a_branch_manager_merges_what_an_account_manager_found_to_be_one_customer(
    open_window, user_of, kept_at
):
    clerk, manager = user_of("B002", "account_manager"), user_of("B002", "branch_manager")
    window = open_window("B002", clerk)
    page = window.page
    ids = []
    for number, mobile in (("M-1", "14700660001"), ("M-2", "14700660002")):
        window.open("/customers/new")
        enter(page, customer_no=number, name="端木清扬")
        choose(page, kind="individual", status="active")
        enter(page, mobile=mobile)
        push_button(page, "登记")
        ids.append(page.url.rpartition("/")[2])
    window.open(f"/merges/new?into={ids[0]}&other={ids[1]}")
    reach(page, page.locator("input[name=take-mobile][value=own]"))  # the one that is chosen
    page.keyboard.press("ArrowRight")
    expect(page.locator("input[name=take-mobile][value=other]")).to_be_checked()
    push_button(page, "提出合并")

    # the branch manager finds it at the top of what waits
    boss = open_window("B002", manager)
    boss.open("/merges")
    boss.page.keyboard.press("j")
    press(boss.page, "Enter")
    expect(boss.page.locator("h1")).to_contain_text("M-2")
    push_button(boss.page, "合并")

    with kept_at("B002") as session:
        merge = session.scalars(select(CustomerMerge).where(CustomerMerge.loser_id == ids[1])).one()
        survivor = session.get_one(Customer, ids[0])
    assert (merge.state, merge.proposed_by, merge.decided_by) == (
        MergeState.MERGED,
        clerk.username,
        manager.username,
    )
    assert survivor.mobile == "14700660002"

    # and takes it back
    boss.open("/merges?state=merged")
    boss.page.keyboard.press("j")
    press(boss.page, "Enter")
    push_button(boss.page, "拆分")
    with kept_at("B002") as session:
        assert session.get_one(CustomerMerge, merge.id).state is MergeState.UNDONE
        assert [session.get_one(Customer, one).mobile for one in ids] == ["14700660001", "14700660002"]


def test_a_branch_manager_tags_two_customers_at_once_and_takes_it_back(open_window, user_of, kept_at):
    window = open_window("B002", user_of("B002", "branch_manager"))
    page = window.page

    def tagged(tag: str) -> int:
        with kept_at("B002") as session:
            return sum(tag in tags for tags in session.scalars(select(Customer.tags)))

    # the first two of the list are marked by their keys
    window.open("/customers")
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_contain_text("x")
    page.keyboard.press("Escape")
    for _row in range(2):
        page.keyboard.press("j")
        page.keyboard.press("x")
    press(page, "b")
    choose(page, kind="add_tag")
    enter(page, value="展会回访", reason="展会后统一回访")
    press(page, "Enter")

    # what would happen is looked at, the tag is mended, and then it is done
    follow(page, "修改")
    enter(page, value="春季展会")
    press(page, "Enter")
    push_button(page, "执行")
    assert tagged("春季展会") == 2
    push_button(page, "撤回此批量操作")
    assert (tagged("春季展会"), tagged("展会回访")) == (0, 0)


def test_an_account_manager_has_a_customer_judged_and_the_branch_manager_approves_it(
    open_window, user_of, kept_at
):
    clerk, manager = user_of("B002", "account_manager"), user_of("B002", "branch_manager")
    window = open_window("B002", clerk)
    page = window.page
    window.open("/customers/new")
    enter(page, customer_no="Q-1", name="东方既白")
    choose(page, kind="individual", status="active")
    enter(page, mobile="14700550001")
    push_button(page, "登记")
    customer_id = page.url.rpartition("/")[2]

    # judged on its profile; who judged it is told why the approval is somebody else's, and has no button for it
    window.open(f"/customers/{customer_id}/profile")
    push_button(page, "申请资格判定")
    judgement = page.url.rpartition("/")[2]
    expect(page.get_by_role("button", name="批准", exact=True)).to_have_count(0)
    expect(page.locator(".alert-warning")).to_have_count(1)

    # the branch manager goes to it in the list of what waits, and approves it
    boss = open_window("B002", manager)
    boss.open("/qualifications?state=proposed")
    reach(boss.page, boss.page.locator(f"main a[href$='/qualifications/{judgement}']").first)
    press(boss.page, "Enter")
    push_button(boss.page, "批准")

    with kept_at("B002") as session:
        judged = session.get_one(Qualification, judgement)
        customer = session.get_one(Customer, customer_id)
    assert (judged.state, judged.judged_by, judged.decided_by) == (
        QualificationState.APPROVED,
        clerk.username,
        manager.username,
    )
    assert (customer.kind, customer.grade) == (judged.kind, judged.grade)


def test_a_branch_manager_hands_a_leavers_customers_over_and_prints_the_sheet(open_window, user_of, kept_at):
    boss = user_of("B001", "branch_manager")
    with kept_at("B001") as session:
        held = (
            select(Manager, func.count(Customer.id))
            .join(Customer, Customer.manager_id == Manager.id)
            .where(Manager.status == ManagerStatus.ACTIVE, is_person(Customer.id))
            .group_by(Manager.id)
            .order_by(Manager.manager_no.desc())
            .limit(2)
        )
        (leaver, given), (taker, had) = session.execute(held).all()
    window = open_window("B001", boss)
    page = window.page

    # from the page of who leaves, by its main button
    window.open(f"/managers/{leaver.id}")
    reach(page, page.locator(".page-actions a[href*='handovers/new']"))
    press(page, "Enter")
    choose(page, to=taker.id)
    choose(page, reason=HandoverReason.LEAVES.value)
    reach(page, page.locator("input[name=mark_left]"))
    page.keyboard.press("Space")
    push_button(page, "查看移交内容")
    push_button(page, "移交")

    # the sheet prints without the frame, with every customer and a line for each signature
    sheet = page.url
    page.emulate_media(media="print")
    expect(page.locator(".frame-menu")).to_be_hidden()
    expect(page.locator(".print-facts")).to_be_visible()
    assert page.locator(".print-split tbody tr").count() == given
    assert page.get_by_text("____").count() == 2
    assert page.pdf(prefer_css_page_size=True).startswith(b"%PDF")
    page.emulate_media(media="screen")

    with kept_at("B001") as session:
        order = session.get_one(Handover, sheet.rpartition("/")[2])
        now = session.scalar(
            select(func.count()).where(Customer.manager_id == taker.id, is_person(Customer.id))
        )
        gone = session.get_one(Manager, leaver.id)
    assert (order.from_id, order.to_id, order.customers, order.made_by) == (
        leaver.id,
        taker.id,
        given,
        boss.username,
    )
    assert (now, gone.status) == (had + given, ManagerStatus.LEFT)

    push_button(page, "撤回")  # the same day it can be taken back, for nobody has changed them since
    with kept_at("B001") as session:
        back = session.scalar(
            select(func.count()).where(Customer.manager_id == leaver.id, is_person(Customer.id))
        )
        stays = session.get_one(Manager, leaver.id)
    assert (back, stays.status) == (given, ManagerStatus.ACTIVE)


@pytest.fixture(scope="module")
def analyst(show) -> SignIn:
    """An analyst with an authenticator: without a second step head office hands no file out."""
    show.hq.run(
        *("user", "add", "lin", "--name", "林枫", "--kind", "analyst", "--password-stdin"), text=PASSWORD
    )
    show.hq.run("user", "second-step", "lin", "--secret-stdin", text=SECRET)
    return SignIn("HQ", "lin", PASSWORD, "林枫", "analyst", SECRET)


def test_an_analyst_sees_whom_a_figure_covers_goes_down_to_one_customer_and_takes_the_figure_along(
    open_window, analyst, kept_at, tmp_path
):
    window = open_window("HQ", analyst)
    page = window.page

    # which branches are in, as of when
    window.open("/")
    covered = page.locator(".coverage").first
    expect(covered).to_contain_text("3")
    page.keyboard.press("j")
    press(page, "Enter")
    branch = page.locator("h1").inner_text()
    expect(page.locator(".stat", has_text="数据截至")).to_be_visible()

    # its customers, and one of them
    page.locator(".page-actions .btn-primary").focus()
    press(page, "Enter")
    page.keyboard.press("j")
    press(page, "Enter")
    expect(page.locator("main")).to_contain_text(branch)

    # the figure of that branch, and the customers behind it, as a file with its filters and as-of time
    window.open("/analysis?rows=branch")
    page.locator("main tbody th a", has_text=branch).focus()
    press(page, "Enter")
    behind = int(page.locator(".stat", has_text="客户").first.locator(".stat-value").inner_text())
    follow(page, "导出")
    enter(page, reason="月度经营例会材料")
    with page.expect_download() as download:
        push = page.locator("main").get_by_role("button", name="导出", exact=True)
        push.focus()
        page.keyboard.press("Enter")
    path = tmp_path / "behind.xlsx"
    download.value.save_as(path)

    book = load_workbook(path, read_only=True)
    said = " ".join(str(cell) for sheet in book for row in sheet.iter_rows(values_only=True) for cell in row)
    assert branch in said
    with kept_at("HQ") as session:
        export = session.scalars(select(Export).order_by(Export.asked_at.desc()).limit(1)).one()
    assert (export.asked_by, export.reason, export.rows) == (analyst.username, "月度经营例会材料", behind)
