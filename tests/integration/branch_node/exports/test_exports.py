"""Files with personal data: for a reason, within bounds, marked, by two people where they are large, and on record."""

import csv
import errno
import hashlib
import io
import os
import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import openpyxl
import pytest
from sqlalchemy import select, update
from werkzeug.routing import RequestRedirect

from shared.audit.models import AuditEntry
from shared.exports.jobs import remove_files
from shared.exports.models import Export
from shared.exports.store import ExportStore
from shared.exports.vocabulary import ExportState
from shared.ids import new_id
from shared.jobs.job import Progress
from shared.rights.vocabulary import DataRange, StaffKind
from shared.stamp import Stamp, Via
from shared.twoperson.models import ProposedAct
from shared.web.exports import handing

SHEET = "/customers/export.xlsx"
TEXT = "/customers/export.csv"
WHY = "Letters for the anniversary"


def exports_in(database):
    with database.sessions() as session:
        return session.scalars(select(Export).order_by(Export.id)).all()


def events_in(database):
    with database.sessions() as session:
        return [entry.event for entry in session.scalars(select(AuditEntry).order_by(AuditEntry.seq))]


def table_of(answer):
    return list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig"))))


def ask(browser):
    """Ask for more rows than one may take alone; returns the address of the export."""
    answer = browser.take(TEXT, reason=WHY)
    assert answer.status_code == 303
    return answer.location


def decide(browser, how="approval", **form):
    """Decide on what waits, as the page of the request offers it."""
    where = waiting(browser)
    digest = re.search(r'name="digest" value="([0-9a-f]{64})"', browser.get(where).text)
    return browser.send(f"{where}/{how}", digest=digest[1] if digest else "", **form)


def waiting(browser):
    """Return the address of the request that waits."""
    return re.findall(r'href="(/two-person/[0-9a-f-]{36})"', browser.get("/two-person").text)[0]


def foot_of(book):
    """Return what stands at the foot of a workbook's printed pages."""
    return str(getattr(book.worksheets[0].oddFooter, "left").text)  # noqa: B009 - its stubs do not know it


def make(browser, where):
    """Press the button that makes an approved file."""
    page = browser.get(where).text
    pattern = r'action="(/customers/export[^"]*)".*?name="export" value="([^"]+)"'
    ((action, export),) = re.findall(pattern, page, re.DOTALL)
    return browser.send(action, export=export)


def pass_by(app, database, clock, span):
    """Let time go by and the job run."""
    clock.advance(span)
    runtime = app.extensions["branchline"]
    return remove_files(runtime, Stamp(clock.now(), "job", Via.JOB), Progress())


def test_a_list_of_people_asks_what_for_and_nothing_is_made_before(browser, database, three):
    page = browser.get(f"{SHEET}?status=active")

    assert "What the file is for" in page.text
    assert page.mimetype == "text/html"
    for word in ("Rows", "Mobile", "Contact data in full", "Status"):
        assert word in page.text
    refused = browser.send(SHEET, reason=" x ")
    assert (refused.status_code, "Please say what the file is for" in refused.text) == (400, True)
    assert exports_in(database) == []
    assert "customer.exported" not in events_in(database)


def test_the_file_says_who_made_it_when_why_and_under_which_number(browser, database, three):
    answer = browser.take(SHEET, reason=WHY, whole="yes")

    (export,) = exports_in(database)
    book = openpyxl.load_workbook(io.BytesIO(answer.data))
    sheet, about = book.worksheets
    rows = list(sheet.iter_rows(values_only=True))
    assert [row[-1] for row in rows] == ["Export no.", *[export.number] * 3]
    assert export.number in answer.headers["Content-Disposition"]
    for text in (foot_of(book), str(book.properties.description)):
        assert (export.number in text, "wang" in text, WHY in text) == (True, True, True)
    told = {row[0]: row[1] for row in about.iter_rows(values_only=True)}
    assert (told["Export no."], told["Reason given"]) == (export.number, WHY)
    assert (export.asked_by, export.reason, export.rows, export.state) == ("wang", WHY, 3, ExportState.TAKEN)
    assert export.digest == hashlib.sha256(answer.data).hexdigest()
    assert [event for event in events_in(database) if "export" in event] == [
        "export.created",
        "customer.exported",
    ]


