"""What people ask branches about their data, as head office sees it: open, overdue, in time, and never who."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from hq_server.branches.models import Branch
from hq_server.ranges import RANGES
from hq_server.replica.models import ReplicaPersonalRequest
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
