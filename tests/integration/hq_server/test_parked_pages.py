"""What people do with parked records in the browser."""

import pytest
from sqlalchemy import select

from hq_server.parking.models import ParkedRecord
from hq_server.parking.vocabulary import ParkedState
from shared.auth import operations
from shared.ids import new_id
from shared.rights.vocabulary import StaffKind
from shared.stamp import Stamp, Via
from sync_protocol.catalog import CATALOG
from tests.contract.wire_rows import as_line, example_row
from tests.integration.hq_server.conftest import NOON, PASSWORD
from tests.support.hq_rows import BranchRows, add_batch, add_branch


@pytest.fixture
def branch(database) -> BranchRows:
    with database.sessions.begin() as session:
        return add_branch(session, "B001", NOON, name="杭州分公司")


@pytest.fixture
def sign_in(app, database):
    def enter(username, kind=StaffKind.ADMINISTRATOR):
        setup = Stamp(NOON, "setup", Via.COMMAND)
        with database.sessions.begin() as session:
            user, _code = operations.create_user(
                session, username=username, name=username, kind=kind, by=setup
            )
            operations.set_password(session, user, PASSWORD, by=setup)
        browser = app.test_client()
        assert browser.send("/account/sign-in", username=username, password=PASSWORD).status_code == 303
        return browser

    return enter


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


def test_a_record_checked_again_goes_in_or_says_why_not(client, database, branch):
    good, bad = _park(database, branch, "manager"), _park(database, branch, "manager", status="x")

    assert "Rows taken in: 1." in client.get(client.send(f"/parked/{good}/check").location).text
    assert "It is still refused" in client.get(client.send(f"/parked/{bad}/check").location).text

    assert (_read(database, good).state, _read(database, good).settled_by) == (ParkedState.REPLAYED, "zhang")
    assert _read(database, bad).is_open
    assert "checked again" in client.get(f"/parked/{bad}").text


def test_the_whole_list_is_checked_again_within_its_filter(client, database, branch):
    with database.sessions.begin() as session:
        other = add_branch(session, "B002", NOON, name="宁波分公司")
    here, there = _park(database, branch, "manager"), _park(database, other, "manager")
    customer = _park(database, branch, "customer", manager_id=None)

    client.send("/parked/check", branch="B001", record="manager")

    states = [_read(database, one).state.value for one in (here, there, customer)]
    assert states == ["replayed", "parked", "parked"]


def test_a_waiver_says_what_it_touches_and_asks_for_a_reason(client, database, branch):
    parked = _park(database, branch, "customer", customer_no="C-BAD")
    _park(database, branch, "bill_line", code="waits", waits=("customer", _read(database, parked).record_id))

    assert "rows that wait for it go in without it" in client.get(f"/parked/{parked}/waiver").text
    refused = client.send(f"/parked/{parked}/waiver", reason=" ")
    assert (refused.status_code, "Say in 3 to 500 characters" in refused.text) == (400, True)
    assert client.send(f"/parked/{parked}/waiver", reason="entered twice").status_code == 303

    kept = _read(database, parked)
    assert (kept.state, kept.settled_by, kept.note) == (ParkedState.WAIVED, "zhang", "entered twice")
    assert "C-BAD" in client.get("/parked?view=settled").text


def test_money_takes_a_second_administrator(client, sign_in, database, branch):
    parked = _park(database, branch, "bill_line", corrects_id=None)
    second = sign_in("li")

    client.send(f"/parked/{parked}/waiver", reason="entered twice")
    assert "Approve the waiver" not in client.get(f"/parked/{parked}").text
    assert client.send(f"/parked/{parked}/waiver/approval").status_code == 403
    assert _read(database, parked).is_open
    assert "zhang asked on" in second.get(f"/parked/{parked}").text
    assert second.send(f"/parked/{parked}/waiver/approval").status_code == 303

    assert (_read(database, parked).state, _read(database, parked).settled_by) == (ParkedState.WAIVED, "li")


def test_a_request_can_be_withdrawn(client, database, branch):
    parked = _park(database, branch, "bill_line", corrects_id=None)
    client.send(f"/parked/{parked}/waiver", reason="entered twice")

    client.send(f"/parked/{parked}/waiver/withdrawal")

    assert _read(database, parked).asked_by is None


def test_staff_see_everything_and_decide_nothing(sign_in, database, branch):
    parked = _park(database, branch, "manager")
    staff = sign_in("wang", StaffKind.ANALYST)

    assert "Check again" not in staff.get(f"/parked/{parked}").text
    for path in (
        f"/parked/{parked}/check",
        "/parked/check",
        f"/parked/{parked}/waiver",
        f"/parked/{parked}/waiver/approval",
        f"/parked/{parked}/waiver/withdrawal",
    ):
        assert staff.send(path, reason="entered twice").status_code == 403
    assert _read(database, parked).is_open
    assert _read(database, parked).asked_by is None


def test_a_record_that_is_not_there_is_not_found(client):
    assert client.get("/parked/1").status_code == 404
    assert client.send("/parked/1/check").status_code == 404


@pytest.mark.parametrize("record", sorted(CATALOG))
def test_every_record_type_shows_in_both_languages(client, database, branch, record):
    parked = _park(database, branch, record)
    for language in ("zh_CN", "en"):
        client.send("/account/language", language=language)
        for path in ("/parked", f"/parked/{parked}", f"/parked/{parked}/waiver"):
            assert client.get(path).status_code == 200