def test_an_ampersand_in_the_reason_is_printed_and_no_code_of_the_footer(browser, database, three):
    answer = browser.take(SHEET, reason="R&D &P")

    assert foot_of(openpyxl.load_workbook(io.BytesIO(answer.data))).endswith("R&&D &&P")


def test_contact_data_leaves_masked_unless_it_is_asked_for_in_full(browser, database, three):
    masked, whole = (browser.take(TEXT, reason=WHY, **form).text for form in ({}, {"whole": "yes"}))

    assert ("138****0000" in masked, "13812340000" in masked) == (True, False)
    assert "13812340000" in whole
    assert [(one.whole, one.masked) for one in exports_in(database)] == [(False, ["Mobile"]), (True, [])]


def test_an_export_without_personal_data_takes_one_click(browser, database, rows):
    answer = browser.get("/imports/template/customers.csv")

    assert (answer.status_code, exports_in(database)) == (200, [])


def test_the_register_does_not_keep_the_number_somebody_searched_for(browser, database, three):
    browser.take(f"{TEXT}?q=13812340001", reason=WHY)
    (export,) = exports_in(database)

    assert "13812340001" not in f"{export.address} {export.conditions}"
    assert export.conditions == {"Search": "…"}


def test_the_register_finds_an_export_by_number_digest_and_the_file_itself(browser, database, three):
    file = browser.take(TEXT, reason=WHY).data
    browser.take(f"{TEXT}?q=13812340001", reason="another")
    first, second = sorted(exports_in(database), key=lambda one: -one.rows)

    for asked in (first.number, first.number.replace("-", "").lower(), first.digest):
        found = browser.get(f"/exports?find={asked}").text
        assert (first.number in found, second.number in found) == (True, False)
    given = {"csrf_token": browser.token(), "file": (io.BytesIO(file), "x.csv")}
    found = browser.post("/exports/find", data=given, follow_redirects=True).text
    assert (first.number in found, second.number in found) == (True, False)
    given = {"csrf_token": browser.token(), "file": (io.BytesIO(file + b"\n"), "x.csv")}
    assert "No export of this number" in browser.post("/exports/find", data=given, follow_redirects=True).text


def test_an_account_manager_sees_their_own_exports_and_a_branch_manager_all(
    browser, make_user, sign_in, database, rows
):
    mine = rows.manager(name="李梅")
    rows.customer(manager_id=mine)
    make_user("li", StaffKind.ACCOUNT_MANAGER, mine)
    clerk = sign_in("li")
    clerk.take(TEXT, reason=WHY)
    browser.take(TEXT, reason=WHY)

    ours, theirs = exports_in(database)
    assert {ours.asked_by, theirs.asked_by} == {"li", "wang"}
    of = {one.asked_by: one for one in (ours, theirs)}
    assert of["wang"].number not in clerk.get("/exports").text
    assert clerk.get(f"/exports/{of['wang'].id}").status_code == 404
    assert of["li"].number in browser.get("/exports").text


def test_more_rows_than_one_may_take_wait_for_a_second_person_who_sees_what_it_is(
    bounds, browser, approver, database, three
):
    assert "Ask a second person" in browser.get(TEXT).text
    where = ask(browser)

    (export,) = exports_in(database)
    assert (export.state, export.digest) == (ExportState.WAITING, None)
    own = decide(browser)
    assert own.status_code == 403
    page = approver.get(waiting(approver)).text
    for word in (WHY, export.number, "Mobile"):
        assert word in page
    assert decide(approver).status_code == 200
    assert "Make and fetch the file" in browser.get(where).text
    assert "Make and fetch the file" not in approver.get(where).text


