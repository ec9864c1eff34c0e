"""The pages of what is sent once more, and of the ledger."""

import pytest
from sqlalchemy import select

from branch_node.resend.models import Resend
from branch_node.resend.vocabulary import ResendState
from shared.ids import new_id
from shared.web.context import EXTENSION
from sync_protocol.changelog.models import OutboxBatch
from sync_protocol.changelog.sealing import Sender, seal_next
from tests.support.branch import NOON


@pytest.fixture
def sealed(database, app, rows):
    """A batch of bill lines with a receipt that tells of one refused row."""
    customer = rows.customer()
    line = rows.bill_line(customer, bill_no="B7")
    runtime = app.extensions[EXTENSION]
    with database.snapshot() as session, session.begin():
        batch = seal_next(
            session, runtime.bindings["bill_line"], Sender("B001", new_id(), 1, new_id()), at=NOON
        )
        assert batch is not None
        receipt = {
            "branch": "B001",
            "lineage": 1,
            "channel": "billing",
            "batch_no": 1,
            "digest": batch.digest,
            "received_through": 1,
            "applied_through": 1,
            "parked": [
                {"change": 1, "id": line, "code": "invalid", "reasons": {"product": ["must be text"]}}
            ],
            "hq": new_id(),
            "received_at": "2026-11-20T04:00:01.250000Z",
        }
        batch.receipt, batch.acknowledged_at, batch.took_ms = {"receipt": receipt}, NOON, 412
        return batch.id


def resends(database):
    with database.reads() as session:
        return session.scalars(select(Resend).order_by(Resend.id)).all()


def test_a_batchs_page_tells_counts_bytes_time_digest_totals_and_what_was_refused(
    administrator, database, sealed
):
    with database.reads() as session:
        batch = session.get_one(OutboxBatch, sealed)

    page = administrator.get(f"/sync/batches/{sealed}").text

    for told in (
        batch.digest,
        "412 ms",
        "Control totals",
        *batch.control["CNY"],
        "must be text",
        "billing 1",
    ):
        assert told in page, told
    listed = administrator.get("/sync/batches?channel=billing").text
    assert batch.digest[:12] in listed
    assert batch.digest[:12] not in administrator.get("/sync/batches?channel=profile").text
    assert administrator.get("/sync/batches/999").status_code == 404


def test_a_batch_that_is_not_here_cannot_be_asked_for(administrator, database):
    gone = administrator.send("/sync/resend/batches/999", reason="HQ lost a disk")
    assert (gone.status_code, "There is no batch 999" in gone.text) == (404, True)
    assert resends(database) == []


def test_from_a_batchs_page_its_records_are_sent_once_more_with_a_reason(administrator, database, sealed):
    refused = administrator.send(f"/sync/resend/batches/{sealed}", reason="")
    assert "Say why" in refused.text
    assert resends(database) == []

    administrator.send(f"/sync/resend/batches/{sealed}", reason="HQ lost a disk")

    [one] = resends(database)
    assert (one.record_type, one.batch, one.reason) == ("bill_line", "billing/1", "HQ lost a disk")
    assert one.ids is not None
    assert len(one.ids) == 1


def test_from_where_is_my_record_it_is_sent_once_more(administrator, database, rows):
    customer = rows.customer(customer_no="C9")
    assert "Send it once more" in administrator.get("/sync/where?record=customer&number=C9").text

    administrator.send(f"/sync/resend/records/customer/{customer}", reason="asked by HQ")

    assert [one.ids for one in resends(database)] == [[customer]]


def test_a_table_is_asked_for_shown_with_its_progress_and_stopped(administrator, database, rows):
    rows.customer()
    administrator.send("/sync/resend", record="customer", reason="new disk at HQ")
    [one] = resends(database)
    page = administrator.get("/sync/resend").text
    assert "new disk at HQ" in page
    assert "waits for its turn" in page

    administrator.send(f"/sync/resend/{one.id}/stop")

    assert [one.state for one in resends(database)] == [ResendState.STOPPED]
    assert administrator.send(f"/sync/resend/{one.id}/stop").status_code == 409


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"record": "", "reason": "why not"}, "Choose a record type"),
        ({"record": "customer", "reason": "x"}, "Say why"),
        ({"record": "customer", "reason": "why not", "numbers": "C404"}, "no record with the number C404"),
        (
            {"record": "customer", "reason": "why not", "entered_from": "2026-13-01"},
            "the first and the last day",
        ),
    ],
)
def test_what_is_wrong_with_it_is_said_at_its_field_and_nothing_is_begun(
    administrator, database, fields, sentence
):
    answer = administrator.send("/sync/resend", **fields)

    assert sentence in answer.text
    assert answer.status_code in {400, 404}
    assert resends(database) == []


def test_only_administrators_may_ask(browser, database, rows, sealed):
    customer = rows.customer()
    for path in (
        "/sync/resend",
        f"/sync/resend/batches/{sealed}",
        f"/sync/resend/records/customer/{customer}",
        "/sync/resend/1/stop",
    ):
        assert browser.send(path, record="all", reason="why not").status_code == 403
    assert resends(database) == []
    assert browser.get("/sync/resend").status_code == 200
