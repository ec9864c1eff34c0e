"""Tracked units and recalls at head office: a number found at every branch, recalls published and counted."""

import re
from datetime import date

import pytest
from sqlalchemy import select

from hq_server.branches.models import Branch
from hq_server.feed.models import FeedItem
from hq_server.replica.models import ReplicaCustomer, ReplicaUnit, ReplicaUnitEvent
from shared.auth.models import User
from shared.ids import new_id
from tests.integration.hq_server.conftest import NOON, sign_in
from tests.support.hq_rows import add_branch

RECALL = {
    "kind": "recall",
    "name": "R-1",
    "title": "安全气囊",
    "why": "气囊可能不展开",
    "remedy": "免费更换",
    "from": "2026-01-01",
    "model": "L5",
    "serials": "lsv-1*, LSV99",
    "to": "all",
    "do": "publish",
}
VERSION = {"row_lineage": 1, "row_change": 1, "batch_id": 1}


def add(session, branch, owner, **values):
    made = {"created_at": NOON, "created_by": "ana"}
    said = {"status": "in_use", "model": "L5", "owner_id": owner, "serial_no": "LSV123456"}
    unit = ReplicaUnit(
        branch_number=branch.number,
        id=new_id(),
        updated_at=NOON,
        updated_by="ana",
        **made,
        **VERSION,
        **{**said, **values},
    )
    session.add(unit)
    for kind, day in (("owner", date(2025, 1, 1)), ("repair", date(2026, 2, 3))):
        session.add(
            ReplicaUnitEvent(
                branch_number=branch.number,
                id=new_id(),
                unit_id=unit.id,
                kind=kind,
                customer_id=owner,
                happened_on=day,
                text="换机油" if kind == "repair" else None,
                **made,
                **VERSION,
            )
        )
    return unit.id


@pytest.fixture
def units(database):
    """One number at two branches, and another unit at the first."""
    with database.sessions.begin() as session:
        first = add_branch(session, "B001", NOON, name="杭州分公司")
        zhang = first.customer("K-1", "张伟")
        first.deliver()
        second = add_branch(session, "B002", NOON, name="宁波分公司")
        li = second.customer("K-2", "李雷")
        second.deliver()
        return (
            add(session, first, zhang),
            add(session, second, li),
            add(session, first, zhang, serial_no="OTHER1", model="L6"),
        )


def test_a_number_is_found_at_every_branch_that_holds_it_and_each_says_so(client, units):
    listed = client.get("/units?q=123-456").text
    assert listed.count("at several branches") == 2
    assert "OTHER1" not in listed
    assert "Covers" in listed or "As of" in listed
    page = client.get(f"/units/B001/{units[0]}").text
    assert "换机油" in page
    assert "张伟" in page
    assert "李雷" not in page
    assert f"/units/B002/{units[1]}" in page
    assert client.get(f"/units/B002/{units[0]}").status_code == 404


def test_a_recall_is_published_from_its_form_and_counted_by_branch(client, database, units):
    answer = client.send("/published", **RECALL)
    assert answer.status_code == 303
    page = client.get(answer.location).text
    assert "免费更换" in page
    assert "LSV1*" in page
    assert "R-1" in client.get("/published?kind=recall").text
    progress = client.get("/units/recalls/progress?recall=R-1").text
    assert re.findall(r'href="/units\?recall=R-1&amp;state=open&amp;branch=B001">1<', progress)
    with database.sessions.begin() as session:
        unit = session.get_one(ReplicaUnit, (1, units[0]))
        done = {
            "kind": "recall_done",
            "recall_no": "R-1",
            "happened_on": date(2026, 3, 1),
            "unit_id": unit.id,
        }
        stamps = {"created_at": NOON, "created_by": "ana"}
        session.add(
            ReplicaUnitEvent(
                branch_number=1, id=new_id(), customer_id=unit.owner_id, **done, **stamps, **VERSION
            )
        )
    progress = client.get("/units/recalls/progress?recall=R-1").text
    assert re.findall(r'href="/units\?recall=R-1&amp;state=done&amp;branch=B001">1<', progress)
    assert not re.findall(r"state=open&amp;branch=B001", progress)
    assert "Recall R-1" not in client.get(f"/units/B001/{units[0]}").text.split("What happened")[0]
    assert "Recall R-1" in client.get(f"/units/B002/{units[1]}").text
    assert "R-1" in client.get("/units/recalls").text


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"name": ""}, "A recall needs a number"),
        ({"why": ""}, "why it is and what is to be done"),
        ({"until": "2025-01-01"}, "end before they begin"),
        ({"serials": "A*"}, "a beginning of at least 3 characters"),
        ({"model": "", "serials": ""}, "says which units it means"),
    ],
)
def test_a_recall_that_is_not_whole_is_refused_at_its_field(client, database, units, changed, said):
    page = client.send("/published", **{**RECALL, **changed})
    assert page.status_code == 400
    assert said in page.text
    with database.reads() as session:
        assert session.scalars(select(FeedItem)).all() == []


def test_a_recalls_second_version_says_what_changed_and_keeps_its_number(client, database, units):
    at = client.send("/published", **RECALL).location
    seen = re.findall(r'name="seen_at" value="([^"]*)"', client.get(f"{at}/edit").text)[0]
    client.send(at, **{**RECALL, "remedy": "免费检查", "seen_at": seen})
    page = client.get(at).text
    assert "免费更换 → <b>免费检查</b>" in page
    with database.reads() as session:
        assert session.scalars(select(FeedItem)).one().name == "R-1"


def test_who_is_limited_to_a_branch_sees_no_unit_of_another(app, database, units):
    near = sign_in(app, database, username="near")
    assert "OTHER1" in near.get("/units").text
    with database.sessions.begin() as session:
        session.scalars(select(User).where(User.username == "near")).one().branches = [2]
    assert near.get(f"/units/B001/{units[0]}").status_code in {403, 404}
    listed = near.get("/units").text
    assert "LSV123456" in listed
    assert "OTHER1" not in listed
    assert "at several branches" not in listed


def test_the_search_box_finds_a_unit_by_its_number_at_every_branch(client, units):
    for path in ("/search?q={}", "/search/offers?q={}"):
        page = client.get(path.format("lsv-123 456")).text
        assert page.count("LSV123456") >= 2
        assert "杭州分公司" in page
        assert "宁波分公司" in page
    assert "LSV123456" not in client.get("/search?q=L").text


def test_a_customers_page_lists_the_units_they_have_and_had(client, units, database):
    with database.sessions.begin() as session:
        unit = session.scalars(select(ReplicaUnit).where(ReplicaUnit.serial_no == "LSV123456")).first()
        owner = session.get_one(ReplicaCustomer, (unit.branch_number, unit.owner_id))
        number = owner.branch_number
        code = session.scalars(select(Branch.code).where(Branch.number == number)).one()
        at = f"/customers/{code}/{owner.id}?tab=units"
    present = client.get(at).text
    with database.sessions.begin() as session:
        session.get_one(ReplicaUnit, (number, unit.id)).owner_id = None

    former = client.get(at).text

    assert "LSV123456" in present
    assert ("theirs" in present, "was theirs" in present) == (True, False)
    assert "was theirs" in former
