"""The page on which a person decides what both sides changed."""

import json
from datetime import datetime

import pytest
from sqlalchemy import insert, select

from branch_node.bindings import BINDINGS
from branch_node.customers.models import Customer
from branch_node.outbound.models import Lineage, RecoveredRow
from shared.audit.models import AuditEntry
from shared.db.base import instant_text
from shared.ids import new_id


@pytest.fixture
def conflict(database, clock) -> str:
    """One customer whose name differs here and at head office; returns the id."""
    record_id, at = new_id(), clock.now()
    values = {
        "id": record_id, "customer_no": "C1", "kind": "individual", "name": "本地名", "status": "active",
        "tags": [], "attributes": {}, "created_at": at, "created_by": "ana", "updated_at": at, "updated_by": "ana",
    }  # fmt: skip
    line = [7, record_id] + [None] * (len(BINDINGS["customer"].record.columns) - 1)
    theirs = {**values, "name": "<b>总部名</b>", "tags": "[]", "attributes": "{}"}
    for at_column, name in enumerate(BINDINGS["customer"].record.columns, start=1):
        value = theirs.get(name)
        line[at_column] = instant_text(value) if isinstance(value, datetime) else value
    with database.sessions.begin() as session:
        session.execute(insert(Customer).values(**values))
        session.add(
            RecoveredRow(
                lineage=2,
                record_type="customer",
                record_id=record_id,
                line=json.dumps(line),
                state="conflict",
            )
        )
        session.add(
            Lineage(lineage=2, lineage_id=new_id(), reason="database-set-back",
                    forked_at={"profile": [1, 41, "ab"]}, opened_at=at, recovered=1)
        )  # fmt: skip
    return record_id


def outcome(database, record_id):
    with database.reads() as session:
        return (
            session.get_one(Customer, record_id).name,
            session.get_one(RecoveredRow, (2, "customer", record_id)).state,
            set(session.scalars(select(AuditEntry.event).where(AuditEntry.event.like("recovered.%")))),
        )


def test_both_versions_are_shown_side_by_side_and_harmless(browser, conflict):
    page = browser.get("/sync/histories").text

    assert "本地名" in page
    assert "&lt;b&gt;总部名&lt;/b&gt;" in page
    assert "<b>总部名" not in page
    assert "profile 41" in page


def test_head_offices_version_is_taken_when_a_person_says_so(browser, database, conflict):
    browser.send(f"/sync/histories/2/customer/{conflict}", choice="hq")

    assert outcome(database, conflict) == ("<b>总部名</b>", "took-hq", {"recovered.took-hq"})


def test_ours_stays_when_a_person_says_so_and_is_not_decided_twice(browser, database, conflict):
    browser.send(f"/sync/histories/2/customer/{conflict}", choice="ours")
    again = browser.send(f"/sync/histories/2/customer/{conflict}", choice="hq")

    assert again.status_code == 409
    assert outcome(database, conflict) == ("本地名", "kept-ours", {"recovered.kept-ours"})


def test_a_record_that_did_not_come_back_is_not_found(browser, conflict):
    assert browser.send(f"/sync/histories/9/customer/{conflict}", choice="hq").status_code == 404
