"""A clerk's day: find a customer, mend it, write the log, push; and head office sees it."""

import time

import pytest

pytestmark = [pytest.mark.xdist_group("company"), pytest.mark.timeout(600)]
ARRIVES_WITHIN_S = 120


@pytest.fixture
def customer_name(open_window, user_of):
    """The name of some person who is a customer of the branch."""
    window = open_window("B001", user_of("B001"))
    window.open("/customers?kind=individual&status=active&sort=customer_no")
    names = window.page.locator("main table tbody tr td[data-label]").all_inner_texts()
    return next(
        name for name in names if len(name) == 3 and "\u4e00" <= name[0] <= "\u9fff" and name[-1] != "级"
    )


def push_and_wait(window, node) -> None:
    window.open("/sync/")
    with window.page.expect_navigation():
        window.page.locator("form[action$='/sync/push'] button").click()
    deadline = time.monotonic() + ARRIVES_WITHIN_S
    while node.run_json("status")["pending"] and time.monotonic() < deadline:
        time.sleep(1)
    assert node.run_json("status")["pending"] == 0


def test_what_a_clerk_mends_and_writes_at_the_branch_is_read_at_head_office(
    open_window, user_of, show, customer_name
):
    branch = open_window("B001", user_of("B001"))
    page = branch.page

    # found by two characters of the name, by keyboard alone
    page.keyboard.press("/")
    page.keyboard.type(customer_name[1:])
    with page.expect_navigation():
        page.keyboard.press("Enter")
    with page.expect_navigation():
        page.locator("tr", has_text=customer_name).locator("a[data-open]").first.click()
    assert page.locator("h1").inner_text().startswith(customer_name)
    customer_page = page.url

    # the address is mended
    with page.expect_navigation():
        page.keyboard.press("e")
    page.locator("input[name=address]").fill("杭州市西湖区桂花弄9号")
    with page.expect_navigation():
        page.locator("form:has(input[name=address]) .form-buttons button").click()
    assert page.url.startswith(customer_page)

    # the log is written, prefilled with the customer and the time
    page.goto(customer_page)
    with page.expect_navigation():
        page.keyboard.press("n")
    page.locator("textarea[name=text]").fill("上门核对新地址，客户满意")
    page.locator("select[name=kind]").select_option("visit")
    if not page.locator("select[name=manager_id]").input_value():
        page.locator("select[name=manager_id]").select_option(index=1)
    with page.expect_navigation():
        page.locator("form:has(textarea) .form-buttons button").click()
    assert page.get_by_text("上门核对新地址，客户满意").first.is_visible()

    push_and_wait(branch, show.nodes["B001"])

    hq = open_window("HQ", user_of("HQ"))
    hq.open(f"/customers?q={customer_name}&branch=B001")
    with hq.page.expect_navigation():
        hq.page.locator("tr", has_text=customer_name).locator("a[data-open]").first.click()
    assert hq.page.get_by_text("上门核对新地址，客户满意").first.is_visible()
    hq.page.goto(f"{hq.page.url.partition('?')[0]}?tab=profile")
    # as far as head office may see it
    assert hq.page.get_by_text("杭州市西湖区****").is_visible()
    assert not hq.page.get_by_text("桂花弄9号").is_visible()


def test_a_new_customer_is_found_at_once_by_pinyin_initials_and_the_tail_of_the_phone(open_window, user_of):
    window = open_window("B002", user_of("B002"))
    page = window.page
    window.open("/customers/new")
    for name, value in {"customer_no": "T-7788", "name": "单晓溪", "mobile": "14700654321"}.items():
        page.locator(f"input[name={name}]").fill(value)
    page.locator("select[name=kind]").select_option("individual")
    page.locator("select[name=status]").select_option("active")
    with page.expect_navigation():
        page.locator("form:has(input[name=customer_no]) .form-buttons button").click()
    assert "单晓溪" in page.locator("h1").inner_text()

    for words in ("晓溪", "sxx", "dxx", "shanxiaoxi", "654321"):
        page.locator("input#search").fill(words)
        with page.expect_navigation():
            page.locator("input#search").press("Enter")
        assert page.locator("main tr", has_text="单晓溪").count() == 1, words

    page.locator("input#search").fill("T-7788")  # a number that is just one customer's opens it
    with page.expect_navigation():
        page.locator("input#search").press("Enter")
    assert "单晓溪" in page.locator("h1").inner_text()


def test_a_mistake_in_a_form_is_said_beside_the_field_and_nothing_typed_is_lost(open_window, user_of):
    window = open_window("B002", user_of("B002"))
    page = window.page
    window.open("/customers/new")
    page.locator("input[name=customer_no]").fill("T-9900")
    page.locator("input[name=name]").fill("曾又新")
    page.locator("input[name=email]").fill("not an address")
    with page.expect_navigation():
        page.locator("form:has(input[name=customer_no]) .form-buttons button").click()

    assert page.locator("#e-email").is_visible()
    assert page.locator("input[name=name]").input_value() == "曾又新"
    window.complaints.clear()  # the browser counts the refusal's status as an error of the page
