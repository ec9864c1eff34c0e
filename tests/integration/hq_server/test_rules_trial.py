"""A draft of the rules is tried over what branches have sent, before any branch sees it; nothing is written."""

import re
from datetime import date
from typing import Any

import pytest
from sqlalchemy import event, func, select

from hq_server.feed.models import FeedItem
from hq_server.qualification import trial
from hq_server.replica.models import ReplicaContact, ReplicaQualification
from shared.domain.contacts.vocabulary import ContactStanding, ContactStatus
from shared.domain.customers.vocabulary import CustomerKind, Grade, IdentityDocument
from shared.domain.qualification.checks import NAME
from shared.domain.qualification.collecting import Frame
from shared.domain.qualification.rules import Judgement
from shared.domain.qualification.standard import STANDARD
from shared.domain.qualification.vocabulary import JudgedAs
from shared.ids import new_id
from shared.rights.vocabulary import StaffKind
from tests.integration.hq_server.conftest import NOON, sign_in
from tests.integration.hq_server.test_rule_sets import NEW, filled
from tests.support.hq_rows import add_branch

VALID: dict[str, Any] = {
    "id_type": IdentityDocument.ID_CARD,
    "id_no": "11010519491231002X",
    "opened_on": date(2020, 1, 1),
    "parent_id": None,
}


@pytest.fixture
def branches(database):
    """Two customers with a key person and one without, one without papers; a branch without customers."""
    with database.sessions.begin() as session:
        branch = add_branch(session, "B001", NOON, name="杭州分公司")
        ids = [branch.customer(f"K-{number}", **VALID) for number in (1, 2, 3)]
        branch.customer("K-4", opened_on=date(2020, 1, 1))
        branch.deliver()
        add_branch(session, "B002", NOON, name="宁波分公司")
        for customer in ids[:2]:
            session.add(key_person(branch.number, customer))
        # Of another branch, and so of nobody here.
        session.add(key_person(branch.number + 1, ids[2]))


def key_person(number, customer_id):
    return ReplicaContact(
        branch_number=number,
        row_lineage=1,
        row_change=1,
        batch_id=1,
        id=new_id(),
        contact_no=f"P-{number}-{customer_id}",
        customer_id=customer_id,
        name="韩梅梅",
        standing=ContactStanding.KEY,
        status=ContactStatus.ACTIVE,
        do_not_contact=[],
        created_at=NOON,
        created_by="ana",
        updated_at=NOON,
        updated_by="ana",
    )


@pytest.fixture
def draft(client, database, branches):
    """A draft that asks for a key person, behind the rules built in; the address of its trial."""
    form = filled(client.get(NEW).text)
    client.send("/published", kind="rules", name=NAME, **form)
    with database.reads() as session:
        item = session.scalars(select(FeedItem)).one().id
    last = len(STANDARD.rules) + 1
    asked = filled(client.get(f"/published/{item}/edit").text) | {
        f"rule-{last}-at": "0",
        f"rule-{last}-code": "key-person",
        f"rule-{last}-zh": "有关键人",
        f"rule-{last}-applies_to": "all",
        f"rule-{last}-fact": "key_persons",
        f"rule-{last}-test": "at_least",
        f"rule-{last}-value": "1",
        f"rule-{last}-effect": "require",
        "do": "draft",
    }
    seen = re.findall(r'name="seen_at" value="([^"]*)"', client.get(f"/published/{item}/edit").text)[0]
    assert client.send(f"/published/{item}", seen_at=seen, **asked).status_code == 303
    return item


def row_of(page, name):
    row = re.findall(rf'<tr><th scope="row">{name}</th>(.*?)</tr>', page, re.DOTALL)[0]
    return [int(one) for one in re.findall(r"<td[^>]*>(\d+)", row)]


