"""Questions over the wire: what customers answered at branches is counted at head office, by branch and month."""

import random
from datetime import date, timedelta
from typing import Any

from sqlalchemy import select

from branch_node.erasure.operations import Known, carry_out
from branch_node.identity.queries import survivor_of
from branch_node.merging import operations as merging
from branch_node.questions import operations
from branch_node.questions import queries as at_branch
from branch_node.questions.counting import list_trends
from branch_node.questions.models import QuestionAnswer
from hq_server.branches.queries import MissingReason, coverage
from hq_server.feed import operations as feed
from hq_server.feed.models import FeedItem
from hq_server.feed.operations import Draft
from hq_server.questions.queries import count_answers, known, list_questions, select_answers
from hq_server.replica.models import ReplicaCustomer, ReplicaQuestionAnswer
from shared.domain.erasure.vocabulary import ErasureReason
from shared.domain.published.vocabulary import ItemKind
from shared.domain.questions.vocabulary import Way

TODAY = date(2026, 11, 20)
MONTH = date(2026, 11, 1)
BASE: dict[str, Any] = {"zh": "满意吗？", "en": "Content?", "from": "2026-01-01", "until": None}
ENDS = {"low": {"zh": "差", "en": "Bad"}, "high": {"zh": "好", "en": "Good"}}
CHOICES = [{"code": "price", "zh": "价格", "en": "Price"}, {"code": "speed", "zh": "速度", "en": "Speed"}]
BODIES = {
    "NPS": {**BASE, "indicator": "satisfaction", "scale": "score", **ENDS},
    "NEED": {**BASE, "indicator": "demand", "scale": "choice", "choices": CHOICES},
}
ANSWERS = {"NPS": ("1", "3", "5"), "NEED": ("price", "speed")}


def publish(world):
    with world.hq.database.sessions.begin() as session:
        for code, body in BODIES.items():
            item = feed.make_item(session, ItemKind.QUESTION, code, Draft(body), by=world.by())
            feed.publish(session, item.id, by=world.by())


def act(world, branch, customers, chance):
    """Something that may be written about an answer, of a file that was not merged into another."""
    with branch.runtime.database.sessions.begin() as session:
        who = chance.choice([one for one in customers if survivor_of(session, one) is None])
        standing = [one.answer for one in at_branch.told(session, who) if one.counts]
        kind = chance.choice(["new", "new", "correct", "void"]) if standing else "new"
        old = chance.choice(standing) if kind != "new" else None
        code = old.question_code if old else chance.choice(list(BODIES))
        values = {
            "answer": chance.choice(ANSWERS[code]),
            "way": chance.choice(list(Way)),
            "answered_on": TODAY - timedelta(days=chance.randrange(60)),
            "note": "x",
        }
        if old is None:
            operations.record_answer(session, who, code, values, today=TODAY, by=world.by())
        elif kind == "correct":
            operations.correct_answer(session, old.id, values, today=TODAY, by=world.by())
        else:
            operations.take_back(session, old.id, "x", by=world.by())


def told(trends):
    """What trends say: of each question its text, and of each month the answers by what was answered and customers."""
    return {
        one.code: (
            one.question.text.en if one.question else None,
            [(line.month.month, dict(line.month.counts), line.month.customers) for line in one.lines],
        )
        for one in trends
    }


