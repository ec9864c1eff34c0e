"""What people ask branches about their data, as head office sees it: open, overdue, in time, and never who."""

import csv
import io
import re
from datetime import timedelta

import openpyxl
import pytest
from sqlalchemy import select

from hq_server.branches.models import Branch
from hq_server.ranges import RANGES
from hq_server.replica.models import ReplicaPersonalRequest
from shared.audit.models import AuditEntry
from shared.audit.vocabulary import LogAction
from shared.auth.queries import get_user_named
from shared.domain.personal.vocabulary import RequestKind, RequestState
from shared.ids import new_id
from shared.rights.ranges import SIGHT, Seer, Sight
from shared.rights.vocabulary import DataRange, Resource, StaffKind
from tests.integration.hq_server.conftest import NOON, sign_in
from tests.support.hq_rows import add_branch

TODAY = NOON.date()


def ask(session, branch, *, due, ended=None, kind=RequestKind.ACCESS, state=RequestState.DONE):
    session.add(
        ReplicaPersonalRequest(
            branch_number=branch.number,
            id=new_id(),
            kind=kind,
            received_on=TODAY - timedelta(days=30),
            due_on=TODAY + timedelta(days=due),
            state=RequestState.OPEN if ended is None else state,
            ended_at=ended,
            row_lineage=1,
            row_change=1,
            batch_id=1,
        )
    )


@pytest.fixture
def asked(database):
    """Of one branch: one overdue, two within their time, one answered in time and one late; none of another."""
    with database.sessions.begin() as session:
        branch = add_branch(session, "B001", NOON, name="杭州分公司")
        branch.deliver()
        add_branch(session, "B002", NOON, name="宁波分公司")
        ask(session, branch, due=-1)
        ask(session, branch, due=0, kind=RequestKind.CORRECTION)
        ask(session, branch, due=5, kind=RequestKind.ERASURE)
        ask(session, branch, due=-3, ended=NOON - timedelta(days=3))
        ask(session, branch, due=-4, ended=NOON - timedelta(days=3), state=RequestState.REFUSED)
        ask(session, branch, due=-380, ended=NOON - timedelta(days=370))


def row_of(page, branch):
    """The figures of a branch's line, in the order of the columns."""
    line = next(one for one in page.split("<tr>") if f">{branch}</a>" in one)
    return [re.sub("<[^>]+>", "", cell) for cell in re.findall('<td class="num".*?</td>', line)]


def test_each_branch_shows_what_is_unanswered_overdue_in_time_and_late_with_what_it_covers(client, asked):
    page = client.get("/personal-requests").text

    assert row_of(page, "杭州分公司") == ["3", "1", "1", "1"]
    assert row_of(page, "宁波分公司") == ["0", "0", "0", "0"]
    assert (TODAY - timedelta(days=1)).isoformat() in page
    assert "B002" not in client.get("/personal-requests?branch=B001").text.split("<tbody>")[1]
    assert "coverage" in page


def test_a_number_opens_the_list_it_counts(client, asked):
    page = client.get("/personal-requests").text
    unanswered, overdue, in_time, late = (
        one.replace("&amp;", "&") for one in re.findall('href="(/personal-requests/B001[?][^"]+)"', page)
    )

    assert [client.get(one).text.count("<tr>") - 1 for one in (unanswered, overdue, in_time, late)] == [
        3,
        1,
        1,
        1,
    ]
    assert client.get("/personal-requests/B001").text.count("<tr>") - 1 == 5
    assert "refused" in client.get(late).text
    assert "Correction" in client.get(unanswered).text
    assert client.get("/personal-requests/B009").status_code == 404


def test_who_sees_some_branches_sees_their_requests_alone(client, database, asked):
    with database.sessions.begin() as session:
        other = add_branch(session, "B003", NOON, name="温州分公司")
        ask(session, other, due=-1)
        near = session.scalars(select(Branch.number).where(Branch.code == "B001")).one()
    limited = sign_in(client.application, database, StaffKind.ANALYST, username="limited")
    with database.sessions.begin() as session:
        get_user_named(session, "limited").branches = [near]

    page = limited.get("/personal-requests").text
    assert ("杭州分公司" in page, "温州分公司" in page) == (True, False)
    assert limited.get("/personal-requests/B003").status_code == 404
    with database.sessions(info={SIGHT: sight_of(database, near)}) as session:
        assert {one.branch_number for one in session.scalars(select(ReplicaPersonalRequest))} == {near}


def sight_of(database, near):
    with database.reads() as session:
        user_id = get_user_named(session, "limited").id
    reach = dict.fromkeys(Resource, DataRange.GROUP)
    return Sight(Seer(user_id, None, NOON), reach, RANGES, branches=(near,))


