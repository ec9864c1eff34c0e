"""How customers took an offer is counted by branch, each figure with what it covers, and opens to its customers."""

import re
from datetime import date

import pytest
from sqlalchemy import select

from hq_server.branches.models import Branch
from hq_server.offers.queries import list_of_customer
from hq_server.replica.models import ReplicaCustomer, ReplicaOfferAnswer
from shared.ids import new_id
from shared.rights.vocabulary import StaffKind
from tests.integration.hq_server.conftest import NOON, PASSWORD
from tests.integration.hq_server.test_limited_people import add
from tests.integration.hq_server.test_offers import FORM
from tests.support.hq_rows import add_branch

CODE = str(FORM["name"])
VERSION = {"row_lineage": 1, "row_change": 1, "batch_id": 1}


def said(branch, customer, step, day=1, **more):
    row = {"customer_id": customer, "offer_code": CODE, "step": step, "happened_on": date(2026, 11, day)}
    made = {"id": new_id(), "created_at": NOON, "created_by": "ana"}
    return ReplicaOfferAnswer(branch_number=branch.number, **VERSION, **{**made, **row, **more})


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


@pytest.fixture
def kept(client, database):
    """A customer whose answer was corrected and another taken back, with a merged file; one of another branch."""
    client.send("/published", **FORM)
    with database.sessions.begin() as session:
        first = add_branch(session, "B001", NOON, name="杭州分公司")
        zhang, old = first.customer("K-1", "张伟", mobile="13812340001"), first.customer("K-2", "张 伟")
        first.merged(old, zhang)
        first.deliver()
        second = add_branch(session, "B002", NOON, name="宁波分公司")
        li = second.customer("K-9", "李雷")
        second.deliver()
        wrong, never = said(first, zhang, "made", 3, reason="没空"), said(first, zhang, "made", 5)
        session.add_all(
            [
                wrong,
                said(first, zhang, "declined", 4, reason="价格高", corrects_id=wrong.id, created_by="wu"),
                never,
                said(first, zhang, "void", 5, reason="误记", corrects_id=never.id),
                said(first, old, "accepted", 2, offer_code="GONE", reason="老档案"),
                said(second, li, "accepted", 6, reason="宁波的理由"),
            ]
        )
    return {"zhang": f"B001/{zhang}", "old": f"B001/{old}", "li": f"B002/{li}"}


def test_a_customers_page_says_what_became_of_which_offer_why_when_and_by_whom(client, kept):
    page = client.get(f"/customers/{kept['zhang']}?tab=offers").text
    plain = [re.sub(r"<[^>]+>", " ", row) for row in page.split('<li class="timeline-item">')]
    rows = [" ".join(row.split()) for row in plain]

    assert len(rows) == 4
    assert all(word in rows[1] for word in ("Taken back", "误记", "before: Offered"))
    assert all(word in rows[2] for word in ("Declined", "春季升级", CODE, "价格高", "by wu"))
    assert "before: Offered , 2026" not in rows[2]
    assert "没空 (ana)" in rows[2]
    assert all(word in rows[3] for word in ("Accepted", "GONE", "老档案", "in the file K-2"))
    assert f'href="/offers/branches?offer={CODE}"' in page
    assert "offer=GONE" not in page  # nobody here published it: there is no page to lead to
    assert "宁波的理由" not in page
    assert "杭州分公司" in page
    assert "As of" in page


def test_a_merged_file_shows_its_own_entries_and_one_without_any_says_so(client, kept, database):
    page = client.get(f"/customers/{kept['old']}?tab=offers").text
    assert "老档案" in page
    assert "价格高" not in page
    with database.sessions.begin() as session:
        branch = add_branch(session, "B003", NOON)
        nobody = branch.customer("K-3")
        branch.deliver()
    page = client.get(f"/customers/B003/{nobody}?tab=offers").text
    assert "Nothing about offers at this customer has arrived" in page


def test_entries_that_correct_each_other_are_each_told_once(client, database):
    with database.sessions.begin() as session:
        branch = add_branch(session, "B001", NOON, name="杭州分公司")
        zhang = branch.customer("K-1", "张三")
        branch.deliver()
        first, second = new_id(), new_id()
        session.add_all(
            [
                said(branch, zhang, "made", 1, id=first, corrects_id=second, reason="甲"),
                said(branch, zhang, "made", 2, id=second, corrects_id=first, reason="乙"),
                said(branch, zhang, "accepted", 3, corrects_id=second),
            ]
        )
    with database.reads() as session:
        customer = session.scalars(select(ReplicaCustomer)).one()
        [told] = list_of_customer(session, customer)

    assert [one.reason for one in told.before] == ["乙", "甲"]


def test_who_is_limited_to_branches_or_sees_contact_data_masked_sees_no_more_there(app, database, kept):
    with database.sessions() as session:
        number = session.scalars(select(Branch.number).where(Branch.code == "B001")).one()
    with database.sessions.begin() as session:
        add(session, "near", StaffKind.LEADER, [number])
    near = app.test_client()
    near.sign_in("near", PASSWORD)

    page = near.get(f"/customers/{kept['zhang']}?tab=offers").text

    assert "价格高" in page
    assert "13812340001" not in page
    assert near.get(f"/customers/{kept['li']}?tab=offers").status_code == 404
