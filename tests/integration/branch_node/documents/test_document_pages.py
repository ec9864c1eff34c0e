"""Documents on screen: adding several at once, looking, downloading, identity papers for a reason, retiring."""

import io
from dataclasses import replace
from datetime import date
from zipfile import ZipFile

from sqlalchemy import select

from branch_node.documents.models import Document, DocumentVersion
from shared.audit.models import AuditEntry
from shared.rights.vocabulary import StaffKind
from tests.integration.branch_node.documents.conftest import PDF, PNG


def _file(content=PDF, name="contract.pdf"):
    return (io.BytesIO(content), name)


def _send(browser, url, **form):
    return browser.send(url, content_type="multipart/form-data", **form)


def _documents(sessions):
    with sessions() as session:
        return session.scalars(select(Document).order_by(Document.name)).all()


def _events(sessions, prefix="document."):
    with sessions() as session:
        found = session.scalars(select(AuditEntry).order_by(AuditEntry.seq)).all()
    return [entry for entry in found if entry.event.startswith(prefix)]


def test_several_files_are_kept_at_once_and_each_other_one_is_told_of(sessions, rows, browser):
    customer_id = rows.customer(name="李明")
    files = [_file(), _file(PNG, "门店.png"), _file(b"<html>", "page.html"), _file(PDF, "really.png")]

    page = _send(browser, f"/customers/{customer_id}/documents", file=files, kind="licence").text

    assert [one.name for one in _documents(sessions)] == ["contract", "门店"]
    assert "page.html is not a kind of file that is kept here" in page
    assert "really.png is by its content a PDF file" in page
    assert "门店" in page


def test_when_no_file_may_be_kept_each_is_told_of_and_the_form_keeps_what_was_said(sessions, rows, browser):
    customer_id = rows.customer()
    files = [_file(b"<html>", "page.html"), _file(PDF, "really.png")]

    answer = _send(browser, f"/customers/{customer_id}/documents", file=files, kind="licence", number="HT-77")

    assert answer.status_code == 400
    assert "page.html is not a kind of file that is kept here" in answer.text
    assert "really.png is by its content a PDF file" in answer.text
    assert 'value="HT-77"' in answer.text
    assert _documents(sessions) == []


def test_a_file_is_shown_as_what_it_is_and_may_run_nothing(rows, browser, keep):
    customer_id = rows.customer()
    image, paper = keep(customer_id, PNG, "a.png"), keep(customer_id, PDF, "b.pdf")

    shown = browser.get(f"/documents/{image}/versions/1/file")
    assert (shown.data, shown.content_type) == (PNG, "image/png")
    assert "sandbox" in shown.headers["Content-Security-Policy"]
    assert shown.headers["X-Content-Type-Options"] == "nosniff"
    assert shown.headers["Content-Disposition"].startswith("inline")
    assert f"/documents/{image}/versions/1/file" in browser.get(f"/documents/{image}").text
    taken = browser.get(f"/documents/{paper}/versions/1/file?download=1")
    assert taken.data == PDF
    assert taken.headers["Content-Disposition"].startswith("attachment")


def test_opening_and_downloading_stand_in_the_operation_log(sessions, rows, browser, keep):
    paper = keep(rows.customer())

    browser.get(f"/documents/{paper}/versions/1/file")
    browser.get(f"/documents/{paper}/versions/1/file?download=1")

    told = [(entry.event, entry.subject_id) for entry in _events(sessions)]
    assert told == [("document.added", paper), ("document.viewed", paper), ("document.downloaded", paper)]


