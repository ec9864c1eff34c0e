import pytest

from branch_node.desk.queries import SHORT_LIST
from shared.auth.models import User
from shared.rights.vocabulary import DataRange, StaffKind

HOMES = {
    StaffKind.BRANCH_MANAGER: "/board",
    StaffKind.ACCOUNT_MANAGER: "/",
    StaffKind.SERVICE: "/service-desk",
    StaffKind.ADMINISTRATOR: "/node",
}


@pytest.mark.parametrize("kind", HOMES)
def test_each_kind_begins_at_its_own_home_and_no_line_of_its_menu_is_refused(kind, rows, make_user, sign_in):
    make_user("wang", kind, manager_id=rows.manager() if kind is StaffKind.ACCOUNT_MANAGER else None)
    page = sign_in("wang")

    assert page.get("/home").location == HOMES[kind]
    home = page.get(HOMES[kind])
    assert home.status_code == 200
    menu = home.text.split('class="menu-list"', 1)[1].split("</nav>")[0]
    links = [part.split('"', 1)[0] for part in menu.split('href="')[1:]]
    assert HOMES[kind] in links
    assert {link: page.get(link).status_code for link in links} == dict.fromkeys(links, 200)


def test_whoever_has_no_range_yet_begins_with_their_profile(make_user, sign_in, sessions):
    user_id = make_user("wang", StaffKind.ACCOUNT_MANAGER)
    with sessions.begin() as session:
        session.get_one(User, user_id).data_range = DataRange.NONE
    assert sign_in("wang").get("/home", follow_redirects=True).request.path == "/account/profile"


def test_an_account_manager_whose_account_is_not_linked_is_told_so(make_user, sign_in):
    make_user("wang", StaffKind.ACCOUNT_MANAGER)
    assert "not linked with an account manager" in sign_in("wang").get("/").text


def test_the_board_says_who_has_written_a_log_today_and_who_has_not(rows, browser):
    busy, idle = rows.manager(name="有日志"), rows.manager(name="没日志")
    rows.work_log(busy, text="今天")

    page = browser.get("/board").text

    assert page.index("没日志") < page.index("有日志")
    assert "1 of 2" in page
    assert idle in page


@pytest.mark.parametrize("path", ["/board", "/managers/{manager}"])
def test_a_page_names_who_owes_most_and_says_that_there_are_more(rows, browser, path):
    manager = rows.manager()
    for number in range(SHORT_LIST + 1):
        owing = rows.customer(name=f"欠费{number}", manager_id=manager)
        rows.bill_line(owing, period="2026-01", amount_minor=100 * (number + 1))

    page = browser.get(path.format(manager=manager))

    assert page.status_code == 200
    assert page.text.count('/money">欠费') == SHORT_LIST
    assert f"There are more; these {SHORT_LIST} come first." in page.text
