"""Programs add documents as people do: the same files are refused, the same rows are seen, the same log tells of it."""

import io
from dataclasses import replace
from datetime import timedelta
from itertools import count
from threading import Event, Thread

import pytest
from sqlalchemy import event, select

from branch_node.documents.models import Document, DocumentVersion
from branch_node.imports.models import Import
from shared.audit.models import AuditEntry
from shared.rights.vocabulary import Action, Resource, StaffKind
from shared.web.api.document import described
from tests.integration.branch_node.documents.conftest import PDF, PNG, zipped
from tests.support.interfaces import Program, token_for

FORM = {"kind": "contract", "number": "HT-1", "valid_until": "2030-12-31"}
CUT = count()


def send(program, at, content=PDF, file="合同.pdf", /, *, key=None, **said):
    parts = {**said, "file": (io.BytesIO(content), file)} if content is not None else said
    headers = {"Authorization": f"Bearer {program.token}"} | ({"Idempotency-Key": key} if key else {})
    # Clients cut the parts of a form at another mark each time.
    mark = f"multipart/form-data; boundary=cut{next(CUT)}"
    return super(type(program.client), program.client).open(
        at, method="POST", data=parts, headers=headers, content_type=mark, buffered=True
    )


def documents(sessions):
    with sessions() as session:
        return session.scalars(select(Document).order_by(Document.id)).all()


def versions(sessions):
    with sessions() as session:
        return session.scalars(select(DocumentVersion).order_by(DocumentVersion.no)).all()


def test_a_document_added_by_a_program_is_the_one_its_form_says(program, sessions, rows):
    customer = rows.customer()

    made = send(program, f"/api/v1/customers/{customer}/documents", **FORM)

    assert made.status_code == 201, made.text
    told = made.json
    assert (told["name"], told["kind"], told["number"], told["valid_until"]) == (
        "合同",
        "contract",
        "HT-1",
        "2030-12-31",
    )
    assert [(one["no"], one["file_name"], one["form"], one["size"]) for one in told["files"]] == [
        (1, "合同.pdf", "pdf", len(PDF))
    ]
    assert program.get(f"/api/v1/documents/{told['id']}/versions/1/file").data == PDF
    [document] = documents(sessions)
    assert (document.id, document.customer_id) == (told["id"], customer)
    with sessions() as session:
        [entry] = session.scalars(select(AuditEntry).where(AuditEntry.event == "document.added")).all()
    assert (entry.subject_id, entry.actor, entry.via) == (told["id"], "boss", "api")


def test_a_file_added_as_a_version_leaves_the_one_before_readable(program, sessions, rows):
    first = send(program, f"/api/v1/customers/{rows.customer()}/documents", **FORM).json["id"]

    made = send(program, f"/api/v1/documents/{first}/versions", PNG, "signed.png")

    assert made.status_code == 201, made.text
    assert [one["file_name"] for one in made.json["files"]] == ["signed.png", "合同.pdf"]
    assert program.get(f"/api/v1/documents/{first}/versions/1/file").data == PDF
    assert [one.file_name for one in versions(sessions)] == ["合同.pdf", "signed.png"]