def test_an_approved_file_goes_to_who_asked_as_often_as_it_may_and_then_is_gone(
    bounds, app, browser, approver, database, three
):
    where = ask(browser)
    decide(approver)
    first = make(browser, where)

    (export,) = exports_in(database)
    path = ExportStore(app.extensions["branchline"].settings.home).path(export.id)
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert len(table_of(first)) == 4
    assert browser.send(TEXT, export=export.id).status_code == 409
    assert approver.send(f"{where}/file").status_code == 403
    again = browser.send(f"{where}/file")
    assert again.data == first.data
    assert hashlib.sha256(first.data).hexdigest() == export.digest
    assert not path.exists()
    assert browser.send(f"{where}/file").status_code == 409
    (export,) = exports_in(database)
    assert (export.state, export.fetches) == (ExportState.OVER, 2)


def test_a_file_nobody_fetches_in_time_is_removed(bounds, app, browser, approver, database, clock, three):
    where = ask(browser)
    decide(approver)
    make(browser, where)
    (export,) = exports_in(database)
    path = ExportStore(app.extensions["branchline"].settings.home).path(export.id)
    assert path.exists()

    pass_by(app, database, clock, timedelta(minutes=61))

    assert not path.exists()
    browser.prove("wang")
    assert browser.send(f"{where}/file").status_code == 409
    assert [one.state for one in exports_in(database)] == [ExportState.OVER]


def test_an_approval_that_nobody_uses_runs_out(bounds, app, browser, approver, database, clock, three):
    where = ask(browser)
    decide(approver)
    pass_by(app, database, clock, timedelta(minutes=61))

    assert [one.state for one in exports_in(database)] == [ExportState.EXPIRED]
    assert "There is no file any more" in browser.get(where).text


def test_a_file_without_an_export_is_removed_and_one_that_waits_to_be_fetched_stays(
    bounds, app, browser, approver, database, clock, three
):
    where = ask(browser)
    decide(approver)
    make(browser, where)
    store = ExportStore(app.extensions["branchline"].settings.home)
    with store.write("left-behind") as file:
        file.write(b"x")
    (export,) = exports_in(database)
    for name in ("left-behind", export.id):
        os.utime(store.path(name), (0, 0))

    pass_by(app, database, clock, timedelta(minutes=1))

    assert (store.path("left-behind").exists(), store.path(export.id).exists()) == (False, True)


@pytest.mark.parametrize(
    ("how", "state"), [("refusal", ExportState.REFUSED), ("withdrawal", ExportState.WITHDRAWN)]
)
def test_what_is_refused_or_withdrawn_is_never_made(bounds, browser, approver, database, three, how, state):
    where = ask(browser)
    if how == "refusal":
        decide(approver, how, reason="not needed")
    else:
        browser.send(f"{where}/withdrawal")

    (export,) = exports_in(database)
    assert (export.state, export.digest) == (state, None)
    assert browser.send(TEXT, export=export.id).status_code == 409


def test_an_approval_makes_what_was_approved_and_nothing_else(
    bounds, browser, approver, database, three, rows
):
    ask(browser)
    decide(approver)
    (export,) = exports_in(database)

    assert browser.send(f"{TEXT}?grade=A", export=export.id).status_code == 409
    assert browser.send(TEXT, export=export.id, whole="yes").status_code == 409
    assert approver.send(TEXT, export=export.id).status_code == 403
    for n in range(5):
        rows.customer(customer_no=f"N-{n}")
    assert browser.send(TEXT, export=export.id).status_code == 409
    assert [one.digest for one in exports_in(database)] == [None]


def test_a_request_changed_in_the_database_is_not_approved(bounds, browser, approver, database, three):
    ask(browser)
    with database.sessions.begin() as session:
        session.execute(update(Export).values(whole=True))

    assert decide(approver).status_code == 409
    with database.sessions() as session:
        assert [act.state.value for act in session.scalars(select(ProposedAct))] == ["waiting"]


def test_the_same_is_not_asked_for_twice(bounds, browser, approver, database, three):
    ask(browser)
    assert browser.take(TEXT, reason=WHY).status_code == 409
    assert len(exports_in(database)) == 1


