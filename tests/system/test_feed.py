"""What head office publishes comes to every branch it is for, whatever the line, the clocks and the backups do."""

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, text

from branch_node.inbound import operations as inbound
from branch_node.inbound import queries as held
from branch_node.inbound.alarms import NOT_OBEYED
from branch_node.inbound.models import FeedPlace, InboundItem
from hq_server.branches.queries import get_branch
from hq_server.feed import operations, queries
from hq_server.feed.alarms import FEED_REFUSED
from hq_server.feed.models import FeedStanding, FeedTelling, FeedVersion
from hq_server.feed.operations import Draft
from shared.alarms.queries import find_open
from shared.auth import operations as auth
from shared.domain.documents import asking
from shared.domain.published import policies
from shared.domain.published.codes import Code, write_codes
from shared.domain.published.policies import OUTBOX_DAYS
from shared.domain.published.vocabulary import CodeTable, ItemKind
from shared.ids import new_id
from shared.rights.vocabulary import StaffKind
from sync_protocol.contract.feed import FeedEntry, FeedPoint, FeedReceipts
from tests.support.groups import ONE_WRITER, not_run
from tests.support.setbacks import back_up_branch, back_up_hq, set_back, set_back_hq
from tests.support.world import WsgiTransport


def publish(world, kind=ItemKind.POLICY, name=OUTBOX_DAYS, body=None, item=None, **more):
    """Publish an item, or the next version of one; returns its id."""
    draft = Draft(body=body or {"value": 40}, **more)
    with world.hq.database.sessions.begin() as session:
        if item is None:
            item = operations.make_item(session, kind, name, draft, by=world.by()).id
        else:
            seen = queries.standing_of(session, queries.get_item(session, item)).current
            assert seen
            operations.save_draft(session, item, draft, seen_at=seen.made_at, by=world.by())
        operations.publish(session, item, by=world.by())
    return item


def withdraw(world, item):
    with world.hq.database.sessions.begin() as session:
        operations.withdraw(session, item, by=world.by())


def announce(world, title="停机通知", **more):
    body = {"title": title, "text": "今晚 22 点维护。", "from": None, "for": []}
    return publish(world, ItemKind.ANNOUNCEMENT, "", body, **more)


def in_force(branch):
    """Return (version, body) of everything that is in force at a branch, by item."""
    with branch.runtime.database.reads() as session:
        found = session.scalars(select(InboundItem).where(InboundItem.body.is_not(None)))
        return {item.id: (item.body_version, item.body) for item in found}


def told(world, code="B001"):
    """Return what a branch has told HQ: (item, version) -> outcome."""
    with world.hq.database.reads() as session:
        number = get_branch(session, code).number
        found = session.scalars(select(FeedTelling).where(FeedTelling.branch_number == number))
        return {(one.item_id, one.version): one.outcome for one in found}


class Counting:
    """A line that counts what goes over it."""

    def __init__(self, inner):
        self.inner, self.paths = inner, []

    def send(self, request):
        self.paths.append(request.url.partition("/sync/v1/")[2].partition("?")[0])
        return self.inner.send(request)


def test_a_branch_applies_what_is_published_and_says_so(world):
    branch = world.make_branch("B001")
    item = publish(world, body={"value": 40})

    assert branch.push().outcome == "done"

    assert in_force(branch) == {item: (1, {"value": 40})}
    assert told(world) == {(item, 1): "applied"}
    with branch.runtime.database.reads() as session:
        assert held.policy(session, OUTBOX_DAYS, now=world.clock.now()) == 40


def test_a_cycle_with_nothing_new_asks_nothing_more_than_before(world):
    branch = world.make_branch("B001")
    publish(world)
    branch.push()

    line = Counting(world.transport())
    branch.push(transport=line)

    assert line.paths == ["state"]


