import pytest
from sqlalchemy import select

from hq_server.replica.models import ReplicaCustomer
from shared.rights.vocabulary import StaffKind
from tests.integration.hq_server.conftest import sign_in
from tests.integration.hq_server.test_masking import WHOLE, customer

__all__ = ["customer"]


@pytest.fixture
def mei(app, database):
    """The browser of an analyst, who sees contact data masked."""
    return sign_in(app, database, StaffKind.ANALYST, "mei")


def name_of(database):
    with database.sessions() as session:
        return session.scalars(select(ReplicaCustomer)).one().name


@pytest.mark.parametrize("path", ["/search?q={}", "/search/offers?q={}"])
def test_one_box_finds_customers_of_all_branches_and_branches_masked_as_the_rights_say(
    database, mei, customer, path
):
    for words in (WHOLE["mobile"], WHOLE["mobile"][-4:], name_of(database)):
        page = mei.get(path.format(words)).text
        assert customer in page
        assert "138****0001" in page
    assert "/branches/B001" in mei.get(path.format("b001")).text


def test_the_page_of_results_says_which_branches_it_covers(mei, customer):
    assert "1 of 1 branches, as of" in mei.get("/search?q=b001").text


def test_the_box_offers_the_customers_opened_lately(database, mei, customer):
    before = mei.get("/search/offers").text
    mei.get(customer)

    assert customer not in before
    assert customer in mei.get("/search/offers").text
