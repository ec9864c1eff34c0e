"""How customers took an offer is counted by branch, each figure with what it covers, and opens to its customers."""

import re
from datetime import date

import pytest

from hq_server.replica.models import ReplicaOfferAnswer
from shared.ids import new_id
from tests.integration.hq_server.conftest import NOON
from tests.integration.hq_server.test_offers import FORM
from tests.support.hq_rows import add_branch

CODE = FORM["name"]
VERSION = {"row_lineage": 1, "row_change": 1, "batch_id": 1}


def said(branch, customer, step, day=1, **more):
    row = {"customer_id": customer, "offer_code": CODE, "step": step, "happened_on": date(2026, 11, day)}
    made = {"id": new_id(), "created_at": NOON, "created_by": "ana"}
    return ReplicaOfferAnswer(branch_number=branch.number, **made, **VERSION, **{**row, **more})


@pytest.fixture
def answered(client, database):
    """An offer that three customers of one branch heard of, and one of another."""
    item = client.send("/published", **FORM).location
    with database.sessions.begin() as session:
        first = add_branch(session, "B001", NOON, name="杭州分公司")
        one, two, three = (first.customer(f"K-{number}", f"张{number}") for number in range(1, 4))
        first.deliver()
        second = add_branch(session, "B002", NOON, name="宁波分公司")
        li = second.customer("K-9", "李雷")
        second.deliver()
        wrong = said(first, three, "accepted", 4)
        session.add_all(
            [
                said(first, one, "made"),
                said(first, one, "accepted", 3),
                said(first, two, "declined", 2, reason="价格高"),
                wrong,
                said(first, three, "made", 4, corrects_id=wrong.id),
                said(second, li, "made"),
            ]
        )
    return item


def test_each_offer_is_counted_by_branch_and_says_what_it_covers(client, answered):
    page = client.get("/offers").text
    assert "春季升级" in page
    row = page[page.index(f"offer={CODE}") :]
    assert re.findall(r'class="num"[^>]*>(\d+)<', row)[:4] == ["4", "2", "1", "1"]
    assert "Covers" in page or "As of" in page

    by_branch = client.get(f"/offers/branches?offer={CODE}").text
    for branch, step, count in (("B001", "accepted", 1), ("B001", "declined", 1), ("B002", "made", 1)):
        assert re.search(rf"offer={CODE}&amp;step={step}&amp;branch={branch}\">{count}<", by_branch)
    assert not re.search(r"step=accepted&amp;branch=B002", by_branch)
    assert "Covers" in by_branch or "As of" in by_branch
    assert f"/offers/branches?offer={CODE}" in client.get(answered).text


def test_a_figure_opens_to_its_customers_with_what_they_said_last(client, answered):
    page = client.get(f"/offers/customers?offer={CODE}&branch=B001").text
    assert all(name in page for name in ("张1", "张2", "张3", "价格高"))
    assert "李雷" not in page
    declined = client.get(f"/offers/customers?offer={CODE}&step=declined").text
    assert "张2" in declined
    assert "张1" not in declined
    assert client.get(f"/offers/customers?offer={CODE}&step=nonsense&sort=x").status_code == 200


def test_an_offer_nobody_published_is_told_to_be_none(client, answered):
    for page in ("branches", "customers"):
        answer = client.get(f"/offers/{page}?offer=NONE")
        assert answer.status_code == 404
        assert "No offer of this code was ever published." in answer.text


def test_an_offer_that_is_withdrawn_keeps_its_figures(client, answered):
    client.send(f"{answered}/withdrawal")
    page = client.get("/offers").text
    assert "withdrawn" in page
    assert re.findall(r'class="num"[^>]*>(\d+)<', page[page.index(f"offer={CODE}") :])[0] == "4"
    assert client.get(f"/offers/branches?offer={CODE}").status_code == 200
