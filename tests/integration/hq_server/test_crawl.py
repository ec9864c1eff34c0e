"""Every kind of staff at head office follows every link its pages offer: none is refused."""

import pytest

from shared.rights.vocabulary import StaffKind
from tests.contract.wire_rows import as_line, example_row
from tests.integration.hq_server.conftest import NOON, sign_in
from tests.integration.hq_server.test_question_answers import said
from tests.support.crawling import crawl
from tests.support.hq_rows import add_branch, add_parked


@pytest.fixture
def company(database):
    """A branch with rows of the business, one of which was refused, and one that never joined."""
    with database.sessions.begin() as session:
        branch = add_branch(session, "B001", NOON)
        manager = branch.manager("M-1")
        customer = branch.customer("K-1", manager_id=manager)
        branch.bill(customer, 12_300, period="2026-11")
        branch.log(manager, NOON, customer)
        branch.person("mei", StaffKind.SERVICE, "Mei", department_id=branch.department("S", "Sales"))
        branch.deliver()
        session.add(said(branch, customer, 4))
        add_parked(session, branch, line=as_line(example_row("customer")).decode(), reasons={}, at=NOON)
        add_branch(session, "B002", NOON, joined=False)


@pytest.mark.parametrize("kind", [StaffKind.LEADER, StaffKind.ANALYST, StaffKind.ADMINISTRATOR])
def test_no_link_is_refused(kind, app, database, company):
    browser = sign_in(app, database, kind, "chen")
    browser.prove("chen")

    refused, _telling, opened = crawl(app, browser)

    assert opened > 20
    assert refused == []


def test_the_number_by_which_the_log_names_a_branch_leads_to_its_page(client, company):
    assert client.get("/branches/1").location == "/branches/B001"
    assert client.get("/branches/999").status_code == 404
    assert client.get("/branches/" + "9" * 40).status_code == 404