@pytest.mark.parametrize(
    ("content", "file", "said", "field"),
    [
        pytest.param(b"<html>", "page.html", {}, "file", id="not a kind that is kept"),
        pytest.param(PDF, "really.png", {}, "file", id="by its bytes something else"),
        pytest.param(b"", "empty.pdf", {}, "file", id="empty"),
        pytest.param(PDF, "a\u202efdp.exe.pdf", {}, "file", id="a name that hides something"),
        pytest.param(zipped("word/document.xml", "word/vbaProject.bin"), "m.docx", {}, "file", id="macros"),
        pytest.param(zipped("word/document.xml", locked=True), "l.docx", {}, "file", id="locked"),
        pytest.param(None, "", {}, "file", id="no file"),
        pytest.param(PDF, "a.pdf", {"kind": "nonsense"}, "kind", id="no such kind"),
        pytest.param(PDF, "a.pdf", {"kind": ""}, "kind", id="without a kind"),
        pytest.param(PDF, "a.pdf", {"valid_until": "soon"}, "valid_until", id="no day"),
        pytest.param(PDF, "a.pdf", {"dated_on": "2031-01-01"}, "valid_until", id="over before it began"),
        pytest.param(PDF, "a.pdf", {"kind": "identity"}, "number", id="number of an identity paper"),
        pytest.param(PDF, "a.pdf", {"owner": "me"}, "owner", id="a field nobody knows"),
        pytest.param(PDF, "a.pdf", {"name": ["one", "two"]}, "name", id="a field twice"),
    ],
)
def test_what_a_page_refuses_is_refused_with_its_field_and_nothing_is_kept(
    program, sessions, rows, content, file, said, field
):
    answer = send(program, f"/api/v1/customers/{rows.customer()}/documents", content, file, **FORM | said)

    assert (answer.status_code, answer.content_type) == (400, "application/problem+json"), answer.text
    assert list(answer.json["fields"]) == [field]
    assert documents(sessions) == versions(sessions) == []


def test_a_file_larger_than_the_node_takes_is_refused(app, program, sessions, rows):
    runtime = app.extensions["branchline"]
    app.extensions["branchline"] = replace(runtime, settings=replace(runtime.settings, document_mb=0))

    answer = send(program, f"/api/v1/customers/{rows.customer()}/documents", **FORM)

    assert (answer.status_code, answer.json["code"]) == (400, "document-file-large")
    assert documents(sessions) == []


def test_a_file_that_comes_as_text_or_in_json_is_refused(program, sessions, rows):
    at = f"/api/v1/customers/{rows.customer()}/documents"

    as_text = send(program, at, None, **FORM, file="%PDF-1.7")
    as_json = program.post(at, FORM)

    assert (as_text.status_code, list(as_text.json["fields"])) == (400, ["file"])
    assert (as_json.status_code, as_json.json["code"]) == (400, "validation")
    assert documents(sessions) == []


def test_only_the_last_part_of_a_name_is_kept_wherever_it_points(program, sessions, rows):
    send(program, f"/api/v1/customers/{rows.customer()}/documents", PDF, "..\\../../etc/contract.pdf", **FORM)

    assert [one.file_name for one in versions(sessions)] == ["contract.pdf"]


def test_nothing_is_kept_beyond_the_room_of_documents(app, program, sessions, rows):
    runtime = app.extensions["branchline"]
    app.extensions["branchline"] = replace(runtime, settings=replace(runtime.settings, documents_quota_mb=0))

    answer = send(program, f"/api/v1/customers/{rows.customer()}/documents", **FORM)

    assert (answer.status_code, answer.json["code"]) == (409, "documents-full")
    assert documents(sessions) == []


def test_a_program_adds_to_the_customers_of_who_it_acts_for_and_to_no_others(app, make_user, sessions, rows):
    wu, li = rows.manager(name="Wu"), rows.manager(name="Li")
    own, foreign = rows.customer(manager_id=wu), rows.customer(manager_id=li)
    make_user("wu", StaffKind.ACCOUNT_MANAGER, manager_id=wu)
    its = Program(app, token_for(app, "wu"))
    reads_only = Program(app, token_for(app, "wu", [(Resource.DOCUMENT, Action.READ)]))

    assert send(its, f"/api/v1/customers/{foreign}/documents", **FORM).status_code == 404
    assert send(reads_only, f"/api/v1/customers/{own}/documents", **FORM).status_code == 403
    made = send(its, f"/api/v1/customers/{own}/documents", **FORM)

    assert made.status_code == 201, made.text
    assert [one.customer_id for one in documents(sessions)] == [own]