def test_head_office_counts_by_month_what_each_branch_counts_whatever_was_corrected_and_merged(world):
    publish(world)
    chance = random.Random(29)
    at_branches = {}
    for number, code in enumerate(("B001", "B002"), start=1):
        branch = world.make_branch(code)
        customers = [branch.add_customer() for _each in range(5)]
        branch.push()
        for _turn in range(30):
            act(world, branch, customers, chance)
        with branch.runtime.database.sessions.begin() as session:
            merge = merging.propose(session, customers[0], customers[1], [], by=world.by())
            merging.carry_out(session, merge.id, by=world.by("li"))
        for _turn in range(6):
            act(world, branch, customers, chance)
        branch.push()
        with branch.runtime.database.reads() as session:
            at_branches[number] = told(list_trends(session, TODAY))
        world.advance(minutes=30)
    world.enrol("B003")

    with world.hq.database.reads() as session:
        counts = count_answers(session, MONTH)
        questions = known(list_questions(session, world.clock.now()))
        for number, at_branch_ in at_branches.items():
            assert told(counts.trends(questions, [number])) == at_branch_
            assert any(month[1] for _text, months in at_branch_.values() for month in months)
        for one in counts.trends(questions, [1, 2]):
            month = one.lines[0].month
            assert month.answers == sum(
                sum(each[one.code][1][0][1].values()) for each in at_branches.values()
            )
            assert month.customers == sum(each[one.code][1][0][2] for each in at_branches.values())
            assert len(session.execute(select_answers(one.code, MONTH, (), ())).all()) == month.answers
        covered = coverage(session, world.clock.now())
    assert [one.code for one in covered.included] == ["B001", "B002"]
    assert covered.included[0].as_of < covered.included[1].as_of
    assert [(one.code, one.why) for one in covered.missing] == [("B003", MissingReason.NEVER_JOINED)]
    world.assert_equal()


def test_what_was_said_goes_with_an_erased_customer_at_both_tiers_and_the_figure_stays(world):
    publish(world)
    branch = world.make_branch("B001")
    customer, other = branch.add_customer(), branch.add_customer()
    branch.push()
    said = {"answer": "1", "way": Way.PHONE, "answered_on": TODAY, "note": "canary 家里困难"}
    with branch.runtime.database.sessions.begin() as session:
        operations.record_answer(session, customer, "NPS", said, today=TODAY, by=world.by())
        answer = operations.record_answer(session, other, "NPS", said, today=TODAY, by=world.by())
        wrong = operations.record_answer(session, customer, "NPS", said, today=TODAY, by=world.by())
        operations.take_back(session, wrong.id, "canary 误记", by=world.by())
        operations.correct_answer(session, answer.id, {**said, "answer": "5"}, today=TODAY, by=world.by())
    branch.push()
    with world.hq.database.reads() as hq:
        before = told(count_answers(hq, MONTH).trends({}, [1]))
        assert [one.note for one in hq.scalars(select(ReplicaQuestionAnswer))].count(None) == 0

    with branch.runtime.database.sessions.begin() as session:
        carry_out(session, Known.now(customer, ErasureReason.REQUEST, world.by()), by=world.by())
    branch.push()

    with branch.runtime.database.reads() as session, world.hq.database.reads() as hq:
        for one, model in ((session, QuestionAnswer), (hq, ReplicaQuestionAnswer)):
            kept = one.scalars(select(model)).all()
            assert {each.note for each in kept if each.customer_id == customer} == {None}
            assert len([each for each in kept if each.customer_id == customer]) == 3
            assert {each.note for each in kept if each.customer_id == other} == {said["note"]}
        assert told(count_answers(hq, MONTH).trends({}, [1])) == before
        [listed] = [
            who.name for answer, who in hq.execute(select_answers("NPS", MONTH, (), ())) if answer.score == 1
        ]
        assert listed == hq.get_one(ReplicaCustomer, (1, customer)).name
    assert before["NPS"][1][0] == (MONTH, {"1": 1, "5": 1}, 2)
    world.assert_equal()


def test_a_question_that_is_withdrawn_reads_alike_at_the_branch_and_at_head_office(world):
    publish(world)
    branch = world.make_branch("B001")
    customer = branch.add_customer()
    branch.push()
    said = {"answer": "price", "way": Way.VISIT, "answered_on": TODAY, "note": None}
    with branch.runtime.database.sessions.begin() as session:
        operations.record_answer(session, customer, "NEED", said, today=TODAY, by=world.by())
    with world.hq.database.sessions.begin() as session:
        for item in session.scalars(select(FeedItem)).all():
            feed.withdraw(session, item.id, by=world.by())
    branch.push()

    with branch.runtime.database.reads() as session, world.hq.database.reads() as hq:
        [near] = list_trends(session, TODAY)
        questions = known(list_questions(hq, world.clock.now()))
        [far] = [one for one in count_answers(hq, MONTH).trends(questions, [1]) if not one.is_over]
    for one in (near, far):
        assert one.is_withdrawn
        assert one.question is not None
        assert one.question.text.en == "Content?"
        assert one.question.word("price", "en") == "Price"
    assert told([near]) == told([far])
