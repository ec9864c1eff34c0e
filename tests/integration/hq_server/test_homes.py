import pytest

from shared.rights.vocabulary import StaffKind
from tests.integration.hq_server.conftest import NOON, sign_in
from tests.support.hq_rows import add_branch

HOMES = {StaffKind.LEADER: "/group", StaffKind.ANALYST: "/", StaffKind.ADMINISTRATOR: "/nodes"}


@pytest.mark.parametrize("kind", HOMES)
def test_each_kind_begins_at_its_own_home_and_no_line_of_its_menu_is_refused(kind, app, database):
    with database.sessions.begin() as session:
        branch = add_branch(session, "B001", NOON)
        manager = branch.manager("M-1")
        customer = branch.customer("K-1", name="金丝雀", manager_id=manager)
        branch.bill(customer, 12_300, period="2026-11")
        branch.deliver()
    page = sign_in(app, database, kind, "mei")

    assert page.get("/home").location == HOMES[kind]
    home = page.get(HOMES[kind])
    assert home.status_code == 200
    assert "金丝雀" not in home.text
    menu = home.text.split('class="menu-list"', 1)[1].split("</nav>")[0]
    links = [part.split('"', 1)[0] for part in menu.split('href="')[1:]]
    assert HOMES[kind] in links
    assert {link: page.get(link).status_code for link in links} == dict.fromkeys(links, 200)


def test_an_administrator_sees_no_charges_and_a_leader_sums_of_bill_lines_only(app, database):
    with database.sessions.begin() as session:
        branch = add_branch(session, "B001", NOON)
        customer = branch.customer("K-1")
        branch.bill(customer, 12_300, period="2026-11", bill_no="B-CANARY")
        branch.deliver()
    leader = sign_in(app, database, StaffKind.LEADER, "mei")
    administrator = sign_in(app, database, StaffKind.ADMINISTRATOR, "li")

    money = leader.get(f"/customers/B001/{customer}?tab=money").text
    assert "B-CANARY" not in money
    assert "Bill lines are summed up for you" in money
    assert "Charges of" not in administrator.get("/").text
    assert administrator.get(f"/customers/B001/{customer}").status_code == 403
