"""The page of what waits for a second person, with its count in the frame."""

import re

import pytest

from hq_server.parking.models import ParkedRecord
from hq_server.parking.vocabulary import ParkedState
from shared.ids import new_id
from tests.contract.wire_rows import as_line, example_row
from tests.integration.hq_server.conftest import NOON
from tests.support.hq_rows import add_batch, add_branch


@pytest.fixture
def bill(database):
    """A bill line that head office has refused."""
    with database.sessions.begin() as session:
        branch = add_branch(session, "B001", NOON, name="杭州分公司")
        row = example_row("bill_line", id=new_id())
        parked = ParkedRecord(
            branch_number=branch.number,
            batch_id=add_batch(session, branch, "bill_line", rows=1, at=NOON),
            record_type="bill_line",
            record_id=row[1],
            row_change=row[0],
            line=as_line(row).decode(),
            code="invalid",
            reasons={"kind": ["unknown"]},
            state=ParkedState.PARKED,
            parked_at=NOON,
        )
        session.add(parked)
        session.flush()
        return parked.id


def request_of(browser):
    found = re.search(r'href="(/two-person/[0-9a-f-]{36})"', browser.get("/two-person").text)
    assert found is not None
    return found[1]


def digest_in(browser, path):
    found = re.search(r'name="digest" value="([0-9a-f]{64})"', browser.get(path).text)
    assert found is not None
    return found[1]


def test_one_asks_and_another_decides_on_the_page_of_requests(client, administrator, bill, database):
    assert "Nothing waits" in client.get("/two-person").text
    administrator.send(f"/parked/{bill}/waiver", reason="entered twice")
    asked = request_of(administrator)
    assert administrator.send(f"{asked}/approval", digest="0" * 64).status_code == 403
    assert "somebody else has to decide" in administrator.get(asked).text

    assert "entered twice" in client.get("/two-person").text
    assert client.send(f"{asked}/approval", digest="0" * 64).status_code == 409
    assert client.send(f"{asked}/approval", digest=digest_in(client, asked)).status_code == 303

    with database.reads() as session:
        assert session.get(ParkedRecord, bill).state is ParkedState.WAIVED
    assert client.send(f"{asked}/refusal", reason="too late").status_code == 409


def test_a_refused_request_leaves_the_record_parked_and_says_why(client, administrator, bill, database):
    administrator.send(f"/parked/{bill}/waiver", reason="entered twice")
    asked = request_of(client)

    assert client.send(f"{asked}/refusal", reason="").status_code == 400
    assert client.send(f"{asked}/refusal", reason="it was paid").status_code == 303

    assert "it was paid" in client.get(asked).text
    with database.reads() as session:
        line = session.get(ParkedRecord, bill)
    assert (line.state, line.asked_by) == (ParkedState.PARKED, None)