def test_an_upload_sent_again_with_its_key_is_answered_and_kept_once(program, sessions, rows):
    at = f"/api/v1/customers/{rows.customer()}/documents"

    first, again = send(program, at, key="k", **FORM), send(program, at, key="k", **FORM)

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json == again.json
    assert again.headers["Idempotency-Replayed"] == "true"
    version = f"/api/v1/documents/{first.json['id']}/versions"
    second = [send(program, version, PNG, "a.png", key="v").json["versions"] for _time in range(2)]
    assert second == [2, 2]
    assert len(documents(sessions)) == 1
    assert len(versions(sessions)) == 2


@pytest.mark.parametrize(
    ("content", "file", "said"),
    [(PNG, "合同.png", {}), (PDF, "other.pdf", {}), (PDF, "合同.pdf", {"number": "HT-2"})],
)
def test_a_key_that_was_sent_with_another_upload_is_refused(program, sessions, rows, content, file, said):
    at = f"/api/v1/customers/{rows.customer()}/documents"
    send(program, at, key="k", **FORM)

    answer = send(program, at, content, file, key="k", **FORM | said)

    assert (answer.status_code, answer.json["code"]) == (409, "idempotency-key-used")
    assert answer.content_type == "application/problem+json"
    assert len(documents(sessions)) == 1


@pytest.mark.parametrize("number", ["HT-1", "HT-2"])
def test_twins_sent_at_the_same_moment_make_one_document(app, program, database, sessions, rows, number):
    """The second one comes while the first is writing: it waits, and is answered with what the first one made."""
    at = f"/api/v1/customers/{rows.customer()}/documents"
    writing, go_on, answers = Event(), Event(), {}

    @event.listens_for(database.engine, "before_cursor_execute")
    def hold(_connection, _cursor, statement, *_more):
        if statement.startswith("INSERT INTO documents ") and not writing.is_set():
            writing.set()
            go_on.wait(10)

    def ask(which, number):
        answers[which] = send(Program(app, program.token), at, key="twin", **FORM | {"number": number})

    first = Thread(target=ask, args=("first", "HT-1"))
    first.start()
    assert writing.wait(10)
    second = Thread(target=ask, args=("second", number))
    second.start()
    second.join(0.5)
    waited = second.is_alive()
    go_on.set()
    first.join(30)
    second.join(30)

    assert waited
    assert answers["first"].status_code == 201, answers["first"].text
    if number == "HT-1":
        assert answers["second"].json == answers["first"].json
        assert answers["second"].headers["Idempotency-Replayed"] == "true"
    else:
        assert (answers["second"].status_code, answers["second"].json["code"]) == (
            409,
            "idempotency-key-used",
        )
    assert [one.number for one in documents(sessions)] == ["HT-1"]


def test_a_twin_of_one_that_fails_is_done_itself(program, sessions, rows):
    at = f"/api/v1/customers/{rows.customer()}/documents"

    assert send(program, at, key="k", **FORM | {"kind": "nonsense"}).status_code == 400
    assert send(program, at, key="k", **FORM).status_code == 201
    assert len(documents(sessions)) == 1


def test_a_file_to_be_taken_in_is_kept_once_for_its_key(app, program, sessions):
    def upload(text):
        return program.client.post(
            "/api/v1/imports?kind=customers&name=list.csv",
            data=text,
            content_type="application/octet-stream",
            headers={"Authorization": f"Bearer {program.token}", "Idempotency-Key": "k"},
        )

    text = b"customer_no,kind,name,status\nC-1,individual,Li,active\n"
    first, again, other = upload(text), upload(text), upload(text + b"C-2,individual,Wu,active\n")

    assert (first.status_code, again.status_code, other.status_code) == (201, 201, 409)
    assert first.json == again.json
    with sessions() as session:
        [kept] = session.scalars(select(Import)).all()
    folder = app.extensions["branchline"].settings.home.files / "imports"
    assert [one.name for one in folder.iterdir()] == [kept.id]


