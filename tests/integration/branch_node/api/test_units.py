"""Programs keep tracked units by the rules of their pages."""

import pytest
from sqlalchemy import select

from branch_node.units.models import Unit, UnitEvent
from shared.rights.vocabulary import StaffKind
from tests.support.branch import NOON
from tests.support.interfaces import Program, token_for

CAR = {
    "serial_no": "lsv-001",
    "status": "in_use",
    "product": "汽车",
    "customer": "C-1",
    "since": "2026-01-05",
}


@pytest.fixture
def owner(rows):
    return rows.customer(customer_no="C-1", name="李雷")


def test_a_unit_is_entered_read_changed_and_told_of_with_its_owner(program, owner, database):
    made = program.post("/api/v1/units", CAR, idempotency_key="k")
    again = program.post("/api/v1/units", CAR, idempotency_key="k")
    address = f"/api/v1/units/{made.json['id']}"
    saved = {name: CAR[name] for name in ("serial_no", "status")} | {"model": "X3"}
    changed = program.ask("PUT", address, saved, if_match=made.headers["ETag"])

    assert (made.status_code, made.json["serial_no"], made.json["owner_id"]) == (201, "LSV001", owner)
    assert again.json["id"] == made.json["id"]
    assert (changed.status_code, changed.json["model"], changed.json["product"]) == (200, "X3", None)
    assert program.ask("PUT", address, saved, if_match='"old"').status_code == 412
    assert [one["id"] for one in program.get("/api/v1/units?q=LSV").json["items"]] == [made.json["id"]]
    (theirs,) = program.get(f"/api/v1/customers/{owner}/units").json["items"]
    assert (theirs["from_on"], theirs["until_on"]) == ("2026-01-05", None)
    with database.reads() as session:
        assert session.scalars(select(Unit)).one().model == "X3"


def test_what_happened_is_written_down_corrected_and_taken_back_and_all_of_it_stays(program, owner, database):
    unit = program.post("/api/v1/units", CAR).json["id"]
    repair = {"kind": "repair", "happened_on": "2026-02-01", "cost": "128.50", "reading": "25,000"}

    written = program.post(f"/api/v1/units/{unit}/events", repair).json
    right = {"happened_on": "2026-02-02", "cost": "130"}
    corrected = program.post(f"/api/v1/unit-events/{written['id']}/corrections", right).json
    void = program.post(f"/api/v1/unit-events/{corrected['id']}/taking-back", {"text": "another unit"}).json

    assert (written["cost_minor"], written["currency"], written["reading"]) == (12850, "CNY", 25000)
    assert corrected["corrects_id"] == written["id"]
    assert void["corrects_id"] == corrected["id"]
    told = program.get(f"/api/v1/units/{unit}/events").json["items"]
    assert {one["kind"]: one["counts"] for one in told} == {"owner": True, "repair": False, "void": False}
    with database.reads() as session:
        assert len(session.scalars(select(UnitEvent)).all()) == len(told) == 4


def test_a_unit_changes_hands_by_the_right_for_it_and_says_why(program, owner, rows, app, make_user):
    other = rows.customer(customer_no="C-2")
    unit = program.post("/api/v1/units", CAR).json["id"]
    sale = {"kind": "owner", "happened_on": "2026-03-01", "customer": "C-2"}

    silent = program.post(f"/api/v1/units/{unit}/owner", sale)
    as_event = program.post(f"/api/v1/units/{unit}/events", {**sale, "text": "sold"})
    sold = program.post(f"/api/v1/units/{unit}/owner", {**sale, "text": "sold"})

    assert (silent.status_code, set(silent.json["fields"])) == (400, {"text"})
    assert (as_event.status_code, set(as_event.json["fields"])) == (400, {"kind"})
    assert sold.status_code == 201, sold.text
    assert [one["customer_id"] for one in program.get(f"/api/v1/units/{unit}/owners").json["items"]] == [
        other,
        owner,
    ]


def test_mistakes_are_answered_at_their_fields(program, owner):
    assert set(program.post("/api/v1/units", {**CAR, "customer": "nobody"}).json["fields"]) == {"customer"}
    assert set(program.post("/api/v1/units", {**CAR, "since": "soon"}).json["fields"]) == {"since"}
    unit = program.post("/api/v1/units", CAR).json["id"]
    taken = program.post("/api/v1/units", CAR)
    dear = {"kind": "repair", "happened_on": "2026-02-01", "cost": "much"}
    late = {"kind": "repair", "happened_on": "2099-01-01"}

    assert (taken.status_code, taken.json["code"]) == (409, "serial-taken")
    assert set(program.post(f"/api/v1/units/{unit}/events", dear).json["fields"]) == {"cost"}
    assert set(program.post(f"/api/v1/units/{unit}/events", late).json["fields"]) == {"happened_on"}


def test_an_account_managers_program_sees_units_of_their_customers_and_names_no_other(app, rows, make_user):
    mine, theirs = rows.manager(), rows.manager()
    make_user("seller", StaffKind.ACCOUNT_MANAGER, manager_id=mine)
    seller = Program(app, token_for(app, "seller"))
    own = rows.unit(rows.customer(manager_id=mine))
    hidden = rows.unit(rows.customer(manager_id=theirs), remark="secret")

    assert [one["id"] for one in seller.get("/api/v1/units").json["items"]] == [own]
    assert seller.get(f"/api/v1/units/{hidden}").status_code == 404
    assert seller.get(f"/api/v1/units/{hidden}/events").status_code == 404
    event = {"kind": "repair", "happened_on": NOON.date().isoformat()}
    assert seller.post(f"/api/v1/units/{hidden}/events", event).status_code == 404


def test_a_list_of_units_is_read_to_its_end_with_each_once(program, owner, rows):
    made = {rows.unit(owner) for _ in range(60)}
    found = list[str]()
    after: str | None = ""
    while after is not None:
        page = program.get(f"/api/v1/units?size=25&after={after}").json
        found += [one["id"] for one in page["items"]]
        after = page["next"]

    assert (len(found), set(found)) == (60, made)
    assert program.get("/api/v1/units?after=nonsense").status_code == 400