def test_nobody_takes_more_rows_in_a_day_than_the_bound(bounds, browser, approver, clock, database, three):
    for _time in range(5):
        assert browser.take(f"{TEXT}?q=13812340001", reason=WHY).status_code == 200
    where = ask(browser)
    decide(approver)
    assert make(browser, where).status_code == 200
    for _time in range(2):
        assert browser.take(f"{TEXT}?q=13812340002", reason=WHY).status_code == 200

    over = browser.send(f"{TEXT}?q=13812340002", reason=WHY)
    told = browser.get(f"{TEXT}?q=13812340002").text
    assert (over.status_code, "you have 0 left today" in told) == (429, True)
    assert approver.take(f"{TEXT}?q=13812340002", reason=WHY).status_code == 200
    clock.advance(timedelta(days=1))
    browser.sign_in("wang", "correct horse battery")
    assert browser.take(f"{TEXT}?q=13812340002", reason=WHY).status_code == 200


def test_a_branch_without_a_second_manager_is_told_what_to_do(bounds, browser, make_user, three):
    make_user("zhang", StaffKind.ADMINISTRATOR)
    make_user("idle", data_range=DataRange.NONE)

    page = browser.get(TEXT).text
    assert "at this node nobody else may approve" in page
    assert 'name="reason"' not in page


def test_nothing_to_export_is_said_and_enters_nothing(browser, database, three):
    page = browser.get(f"{TEXT}?q=nobody-is-called-so").text
    assert "There is nothing to export" in page
    assert browser.send(f"{TEXT}?q=nobody-is-called-so", reason=WHY).status_code == 409
    assert exports_in(database) == []


def test_a_full_disk_leaves_nothing_of_an_approved_file(
    bounds, app, browser, approver, database, three, monkeypatch
):
    where = ask(browser)
    decide(approver)

    def fail(_descriptor):
        raise OSError(errno.ENOSPC, "no room")

    monkeypatch.setattr("shared.exports.store.os.fsync", fail)
    answer = make(browser, where)

    assert answer.status_code == 503
    store = ExportStore(app.extensions["branchline"].settings.home)
    assert store.present(before=datetime.max.replace(tzinfo=UTC)) == []
    assert [(one.state, one.digest) for one in exports_in(database)] == [(ExportState.APPROVED, None)]


def test_who_was_granted_no_range_takes_nobody_s_data_out(database, make_user, sign_in):
    make_user("wu", data_range=DataRange.NONE)
    browser = sign_in("wu")
    browser.prove("wu")
    assert browser.get("/organisation/export.csv").status_code == 403
    refused = browser.post("/organisation/export.csv", data={"csrf_token": browser.token(), "reason": WHY})
    assert refused.status_code == 403
    assert exports_in(database) == []


def test_a_form_of_an_export_that_is_too_large_is_refused_as_such(database, browser, three):
    form = {"csrf_token": browser.token(), "reason": "x" * 9_000_000}
    answer = browser.post(TEXT, data=form)
    assert answer.status_code == 413, answer.text
    assert exports_in(database) == []


def test_a_list_with_more_rows_than_a_file_holds_is_refused_and_never_cut_short(
    browser, database, three, monkeypatch
):
    rows = len(table_of(browser.take(TEXT, reason=WHY))) - 1
    monkeypatch.setattr(handing, "MOST_ROWS", rows - 1)

    assert browser.get(TEXT).status_code == 413
    answer = browser.send(TEXT, reason=WHY)

    assert answer.status_code == 413
    assert len(exports_in(database)) == 1
    monkeypatch.setattr(handing, "MOST_ROWS", rows)
    assert browser.send(TEXT, reason=WHY).status_code == 200


def test_the_form_of_every_export_leads_back_to_its_list(app):
    adapter = app.url_map.bind("localhost")
    forms = [
        re.sub(r"<id:[a-z_]+>", new_id(), re.sub(r"<any\(([a-z]+)[^>]*>", r"\1", rule.rule))
        for rule in app.url_map.iter_rules()
        if {"GET", "POST"} <= (rule.methods or set()) and re.search(r"xlsx|csv", rule.rule)
    ]

    assert len(forms) > 2
    for form in forms:
        back = handing.OF_A_FILE.sub("", form)
        assert back != form
        with suppress(RequestRedirect):  # to the same address with a slash
            adapter.match(back, method="GET")
