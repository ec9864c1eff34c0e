"""An administrator ends a branch's key on its page, and lets its node come back."""

import pytest
from sqlalchemy import select

from hq_server.branches.models import Branch, BranchKey, EnrolmentCode
from shared.audit.models import AuditEntry
from sync_protocol.catalog import CATALOG
from tests.support.page_client import PageClient

KEY = "ab" * 32


@pytest.fixture
def joined(database, clock):
    with database.sessions.begin() as session:
        branch = Branch(
            code="B777",
            name="丽水分公司",
            enrolled_at=clock.now(),
            joined_at=clock.now(),
            node_id="01936d0a-0000-7000-8000-000000000777",
            pending=0,
            push_interval_s=600,
        )
        session.add(branch)
        session.flush()
        session.add(
            BranchKey(key_id=KEY, branch_number=branch.number, public_key=b"\1" * 32, pinned_at=clock.now())
        )


def test_the_page_of_a_branch_revokes_a_key_on_record(administrator: PageClient, database, joined):
    page = administrator.get("/branches/B777")
    assert page.status_code == 200
    assert "/branches/B777/revoke" in page.text

    answer = administrator.send("/branches/B777/revoke", key=KEY)

    assert answer.status_code in {200, 303}
    with database.reads() as session:
        assert session.get_one(BranchKey, KEY).revoked_at is not None
        events = session.scalars(select(AuditEntry).where(AuditEntry.event == "branch.keys-revoked")).all()
    assert [entry.details for entry in events] == [{"keys": [KEY]}]
    assert administrator.send("/branches/B777/revoke", key=KEY).status_code == 404
    assert f'value="{KEY}"' not in administrator.get("/branches/B777").text


def test_a_branch_that_has_joined_gets_another_code_only_when_it_is_asked_for(
    administrator: PageClient, database, joined
):
    assert administrator.send("/branches/enrol", code="B777", name="丽水分公司").status_code == 409
    assert 'name="again"' in administrator.get("/branches/enrol?code=B777&name=x&again=yes").text

    assert (
        administrator.send("/branches/enrol", code="B777", name="丽水分公司", again="yes").status_code == 201
    )

    with database.reads() as session:
        assert [code.again for code in session.scalars(select(EnrolmentCode))][-1] is True


def test_the_page_of_a_branch_tells_which_record_types_it_does_not_send_here(
    client: PageClient, database, joined
):
    assert "not sent here" not in client.get("/branches/B777").text
    with database.sessions.begin() as session:
        session.scalars(select(Branch).where(Branch.code == "B777")).one().record_types = ["bill_line"]
    assert client.get("/branches/B777").text.count("not sent here") == len(CATALOG) - 1
