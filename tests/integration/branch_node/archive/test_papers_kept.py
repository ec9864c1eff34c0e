"""What is said of papers lies in the retained archive; entries from before it did are read and prove themselves."""

from datetime import date

from branch_node.archive import operations, queries
from branch_node.archive.models import ArchiveEntry
from branch_node.archive.verification import verify
from branch_node.documents import queries as documents
from branch_node.documents.operations import restore, retire
from shared.db.base import instant_text
from tests.integration.branch_node.archive.conftest import later
from tests.support.branch import ANA

LATER = ("number", "dated_on", "valid_until", "remark", "retired_at", "retired_by", "retire_reason")
SAID = {
    "name": "采购合同",
    "number": "HT-2026-07",
    "dated_on": date(2026, 1, 1),
    "valid_until": date(2027, 1, 1),
    "remark": "一式两份",
}


def put(sessions, customer_id, minutes):
    with sessions.begin() as session:
        return operations.put_in(session, customer_id, reason="contract ended", by=later(ANA, minutes)).id


def papers(sessions, entry_id):
    with sessions() as session:
        content = queries.read_content(session, session.get_one(ArchiveEntry, entry_id))
    assert content is not None
    return content["documents"]


def test_a_file_holds_numbers_days_and_retirement_of_papers_as_they_were_then(sessions, rows, keep, browser):
    customer_id = rows.customer(name="李明")
    paper = keep(customer_id, **SAID)
    first = put(sessions, customer_id, 1)
    with sessions.begin() as session:
        retire(session, paper, reason="已换新", by=later(ANA, 2))
    second = put(sessions, customer_id, 3)
    with sessions.begin() as session:
        restore(session, paper, by=later(ANA, 4))

    [before], [after] = papers(sessions, first), papers(sessions, second)
    told = {name: value.isoformat() if isinstance(value, date) else value for name, value in SAID.items()}
    assert told.items() <= before.items()
    assert (before["retired_at"], before["retired_by"], before["retire_reason"]) == (None, None, None)
    assert told.items() <= after.items()
    assert (after["retired_at"], after["retired_by"]) == (instant_text(later(ANA, 2).at), "ana")
    assert after["retire_reason"] == "已换新"
    page = browser.get(f"/archive/{second}").text
    assert all(word in page for word in ("HT-2026-07", "2027-01-01", "一式两份", "已换新"))
    assert "已换新" not in browser.get(f"/archive/{first}").text


def test_an_entry_from_before_stays_as_it_is_and_is_read_and_the_chain_holds(
    sessions, rows, keep, browser, monkeypatch
):
    customer_id = rows.customer(name="李明")
    keep(customer_id, **SAID)
    as_now = documents.of_customer

    def as_before(session, customer):
        return [{k: v for k, v in one.items() if k not in LATER} for one in as_now(session, customer)]

    with monkeypatch.context() as earlier:
        earlier.setattr(documents, "of_customer", as_before)
        old = put(sessions, customer_id, 1)
    [stored] = papers(sessions, old)

    new = put(sessions, customer_id, 2)

    assert papers(sessions, old) == [stored]
    assert not {*LATER} & {*stored}
    assert papers(sessions, new)[0]["number"] == "HT-2026-07"
    with sessions() as session:
        assert verify(session).intact
    page = browser.get(f"/archive/{old}")
    assert page.status_code == 200
    assert "采购合同" in page.text
    assert "HT-2026-07" not in page.text