def test_a_draft_says_of_each_branch_how_many_would_change_and_writes_nothing(client, database, draft):
    assert f"/qualifications/trial/{draft}" in client.get(f"/published/{draft}").text
    page = client.get(f"/qualifications/trial/{draft}").text

    # Would pass now, would pass no more, another kind, better, lower, as before; judged.
    assert row_of(page, "杭州分公司") == [0, 1, 0, 0, 0, 3, 4]
    assert row_of(page, "宁波分公司") == [0, 0, 0, 0, 0, 0, 0]
    assert row_of(page, "Together") == [0, 1, 0, 0, 0, 3, 4]
    assert row_of(page, "Not passed") == [1, 2]
    assert "coverage" in page
    assert "Papers stay at branches" not in page
    with database.reads() as session:
        assert session.scalar(select(func.count()).select_from(ReplicaQualification)) == 0


def test_rules_about_papers_are_left_out_of_a_trial_and_named(client, draft):
    page = client.get(f"/published/{draft}/edit").text
    last = len(STANDARD.rules) + 2
    row = {"code": "paper", "zh": "x", "applies_to": "all", "fact": "document:licence", "test": "in_force"}
    asked = filled(page) | {f"rule-{last}-{column}": value for column, value in row.items()}
    asked |= {f"rule-{last}-effect": "require", f"rule-{last}-value": "", "do": "draft"}
    seen = re.findall(r'name="seen_at" value="([^"]*)"', page)[0]
    assert client.send(f"/published/{draft}", seen_at=seen, **asked).status_code == 303

    page = client.get(f"/qualifications/trial/{draft}").text

    assert "Papers stay at branches" in page
    assert "Licence is in force" in page
    assert row_of(page, "Together") == [0, 1, 0, 0, 0, 3, 4]


def test_a_large_branch_is_judged_by_a_share_and_says_so(client, draft, monkeypatch):
    monkeypatch.setattr(trial, "SHARE", 2)
    page = client.get(f"/qualifications/trial/{draft}").text
    assert row_of(page, "杭州分公司")[-1] == 2
    assert "of 4" in page


def test_which_logs_were_corrected_is_asked_once_and_not_of_each(database, branches):
    asked = []
    event.listen(database.engine, "before_cursor_execute", lambda *call: asked.append(call[2:4]))
    with database.reads() as session:
        trial.try_rules(session, STANDARD, STANDARD, [1], Frame(NOON.date(), "Asia/Shanghai", "CNY"))
        [(statement, values)] = [one for one in asked if "FROM replica_work_logs" in one[0]]
        explain = "EXPLAIN QUERY PLAN " if database.dialect == "sqlite" else "EXPLAIN "
        plan = str(session.connection().exec_driver_sql(explain + statement, values).all())

    assert "CORRELATED" not in plan
    assert "SubPlan" not in plan or "hashed SubPlan" in plan


def test_only_a_draft_of_rules_is_tried_and_by_who_may_change_it(client, app, database, draft):
    assert (
        sign_in(app, database, StaffKind.LEADER, "mei").get(f"/qualifications/trial/{draft}").status_code
        == 403
    )
    assert client.get(f"/qualifications/trial/{new_id()}").status_code == 404
    client.send(f"/published/{draft}/draft")
    assert client.get(f"/qualifications/trial/{draft}").status_code == 404


def judgement(outcome=JudgedAs.PASSED, kind=CustomerKind.GROUP, grade=Grade.B):
    return Judgement(outcome, kind, grade, 70, (), date(2027, 3, 31))


@pytest.mark.parametrize(
    ("after", "effect"),
    [
        ({}, trial.SAME),
        ({"grade": Grade.A}, trial.UP),
        ({"grade": Grade.D}, trial.DOWN),
        ({"kind": CustomerKind.INDIVIDUAL, "grade": Grade.A}, trial.KIND),
        ({"outcome": JudgedAs.FAILED, "grade": None}, trial.FAILS),
    ],
)
def test_an_effect_is_the_first_that_is_true(after, effect):
    assert trial.effect_of(judgement(), judgement(**after)) == effect
    failed = judgement(outcome=JudgedAs.FAILED, grade=None)
    assert trial.effect_of(failed, judgement()) == trial.PASSES