def test_every_request_that_makes_something_takes_a_key(app):
    without = {
        f"{method} {rule.rule}"
        for rule, method, said, _access in described(app)
        if said.status == 201 and not said.once
    }

    assert without == set()


def test_a_document_is_changed_retired_and_restored_as_on_the_page(program, rows, sessions, clock):
    customer = rows.customer()
    at = f"/api/v1/documents/{send(program, f'/api/v1/customers/{customer}/documents', **FORM).json['id']}"
    tag = program.get(at).headers["ETag"]

    clock.advance(timedelta(minutes=1))
    wrong = program.ask("PUT", at, {"kind": "no such kind"}, if_match=tag)
    changed = program.ask("PUT", at, {"kind": "contract", "number": "HT-2"}, if_match=tag)
    late = program.ask("PUT", at, {"kind": "contract", "number": "HT-3"}, if_match=tag)
    blind = program.ask("PUT", at, {"kind": "contract", "number": "HT-3"})
    unsaid = program.post(f"{at}/retire", {"reason": " "})
    retired = program.post(f"{at}/retire", {"reason": "copied twice"})
    closed = program.ask("PUT", at, {"kind": "contract"}, if_match=program.get(at).headers["ETag"])
    [document] = documents(sessions)
    restored = program.post(f"{at}/restore")

    assert (wrong.status_code, [*wrong.json["fields"]]) == (400, ["kind"])
    told = changed.json
    assert (told["number"], told["name"], told["valid_until"]) == ("HT-2", "合同", None), changed.text
    assert (late.status_code, blind.status_code) == (412, 428)
    assert (unsaid.status_code, [*unsaid.json["fields"]]) == (400, ["reason"])
    assert (retired.status_code, retired.json["retired_at"] is not None) == (200, True)
    assert (closed.status_code, closed.json["code"]) == (409, "document-retired")
    assert (document.number, document.retire_reason) == ("HT-2", "copied twice")
    assert (restored.json["retired_at"], program.post(f"{at}/restore").status_code) == (None, 409)
    with sessions() as session:
        told_of = session.scalars(select(AuditEntry.event).where(AuditEntry.event.startswith("document.")))
        assert {"document.changed", "document.retired", "document.restored"} <= {*told_of}


def test_nobody_changes_a_document_of_a_file_they_do_not_see_or_without_the_right(
    app, program, rows, make_user, sessions
):
    wu, li = rows.manager(), rows.manager()
    make_user("wu", StaffKind.ACCOUNT_MANAGER, manager_id=wu)
    at = f"/api/v1/customers/{rows.customer(manager_id=li)}/documents"
    made = send(program, at, **FORM).json
    other, reader = (
        Program(app, token_for(app, name, scopes))
        for name, scopes in (("wu", None), ("boss", [(Resource.DOCUMENT, Action.READ)]))
    )
    address = f"/api/v1/documents/{made['id']}"
    tag = program.get(address).headers["ETag"]

    for asker, status in ((other, 404), (reader, 403)):
        answers = [
            asker.ask("PUT", address, {"kind": "contract"}, if_match=tag),
            asker.post(f"{address}/retire", {"reason": "copied twice"}),
            asker.post(f"{address}/restore"),
        ]
        assert {one.status_code for one in answers} <= {status, 403}, [one.text for one in answers]
    assert other.get(f"{at.removesuffix('/documents')}/completeness").status_code == 404
    [document] = documents(sessions)
    assert (document.number, document.retired_at) == ("HT-1", None)


def test_how_complete_a_file_is_and_what_it_lacks_is_what_the_customers_page_says(program, rows):
    bare, more = rows.customer(), rows.customer(mobile="13900010001", region_code="330106")
    before, after = (program.get(f"/api/v1/customers/{at}/completeness").json for at in (bare, more))

    assert {"mobile", "id_no", "region_code"} <= {*before["missing"]}
    assert {*before["missing"]} - {*after["missing"]} == {"mobile", "region_code"}
    assert 0 <= before["percent"] < after["percent"] < 100
