"""Programs bring versions of a file back and confirm fields by the rules of the pages, and nothing is done in part."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from branch_node.customers.models import Contact, Customer, FieldAge
from branch_node.customers.operations import change_customer, register_customer
from branch_node.merging import operations as merging
from shared.audit.models import AuditEntry
from shared.domain.customers.vocabulary import CustomerKind, CustomerStatus
from shared.rights.vocabulary import Action, Resource, StaffKind
from tests.integration.branch_node.archive.conftest import later
from tests.support.branch import ANA, NOON
from tests.support.interfaces import Program, token_for

FIRST = {
    "customer_no": "C-1",
    "kind": CustomerKind.INDIVIDUAL,
    "name": "Li Lei",
    "mobile": "13900010001",
    "status": CustomerStatus.ACTIVE,
    "tags": ["VIP"],
}


@pytest.fixture
def changed(sessions):
    """A customer whose name and mobile were other ones before, in the log."""
    with sessions.begin() as session:
        at = register_customer(session, dict(FIRST), by=ANA).id
    with sessions.begin() as session:
        values = {"name": "Li Ming", "mobile": "13900010002", "tags": []}
        change_customer(session, at, values, seen_at=NOON, by=later(ANA, 1))
    return at


def standing(database, at):
    with database.reads() as session:
        found = session.get_one(Customer, at)
        return found.name, found.mobile, found.tags


def told(database, event):
    with database.reads() as session:
        return session.scalars(select(AuditEntry).where(AuditEntry.event == event)).all()


def test_an_earlier_version_is_read_and_brought_back_by_whoever_read_the_file_as_it_stands(
    program, changed, database
):
    address = f"/api/v1/customers/{changed}"
    versions = program.get(f"{address}/versions").json["items"]
    first = program.get(f"{address}/versions/1").json
    etag = program.get(address).headers["ETag"]

    blind = program.post(f"{address}/versions/1/restoration")
    late = program.post(f"{address}/versions/1/restoration", if_match='"2020-01-01T00:00:00.000000Z"')
    none = program.post(f"{address}/versions/9/restoration", if_match=etag)
    more = program.post(f"{address}/versions/1/restoration", {"name": "Wu"}, if_match=etag)
    untouched = standing(database, changed)
    back = program.post(f"{address}/versions/1/restoration", if_match=etag)
    twice = program.post(f"{address}/versions/1/restoration", if_match=etag)

    assert [(one["number"], "name" in one["changed"]) for one in versions] == [(1, True), (2, True)]
    assert {name: first["values"][name] for name in ("name", "mobile", "tags")} == {
        "name": "Li Lei",
        "mobile": "13900010001",
        "tags": ["VIP"],
    }
    assert (blind.status_code, late.status_code, none.status_code) == (428, 412, 404)
    assert (none.json["code"], more.status_code, set(more.json["fields"])) == (
        "version-not-found",
        400,
        {"name"},
    )
    assert untouched == ("Li Ming", "13900010002", [])
    assert (back.status_code, back.json["name"], twice.status_code) == (200, "Li Lei", 412), back.text
    assert back.headers["ETag"] != etag
    assert standing(database, changed) == ("Li Lei", "13900010001", ["VIP"])
    (entry,) = told(database, "customer.restored")
    assert (entry.details["version"], entry.details["fields"], entry.via) == (
        1,
        ["mobile", "name", "tags"],
        "api",
    )


def test_a_version_with_a_number_that_is_anothers_now_is_not_brought_back(program, rows, changed, database):
    address = f"/api/v1/customers/{changed}"
    read = program.get(address)
    free = program.ask("PATCH", address, {"customer_no": "C-2"}, if_match=read.headers["ETag"])
    rows.customer(customer_no="C-1")

    taken = program.post(f"{address}/versions/1/restoration", if_match=free.headers["ETag"])

    assert (taken.status_code, taken.json["code"]) == (409, "customer-number-taken"), taken.text
    assert standing(database, changed) == ("Li Ming", "13900010002", [])


def test_a_version_that_the_form_refuses_by_now_is_refused_at_its_field(program, rows, database):
    at = rows.customer(name="Li Lei", mobile="12")
    address = f"/api/v1/customers/{at}"
    good = {"mobile": "13900010002", "name": "Li Ming"}
    changed = program.ask("PATCH", address, good, if_match=program.get(address).headers["ETag"])

    refused = program.post(f"{address}/versions/1/restoration", if_match=changed.headers["ETag"])

    assert (refused.status_code, set(refused.json["fields"])) == (400, {"mobile"}), refused.text
    assert standing(database, at)[:2] == ("Li Ming", "13900010002")


def test_a_merged_file_is_brought_back_and_confirmed_by_nobody(program, rows, changed, sessions, database):
    into = rows.customer(customer_no="C-9")
    with sessions.begin() as session:
        merge = merging.propose(session, into, changed, [], by=ANA).id
    with sessions.begin() as session:
        merging.carry_out(session, merge, by=replace(later(ANA, 2), actor="li"))
    address = f"/api/v1/customers/{changed}"
    etag = program.get(address).headers["ETag"]

    back = program.post(f"{address}/versions/1/restoration", if_match=etag)
    sure = program.post(f"{address}/confirmations", {"field": "mobile", "value": "13900010002"})

    assert (back.status_code, sure.status_code) == (409, 409), (back.text, sure.text)
    assert standing(database, changed) == ("Li Ming", "13900010002", [])


def test_a_stale_field_is_listed_until_it_is_confirmed_as_it_was_seen(program, rows, database):
    old = NOON - timedelta(days=4 * 365)
    at = rows.customer(mobile="13900010001", grade=None, created_at=old, updated_at=old)
    address = f"/api/v1/customers/{at}"
    said = {"field": "mobile", "value": "13900010001"}

    flags = program.get(f"{address}/flags").json["items"]
    listed = program.get("/api/v1/customers?upkeep=stale").json["items"]
    other = program.post(f"{address}/confirmations", {**said, "value": "13900010009"})
    no_field = program.post(f"{address}/confirmations", {**said, "field": "name"})
    empty = program.post(f"{address}/confirmations", {"field": "email", "value": ""})
    silent = program.post(f"{address}/confirmations", {"field": "mobile"})
    with database.reads() as session:
        before = session.scalars(select(FieldAge)).all()
    sure = program.post(f"{address}/confirmations", said, idempotency_key="k")
    again = program.post(f"{address}/confirmations", said, idempotency_key="k")

    assert [(one["field"], one["kind"], one["conflict"]) for one in flags] == [("mobile", "stale", None)]
    assert [one["id"] for one in listed] == [at]
    assert (other.status_code, other.json["code"]) == (409, "field-meanwhile-other")
    assert {answer.status_code for answer in (no_field, empty, silent)} == {400}
    assert [set(answer.json["fields"]) for answer in (no_field, empty, silent)] == [
        {"field"},
        {"field"},
        {"value"},
    ]
    assert "nothing to confirm" in str(empty.json["fields"]["field"])
    assert before == []
    assert (sure.status_code, sure.json["confirmed_by"], again.json) == (201, "boss", sure.json), sure.text
    assert program.get(f"{address}/flags").json["items"] == []
    with database.reads() as session:
        assert session.get_one(FieldAge, (at, "mobile")).confirmed_at == NOON
    assert len(told(database, "customer.confirmed")) == 1


def test_two_customers_with_one_number_are_told_of_each_other_as_far_as_they_are_seen(app, rows, make_user):
    wu = rows.manager()
    make_user("seller", StaffKind.ACCOUNT_MANAGER, manager_id=wu)
    make_user("boss")
    one = rows.customer(mobile="13900010001", manager_id=wu)
    other = rows.customer(mobile="13900010001", manager_id=rows.manager())

    boss, seller = (
        Program(app, token_for(app, name)).get(f"/api/v1/customers/{one}/flags").json["items"]
        for name in ("boss", "seller")
    )

    assert [(flag["conflict"], flag["same"]) for flag in boss] == [("same-number", [other])]
    assert all(other not in flag["same"] for flag in seller)


def test_who_may_not_change_a_customer_brings_nothing_back_and_confirms_nothing(
    app, rows, make_user, changed, database
):
    make_user("seller", StaffKind.ACCOUNT_MANAGER, manager_id=rows.manager())
    make_user("clerk", StaffKind.SERVICE)
    make_user("boss")
    narrow = Program(app, token_for(app, "boss", [(Resource.CUSTOMER, Action.READ)]))
    others = [Program(app, token_for(app, name)) for name in ("seller", "clerk")]
    address = f"/api/v1/customers/{changed}"
    sure = {"field": "mobile", "value": "13900010002"}
    etag = narrow.get(address).headers["ETag"]

    def asked(program):
        return [
            program.get(f"{address}/versions/1").status_code,
            program.get(f"{address}/flags").status_code,
            program.post(f"{address}/versions/1/restoration", if_match=etag).status_code,
            program.post(f"{address}/confirmations", sure).status_code,
        ]

    assert [asked(program) for program in others] == [[404] * 4] * 2
    assert asked(narrow) == [200, 200, 403, 403]
    assert standing(database, changed) == ("Li Ming", "13900010002", [])
    with database.reads() as session:
        ages = session.scalars(select(FieldAge)).all()
    assert [one for one in ages if one.confirmed_at] == []


def test_a_version_of_a_contact_person_is_brought_back_by_whoever_may_change_them(
    app, program, rows, make_user, database
):
    at = rows.customer(manager_id=rows.manager())
    make_user("seller", StaffKind.ACCOUNT_MANAGER, manager_id=rows.manager())
    seller = Program(app, token_for(app, "seller"))
    narrow = Program(app, token_for(app, "boss", [(Resource.CONTACT, Action.READ)]))
    first = {"name": "韩梅梅", "standing": "key", "status": "active", "mobile": "13900010001"}
    made = program.post(f"/api/v1/customers/{at}/contacts", first)
    address = f"/api/v1/contacts/{made.json['id']}"
    second = program.ask("PUT", address, {**first, "mobile": None}, if_match=made.headers["ETag"])
    etag = second.headers["ETag"]

    versions = program.get(f"{address}/versions").json["items"]
    read = narrow.get(f"{address}/versions/1").json
    late = program.post(f"{address}/versions/1/restoration", if_match='"2020-01-01T00:00:00.000000Z"')
    none = program.post(f"{address}/versions/7/restoration", if_match=etag)
    more = program.post(f"{address}/versions/1/restoration", {"name": "x"}, if_match=etag)
    refused = narrow.post(f"{address}/versions/1/restoration", if_match=etag)
    unseen = [
        seller.get(f"{address}/versions").status_code,
        seller.get(f"{address}/versions/1").status_code,
        seller.post(f"{address}/versions/1/restoration", if_match=etag).status_code,
    ]
    with database.reads() as session:
        untouched = session.get_one(Contact, made.json["id"]).mobile
    back = program.post(f"{address}/versions/1/restoration", if_match=etag)

    assert [(one["number"], "mobile" in one["changed"]) for one in versions] == [(1, True), (2, True)]
    assert (read["values"]["mobile"], read["unknown"]) == ("13900010001", [])
    answers = [answer.status_code for answer in (late, none, more, refused)]
    assert (answers, unseen, untouched) == ([412, 404, 400, 403], [404, 404, 404], None)
    assert set(more.json["fields"]) == {"name"}
    assert (back.status_code, back.json["mobile"]) == (200, "13900010001"), back.text
    with database.reads() as session:
        assert session.get_one(Contact, made.json["id"]).mobile == "13900010001"