def test_an_identity_paper_is_opened_for_a_reason_that_the_log_keeps(sessions, rows, browser, keep):
    paper = keep(rows.customer(), PNG, "id.png", kind="identity")

    assert f"/documents/{paper}/versions/1/file" not in browser.get(f"/documents/{paper}").text
    assert browser.get(f"/documents/{paper}/versions/1/file").data != PNG
    assert browser.send(f"/documents/{paper}/versions/1/open", reason="").data != PNG
    assert browser.send(f"/documents/{paper}/versions/1/open", reason="check_person").data == PNG

    renamed = {"kind": "other", "name": "x", "seen_at": _documents(sessions)[0].updated_at.isoformat()}
    assert "An identity paper stays one" in browser.send(f"/documents/{paper}", **renamed).text
    assert [one.kind for one in _documents(sessions)] == ["identity"]

    [revealed] = [entry for entry in _events(sessions) if entry.event == "document.revealed"]
    assert revealed.details["reason"] == "check_person"
    assert (revealed.subject_id, revealed.actor) == (paper, "wang")


def test_a_retired_document_leaves_the_list_and_comes_back(sessions, rows, browser, keep):
    customer_id = rows.customer()
    paper = keep(customer_id, file="Miete.pdf")

    assert browser.send(f"/documents/{paper}/retire", reason="").status_code == 400
    browser.send(f"/documents/{paper}/retire", reason="signed anew")
    tab = f"/customers/{customer_id}/documents"
    assert "Miete" not in browser.get(tab).text
    assert "Miete" in browser.get(f"{tab}?state=retired").text
    assert "signed anew" in browser.get(f"/documents/{paper}").text
    browser.send(f"/documents/{paper}/restore")
    assert "Miete" in browser.get(tab).text


def test_the_form_of_a_retired_document_does_not_open_and_its_page_says_why(sessions, rows, browser, keep):
    paper = keep(rows.customer())
    opened = browser.get(f"/documents/{paper}/edit")
    browser.send(f"/documents/{paper}/retire", reason="signed anew")

    answer = browser.get(f"/documents/{paper}/edit")
    shown = browser.get(f"/documents/{paper}").text
    browser.send(f"/documents/{paper}/restore")

    assert opened.status_code == 200
    assert (answer.status_code, answer.location) == (303, f"/documents/{paper}")
    assert "Restore it first." in shown
    assert browser.get(f"/documents/{paper}/edit").status_code == 200


def test_a_new_version_takes_the_place_of_the_one_before_which_stays_readable(sessions, rows, browser, keep):
    paper = keep(rows.customer())

    _send(browser, f"/documents/{paper}/versions", file=_file(PNG, "signed.png"))

    page = browser.get(f"/documents/{paper}").text
    assert "signed.png" in page
    assert "contract.pdf" in page
    assert browser.get(f"/documents/{paper}/versions/1/file").data == PDF
    assert browser.get(f"/documents/{paper}/versions/2/file").data == PNG
    assert browser.get(f"/documents/{paper}/versions/99999999999999999999/file").status_code == 404


def test_what_is_said_of_a_document_is_changed_and_checked(sessions, rows, browser, keep):
    paper = keep(rows.customer())
    [document] = _documents(sessions)
    known = {"kind": "licence", "name": "营业执照", "seen_at": document.updated_at.isoformat()}

    wrong = {"dated_on": "2026-03-01", "valid_until": "2026-02-01"}
    assert browser.send(f"/documents/{paper}", **known, **wrong).status_code == 400
    assert browser.send(f"/documents/{paper}", **{**known, "kind": "pet"}).status_code == 400
    assert (
        browser.send(f"/documents/{paper}", **{**known, "kind": "identity"}, number="33").status_code == 400
    )
    assert (
        browser.send(f"/documents/{paper}", **known, number="L-7", valid_until="2027-02-01").status_code
        == 200
    )

    [document] = _documents(sessions)
    assert (document.kind, document.name, document.number) == ("licence", "营业执照", "L-7")
    assert browser.send(f"/documents/{paper}", **known).status_code == 200
    stale = {**known, "name": "x", "seen_at": "2020-01-01T00:00:00+00:00"}
    assert browser.send(f"/documents/{paper}", **stale).status_code == 409