def table_of(answer):
    return [*csv.reader(io.StringIO(answer.data.decode("utf-8-sig")))]


def test_figures_of_branches_leave_as_a_file_in_the_order_and_with_the_filters_of_the_page(
    client, database, asked
):
    rows = table_of(client.get("/personal-requests/export.csv?sort=-unanswered&kind=access&kind=correction"))

    assert rows[0][:4] == ["Branch", "Name", "Unanswered", "of these overdue"]
    assert [row[:4] for row in rows[1:]] == [
        ["B001", "杭州分公司", "2", "1"],
        ["B002", "宁波分公司", "0", "0"],
    ]
    with database.reads() as session:
        entry = session.scalars(
            select(AuditEntry).where(AuditEntry.event == "personal_request.exported")
        ).one()
    assert (entry.action, entry.actor, entry.details["rows"]) == (LogAction.EXPORT, "zhang", 2)
    assert "A copy of their data" in str(entry.details["conditions"])


def test_requests_leave_one_by_one_without_who_asked(client, asked):
    path = "/personal-requests/one-by-one/export"
    rows = table_of(client.get(f"{path}.csv?branch=B001&standing=overdue&standing=late&sort=due_on"))

    assert [(row[0], row[1], row[4]) for row in rows[1:]] == [
        ("B001", "A copy of their data", "answered late"),
        ("B001", "A copy of their data", "overdue"),
    ]
    assert rows[0] == ["Branch", "Kind", "Received on", "Due on", "State", "Answered", "Answer"]
    book = openpyxl.load_workbook(io.BytesIO(client.get(f"{path}.xlsx?branch=B001").data))
    assert book.worksheets[0].max_row == 1 + 5
    assert client.get(f"{path}.csv?branch=B002").data.decode("utf-8-sig").count("\n") == 1


def test_a_name_that_would_run_in_a_spreadsheet_leaves_as_text(client, database, asked):
    with database.sessions.begin() as session:
        session.scalars(select(Branch).where(Branch.code == "B002")).one().name = "=cmd|' /C calc'!A0"

    name = table_of(client.get("/personal-requests/export.csv?branch=B002"))[1][1]
    assert name.startswith("'=")


def test_who_may_only_read_takes_no_file(client, database, asked):
    leader = sign_in(client.application, database, StaffKind.LEADER, username="lin")

    assert leader.get("/personal-requests").status_code == 200
    assert "export.csv" not in leader.get("/personal-requests").text
    assert leader.get("/personal-requests/export.csv").status_code == 403
    assert leader.get("/personal-requests/one-by-one/export.csv").status_code == 403


def test_files_hold_the_requests_of_those_branches_alone_that_one_sees(client, database, asked):
    with database.sessions.begin() as session:
        other = add_branch(session, "B003", NOON, name="温州分公司")
        ask(session, other, due=-1)
    limited = sign_in(client.application, database, StaffKind.ANALYST, username="limited")
    with database.sessions.begin() as session:
        get_user_named(session, "limited").branches = [other.number]

    for path in ("/personal-requests/export.csv", "/personal-requests/one-by-one/export.csv?branch=B001"):
        assert {row[0] for row in table_of(limited.get(path))[1:]} == {"B003"}, path


@pytest.mark.parametrize(
    ("sort", "first"),
    [("", "B001"), ("-branch", "B002"), ("late", "B002"), ("-late", "B001"), ("-first_due", "B001")],
)
def test_branches_stand_in_the_order_asked_for(client, asked, sort, first):
    page = client.get(f"/personal-requests?sort={sort}").text

    assert re.findall(r'class="muted">(B00\d)<', page)[0] == first


def test_requests_of_a_branch_are_narrowed_and_ordered_and_come_in_pages(client, database, asked):
    with database.sessions.begin() as session:
        found = session.scalars(select(Branch).where(Branch.code == "B001")).one()
        for day in range(30):
            ask(session, found, due=day + 10, kind=RequestKind.ERASURE)

    first = client.get("/personal-requests/B001?kind=erasure&sort=-due_on").text
    assert (first.count("<tr>") - 1, "1 to 25 of 31" in first) == (25, True)
    assert (TODAY + timedelta(days=39)).isoformat() in first
    assert client.get("/personal-requests/B001?kind=erasure&page=2").text.count("<tr>") - 1 == 6
    assert client.get("/personal-requests/B001?kind=correction").text.count("<tr>") - 1 == 1
    assert client.get("/personal-requests/B001?sort=nobody&page=-1").status_code == 200
    assert client.get("/personal-requests/B001?kind=nonsense").status_code == 400
