"""Programs read work, money, documents, the line of time and the archive as the pages show them, and no more."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from branch_node.archive import operations as archive
from branch_node.archive.models import ArchiveEntry, ArchiveUnlock
from branch_node.billing.models import BillLine
from branch_node.customers.models import Customer, Serving
from branch_node.desk.timeline import Topic
from branch_node.worklogs.models import WorkLog
from shared.audit.models import AuditEntry
from shared.domain.customers.vocabulary import CustomerKind
from shared.domain.documents.vocabulary import DocumentKind
from shared.domain.worklogs.vocabulary import WorkLogKind
from shared.rights.vocabulary import Action, Duty, Resource, StaffKind
from shared.web.access import access_of
from shared.web.api.document import described
from tests.integration.branch_node.documents.conftest import PDF, keep
from tests.support.branch import ANA, NOON
from tests.support.interfaces import Program, token_for

__all__ = ["keep"]


def entries(database, event):
    with database.reads() as session:
        return session.scalars(select(AuditEntry).where(AuditEntry.event == event)).all()


def test_work_is_logged_and_corrected_and_both_versions_are_read(program, rows, database):
    rows.customer(customer_no="C-1")
    work = {"manager_id": rows.manager(), "kind": "call", "customer": "C-1", "started_at": "2026-03-18 10:00"}

    made = program.post("/api/v1/work-logs", {**work, "text": "谈续约"}, idempotency_key="k")
    again = program.post("/api/v1/work-logs", {**work, "text": "谈续约"}, idempotency_key="k")
    address = f"/api/v1/work-logs/{made.json['id']}"
    right = program.post(f"{address}/corrections", {**work, "text": "谈涨价"})
    nobody = program.post("/api/v1/work-logs", {**work, "customer": "C-7", "text": "?"})

    assert (made.status_code, right.status_code, again.json["id"]) == (201, 201, made.json["id"])
    assert [one["text"] for one in program.get("/api/v1/work-logs").json["items"]] == ["谈涨价"]
    assert [one["text"] for one in program.get(f"{address}/versions").json["items"]] == ["谈续约", "谈涨价"]
    assert (nobody.status_code, set(nobody.json["fields"])) == (400, {"customer"})
    with database.reads() as session:
        assert len(session.scalars(select(WorkLog)).all()) == 2


def test_bill_lines_are_listed_and_one_says_what_it_stands_at_after_a_correction(program, rows, database):
    line = rows.bill_line(rows.customer(), amount_minor=10_000)
    address = f"/api/v1/bill-lines/{line}"
    said = {"right": "80.00", "seen_minor": "10000", "remark": "agreed"}

    right = program.post(f"{address}/corrections", said, idempotency_key="k")
    again = program.post(f"{address}/corrections", said, idempotency_key="k")
    late = program.post(f"{address}/corrections", {**said, "right": "70.00"})
    silent = program.post(f"{address}/corrections", {"right": "70.00", "seen_minor": "8000"})

    assert (right.status_code, right.json["standing_minor"], len(right.json["corrections"])) == (
        201,
        8_000,
        1,
    )
    assert again.json == right.json
    assert late.status_code == 409
    assert set(silent.json["fields"]) == {"remark"}
    listed = program.get("/api/v1/bill-lines").json["items"]
    assert [(one["amount_minor"], one["corrected"]) for one in listed] == [(10_000, True), (-2_000, False)]
    with database.reads() as session:
        assert len(session.scalars(select(BillLine)).all()) == 2


def test_an_account_managers_program_sees_its_own_rows_and_corrects_no_bill(app, rows, make_user, database):
    mine, theirs = rows.manager(), rows.manager()
    make_user("seller", StaffKind.ACCOUNT_MANAGER, manager_id=mine)
    seller = Program(app, token_for(app, "seller"))
    own, other = rows.customer(manager_id=mine), rows.customer(manager_id=theirs)
    line, hidden = rows.bill_line(own), rows.bill_line(other)
    rows.work_log(theirs, customer_id=other)

    assert [one["id"] for one in seller.get("/api/v1/bill-lines").json["items"]] == [line]
    assert seller.get(f"/api/v1/bill-lines/{hidden}").status_code == 404
    assert seller.get("/api/v1/work-logs").json["items"] == []
    assert seller.get(f"/api/v1/customers/{other}/timeline").status_code == 404
    assert seller.get(f"/api/v1/customers/{other}/documents").status_code == 404
    said = {"right": "1", "seen_minor": "10000", "remark": "x"}
    assert seller.post(f"/api/v1/bill-lines/{line}/corrections", said).status_code == 403
    with database.reads() as session:
        assert len(session.scalars(select(BillLine)).all()) == 2


def test_the_line_of_time_shows_what_the_token_opens_the_pages_of(app, program, rows):
    at = rows.customer()
    rows.work_log(rows.manager(), customer_id=at, started_at=NOON - timedelta(days=1))
    rows.bill_line(at)
    rows.unit(at)
    program.post(
        f"/api/v1/customers/{at}/moves", {"what": "tier", "to": "high", "on": "2026-03-01", "reason": "big"}
    )
    narrow = Program(app, token_for(app, "boss", [(Resource.CUSTOMER, Action.READ)]))
    address = f"/api/v1/customers/{at}/timeline"

    whole = program.get(address).json["items"]
    money = program.get(f"{address}?kind=money").json["items"]
    some = narrow.get(address).json["items"]

    assert {"work", "money", "unit", "move", "change"} == {one["kind"] for one in whole}
    assert [one["at"] for one in whole] == sorted((one["at"] for one in whole), reverse=True)
    assert [one["amount_minor"] for one in money] == [10_000]
    assert {one["kind"] for one in some} == {"move"}
    assert narrow.get(f"{address}?kind=work").json == {"items": [], "next": None}


def test_the_line_of_time_is_asked_for_by_topic_and_each_entry_stands_under_one(app, program, rows, keep):
    at, by = rows.customer(), rows.manager()
    for kind in (WorkLogKind.CALL, WorkLogKind.VISIT, WorkLogKind.SERVICE):
        rows.work_log(by, customer_id=at, kind=kind)
    rows.bill_line(at)
    keep(at)
    narrow = Program(app, token_for(app, "boss", [(Resource.CUSTOMER, Action.READ)]))
    address = f"/api/v1/customers/{at}"
    etag = program.get(address).headers["ETag"]
    program.ask("PATCH", address, {"remark": "搬家了", "grade": "A"}, if_match=etag)

    def asked(who, *topics, also=""):
        named = "&".join(f"topic={one}" for one in topics)
        return who.get(f"{address}/timeline?{named}{also}").json["items"]

    whole = asked(program)
    by_topic = {one.value: asked(program, one.value) for one in Topic}
    told = {topic: {(one["kind"], one["what"]) for one in found} for topic, found in by_topic.items()}
    assert told == {
        "contact": {("work", "call")},
        "visit": {("work", "visit")},
        "service": {("work", "service")},
        "money": {("money", "charge")},
        "document": {("document", "document.added")},
        "change": {("change", "customer.changed"), ("change", "customer.created")},
    }
    ids = [one["record_id"] for found in by_topic.values() for one in found]
    assert sorted(ids) == sorted(one["record_id"] for one in whole)
    assert {one["what"] for one in asked(program, "visit", "money")} == {"visit", "charge"}
    assert asked(program, "visit", also="&kind=money") == []
    assert asked(narrow, "contact") == asked(narrow, "change") == []
    refused = program.get(f"{address}/timeline?topic=nonsense")
    assert (refused.status_code, refused.json["code"]) == (400, "unknown-value"), "it would narrow nothing"


def test_a_change_on_the_line_of_time_names_its_fields_and_nothing_else_has_any(program, rows):
    at = rows.customer()
    rows.bill_line(at)
    address = f"/api/v1/customers/{at}"
    etag = program.get(address).headers["ETag"]
    program.ask("PATCH", address, {"remark": "搬家了", "mobile": "13900010001"}, if_match=etag)
    person = {"name": "韩梅梅", "standing": "key", "status": "active"}
    made = program.post(f"{address}/contacts", person)
    changed = {**person, "title": "经理"}
    program.ask("PUT", f"/api/v1/contacts/{made.json['id']}", changed, if_match=made.headers["ETag"])

    items = program.get(f"{address}/timeline").json["items"]

    fields = {(one["kind"], one["what"]): sorted(one["changed"]) for one in items}
    assert fields[("change", "customer.changed")] == ["mobile", "remark"]
    assert fields[("person", "contact.changed")] == ["title"]
    assert fields[("money", "charge")] == []
    assert "13900010001" not in program.get(f"{address}/timeline").text, "which fields, and not what they say"


def test_the_line_of_time_is_read_to_its_end_with_each_once(program, rows):
    at, by = rows.customer(), rows.manager()
    made = {rows.work_log(by, customer_id=at, started_at=NOON - timedelta(hours=one)) for one in range(30)}
    made |= {rows.bill_line(at) for _ in range(30)}
    found = list[str]()
    after: str | None = ""
    while after is not None:
        page = program.get(f"/api/v1/customers/{at}/timeline?size=25&kind=work&kind=money&after={after}").json
        found += [one["record_id"] for one in page["items"]]
        after = page["next"]

    assert (len(found), set(found)) == (60, made)
    assert program.get(f"/api/v1/customers/{at}/timeline?after=bm9uc2Vuc2U").status_code == 400


def test_a_customer_is_placed_in_a_group_and_in_none_by_who_sees_the_whole_tree(program, rows, database):
    group = rows.customer(customer_no="G-1", kind=CustomerKind.GROUP)
    at = rows.customer(customer_no="C-1")
    address = f"/api/v1/customers/{at}/group"
    read = program.get(address)
    below = {"parent_no": "G-1", "parent_kind": "member"}

    placed = program.ask("PUT", address, below, if_match=read.headers["ETag"])
    late = program.ask("PUT", address, {"parent_no": None}, if_match='"2020"')
    circle = program.ask(
        "PUT",
        f"/api/v1/customers/{group}/group",
        {"parent_no": "G-1", "parent_kind": "subsidiary"},
        if_match=program.get(f"/api/v1/customers/{group}/group").headers["ETag"],
    )

    assert [one["id"] for one in placed.json["above"]] == [group], placed.text
    assert [one["id"] for one in program.get(f"/api/v1/customers/{group}/group").json["members"]] == [at]
    assert (late.status_code, circle.status_code, circle.json["code"]) == (412, 409, "group-circle")
    with database.reads() as session:
        assert session.get_one(Customer, at).parent_id == group


def test_a_documents_file_is_downloaded_and_an_identity_papers_for_a_reason_only(
    program, rows, keep, database
):
    at = rows.customer()
    plain, paper = keep(at, name="合同"), keep(at, kind=DocumentKind.IDENTITY.value, name="身份证")

    found = program.get(f"/api/v1/customers/{at}/documents").json["items"]
    whole = program.get(f"/api/v1/documents/{plain}").json
    file = program.get(f"/api/v1/documents/{plain}/versions/1/file")
    silent = program.get(f"/api/v1/documents/{paper}/versions/1/file")
    odd = program.post(f"/api/v1/documents/{paper}/versions/1/open", {"reason": "curiosity"})
    opened = program.post(f"/api/v1/documents/{paper}/versions/1/open", {"reason": "asked"})

    assert {one["id"]: one["sensitive"] for one in found} == {plain: False, paper: True}
    assert [(one["no"], one["size"]) for one in whole["files"]] == [(1, len(PDF))]
    assert (file.status_code, file.data, opened.status_code, opened.data) == (200, PDF, 200, PDF)
    assert (silent.status_code, silent.json["code"]) == (400, "document-reason")
    assert (odd.status_code, set(odd.json["fields"])) == (400, {"reason"})
    (told,) = entries(database, "document.revealed")
    assert (told.details["reason"], told.via) == ("asked", "api")
    assert len(entries(database, "document.downloaded")) == 1


@pytest.fixture
def filed(sessions, rows):
    at = rows.customer(customer_no="C-1", name="李明", mobile="13800000001")
    with sessions.begin() as session:
        return archive.put_in(session, at, reason="contract ended", by=ANA).id


def test_the_retained_archive_is_read_whole_and_each_look_is_in_the_log(program, filed, database):
    (listed,) = program.get("/api/v1/archive").json["items"]
    whole = program.get(f"/api/v1/archive/{filed}").json

    assert (listed["id"], listed["kind"], "content" in listed) == (filed, "file", False)
    assert whole["content"]["customer"]["mobile"] == "13800000001"
    assert [one.subject_id for one in entries(database, "archive.viewed")] == [filed]


def test_who_sees_the_archive_masked_sees_it_so_through_a_program(app, filed, make_user, sessions):
    user = make_user("clerk", StaffKind.SERVICE)
    clerk = Program(app, token_for(app, "clerk"))
    before = clerk.get(f"/api/v1/archive/{filed}").status_code
    with sessions.begin() as session:
        at = session.get_one(ArchiveEntry, filed).customer_id
        session.add(
            Serving(user_id=user, customer_id=at, began_at=NOON, ends_at=NOON + timedelta(minutes=30))
        )

    answer = clerk.get(f"/api/v1/archive/{filed}")

    assert (before, answer.status_code) == (404, 200)
    assert answer.json["content"]["customer"]["mobile"] == "138****0001"
    assert "13800000001" not in answer.text


def test_a_file_is_put_into_the_archive_once_by_who_may_and_with_a_reason(
    app, program, rows, make_user, database
):
    wu = rows.manager()
    at = rows.customer(customer_no="C-1", name="李明", manager_id=wu)
    address = f"/api/v1/customers/{at}/archive"
    said = {"reason": "contract ended"}
    make_user("seller", StaffKind.ACCOUNT_MANAGER, manager_id=wu)
    make_user("keeper", StaffKind.ACCOUNT_MANAGER, manager_id=rows.manager(), duties=[Duty.ARCHIVE_KEEPER])

    silent = program.post(address, {"reason": " "})
    odd = program.post(address, {"why": "x"})
    nobody = program.post(f"/api/v1/customers/{wu}/archive", said)
    seller = Program(app, token_for(app, "seller")).post(address, said)
    keeper = Program(app, token_for(app, "keeper")).post(address, said)
    made = program.post(address, said, idempotency_key="k")
    again = program.post(address, said, idempotency_key="k")
    late = program.post(address, said)

    assert (silent.status_code, silent.json["code"], set(silent.json["fields"])) == (
        400,
        "archive-reason",
        {"reason"},
    )
    assert set(odd.json["fields"]) == {"reason", "why"}
    assert (nobody.status_code, seller.status_code, keeper.status_code) == (404, 403, 404)
    assert (made.status_code, made.json["kind"], again.json) == (201, "file", made.json), made.text
    assert (late.status_code, late.json["code"]) == (409, "archive-nothing-new")
    assert program.get(f"/api/v1/archive/{made.json['id']}").json["content"]["reason"] == "contract ended"
    with database.reads() as session:
        assert [one.id for one in session.scalars(select(ArchiveEntry))] == [made.json["id"]]


def test_no_program_can_change_the_archive_whatever_it_may(app, filed, make_user, sessions):
    make_user("keeper", StaffKind.BRANCH_MANAGER, duties=[Duty.ARCHIVE_KEEPER])
    keeper = Program(app, token_for(app, "keeper"))
    writing = [
        (rule.rule, access.action)
        for rule, method, _said, access in described(app)
        if access.resource is Resource.ARCHIVE and (method != "GET" or access.action is not Action.READ)
    ]
    answers = [
        keeper.ask(method, f"/api/v1/archive{rest}", {"reason": "x", "text": "x"}).status_code
        for method in ("POST", "PUT", "PATCH", "DELETE")
        for rest in ("", f"/{filed}", f"/{filed}/unlock", f"/{filed}/notes", f"/{filed}/lock")
    ]
    # The pages' own addresses are closed to a token.
    page = keeper.post(f"/archive/{filed}/unlock", {"reason": "a page is missing"}).status_code

    assert writing == [("/api/v1/customers/<id:customer_id>/archive", Action.CREATE)]
    assert set(answers) <= {404, 405}
    assert page in {303, 401, 403}
    assert access_of(app, "archive.unlock") is not None
    with sessions() as session:
        assert [one.id for one in session.scalars(select(ArchiveEntry))] == [filed]
        assert session.scalars(select(ArchiveUnlock)).all() == []


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
def test_a_day_next_to_which_there_is_none_is_refused_by_name_and_no_error_of_ours(program, day):
    for name in ("to", "from"):
        refused = program.get(f"/api/v1/work-logs?{name}={day}")
        assert refused.status_code == 400, refused.text
        assert [*refused.json["fields"]] == [name]
