"""The import wizard: upload, map, check, commit, mend what was refused, undo."""

import pytest

pytestmark = [pytest.mark.xdist_group("company"), pytest.mark.timeout(600)]
FILE = """编号,类型,姓名,手机号,等级,状态
W-1,个人客户,解思雨,14512340001,A,在网
W-2,个人客户,仇浩然,14512340002,B,在网
W-3,火星客户,区建国,14512340003,B,在网
"""


def go_on(page, action: str) -> None:
    """Press the button that goes on, and follow the work until the page stands still."""
    with page.expect_navigation():
        page.locator(f"form[action$='{action}'] button[type=submit]").first.click()
    page.locator(".progress-block").wait_for(state="detached", timeout=120_000)


def test_a_file_with_a_bad_row_is_taken_in_but_for_that_row_and_taken_back_as_a_whole(
    open_window, user_of, tmp_path
):
    path = tmp_path / "新客户.csv"
    path.write_text(FILE, encoding="gb18030")
    window = open_window("B003", user_of("B003"))
    page = window.page

    window.open("/imports/new")
    page.locator("select[name=kind]").select_option("customers")
    page.locator("input[name=file]").set_input_files(path)
    go_on(page, "/imports/")

    # map: the headings that say what they mean are chosen already, the rest is chosen here
    assert page.get_by_text("解思雨").first.is_visible()
    for heading, column in {
        "编号": "customer_no",
        "姓名": "name",
        "类型": "kind",
        "手机号": "mobile",
    }.items():
        page.get_by_label(heading, exact=True).select_option(column)
    go_on(page, "/mapping")

    # dry run: the problem as a row with its cure, the button says what it will do
    assert page.locator("tr", has_text="火星客户").first.is_visible()
    commit = page.locator("form[action$='/commit'] button")
    assert [number in commit.inner_text() for number in ("2", "0", "1")] == [True, True, True]
    go_on(page, "/commit")

    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    assert "火星客户" in download.value.path().read_text("utf-8-sig")
    result = page.url
    window.open("/customers?q=仇浩然")
    assert page.locator("main tr", has_text="仇浩然").count() == 1

    page.goto(f"{result}/undo")
    go_on(page, "/undo")
    window.open("/customers?q=仇浩然")
    assert page.locator("main tr", has_text="仇浩然").count() == 0
