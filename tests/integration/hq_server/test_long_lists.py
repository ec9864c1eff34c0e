"""Lists of one customer at head office: nothing is left out without a word, and no row shows twice."""

import re
from datetime import timedelta

import pytest

from tests.integration.hq_server.conftest import NOON
from tests.support.hq_rows import add_branch

LOGS = 53


@pytest.fixture
def busy(database):
    """A customer with more work logs and units than a page shows, several at one instant."""
    with database.sessions.begin() as session:
        branch = add_branch(session, "B001", NOON, name="杭州分公司")
        li = branch.manager("M-1", "李明")
        at = branch.customer("K-1", "张伟")
        other = branch.customer("K-2", "李雷")
        for number in range(LOGS):
            branch.log(li, NOON - timedelta(days=number // 2), at, text=f"日志{number:03}号")
            branch.unit(f"SN{number:03}X", at)
        branch.log(li, NOON, other, text="别人的日志")
        branch.unit("OTHERS1", other)
        branch.deliver()
    return f"/customers/B001/{at}"


def pages_of(client, address):
    """Every page of a list, by its links to the next one."""
    while address:
        page = client.get(address).text
        yield page
        found = re.findall(r'rel="next" href="([^"]*)"', page)
        address = found[0].replace("&amp;", "&") if found else None


@pytest.mark.parametrize(
    ("tab", "row", "others"),
    [("?tab=timeline", r"日志(\d{3})号", "别人的日志"), ("?tab=units", r">SN(\d{3})X<", "OTHERS1")],
)
def test_every_work_log_and_every_unit_of_a_customer_stands_on_one_of_its_pages(
    client, busy, tab, row, others
):
    pages = [*pages_of(client, busy + tab)]

    seen = [one for page in pages for one in re.findall(row, page)]
    assert len(pages) == 2
    assert sorted(seen) == [f"{number:03}" for number in range(LOGS)]
    assert f"1 to 50 of {LOGS}" in pages[0]
    assert all(others not in page for page in pages)


def test_another_tab_begins_at_its_first_page(client, busy):
    tabs = re.findall(r'href="(/customers/B001/[^"]*)"', client.get(f"{busy}?page=2").text)

    assert f"{busy}?tab=units" in tabs
    assert not [one for one in tabs if "tab=" in one and "page=" in one]