def test_only_the_newest_version_travels_and_the_latest_wins_whatever_the_order(world):
    branch = world.make_branch("B001")
    item = publish(world, body={"value": 40})
    publish(world, item=item, body={"value": 50})
    publish(world, item=item, body={"value": 60})
    with world.hq.database.reads() as session:
        page = queries.read_page(session, get_branch(session, "B001"), FeedPoint(seq=0, digest=""))
    assert [entry.version for entry in page.entries] == [3]
    branch.push()
    assert in_force(branch) == {item: (3, {"value": 60})}

    late = FeedEntry(
        seq=2,
        id=item,
        kind="policy",
        name=OUTBOX_DAYS,
        version=2,
        withdrawn=False,
        body={"value": 50},
        published_at="2026-11-20T04:00:00.000000Z",
    )
    with branch.runtime.database.sessions.begin() as session:
        place = session.get_one(FeedPlace, 1)
        here = FeedPoint(seq=place.seq, digest=place.digest)
        inbound.take_in(session, [late], here, anew=False, by=world.by())

    assert in_force(branch) == {item: (3, {"value": 60})}
    assert told(world) == {(item, 3): "applied"}


def test_a_withdrawal_reaches_a_branch_that_was_away(world):
    branch = world.make_branch("B001")
    item = announce(world)
    branch.push()
    withdraw(world, item)
    world.advance(days=9)

    branch.push()

    assert in_force(branch) == {}
    assert told(world) == {(item, 1): "applied", (item, 2): "applied"}


def test_what_is_for_some_branches_is_given_to_no_other_and_taken_back_when_it_is_no_longer_for_one(world):
    first, second = world.make_branch("B001"), world.make_branch("B002")
    item = publish(world, branches=["B001"])
    for branch in (first, second):
        branch.push()
    assert (set(in_force(first)), set(in_force(second))) == ({item}, set())
    with second.runtime.database.reads() as session:
        assert held.list_items(session) == []

    publish(world, item=item, branches=["B002"])
    for branch in (first, second):
        branch.push()

    assert (set(in_force(first)), set(in_force(second))) == (set(), {item})


def test_what_an_older_program_does_not_know_is_refused_with_the_reason_and_the_version_before_stays(
    world, monkeypatch
):
    branch = world.make_branch("B001")
    item = publish(world, body={"value": 40})
    branch.push()
    with world.hq.database.sessions.begin() as session:  # as a newer head office would publish it
        current = queries.standing_of(session, queries.get_item(session, item)).current
        assert current
        draft = operations.save_draft(
            session, item, Draft(body={"value": 50}), seen_at=current.made_at, by=world.by()
        )
        draft.body = {"value": "as long as the law says"}
        operations.publish(session, item, by=world.by())

    assert branch.push().outcome == "done"

    assert in_force(branch) == {item: (1, {"value": 40})}
    assert told(world) == {(item, 1): "applied", (item, 2): "refused"}
    with world.hq.database.reads() as session:
        refusal = session.scalars(select(FeedTelling).where(FeedTelling.version == 2)).one()
        assert refusal.reasons == ["This must be a whole number within the bounds."]
        assert find_open(session, FEED_REFUSED, ("branch", "B001")) is not None
    with branch.runtime.database.reads() as session:
        assert find_open(session, NOT_OBEYED, ("published", item)) is not None

    monkeypatch.setattr(policies.Whole, "problem_of", lambda *_: None)  # the branch is upgraded
    branch.push()
    assert in_force(branch)[item] == (2, {"value": "as long as the law says"})
    assert told(world)[item, 2] == "applied"

    publish(world, item=item, body={"value": 70})
    branch.push()

    assert in_force(branch) == {item: (3, {"value": 70})}
    with world.hq.database.reads() as session:
        assert find_open(session, FEED_REFUSED, ("branch", "B001")) is None
    with branch.runtime.database.reads() as session:
        assert find_open(session, NOT_OBEYED, ("published", item)) is None