def test_what_runs_out_comes_first_and_stands_on_the_board(rows, browser, keep):
    customer_id = rows.customer(name="李明")
    keep(customer_id, file="far.pdf", valid_until=date.fromisoformat("2027-01-01"))
    keep(customer_id, file="over.pdf", valid_until=date.fromisoformat("2026-03-01"))
    keep(customer_id, file="soon.pdf", valid_until=date.fromisoformat("2026-04-01"))
    keep(customer_id, file="ever.pdf")

    page = browser.get("/documents").text
    assert page.index(">over<") < page.index(">soon<") < page.index(">far<") < page.index(">ever<")
    within = browser.get("/documents?days=30").text
    assert ">over<" in within
    assert ">far<" not in within
    board = browser.get("/board").text
    assert "/documents?days=30" in board


def test_all_documents_in_one_file_say_why_and_leave_identity_papers_out(sessions, rows, browser, keep):
    customer_id = rows.customer(customer_no="C-7")
    keep(customer_id, PDF, "contract.pdf")
    keep(customer_id, PNG, "id.png", kind="identity")
    browser.prove("wang")
    url = f"/customers/{customer_id}/documents/export.zip"

    assert "Files of identity papers" in browser.get(url).text
    assert browser.send(url, reason="").status_code == 400
    taken = browser.send(url, reason="the customer asks")

    with ZipFile(io.BytesIO(taken.data)) as parts:
        assert sorted(parts.namelist()) == ["001-contract.pdf", "about.txt", "list.csv"]
        assert parts.read("001-contract.pdf") == PDF
        assert (
            "the customer asks"
            in parts.read("list.csv").decode("utf-8-sig") + parts.read("about.txt").decode()
        )
    whole = browser.send(url, reason="the customer asks", whole="yes")
    with ZipFile(io.BytesIO(whole.data)) as parts:
        assert parts.read("002-id.png") == PNG


def test_an_account_manager_sees_the_documents_of_their_own_customers_only(
    rows, browser, make_user, sign_in, keep
):
    mine, others = rows.manager(), rows.manager()
    own, foreign = rows.customer(manager_id=mine), rows.customer(manager_id=others)
    kept, hidden = keep(own, name="mine.pdf"), keep(foreign, file="foreign.pdf")
    make_user("li", StaffKind.ACCOUNT_MANAGER, mine)
    seen = sign_in("li")

    page = seen.get("/documents").text
    assert "mine" in page
    assert "foreign" not in page
    assert seen.get(f"/documents/{kept}/versions/1/file").data == PDF
    for path in (
        f"/documents/{hidden}",
        f"/documents/{hidden}/versions/1/file",
        f"/customers/{foreign}/documents",
    ):
        assert seen.get(path).status_code == 404
    assert (
        _send(seen, f"/customers/{own}/documents", file=_file(PNG, "new.png"), kind="photo").status_code
        == 200
    )
    assert _send(seen, f"/customers/{foreign}/documents", file=_file(), kind="photo").status_code == 404
    assert seen.get(f"/documents/{kept}").status_code == 200


def test_an_operator_adds_while_serving_and_retires_nothing(
    sessions, rows, browser, make_user, sign_in, keep
):
    customer_id = rows.customer()
    paper = keep(customer_id)
    make_user("desk", StaffKind.SERVICE)
    desk = sign_in("desk")

    assert desk.get(f"/documents/{paper}").status_code == 404
    assert desk.send(f"/documents/{paper}/retire", reason="why not").status_code == 403
    assert desk.send(f"/service-desk/serve/{customer_id}").status_code in {200, 404}


def test_nothing_is_kept_beyond_the_room_that_documents_may_fill(sessions, rows, app, browser):
    runtime = app.extensions["branchline"]
    app.extensions["branchline"] = replace(runtime, settings=replace(runtime.settings, documents_quota_mb=0))
    answer = _send(browser, f"/customers/{rows.customer()}/documents", file=_file(), kind="photo")

    assert answer.status_code == 409
    assert "that is used up" in answer.text
    assert _documents(sessions) == []
    with sessions() as session:
        assert session.scalars(select(DocumentVersion)).all() == []
