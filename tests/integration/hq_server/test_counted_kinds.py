"""A kind of papers that rules or policies count is not left out before somebody who read which says it is meant."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from hq_server.feed.jobs import publish_due
from hq_server.feed.models import FeedItem, FeedVersion
from hq_server.feed.schemas import LATER
from shared.alarms.models import Alarm
from shared.audit.models import AuditEntry
from shared.domain.published.vocabulary import ItemKind
from shared.domain.qualification.checks import NAME
from shared.domain.qualification.standard import STANDARD
from shared.stamp import Stamp, Via
from tests.integration.hq_server.conftest import NOON
from tests.integration.hq_server.test_rule_sets import NEW, filled

KINDS = "licence | 营业执照 | Business licence\ntax | 完税证明 | Tax certificate\ndeed | 房产证 | Deed"
TABLE = {"kind": "code_table", "name": "document-kind", "to": "all"}
# What counts tax certificates, as the form and the page say it.
BY_RULE = "Tax certificate: rule “Tax paid”"
BY_POLICY = "Tax certificate: What makes the file of a group complete"


def publish_rule(client, do="publish"):
    last = len(STANDARD.rules) + 1
    row = {"code": "tax", "zh": "已完税", "en": "Tax paid", "applies_to": "group", "fact": "document:tax"}
    row |= {"test": "not_older", "value": "12", "effect": "require"}
    form = filled(client.get(NEW).text) | {f"rule-{last}-{column}": value for column, value in row.items()}
    assert client.send("/published", kind="rules", name=NAME, **{**form, "do": do}).status_code == 303


def publish_policy(client, do="publish"):
    value = ["address", "document:tax"]
    made = client.send(
        "/published", kind="policy", name="archive-complete-group", value=value, to="all", do=do
    )
    assert made.status_code == 303


def versions(database):
    with database.reads() as session:
        of_tables = select(FeedVersion).join(FeedItem, FeedItem.id == FeedVersion.item_id)
        return session.scalars(of_tables.where(FeedItem.kind == ItemKind.CODE_TABLE)).all()


@pytest.fixture
def table(client):
    """The published table of kinds: its address."""
    return client.send("/published", **TABLE, codes=KINDS, do="publish").location


def left_out(client, table, codes, **more):
    seen = re.findall(r'name="seen_at" value="([^"]+)"', client.get(f"{table}/edit").text)[0]
    return client.send(table, seen_at=seen, to="all", codes=codes, do="publish", **more)


@pytest.mark.parametrize(
    ("publish", "told"), [(publish_rule, BY_RULE), (publish_policy, BY_POLICY)], ids=["rule", "policy"]
)
@pytest.mark.parametrize("do", ["publish", "draft"])
def test_a_counted_kind_is_left_out_only_by_who_says_it_is_meant(client, database, table, publish, told, do):
    publish(client, do)
    without = KINDS.replace("tax | 完税证明 | Tax certificate\n", "")

    refused = left_out(client, table, without)
    assert refused.status_code == 409
    assert told in refused.text
    assert without.splitlines()[1] in refused.text
    assert 'name="counted"' in refused.text
    assert len(versions(database)) == 1

    assert left_out(client, table, without, counted="yes").status_code == 303
    codes = {one["code"]: one.get("withdrawn", False) for one in versions(database)[-1].body["codes"]}
    assert codes == {"licence": False, "tax": True, "deed": False}


def test_a_kind_that_nothing_counts_is_left_out_without_a_question(client, database, table):
    publish_rule(client)

    assert left_out(client, table, KINDS.replace("\ndeed | 房产证 | Deed", "")).status_code == 303
    assert len(versions(database)) == 2


def test_the_first_table_that_leaves_out_a_kind_every_branch_knows_is_asked_about_too(client, database):
    value = ["address", "document:contract"]
    client.send(
        "/published", kind="policy", name="archive-complete-group", value=value, to="all", do="publish"
    )

    refused = client.send("/published", **TABLE, codes=KINDS, do="publish")
    assert refused.status_code == 409
    assert "Contract: What makes the file of a group complete" in refused.text
    assert versions(database) == []


def test_a_draft_that_leaves_a_counted_kind_out_and_the_withdrawal_of_the_table_say_what_counts_it(
    client, table
):
    without = KINDS.replace("tax | 完税证明 | Tax certificate\n", "")
    seen = re.findall(r'name="seen_at" value="([^"]+)"', client.get(f"{table}/edit").text)[0]
    client.send(table, seen_at=seen, to="all", codes=without, do="draft")
    assert "still counted" not in client.get(table).text
    assert "still counted" not in client.get(f"{table}/withdrawal").text

    publish_rule(client)

    assert BY_RULE in client.get(table).text
    assert BY_RULE in client.get(f"{table}/withdrawal").text


def test_withdrawing_rules_says_what_branches_judge_by_then(client, database):
    publish_rule_set = filled(client.get(NEW).text)
    made = client.send("/published", kind="rules", name=NAME, **publish_rule_set).location

    page = client.get(f"{made}/withdrawal").text
    assert "judges by the rules built in" in page
    assert "announcement" not in page[page.index("<main") :]


def draft_without_tax(client, table, do="draft", **more):
    without = KINDS.replace("tax | 完税证明 | Tax certificate\n", "")
    seen = re.findall(r'name="seen_at" value="([^"]+)"', client.get(f"{table}/edit").text)[0]
    return client.send(table, seen_at=seen, to="all", codes=without, do=do, **more)


def test_the_publish_button_asks_what_the_form_asked_when_something_has_come_to_count_a_kind(
    client, database, table
):
    draft_without_tax(client, table)
    assert 'name="counted"' not in client.get(table).text
    publish_rule(client)
    assert 'name="counted"' in client.get(table).text

    refused = client.send(f"{table}/publication")

    assert refused.status_code == 409
    assert BY_RULE in refused.text[refused.text.index('role="alert"') :]
    assert [one.seq is None for one in versions(database)] == [False, True]
    assert client.send(f"{table}/publication", counted="yes").status_code == 303
    assert [one.seq is None for one in versions(database)] == [False, False]


@pytest.fixture
def at_its_time(database):
    """Let the job run when the time that drafts are scheduled for has come; returns how it went."""

    def run():
        by = Stamp(NOON + timedelta(hours=3), "system", Via.JOB)
        with database.sessions.begin() as session:
            return publish_due(session, by=by)

    return run


def test_a_scheduled_draft_waits_for_somebody_when_something_has_come_to_count_what_it_leaves_out(
    client, database, table, at_its_time
):
    later = (NOON + timedelta(hours=10)).strftime("%Y-%m-%dT%H:%M")
    assert draft_without_tax(client, table, LATER, publish_at=later).status_code == 303
    publish_rule(client)

    at_its_time()

    held = versions(database)[-1]
    assert (held.seq, held.publish_at) == (None, None)
    with database.reads() as session:
        alarm = session.scalars(select(Alarm).where(Alarm.code == "feed-held")).one()
        assert (alarm.subject_id, alarm.details["kinds"], alarm.closed_at) == (held.item_id, "tax", None)
        assert "feed.held" in session.scalars(select(AuditEntry.event)).all()
    assert "was not published at its time" in client.get("/alarms").text
    assert client.send(f"{table}/publication", counted="yes").status_code == 303
    with database.reads() as session:
        assert session.scalars(select(Alarm).where(Alarm.code == "feed-held")).one().closed_at is not None


def test_a_scheduled_draft_goes_out_when_it_was_said_that_just_these_kinds_are_meant(
    client, database, table, at_its_time
):
    publish_rule(client)
    later = (NOON + timedelta(hours=10)).strftime("%Y-%m-%dT%H:%M")
    assert draft_without_tax(client, table, LATER, publish_at=later, counted="yes").status_code == 303
    assert versions(database)[-1].meant == ["tax"]

    at_its_time()

    assert versions(database)[-1].seq is not None
    with database.reads() as session:
        assert session.scalars(select(Alarm)).all() == []


def test_writing_a_draft_that_was_held_back_anew_ends_its_alarm(client, database, table, at_its_time):
    later = (NOON + timedelta(hours=10)).strftime("%Y-%m-%dT%H:%M")
    draft_without_tax(client, table, LATER, publish_at=later)
    publish_rule(client)
    at_its_time()

    assert draft_without_tax(client, table, LATER, publish_at=later, counted="yes").status_code == 303

    with database.reads() as session:
        assert session.scalars(select(Alarm).where(Alarm.code == "feed-held")).one().closed_at is not None
    at_its_time()
    assert versions(database)[-1].seq is not None


@pytest.mark.parametrize(
    ("publish", "kind"),
    [(publish_rule, ItemKind.RULES), (publish_policy, ItemKind.POLICY)],
    ids=["rule", "policy"],
)
def test_what_was_withdrawn_counts_no_kind_any_more(client, database, table, publish, kind):
    publish(client)
    without = KINDS.replace("tax | 完税证明 | Tax certificate\n", "")
    assert left_out(client, table, without).status_code == 409
    with database.reads() as session:
        item = session.scalars(select(FeedItem.id).where(FeedItem.kind == kind)).one()
    assert client.send(f"/published/{item}/withdrawal").status_code == 303

    assert left_out(client, table, without).status_code == 303
