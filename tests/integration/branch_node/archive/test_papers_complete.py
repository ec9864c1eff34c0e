"""A file may need a paper that is in force to be complete: the list and the file say the same of it."""

from datetime import timedelta

import pytest

from branch_node.archive import completing
from branch_node.customers.models import Customer
from branch_node.documents.models import Document
from branch_node.inbound import operations
from shared.db.base import instant_text
from shared.domain.archive.keeping import COMPLETE_INDIVIDUAL
from shared.ids import new_id
from sync_protocol.contract.feed import FeedEntry, FeedPoint
from tests.support.branch import ANA, NOON, SHANGHAI

TODAY = NOON.date()


@pytest.fixture(autouse=True)
def licence_counts(sessions):
    """Head office asks for a mobile number and a licence of a person's file."""
    entry = FeedEntry(
        seq=1,
        id=new_id(),
        kind="policy",
        name=COMPLETE_INDIVIDUAL,
        version=1,
        withdrawn=False,
        body={"value": ["mobile", "document:licence"]},
        published_at=instant_text(NOON),
    )
    with sessions.begin() as session:
        operations.take_in(session, [entry], FeedPoint(seq=1, digest="0" * 64), anew=False, by=ANA)


def add(sessions, customer_id, **values):
    made = {"created_at": NOON, "created_by": "ana", "updated_at": NOON, "updated_by": "ana"}
    usual = {"kind": "licence", "name": "营业执照", "versions": 1}
    with sessions.begin() as session:
        session.add(Document(id=new_id(), customer_id=customer_id, **made, **{**usual, **values}))


def completeness(sessions, customer_id):
    with sessions() as session:
        weights = completing.weights_in_force(session, NOON, SHANGHAI)
        found = completing.completeness_of(session, session.get_one(Customer, customer_id), NOON, SHANGHAI)
        listed = completing.list_files(session, weights, below=100, limit=9)
        assert [one.found.percent for one in listed if one.customer.id == customer_id] == (
            [found.percent] if found.percent < 100 else []
        )
    return found.percent, found.missing


@pytest.mark.parametrize(
    ("paper", "there"),
    [
        (None, False),
        ({}, True),
        ({"valid_until": TODAY}, True),
        ({"valid_until": TODAY - timedelta(days=1)}, False),
        ({"kind": "contract"}, False),
        ({"retired_at": NOON, "retired_by": "ana"}, False),
    ],
)
def test_a_paper_counts_while_it_is_in_force_and_in_use(sessions, rows, paper, there):
    customer = rows.customer(mobile="13800000001")
    if paper is not None:
        add(sessions, customer, **paper)

    assert completeness(sessions, customer) == ((100, ()) if there else (66, ("document:licence",)))
