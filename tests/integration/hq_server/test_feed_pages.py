"""What people do with published items in the browser."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from hq_server.branches.models import Branch
from hq_server.feed import jobs, operations, queries, receipts, standing
from hq_server.feed.alarms import FEED_BEHIND
from hq_server.feed.models import FeedItem, FeedVersion
from hq_server.feed.operations import Draft
from shared.alarms.queries import find_open
from shared.audit.models import AuditEntry
from shared.db.base import instant_text
from shared.domain.published.codes import Code, read_codes
from shared.domain.published.policies import OUTBOX_DAYS, REQUIRED_FIELDS
from shared.domain.published.vocabulary import CodeTable, ItemKind
from shared.rights.vocabulary import StaffKind
from shared.stamp import Stamp, Via
from sync_protocol.contract.feed import FeedPoint, FeedReceipt, FeedReceipts
from tests.integration.hq_server.conftest import NOON, sign_in
from tests.support.hq_rows import add_branch

BY = Stamp(NOON, "zhang", Via.WEB)


@pytest.fixture
def branches(database):
    with database.sessions.begin() as session:
        for code in ("B001", "B002"):
            row = add_branch(session, code, NOON, name=f"{code}分公司")
            found = session.get_one(Branch, row.number)
            found.last_seen_at = NOON
    return ("B001", "B002")


@pytest.fixture
def published(database, branches):
    """Publish a policy; returns the id of its item."""
    with database.sessions.begin() as session:
        item = operations.make_item(session, ItemKind.POLICY, OUTBOX_DAYS, Draft({"value": 40}), by=BY)
        operations.publish(session, item.id, by=BY)
        return item.id


def tell(database, code, item, version, *, outcome="applied", reasons=(), at=NOON):
    """Have a branch tell what became of a version."""
    with database.sessions.begin() as session:
        branch = session.scalars(select(Branch).where(Branch.code == code)).one()
        one = FeedReceipt(
            id=item, version=version, outcome=outcome, received_at=instant_text(at), reasons=list(reasons)
        )
        told = FeedReceipts(number=1, through=FeedPoint(seq=1, digest="0" * 64), receipts=[one])
        receipts.keep_receipts(session, branch, told, at=at)


def test_a_policy_is_made_and_published_in_one_go_and_stands_in_the_operation_log(client, database, branches):
    offered = client.get("/published/new").text
    assert "kind=policy&amp;name=outbox-retention-days" in offered
    form = client.get(f"/published/new?kind=policy&name={OUTBOX_DAYS}").text
    assert "1 to 3,650 days" in form

    answer = client.send("/published", kind="policy", name=OUTBOX_DAYS, value="45", to="all", do="publish")

    assert answer.status_code == 303
    page = client.get(answer.location).text
    assert "45 days" in page
    assert page.count("not yet") == 2
    with database.reads() as session:
        version = session.scalars(select(FeedVersion)).one()
        assert (version.body, version.seq, version.branches) == ({"value": 45}, 1, [])
        events = session.scalars(select(AuditEntry.event).where(AuditEntry.subject_type == "published")).all()
        assert sorted(events) == ["feed.drafted", "feed.published"]


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"value": "0"}, "whole number within the bounds"),
        ({"value": "soon"}, "whole number within the bounds"),
        ({"value": "45", "to": "some"}, "Choose at least one branch"),
        ({"value": "45", "expires_at": "2020-01-01T00:00"}, "later than now"),
        ({"value": "45", "do": "schedule"}, "Please fill this in"),
        ({"value": "45", "do": "schedule", "publish_at": "2020-01-01T00:00"}, "later than now"),
    ],
)
def test_what_branches_could_not_obey_is_refused_at_its_field(client, database, branches, form, said):
    answer = client.send(
        "/published", kind="policy", name=OUTBOX_DAYS, **{"to": "all", "do": "publish", **form}
    )

    assert answer.status_code == 400
    assert said in answer.text
    with database.reads() as session:
        assert session.scalars(select(FeedItem)).all() == []


def test_a_second_item_for_the_same_table_is_refused(client, published):
    answer = client.send("/published", kind="policy", name=OUTBOX_DAYS, value="50", to="all", do="draft")

    assert answer.status_code == 409
    assert "published already" in answer.text


def test_a_change_is_a_new_version_whose_differences_stand_beside_it(client, database, published):
    seen = _seen(client, published)
    client.send(f"/published/{published}", seen_at=seen, value="50", to="some", branches="B001", do="publish")

    page = client.get(f"/published/{published}").text
    assert "40 days → <b>50 days</b>" in page
    assert "all → <b>B001</b>" in page
    with database.reads() as session:
        versions = queries.list_versions(session, published)
        assert [(one.version, one.body["value"]) for one in versions] == [(2, 50), (1, 40)]


def test_two_who_change_the_same_item_do_not_overwrite_each_other(client, clock, published):
    seen = _seen(client, published)
    clock.advance(timedelta(minutes=1))
    first = client.send(f"/published/{published}", seen_at=seen, value="50", to="all", do="draft")
    second = client.send(f"/published/{published}", seen_at=seen, value="60", to="all", do="draft")

    assert (first.status_code, second.status_code) == (303, 409)
    assert "Somebody changed this item meanwhile" in second.text


def test_a_code_left_out_of_a_table_is_withdrawn_and_travels_on(client, database, branches):
    name = CodeTable.PRODUCT.value
    made = client.send(
        "/published", kind="code_table", name=name, codes="BB | 宽带 | Broadband\nTV", to="all", do="publish"
    )
    item = made.location.rpartition("/")[2]
    client.send(f"/published/{item}", seen_at=_seen(client, item), codes="BB | 宽带", to="all", do="publish")

    page = client.get(made.location).text
    assert "TV: TV → <b>withdrawn</b>" in page
    with database.reads() as session:
        newest = queries.list_versions(session, item)[0]
        assert read_codes(newest.body) == [Code("BB", "宽带", ""), Code("TV", "", "", withdrawn=True)]


def test_a_line_that_is_no_code_is_named(client, branches):
    name = CodeTable.PRODUCT.value
    answer = client.send("/published", kind="code_table", name=name, codes="BB\nBB", to="all", do="draft")

    assert answer.status_code == 400
    assert "Line 2:" in answer.text


def test_an_announcement_is_written_scheduled_and_published_by_itself(client, app, clock, database, branches):
    answer = client.send(
        "/published",
        kind="announcement",
        title="停机通知",
        text="今晚 22 点维护。",
        **{"from": "2026-11-18T20:00", "for": "service"},
        expires_at="2026-11-20T08:00",
        to="all",
        do="schedule",
        publish_at="2026-11-18T18:00",
    )
    assert answer.status_code == 303
    runtime = app.extensions["branchline"]

    def run():
        from shared.jobs.job import Progress

        return jobs.publish_scheduled(runtime, Stamp(clock.now(), "jobs", Via.JOB), Progress()).counts

    assert run() == {}
    clock.advance(timedelta(hours=7))
    assert run() == {"items": 1}
    with database.reads() as session:
        version = session.scalars(select(FeedVersion)).one()
        assert version.body["from"] == "2026-11-18T12:00:00.000000Z"
        assert version.body["for"] == ["service"]
        assert instant_text(version.expires_at) == "2026-11-20T00:00:00.000000Z"
        assert version.published_by == "jobs"


def test_withdrawing_says_what_it_touches_and_keeps_the_draft(client, database, published):
    tell(database, "B001", published, 1)
    seen = _seen(client, published)
    client.send(f"/published/{published}", seen_at=seen, value="50", to="all", do="draft")

    assert (
        '<b class="num">1</b> branches have applied it'
        in client.get(f"/published/{published}/withdrawal").text
    )
    client.send(f"/published/{published}/withdrawal")

    with database.reads() as session:
        versions = queries.list_versions(session, published)
        assert [(one.version, one.withdrawn, one.is_published) for one in versions] == [
            (3, False, False),
            (2, True, True),
            (1, False, True),
        ]
    page = client.get(f"/published/{published}").text
    assert "no branch goes by it any more" in page
    assert client.send(f"/published/{published}/withdrawal").status_code == 409


def test_a_draft_that_was_never_published_is_dropped_with_its_item(client, database, branches):
    made = client.send("/published", kind="policy", name=OUTBOX_DAYS, value="45", to="all", do="draft")

    answer = client.send(f"{made.location}/draft")

    assert answer.location == "/published"
    with database.reads() as session:
        assert session.scalars(select(FeedItem)).all() == []


def test_the_list_finds_by_word_kind_and_state_and_says_the_same_in_files_and_json(
    client, database, published
):
    tell(database, "B001", published, 1)
    with database.sessions.begin() as session:
        body: dict[str, Any] = {"title": "年会", "text": "…", "from": None, "for": []}
        operations.make_item(session, ItemKind.ANNOUNCEMENT, "", Draft(body), by=BY)

    assert "1 of 2" in client.get("/published?q=batches").text
    assert "年会" not in client.get("/published?kind=policy").text
    assert "年会" in client.get("/published?state=draft").text
    assert "Sent batches" not in client.get("/published?state=draft&q=年会").text

    document = client.get("/published/items.json?state=published").json
    assert [(one["name"], one["version"], one["applied"], one["addressed"]) for one in document["items"]] == [
        (OUTBOX_DAYS, 1, 1, 2)
    ]
    assert "Sent batches are kept" in client.get("/published/items.csv").text
    assert client.get("/published/items.xlsx").status_code == 200


def test_the_matrix_shows_who_is_behind_first_and_says_the_same_in_files_and_json(
    client, database, published
):
    tell(database, "B001", published, 1)

    page = client.get("/published/branches").text
    listed = page.split("<tbody>")[1]
    assert listed.index("B002分公司") < listed.index("B001分公司")
    assert "1 of 2" in page
    assert "B001分公司" not in client.get("/published/branches?behind=yes").text.split("<tbody>")[1]

    document = client.get("/published/branches.json?branch=B001").json
    assert [(one["branch"], one["version_due"], one["version_applied"]) for one in document["branches"]] == [
        ("B001", 1, 1)
    ]
    assert "B002" in client.get("/published/branches.csv").text


def test_a_refusal_is_shown_with_its_reason(client, database, published):
    tell(
        database,
        "B002",
        published,
        1,
        outcome="refused",
        reasons=["This policy is not known to this version of the program."],
    )

    page = client.get(f"/published/{published}").text.split("<tbody>")[1]
    assert "refused" in page
    assert "This policy is not known to this version of the program." in page


def test_a_branch_that_is_heard_from_and_does_not_follow_raises_an_alarm_until_it_does(database, published):
    def watched(at, *, seen=True):
        with database.sessions.begin() as session:
            if seen:
                for branch in session.scalars(select(Branch)):
                    branch.last_seen_at = at
            behind = standing.watch(session, at, hours=6)
        with database.reads() as session:
            return behind, find_open(session, FEED_BEHIND, ("branch", "B002")) is not None

    tell(database, "B001", published, 1)
    assert watched(NOON + timedelta(hours=5)) == (0, False)
    assert watched(NOON + timedelta(hours=7), seen=False) == (0, False)
    assert watched(NOON + timedelta(hours=7)) == (1, True)
    tell(database, "B002", published, 1)
    assert watched(NOON + timedelta(hours=8)) == (0, False)


def test_leaders_see_what_is_published_and_change_nothing(app, database, published):
    browser = sign_in(app, database, StaffKind.LEADER, "li")

    assert browser.get(f"/published/{published}").status_code == 200
    assert "/withdrawal" not in browser.get(f"/published/{published}").text
    for path in ("/published", f"/published/{published}", f"/published/{published}/withdrawal"):
        assert browser.send(path, value="50").status_code == 403
    assert browser.get("/published/new").status_code == 403


def test_fields_that_several_may_be_chosen_of_come_in_their_order(client, database, branches):
    answer = client.send(
        "/published", kind="policy", name=REQUIRED_FIELDS, value=["grade", "mobile"], to="all", do="publish"
    )

    assert answer.status_code == 303
    with database.reads() as session:
        assert session.scalars(select(FeedVersion)).one().body == {"value": ["mobile", "grade"]}


def _seen(client, item):
    page = client.get(f"/published/{item}/edit").text
    return page.partition('name="seen_at" value="')[2].partition('"')[0]