def test_a_kind_of_papers_that_asks_for_something_a_branch_knows_not_waits_for_its_upgrade(
    world, monkeypatch
):
    """The table before stays in force there, whatever it asks for; a branch that knows the word obeys at once."""
    old, new = world.make_branch("B001"), world.make_branch("B002")
    body = {"codes": [{"code": "tax", "zh": "完税证明", "en": "Tax", "asks": ["number"]}]}
    item = publish(world, kind=ItemKind.CODE_TABLE, name="document-kind", body=body)
    old.push()
    new.push()
    words = {**asking.ASKS, "seal": "seal"}
    with monkeypatch.context() as upgraded:
        upgraded.setattr(asking, "ASKS", words)
        later = {"codes": [{**body["codes"][0], "asks": ["number", "seal"]}]}
        publish(world, item=item, body=later)
        new.push()
        assert in_force(new)[item] == (2, later)
    old.push()

    assert in_force(old)[item] == (1, body)
    with old.runtime.database.reads() as session:
        kinds = held.code_table(session, CodeTable.DOCUMENT_KIND, now=world.clock.now())
        assert [kind.asks for kind in kinds or ()] == [("number",)]
        assert find_open(session, NOT_OBEYED, ("published", item)) is not None
    with world.hq.database.reads() as session:
        refusal = session.scalars(select(FeedTelling).where(FeedTelling.outcome == "refused")).one()
        assert refusal.reasons == [asking.NOT_ASKED]

    monkeypatch.setattr(asking, "ASKS", words)  # the branch is upgraded
    old.push()

    assert in_force(old)[item] == (2, later)
    with old.runtime.database.reads() as session:
        kinds = held.code_table(session, CodeTable.DOCUMENT_KIND, now=world.clock.now())
        assert [kind.asks for kind in kinds or ()] == [("number", "seal")]
        assert find_open(session, NOT_OBEYED, ("published", item)) is None
    world.assert_equal()


def test_what_expires_does_so_by_head_offices_time(world):
    branch = world.make_branch("B001")
    wrong = replace(branch.runtime, clock=Behind(world.clock, timedelta(days=400)))
    branch.runtime = wrong
    publish(world, expires_at=world.clock.now() + timedelta(hours=2))
    branch.push()

    def value():
        with branch.runtime.database.reads() as session:
            together = held.policies(session, [OUTBOX_DAYS], now=wrong.clock.now())
            return held.policy(session, OUTBOX_DAYS, now=wrong.clock.now()), together

    assert value() == (40, {OUTBOX_DAYS: 40})
    world.advance(hours=3)
    assert value() == (None, {})


class Behind:
    """A clock that is so far behind another."""

    def __init__(self, right, by):
        self.right, self.by = right, by

    def now(self):
        return self.right.now() - self.by


def test_many_items_come_page_by_page_and_are_applied_at_once(world, monkeypatch):
    monkeypatch.setattr(queries.read_page, "__kwdefaults__", {"limit": 3})
    branch = world.make_branch("B001")
    items = {announce(world, title=f"公告 {number}") for number in range(8)}

    line = Counting(world.transport())
    branch.push(transport=line)

    assert set(in_force(branch)) == items
    assert line.paths.count("feed") == 3


def test_a_line_that_loses_answers_brings_everything_in_the_end(world):
    branch = world.make_branch("B001")
    item = publish(world)
    for lost in range(1, 8):
        branch.push(transport=LosingAnswer(world.transport(), lost))

    branch.push()

    assert set(in_force(branch)) == {item}
    assert told(world) == {(item, 1): "applied"}


class LosingAnswer:
    """A line that loses the answer to the Nth request."""

    def __init__(self, inner, lost):
        self.inner, self.left = inner, lost

    def send(self, request):
        from branch_node.outbound.transport import NoAnswerError

        answer = self.inner.send(request)
        self.left -= 1
        if self.left == 0:
            raise NoAnswerError(reason="answer lost")
        return answer


def test_trouble_with_the_feed_keeps_no_record_waiting(world):
    branch = world.make_branch("B001")
    branch.add_customer()
    publish(world)

    result = branch.push(transport=NoFeed(world.transport()))

    assert (result.outcome, result.problem) == ("retry", "no-answer")
    world.assert_equal()


class NoFeed:
    """A proxy that lets nothing of the feed through."""

    def __init__(self, inner):
        self.inner = inner

    def send(self, request):
        from branch_node.runtime import Answer

        return Answer(404, b"<html>", {}) if "/feed" in request.url else self.inner.send(request)


