"""Codes in records of branches are shown at head office with the words it published for them."""

import pytest

from hq_server.feed import operations as feed
from hq_server.feed.operations import Draft
from shared.domain.published.codes import Code, write_codes
from shared.domain.published.vocabulary import CodeTable, ItemKind
from shared.stamp import Stamp, Via
from tests.integration.hq_server.conftest import NOON
from tests.support.hq_rows import add_branch

BY = Stamp(NOON, "zhang", Via.WEB)


@pytest.fixture
def customer(database):
    """A customer with a bill line of a product whose code head office has named."""
    with database.sessions.begin() as session:
        branch = add_branch(session, "B001", NOON)
        held = branch.customer("K-1", manager_id=branch.manager("M-1"))
        branch.bill(held, 12_300, period="2026-11", product="P-77")
        branch.bill(held, 100, period="2026-11", product="P-78")
        branch.deliver()
        codes = write_codes([Code("P-77", "光纤宽带", "Fibre line")])
        item = feed.make_item(session, ItemKind.CODE_TABLE, CodeTable.PRODUCT.value, Draft(codes), by=BY)
        feed.publish(session, item.id, by=BY)
    return held


@pytest.mark.parametrize(
    "path",
    ["/analysis/?rows=product&cols=", "/analysis/?rows=branch&cols=product", "/analysis/?product=P-77"],
)
def test_the_analysis_names_products(client, customer, path):
    assert "P-77 Fibre line" in client.get(path).text


def test_a_customers_bill_lines_name_products_and_leave_codes_nobody_named(client, customer):
    page = client.get(f"/customers/B001/{customer}?tab=money").text

    assert "P-77 Fibre line" in page
    assert ">P-78<" in page
