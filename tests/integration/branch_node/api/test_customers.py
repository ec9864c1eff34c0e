"""Programs read and write customers as the pages do: same rules, same rows, nothing twice."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from branch_node.customers import elsewhere
from branch_node.customers.models import Customer
from shared.audit.models import AuditEntry
from shared.auth.models import AnsweredRequest
from shared.rights.vocabulary import Action, Resource, StaffKind
from shared.web.api.once import forget_answered
from tests.support.branch import NOON
from tests.support.interfaces import Program, token_for

LI = {"customer_no": "C-1", "kind": "individual", "name": "李雷", "status": "active"}


def stored(database, number="C-1"):
    with database.reads() as session:
        return session.scalars(select(Customer).where(Customer.customer_no == number)).one()


def entries(database, event):
    with database.reads() as session:
        return session.scalars(select(AuditEntry).where(AuditEntry.event == event)).all()


def test_a_customer_is_entered_read_changed_and_closed_and_the_log_names_the_interface(program, database):
    made = program.post("/api/v1/customers", {**LI, "mobile": "13900010001", "tags": ["VIP"]})
    assert made.status_code == 201, made.text
    address = f"/api/v1/customers/{made.json['id']}"

    read = program.get(address)
    changed = program.ask("PATCH", address, {"name": "李磊", "tags": []}, if_match=read.headers["ETag"])
    closed = program.post(f"{address}/retire", if_match=changed.headers["ETag"])

    assert (changed.status_code, closed.status_code) == (200, 200), closed.text
    row = stored(database)
    assert (row.name, row.mobile, row.tags, row.status.value) == ("李磊", "13900010001", [], "closed")
    (entry,) = entries(database, "customer.registered")
    assert (entry.via, entry.actor, entry.terminal) == ("api", "boss", "a program (127.0.0.1)")


def test_what_is_sent_is_judged_by_the_rules_of_the_form_and_answered_at_its_field(program, database):
    answer = program.post("/api/v1/customers", {**LI, "mobile": "12", "shoe_size": "43"})
    assert answer.status_code == 400
    assert answer.content_type == "application/problem+json"
    assert set(answer.json["fields"]) == {"shoe_size"}

    answer = program.post("/api/v1/customers", {**LI, "mobile": "12"}, accept_language="zh-CN")
    assert answer.json["fields"]["mobile"][0].startswith("不是有效的手机号")
    assert answer.json["cure"]


def test_customers_are_listed_by_all_that_the_page_filters_by_and_no_filter_is_passed_over(program, rows):
    best = {"value_tier": "high", "lifecycle_stage": "growth", "service_level": "priority"}
    rows.customer(customer_no="C-1", **best, preferred_channel="none")
    rows.customer(customer_no="C-2", value_tier="low", preferred_channel="phone")

    def numbers(asked):
        return [one["customer_no"] for one in program.get(f"/api/v1/customers?{asked}").json["items"]]

    for name, code in best.items():
        assert numbers(f"{name}={code}") == ["C-1"]
    assert numbers("value_tier=high&value_tier=low") == ["C-1", "C-2"]
    assert numbers("preferred_channel=phone") == ["C-2"]
    assert numbers("no_contact=yes") == ["C-1"]
    assert numbers("birthday=7") == []
    misspelt = program.get("/api/v1/customers?value_teir=high")
    assert (misspelt.status_code, misspelt.json["code"]) == (400, "unknown-parameter")
    unknown = program.get("/api/v1/customers?value_tier=A")
    assert (unknown.status_code, unknown.json["code"]) == (400, "unknown-value")
    assert "strategic, high, middle, low" in unknown.json["detail"]


def test_a_customer_has_a_document_of_their_kind(program, database):
    answer = program.post("/api/v1/customers", {**LI, "kind": "group", "id_type": "id_card"})
    assert (answer.status_code, set(answer.json["fields"])) == (400, {"id_type"})

    made = program.post("/api/v1/customers", {**LI, "id_type": "id_card"})
    address = f"/api/v1/customers/{made.json['id']}"
    answer = program.ask("PATCH", address, {"kind": "group"}, if_match=made.headers["ETag"])

    assert (answer.status_code, set(answer.json["fields"])) == (400, {"id_type"})
    assert stored(database).kind.value == "individual"


def test_a_change_of_what_somebody_changed_meanwhile_is_refused_and_one_that_names_no_version_too(
    program, database, clock
):
    made = program.post("/api/v1/customers", LI)
    address, before = f"/api/v1/customers/{made.json['id']}", made.headers["ETag"]
    clock.advance(timedelta(minutes=1))
    assert program.ask("PATCH", address, {"remark": "first"}, if_match=before).status_code == 200

    assert program.ask("PATCH", address, {"remark": "second"}, if_match=before).status_code == 412
    assert program.ask("PATCH", address, {"remark": "third"}).status_code == 428
    assert stored(database).remark == "first"


def test_a_request_that_is_sent_again_with_its_key_enters_nobody_twice(program, database, sessions):
    first = program.post("/api/v1/customers", LI, idempotency_key="k-1")
    again = program.post("/api/v1/customers", LI, idempotency_key="k-1")
    other = program.post("/api/v1/customers", {**LI, "customer_no": "C-2"}, idempotency_key="k-1")

    assert (first.status_code, again.status_code, other.status_code) == (201, 201, 409)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert first.json == again.json
    with sessions.begin() as session:
        assert len(session.scalars(select(Customer)).all()) == 1
        assert forget_answered(session, before=NOON) == 0
        assert forget_answered(session, before=NOON + timedelta(seconds=1)) == 1
        assert session.scalars(select(AnsweredRequest)).all() == []


def test_a_refused_request_keeps_no_key_and_may_be_sent_again(program, database):
    program.post("/api/v1/customers", LI)
    assert program.post("/api/v1/customers", LI, idempotency_key="k").status_code == 409

    assert (
        program.post("/api/v1/customers", {**LI, "customer_no": "C-2"}, idempotency_key="k").status_code
        == 201
    )


def test_a_number_that_a_customer_out_of_sight_has_is_refused_at_its_field_without_a_name(
    app, rows, make_user, database
):
    rows.customer(customer_no="C-1", name="王小明", manager_id=rows.manager())
    make_user("li", StaffKind.ACCOUNT_MANAGER, rows.manager())

    refused = Program(app, token_for(app, "li")).post("/api/v1/customers", LI)

    assert (refused.status_code, refused.json["code"]) == (409, "customer-number-taken")
    assert list(refused.json["fields"]) == ["customer_no"]
    assert "王小明" not in refused.text
    with database.reads() as session:
        assert [one.name for one in session.scalars(select(Customer))] == ["王小明"]


def test_a_customer_of_somebody_elses_with_the_same_number_is_refused_with_no_more_than_who_serves_them(
    app, rows, make_user, database
):
    rows.customer(
        customer_no="OLD", name="王小明", mobile="13900010001", manager_id=rows.manager(name="汪清")
    )
    make_user("li", StaffKind.ACCOUNT_MANAGER, rows.manager())
    program = Program(app, token_for(app, "li"))
    same = {**LI, "mobile": "13900010001"}

    refused = program.post("/api/v1/customers", same)

    assert (refused.status_code, refused.json["code"]) == (409, "customer-similar")
    assert "served by 汪*" in refused.json["detail"]
    assert "known: true" in refused.json["detail"]
    for kept in ("OLD", "王小明", "汪清"):
        assert kept not in refused.text
    assert [one.actor for one in entries(database, elsewhere.EVENT)] == ["li"]
    assert program.post("/api/v1/customers", {**same, "known": True}).status_code == 201


def test_whom_we_may_know_already_is_pointed_out_before_anybody_is_entered_twice(program):
    made = program.post("/api/v1/customers", {**LI, "mobile": "13900010001"})
    assert made.status_code == 201, made.text
    same = {**LI, "customer_no": "C-2", "mobile": "13900010001"}

    refused = program.post("/api/v1/customers", same)

    assert (refused.status_code, refused.json["code"]) == (409, "customer-similar")
    assert "C-1" in refused.json["detail"]
    assert program.post("/api/v1/customers", {**same, "known": True}).status_code == 201


@pytest.mark.parametrize(
    "sort", ["customer_no", "-customer_no", "grade", "-opened_on", "-updated_at", "name"]
)
def test_a_list_read_page_by_page_shows_everybody_once_in_the_order_of_the_page(program, rows, sort):
    for number in range(30):
        rows.customer(
            customer_no=f"C-{number:03}",
            name=f"Name {number % 7}",
            grade=[None, "A", "B"][number % 3],
            opened_on=None if number % 4 == 0 else NOON.date() - timedelta(days=number % 5),
        )
    numbers, after = [], ""
    for _page in range(3):
        answer = program.get(f"/api/v1/customers?sort={sort}&size=25&after={after}").json
        numbers += [one["customer_no"] for one in answer["items"]]
        after = answer["next"]
        if after is None:
            break

    assert len(numbers) == len(set(numbers)) == 30


def test_a_list_is_filtered_as_the_page_filters(program, rows):
    rows.customer(customer_no="C-1", name="张三", status="closed")
    rows.customer(customer_no="C-2", name="李四")

    assert [one["customer_no"] for one in program.get("/api/v1/customers?status=closed").json["items"]] == [
        "C-1"
    ]
    assert [one["customer_no"] for one in program.get("/api/v1/customers?q=lisi").json["items"]] == ["C-2"]


def test_a_program_sees_the_rows_of_who_it_acts_for_and_no_others(app, make_user, rows):
    wu, li = rows.manager(name="Wu"), rows.manager(name="Li")
    rows.customer(customer_no="C-1", manager_id=wu)
    foreign = rows.customer(customer_no="C-2", manager_id=li)
    make_user("wu", StaffKind.ACCOUNT_MANAGER, wu)
    program = Program(app, token_for(app, "wu"))

    assert [one["customer_no"] for one in program.get("/api/v1/customers").json["items"]] == ["C-1"]
    assert program.get(f"/api/v1/customers/{foreign}").status_code == 404
    refused = program.ask("PATCH", f"/api/v1/customers/{foreign}", {"name": "X"}, if_match='"x"')
    assert refused.status_code == 404


def test_contact_people_moves_and_shares_hang_on_a_customer(program, rows):
    wu = rows.manager(name="Wu")
    at = f"/api/v1/customers/{rows.customer(customer_no='C-1')}"
    person = {"name": "赵敏", "standing": "key", "status": "active", "mobile": "13900010001"}

    made = program.post(f"{at}/contacts", person, idempotency_key="once")
    again = program.post(f"{at}/contacts", person, idempotency_key="once")
    saved = program.ask(
        "PUT",
        f"/api/v1/contacts/{made.json['id']}",
        {**person, "title": "CFO"},
        if_match=made.headers["ETag"],
    )
    moved = program.post(
        f"{at}/moves", {"what": "tier", "to": "high", "on": str(NOON.date()), "reason": "buys much"}
    )
    shared = program.post(f"{at}/shares", {"manager_id": wu})

    assert (made.status_code, again.json["id"], saved.status_code) == (201, made.json["id"], 200), made.text
    assert [one["title"] for one in program.get(f"{at}/contacts").json["items"]] == ["CFO"]
    assert (moved.status_code, moved.json.get("after")) == (201, "high"), moved.text
    assert [one["name"] for one in shared.json["items"]] == ["Wu"]
    assert program.ask("DELETE", f"{at}/shares/{wu}", {}).json["items"] == []


def test_the_rows_that_programs_of_a_person_read_in_a_day_are_bounded(
    program, rows, app, monkeypatch, database
):
    for number in range(30):
        rows.customer(customer_no=f"C-{number}")
    monkeypatch.setattr("shared.web.api.bounds.rules_in_force", lambda _session: type("R", (), {"a_day": 40}))

    assert program.get("/api/v1/customers").status_code == 200
    refused = program.get("/api/v1/customers")
    elsewhere = Program(app, token_for(app, "boss", [(Resource.CUSTOMER, Action.READ)]))

    assert (refused.status_code, refused.json["code"]) == (429, "rows-a-day")
    assert int(refused.headers["Retry-After"]) > 0
    assert elsewhere.get("/api/v1/customers").status_code == 429
    (entry,) = entries(database, "customer.exported")
    assert (entry.details["rows"], entry.subject_type) == (25, "interface")