def test_a_head_office_that_was_set_back_is_not_believed_by_its_number_alone(world):
    branch = world.make_branch("B001")
    kept = publish(world, body={"value": 40})
    branch.push()
    backup = back_up_hq(world)
    lost = announce(world, title="丢失的公告")
    publish(world, item=kept, body={"value": 50})
    branch.push()
    assert set(in_force(branch)) == {kept, lost}

    set_back_hq(world, backup)
    first, second = announce(world, title="新公告一"), announce(world, title="新公告二")
    branch.push()

    assert in_force(branch)[kept] == (1, {"value": 40})
    assert set(in_force(branch)) == {kept, first, second}
    assert set(told(world)) == {(kept, 1), (first, 1), (second, 1)}


def test_a_head_office_that_lost_what_it_was_told_is_told_again(world):
    branch = world.make_branch("B001")
    item = publish(world)
    branch.push()
    with world.hq.database.sessions.begin() as session:
        session.execute(text("DELETE FROM feed_tellings"))
        session.execute(text("DELETE FROM feed_standings"))

    branch.push()

    assert told(world) == {(item, 1): "applied"}


def test_two_that_count_tellings_otherwise_agree_again_though_there_is_nothing_to_tell(world):
    branch = world.make_branch("B001")
    with branch.runtime.database.sessions.begin() as session:
        inbound.place_of(session).telling = 5

    branch.push()
    line = Counting(world.transport())
    branch.push(transport=line)

    assert line.paths == ["state"]
    with branch.runtime.database.reads() as session:
        assert session.get_one(FeedPlace, 1).telling == 6


def test_a_branch_that_was_set_back_catches_up_and_says_so(world):
    branch = world.make_branch("B001")
    item = publish(world, body={"value": 40})
    branch.push()
    backup = back_up_branch(branch)
    publish(world, item=item, body={"value": 50})
    branch.push()

    set_back(branch, backup)
    assert in_force(branch) == {item: (1, {"value": 40})}
    branch.push()

    assert in_force(branch) == {item: (2, {"value": 50})}
    assert told(world)[item, 2] == "applied"


def test_codes_that_are_withdrawn_stay_readable_and_cannot_be_chosen(world):
    branch = world.make_branch("B001")
    codes = [Code("BB", "宽带", "Broadband"), Code("TV", "电视", "Television")]
    item = publish(world, ItemKind.CODE_TABLE, CodeTable.PRODUCT.value, write_codes(codes))
    branch.push()
    left = [codes[0], replace(codes[1], withdrawn=True)]
    publish(world, item=item, body=write_codes(left))
    branch.push()

    with branch.runtime.database.reads() as session:
        now = world.clock.now()
        assert held.codes(session, CodeTable.PRODUCT, now=now) == [codes[0]]
        assert {one.code: one.word("en") for one in held.words_of(session, CodeTable.PRODUCT)} == {
            "BB": "Broadband",
            "TV": "Television",
        }

    withdraw(world, item)
    branch.push()

    with branch.runtime.database.reads() as session:
        assert held.codes(session, CodeTable.PRODUCT, now=now) is None
        assert len(held.words_of(session, CodeTable.PRODUCT)) == 2


def test_head_office_learns_how_many_have_read_an_announcement(world):
    branch = world.make_branch("B001")
    item = announce(world)
    with branch.runtime.database.sessions.begin() as session:
        users = [
            auth.create_user(session, username=name, name=name, kind=StaffKind.BRANCH_MANAGER, by=world.by())[
                0
            ]
            for name in ("wang", "zhang")
        ]
    branch.push()
    with branch.runtime.database.sessions.begin() as session:
        assert inbound.note_read(session, item, users[0], by=world.by())

    branch.push()

    with world.hq.database.reads() as session:
        telling = session.scalars(select(FeedTelling)).one()
        assert (telling.reads, telling.readers) == (1, 2)


def test_what_somebody_reads_while_head_office_is_told_is_told_with_the_next_cycle(world):
    branch = world.make_branch("B001")
    item = announce(world)
    with branch.runtime.database.sessions.begin() as session:
        user, _code = auth.create_user(
            session, username="wang", name="王", kind=StaffKind.BRANCH_MANAGER, by=world.by()
        )

    class ReadMeanwhile(Counting):
        def send(self, request):
            answer = super().send(request)
            if self.paths[-1] == "feed/receipts":
                with branch.runtime.database.sessions.begin() as session:
                    inbound.note_read(session, item, user, by=world.by())
            return answer

    line = ReadMeanwhile(world.transport())
    branch.push(transport=line)
    branch.push()

    with world.hq.database.reads() as session:
        assert session.scalars(select(FeedTelling.reads)).one() == 1


