import re

import pytest

from branch_node.contacts.operations import add_contact
from branch_node.worklogs.jobs import index_work_logs
from shared.domain.contacts.vocabulary import ContactStanding, ContactStatus
from shared.jobs.job import Progress
from shared.rights.vocabulary import StaffKind
from shared.runtime import NodeRuntime
from tests.support.branch import ANA


def _node(database):
    return NodeRuntime(settings=None, clock=None, database=database)  # type: ignore[arg-type] # asks for neither


@pytest.fixture
def filled(rows, sessions, database):
    """A customer with a contact person, a log and a bill line, all of whom the box finds."""
    manager = rows.manager(name="王芳", manager_no="M-9")
    customer = rows.customer(name="東湖大學", customer_no="C-77", manager_id=manager, legacy_no="OLD-4711")
    with sessions.begin() as session:
        person = {"name": "韩梅梅", "mobile": "13700004321", "do_not_contact": []}
        add_contact(
            session,
            customer,
            person | {"standing": ContactStanding.KEY, "status": ContactStatus.ACTIVE},
            by=ANA,
        )
    rows.work_log(manager, customer_id=customer, text="走訪了實驗室，谈设备更新")
    rows.bill_line(customer, bill_no="B-2026-0099", period="2026-03")
    assert index_work_logs(_node(database), ANA, Progress()).counts == {"indexed": 1}
    return customer


@pytest.mark.parametrize(
    ("words", "headings"),
    [
        ("东湖", {"Customers"}),
        ("東湖", {"Customers"}),
        ("大", {"Customers"}),
        ("dhdx", {"Customers"}),
        ("OLD-4711", {"Customers"}),
        ("韩梅梅", {"Customers", "Contact people"}),
        ("４３２１", {"Customers", "Contact people"}),
        ("设备", {"Work logs"}),
        ("实验室", {"Work logs"}),
        ("b-2026-0099", {"Bill lines"}),
        ("M-9", {"Account managers"}),
    ],
)
def test_one_box_finds_records_of_every_kind_by_kind_with_their_number(browser, filled, words, headings):
    page = browser.get(f"/search?q={words}").text

    found = re.findall(r"<h2>(?:<svg.*?</svg>)?([\w ]+?) <span class=\"muted\">(\d+)</span>", page, re.DOTALL)
    assert {name for name, _count in found} == headings
    assert {count for _name, count in found} == {"1"}


def test_what_is_offered_while_one_types_is_what_the_page_finds(browser, filled):
    offers = browser.get("/search/offers?q=韩梅").text

    assert "东" not in offers
    assert offers.count('role="option"') == 2
    assert f"/customers/{filled}" in offers


def test_before_anything_is_typed_the_box_offers_what_was_opened_lately(browser, filled, rows):
    rows.customer(name="别处")
    browser.get(f"/customers/{filled}")

    offers = browser.get("/search/offers").text

    assert "東湖大學" in offers
    assert "别处" not in offers


def test_all_results_of_a_kind_come_page_by_page_and_a_kind_with_a_list_leads_there(browser, rows):
    manager = rows.manager()
    for number in range(30):
        rows.work_log(manager, text=f"设备 {number}")

    first, second = (browser.get(f"/search/work-logs?q=设备&page={page}").text for page in (1, 2))

    assert (first.count("data-open"), second.count("data-open")) == (25, 5)
    assert "/customers?q=%E8%AE%BE%E5%A4%87" in browser.get("/search/customers?q=设备").headers["Location"]
    assert browser.get("/search/nonsense?q=a").status_code == 404


def test_a_log_is_found_at_once_and_once_after_the_job_that_indexes_it(browser, rows, database):
    rows.work_log(rows.manager(), text="谈设备更新")
    before = browser.get("/search/work-logs?q=更新").text
    done = index_work_logs(_node(database), ANA, Progress())
    after = browser.get("/search/work-logs?q=更新").text

    assert done.counts == {"indexed": 1}
    assert (before.count("data-open"), after.count("data-open")) == (1, 1)
    assert "data-open" not in browser.get("/search/work-logs?q=更旧").text


def test_an_account_manager_finds_what_is_theirs_however_many_of_others_there_are(
    rows, make_user, sign_in, filled, monkeypatch
):
    monkeypatch.setattr("branch_node.customers.words.RANKED", 2)
    mine = rows.manager(name="李强")
    for number in range(5):
        rows.customer(name=f"王一{number}")
    rows.customer(name="王一我的", manager_id=mine)
    make_user("li", StaffKind.ACCOUNT_MANAGER, mine)
    li = sign_in("li")

    page = li.get("/search?q=王一").text

    assert "王一我的" in page
    assert "王一0" not in page
    for words in ("韩梅梅", "设备", "B-2026-0099"):
        assert "data-open" not in li.get(f"/search?q={words}").text
