"""Qualification at head office: figures by branch open the customers behind them, a customer's page says why."""

from datetime import date

import pytest
from sqlalchemy import select

from hq_server.replica.models import ReplicaCustomerIdentity, ReplicaQualification
from shared.domain.qualification.rules import Line
from shared.ids import new_id
from shared.rights.vocabulary import StaffKind
from tests.integration.hq_server.conftest import NOON, sign_in
from tests.support.hq_rows import add_branch

LINE = Line("year", "months_with_us", "at_least", 12, 40, True, "points:10")


@pytest.fixture
def customers(database):
    """One customer with a grade, one expired, one never judged; another branch without customers."""
    with database.sessions.begin() as session:
        branch = add_branch(session, "B001", NOON, name="杭州分公司")
        ids = [branch.customer(f"K-{number}", f"客户{number}") for number in (1, 2, 3)]
        branch.deliver()
        add_branch(session, "B002", NOON, name="宁波分公司")
        for customer, state in ((ids[0], "approved"), (ids[1], "expired"), (ids[1], "superseded")):
            session.add(
                ReplicaQualification(
                    branch_number=branch.number,
                    id=new_id(),
                    customer_id=customer,
                    occasion="application",
                    outcome="passed",
                    state=state,
                    kind="individual",
                    grade="B",
                    score=70,
                    lines=[LINE.text()],
                    rules_version=3,
                    next_review_on=date(2027, 3, 31),
                    judged_at=NOON,
                    judged_by="ana",
                    decided_at=NOON,
                    decided_by="boris",
                    row_lineage=1,
                    row_change=1,
                    batch_id=1,
                )
            )
    return ids


def test_each_figure_opens_the_customers_it_counts(client, customers):
    page = client.get("/qualifications").text
    for stand in ("B", "expired", "none"):
        assert f"stand={stand}&amp;branch=B001" in page
    assert "stand=A&amp;branch=B001" not in page
    for stand, number in (("B", 1), ("expired", 2), ("none", 3)):
        listed = client.get(f"/qualifications/customers?stand={stand}&branch=B001&sort=-score").text
        assert [one for one in (1, 2, 3) if f"K-{one}<" in listed] == [number]


def test_a_person_with_merged_files_counts_once(client, database, customers):
    with database.sessions.begin() as session:
        branch = session.scalars(select(ReplicaQualification.branch_number).limit(1)).one()
        session.add(
            ReplicaCustomerIdentity(
                branch_number=branch,
                id=new_id(),
                customer_id=customers[2],
                identity_id=customers[0],
                merged_at=NOON,
                merged_by="ana",
                row_lineage=1,
                row_change=1,
                batch_id=1,
            )
        )

    page = client.get("/qualifications").text

    assert "stand=B&amp;branch=B001" in page
    assert "stand=none&amp;branch=B001" not in page
    assert "Each customer counts once" in page
    assert "K-3<" not in client.get("/qualifications/customers?stand=none&branch=B001").text


def test_a_customer_shows_which_rule_found_what(client, customers):
    page = client.get(f"/qualifications/B001/{customers[0]}").text
    assert "Time with us at least 12 months: found 40 months" in page
    assert "boris" in page
    assert "next review 2027-03-31" in client.get(f"/customers/B001/{customers[0]}").text
    assert (
        "No judgement of this customer has arrived" in client.get(f"/qualifications/B001/{customers[2]}").text
    )


def test_who_keeps_the_machines_sees_none_of_it(app, database, customers):
    nodes = sign_in(app, database, StaffKind.ADMINISTRATOR)
    assert nodes.get("/qualifications").status_code == 403
    assert nodes.get(f"/qualifications/B001/{customers[0]}").status_code == 403
