"""What people do with parked records in the browser."""

import pytest
from sqlalchemy import select

from hq_server.parking.models import ParkedRecord
from hq_server.parking.vocabulary import ParkedState
from shared.ids import new_id
from shared.rights.vocabulary import StaffKind
from sync_protocol.catalog import CATALOG
from tests.contract.wire_rows import as_line, example_row
from tests.integration.hq_server.conftest import NOON, sign_in
from tests.support.hq_rows import BranchRows, add_batch, add_branch


@pytest.fixture
def branch(database) -> BranchRows:
    with database.sessions.begin() as session:
        return add_branch(session, "B001", NOON, name="杭州分公司")


def _park(database, branch, record, *, code="invalid", waits=None, **values):
    """Park one row of a record type, good or not, and return its number."""
    row = example_row(record, **{"id": new_id(), **values})
    with database.sessions.begin() as session:
        batch = add_batch(session, branch, record, rows=1, at=NOON)
        parked = ParkedRecord(
            branch_number=branch.number,
            batch_id=batch,
            record_type=record,
            record_id=row[1],
            row_change=row[0],
            line=as_line(row).decode(),
            code=code,
            reasons={"status": ["must be one of active"]},
            waits_type=waits[0] if waits else None,
            waits_id=waits[1] if waits else None,
            state=ParkedState.PARKED,
            parked_at=NOON,
        )
        session.add(parked)
        session.flush()
        return parked.id


def _read(database, parked_id):
    with database.reads() as session:
        return session.scalars(select(ParkedRecord).where(ParkedRecord.id == parked_id)).one()


def test_the_work_list_parts_what_is_wrong_from_what_only_waits(client, database, branch):
    bad = _park(database, branch, "customer", customer_no="C-BAD", status="x")
    owner = _read(database, bad).record_id
    _park(database, branch, "bill_line", code="waits", waits=("customer", owner), bill_no="B-WAITS")

    wrong, waiting = client.get("/parked").text, client.get("/parked?view=waits").text

    assert "C-BAD" in wrong
    assert "B-WAITS" not in wrong
    assert "B-WAITS" in waiting
    assert "C-BAD" not in waiting
    page = client.get(f"/parked/{bad}").text
    assert "Rows that wait for it" in page
    assert "B-WAITS" in page


def test_a_record_checked_again_goes_in_or_says_why_not(administrator, database, branch):
    good, bad = _park(database, branch, "manager"), _park(database, branch, "manager", status="x")

    assert "Rows taken in: 1." in administrator.get(administrator.send(f"/parked/{good}/check").location).text
    assert (
        "It is still refused" in administrator.get(administrator.send(f"/parked/{bad}/check").location).text
    )

    assert (_read(database, good).state, _read(database, good).settled_by) == (ParkedState.REPLAYED, "li")
    assert _read(database, bad).is_open
    assert "checked again" in administrator.get(f"/parked/{bad}").text


def test_the_whole_list_is_checked_again_within_its_filter(administrator, database, branch):
    with database.sessions.begin() as session:
        other = add_branch(session, "B002", NOON, name="宁波分公司")
    here, there = _park(database, branch, "manager"), _park(database, other, "manager")
    customer = _park(database, branch, "customer", manager_id=None)

    administrator.send("/parked/check", branch="B001", record="manager")

    states = [_read(database, one).state.value for one in (here, there, customer)]
    assert states == ["replayed", "parked", "parked"]


def test_a_waiver_says_what_it_touches_and_asks_for_a_reason(administrator, database, branch):
    parked = _park(database, branch, "customer", customer_no="C-BAD")
    _park(database, branch, "bill_line", code="waits", waits=("customer", _read(database, parked).record_id))

    assert "rows that wait for it go in without it" in administrator.get(f"/parked/{parked}/waiver").text
    refused = administrator.send(f"/parked/{parked}/waiver", reason=" ")
    assert (refused.status_code, "Say in 3 to 500 characters" in refused.text) == (400, True)
    assert administrator.send(f"/parked/{parked}/waiver", reason="entered twice").status_code == 303

    kept = _read(database, parked)
    assert (kept.state, kept.settled_by, kept.note) == (ParkedState.WAIVED, "li", "entered twice")
    assert "C-BAD" in administrator.get("/parked?view=settled").text


def test_money_takes_a_head_office_manager_besides(client, administrator, database, branch):
    parked = _park(database, branch, "bill_line", corrects_id=None)

    administrator.send(f"/parked/{parked}/waiver", reason="entered twice")
    assert "Approve the waiver" not in administrator.get(f"/parked/{parked}").text
    assert administrator.send(f"/parked/{parked}/waiver/approval").status_code == 403
    assert _read(database, parked).is_open
    page = client.get(f"/parked/{parked}").text
    assert "li asked on" in page
    assert "Approve the waiver" in page
    assert client.send(f"/parked/{parked}/waiver/approval").status_code == 303

    assert (_read(database, parked).state, _read(database, parked).settled_by) == (
        ParkedState.WAIVED,
        "zhang",
    )


def test_a_request_can_be_withdrawn(administrator, database, branch):
    parked = _park(database, branch, "bill_line", corrects_id=None)
    administrator.send(f"/parked/{parked}/waiver", reason="entered twice")

    administrator.send(f"/parked/{parked}/waiver/withdrawal")

    assert _read(database, parked).asked_by is None


def test_a_head_office_manager_sees_everything_and_asks_for_nothing(client, database, branch):
    parked = _park(database, branch, "manager")

    assert "Check again" not in client.get(f"/parked/{parked}").text
    for path in (
        f"/parked/{parked}/check",
        "/parked/check",
        f"/parked/{parked}/waiver",
        f"/parked/{parked}/waiver/withdrawal",
    ):
        assert client.send(path, reason="entered twice").status_code == 403
    assert client.send(f"/parked/{parked}/waiver/approval").status_code == 409
    assert _read(database, parked).is_open
    assert _read(database, parked).asked_by is None


def test_leaders_do_not_see_what_is_parked(app, database, branch):
    parked = _park(database, branch, "manager")
    leader = sign_in(app, database, StaffKind.LEADER, "wang")

    assert leader.get("/parked").status_code == 403
    assert leader.get(f"/parked/{parked}").status_code == 403
    assert leader.send(f"/parked/{parked}/waiver/approval").status_code == 403


def test_a_record_that_is_not_there_is_not_found(administrator):
    assert administrator.get("/parked/1").status_code == 404
    assert administrator.send("/parked/1/check").status_code == 404


@pytest.mark.parametrize("record", sorted(CATALOG))
def test_every_record_type_shows_in_both_languages(administrator, database, branch, record):
    parked = _park(database, branch, record)
    for language in ("zh_CN", "en"):
        administrator.send("/account/language", language=language)
        for path in ("/parked", f"/parked/{parked}", f"/parked/{parked}/waiver"):
            assert administrator.get(path).status_code == 200