def test_a_receipt_told_twice_or_of_an_item_nobody_knows_changes_nothing(world):
    branch = world.make_branch("B001")
    item = publish(world)
    branch.push()
    with branch.runtime.database.sessions.begin() as session:
        stranger = InboundItem(
            id=new_id(),
            kind="policy",
            name="x",
            version=1,
            withdrawn=True,
            outcome="applied",
            reasons=[],
            published_at=world.clock.now(),
            received_at=world.clock.now(),
            told=False,
        )
        session.add(stranger)
        inbound.tell_all_again(session)

    assert branch.push().outcome == "done"

    assert told(world) == {(item, 1): "applied"}
    with world.hq.database.reads() as session:
        assert session.scalars(select(FeedStanding.number)).one() == 2


def test_two_who_publish_at_once_take_turns_so_that_no_branch_misses_the_slower(world):
    """T28: numbered first and committed last, an item would stand behind the place branches have reached."""
    if world.hq.database.dialect != "postgresql":
        not_run("sqlite", ONE_WRITER)
    branch = world.make_branch("B001")
    first = announce(world, title="先")
    slow, quick = world.hq.database.sessions(), threading.Thread(target=lambda: announce(world, title="快"))
    with slow.begin():
        draft = Draft(body={"title": "慢", "text": "…", "from": None, "for": []})
        item = operations.make_item(slow, ItemKind.ANNOUNCEMENT, "", draft, by=world.by())
        operations.publish(slow, item.id, by=world.by())
        quick.start()
        quick.join(timeout=0.7)
        branch.push()
    quick.join(timeout=20)
    slow.close()

    branch.push()

    with world.hq.database.reads() as session:
        everything = set(session.scalars(select(FeedVersion.item_id)))
    assert len(everything) == 3
    assert first in everything
    assert set(in_force(branch)) == everything


def test_an_etag_that_still_holds_is_answered_without_a_body(world):
    branch = world.make_branch("B001")
    publish(world)
    branch.push()
    with branch.runtime.database.reads() as session:
        place = session.get_one(FeedPlace, 1)

    class Keeping(Counting):
        def __init__(self, inner):
            super().__init__(inner)
            self.answers = []

        def send(self, request):
            answer = super().send(request)
            self.answers.append(answer)
            return answer

    from branch_node.outbound import queries as outbound
    from branch_node.outbound.client import Vitals, make_client
    from branch_node.outbound.identity import begin_contact

    line = Keeping(WsgiTransport(world.app))
    runtime = replace(branch.runtime, transport=line)
    with runtime.database.reads() as session:
        client = make_client(runtime, outbound.get_membership(session))
    begin_contact(runtime, client, Vitals())

    assert client.feed(FeedPoint(seq=place.seq, digest=place.digest)) is None
    assert (line.answers[-1].status, line.answers[-1].body) == (304, b"")
    assert line.answers[-1].headers["etag"] == f'"{place.digest}"'
    first = client.feed(FeedPoint(seq=0, digest=""))
    assert first
    assert first.head.seq == 1


def test_a_node_that_does_not_speak_for_the_branch_gets_nothing_and_tells_nothing(world):
    from branch_node.outbound import queries as outbound
    from branch_node.outbound.client import HqRefusedError, make_client

    branch = world.make_branch("B001")
    publish(world)
    branch.push()
    with branch.runtime.database.reads() as session:
        stranger = make_client(branch.runtime, outbound.get_membership(session))

    here = FeedPoint(seq=0, digest="")
    for ask in (
        lambda: stranger.feed(here),
        lambda: stranger.tell_feed(FeedReceipts(number=9, through=here, receipts=[])),
    ):
        with pytest.raises(HqRefusedError) as refused:
            ask()
        assert refused.value.problem == "duplicate-node"
    with world.hq.database.reads() as session:
        assert session.scalars(select(FeedStanding.number)).one() == 1
