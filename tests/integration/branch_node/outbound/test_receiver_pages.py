"""Receivers on the sync page, where a record is towards each of them, and removing one."""

import pytest
from sqlalchemy import select

from branch_node.bindings import BINDINGS
from branch_node.outbound.models import Cycle, Membership, RecoveredRow
from branch_node.receivers import operations
from branch_node.receivers.models import Receiver
from shared.audit.models import AuditEntry
from shared.ids import new_id
from shared.web.context import EXTENSION
from sync_protocol.changelog.models import Change
from tests.support.branch import ANA

MEMBER = {
    "branch_code": "B001",
    "branch_name": "城东分公司",
    "hq_id": new_id(),
    "hq_public_key": bytes(32),
    "lineage": 1,
    "push_interval_s": 600,
}


@pytest.fixture
def region(database, app):
    """The name of a receiver of customers, joined."""
    home = app.extensions[EXTENSION].settings.home
    home.write_key("node.region.key", home.read_key("node.key"))
    with database.of("region").sessions.begin() as session:
        session.add(
            Membership(
                id=2,
                node_id=new_id(),
                lineage_id=new_id(),
                joined_at=ANA.at,
                hq_url="https://region.example",
                **MEMBER,
            )
        )
        operations.add_receiver(session, "region", ["customer"], BINDINGS, by=ANA)
    return "region"


def test_the_sync_page_shows_how_each_receiver_stands_and_leads_to_its_own(
    administrator, database, region, clock
):
    with database.of(region).sessions.begin() as session:
        session.add(
            Cycle(
                started_at=clock.now(), outcome="retry", problem="no-answer", detail="their line", counts={}
            )
        )

    page = administrator.get("/sync/").text
    assert "https://region.example" in page
    assert "first load under way" in page
    assert "their line" not in page

    own = administrator.get("/sync/?receiver=region").text
    assert "Sync with region" in own
    assert "their line" in own
    assert "/sync/push?receiver=region" in own
    assert administrator.get("/sync/?receiver=nobody").status_code == 404


def test_where_a_record_is_is_told_for_each_receiver(administrator, database, region, rows):
    record_id = rows.customer(customer_no="C9")
    with database.of(region).reads() as session:
        assert session.scalars(select(Change.record_id)).one() == record_id
    page = administrator.get("/sync/where?record=customer&number=C9").text
    assert "→ Head office" in page
    assert "→ region" in page


def test_a_record_only_this_receiver_gave_back_is_decided_on_its_page(browser, database, region, rows):
    record_id = rows.customer()
    with database.of(region).sessions.begin() as session:
        session.add(
            RecoveredRow(lineage=2, record_type="customer", record_id=record_id, line=None, state="conflict")
        )
    here = f"/sync/histories/2/customer/{record_id}"
    assert browser.send(here, choice="ours").status_code == 404
    assert f"{here}?receiver=region" in browser.get("/sync/histories?receiver=region").text
    browser.send(f"{here}?receiver=region", choice="ours")
    with database.of(region).reads() as session:
        assert session.scalars(select(RecoveredRow.state)).one() == "kept-ours"


def test_a_receiver_is_removed_once_it_is_confirmed_what_it_has_not_got(
    administrator, database, region, rows
):
    rows.customer()
    assert "need not get these 1 changes" in administrator.get("/sync/receivers/region/removal").text

    refused = administrator.send("/sync/receivers/region/removal")
    assert "has not received 1 changes" in refused.text
    with database.reads() as session:
        assert session.get_one(Receiver, "region").left_at is None

    administrator.send("/sync/receivers/region/removal", give_up="yes")
    with database.reads() as session:
        assert session.get_one(Receiver, "region").left_at is not None
        entry = session.scalars(select(AuditEntry).where(AuditEntry.event == "receiver.removed")).one()
    assert entry.details == {"records": ["customer"], "undelivered": 1}
    assert "region.example" not in administrator.get("/sync/").text
