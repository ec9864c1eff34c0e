"""Holds of all branches at head office: listed, ordered from a customer's page, released by two, and told of."""

import re

import pytest
from sqlalchemy import select

from hq_server.feed.models import FeedItem, FeedTelling, FeedVersion
from hq_server.replica.models import ReplicaLegalHold
from shared.domain.published.vocabulary import ItemKind
from shared.ids import new_id
from shared.rights.vocabulary import StaffKind
from tests.integration.hq_server.conftest import NOON, sign_in
from tests.support.hq_rows import add_branch


@pytest.fixture
def customer(database):
    """A customer of one branch, with a hold the branch placed; and another branch."""
    with database.sessions.begin() as session:
        branch = add_branch(session, "B001", NOON, name="杭州分公司")
        found = branch.customer("K-1", "张伟")
        branch.deliver()
        add_branch(session, "B002", NOON, name="宁波分公司")
        version = {"row_lineage": 1, "row_change": 1, "batch_id": 1}
        hold = ReplicaLegalHold(
            branch_number=branch.number,
            id=new_id(),
            customer_id=found,
            reason="audit 2026",
            placed_at=NOON,
            placed_by="mei",
            **version,
        )
        session.add(hold)
        session.flush()
        return found, hold.id, branch.number


def body_of(database):
    with database.sessions() as session:
        item, version = session.execute(
            select(FeedItem, FeedVersion)
            .join(FeedVersion, FeedVersion.item_id == FeedItem.id)
            .where(FeedItem.kind == ItemKind.PERSONAL_ORDER)
            .order_by(FeedItem.made_at.desc(), FeedItem.id.desc())
        ).first()
        return item.id, version.body, version.branches


def test_the_holds_of_all_branches_are_listed_narrowed_exported_and_printed(client, customer):
    page = client.get("/legal-holds").text
    assert ("audit 2026" in page, "张伟" in page) == (True, True)
    assert "audit 2026" not in client.get("/legal-holds?branch=B002").text
    assert "audit 2026" not in client.get("/legal-holds?state=released").text
    file = client.take("/legal-holds/export.csv").data.decode("utf-8-sig")
    assert ("K-1" in file, "张伟" in file) == (True, False)
    assert "printed by" in client.get("/legal-holds/print").text


def test_a_hold_is_ordered_from_the_customers_page_and_the_branchs_word_stands_beside_it(
    client, customer, database
):
    who, _hold, number = customer
    assert f"/legal-holds/B001/{who}/new" in client.get(f"/customers/B001/{who}").text
    assert client.send(f"/legal-holds/B001/{who}", reason="x").status_code == 400
    assert client.send(f"/legal-holds/B001/{who}", reason="court case 17", ends_on="soon").status_code == 400

    assert client.send(f"/legal-holds/B001/{who}", reason="court case 17").status_code == 303

    item, body, branches = body_of(database)
    assert branches == ["B001"]
    assert body == {"order": "hold", "customer_id": who, "reason": "court case 17", "by": "zhang"}
    assert "sent" in client.get("/legal-holds").text
    with database.sessions.begin() as session:
        session.add(
            FeedTelling(
                branch_number=number,
                item_id=item,
                version=1,
                outcome="refused",
                reasons=["There is no such customer."],
                received_at=NOON,
                told_at=NOON,
            )
        )
    page = client.get("/legal-holds").text
    assert ("refused" in page, "There is no such customer." in page) == (True, True)


def test_an_order_is_on_no_page_of_published_items(client, customer, database):
    who, _hold, _number = customer
    client.send(f"/legal-holds/B001/{who}", reason="court case 17")
    item, _body, _branches = body_of(database)

    for path in ("/published", "/published/matrix", "/published?kind=personal_order"):
        assert item not in client.get(path).text
    for path in (f"/published/{item}", f"/published/{item}/edit", f"/published/{item}/withdrawal"):
        assert client.get(path).status_code == 404
    assert client.send(f"/published/{item}/withdrawal").status_code == 404
    assert client.send("/published", kind="personal_order", name="x", text="").status_code == 400


def test_a_release_takes_two_people_and_goes_to_the_branch_as_an_order(client, app, customer, database):
    who, hold, _number = customer
    asked = client.send(f"/legal-holds/B001/{hold}/release", reason="case closed")
    assert asked.status_code == 303
    with database.sessions() as session:
        assert session.scalars(select(FeedItem)).all() == []
    other = sign_in(app, database, StaffKind.ANALYST, "li")
    digest = re.findall(r'name="digest" value="([0-9a-f]{64})"', other.get(asked.location).text)[0]

    assert client.send(f"{asked.location}/approval", digest=digest).status_code == 403
    assert other.send(f"{asked.location}/approval", digest=digest).status_code == 303

    _item, body, branches = body_of(database)
    assert (body["order"], body["hold_id"], body["customer_id"], branches) == ("release", hold, who, ["B001"])
    assert body["by"] == "li"


def test_administrators_see_neither_holds_nor_personal_data_and_leaders_order_none(
    administrator, client, app, customer, database
):
    who, _hold, _number = customer
    leader = sign_in(app, database, StaffKind.LEADER, "boss")
    for path in ("/legal-holds", "/personal-data"):
        assert administrator.get(path).status_code == 403
        assert client.get(path).status_code == 200
        assert leader.get(path).status_code == 200
    assert leader.get(f"/legal-holds/B001/{who}/new").status_code == 403


def test_what_personal_data_head_office_holds_is_masked_for_its_readers(client):
    page = client.get("/personal-data").text
    (row,) = re.findall(r"<tr>\s*<td[^>]*>Customers</td>\s*<td[^>]*>Mobile</td>.*?</tr>", page, re.DOTALL)
    cells = re.findall(r'data-label="([^"]+)">([^<]*)<', row)
    assert dict(cells)["See it masked"] == "Head office manager, Leader"
    assert dict(cells)["Travels"] == "yes"
