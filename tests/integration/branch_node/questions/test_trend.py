"""The trend counts what stands, once, of the customers somebody sees, and says of how many answers it is."""

from dataclasses import replace
from datetime import date

import pytest
from sqlalchemy import select

from branch_node.inbound.models import InboundItem
from branch_node.inbound.operations import take_in
from branch_node.merging import operations as merging
from branch_node.questions import operations
from branch_node.questions.counting import list_trends
from branch_node.questions.errors import QuestionNotAskedError
from shared.domain.questions.vocabulary import Way
from shared.rights.vocabulary import StaffKind
from sync_protocol.contract.feed import FeedPoint
from tests.integration.branch_node.questions.conftest import CHOICE
from tests.support.branch import ANA, NOON
from tests.support.interfaces import Program, token_for

TODAY = NOON.date()
BEFORE = date(2026, 2, 10)


@pytest.fixture
def answered(rows, asked):
    """Two customers of one account manager and one of another, with answers of two months."""
    mine, theirs = rows.manager(), rows.manager()
    one, two = rows.customer(manager_id=mine), rows.customer(manager_id=mine)
    other = rows.customer(manager_id=theirs)
    rows.question_answer(one, score=5)
    rows.question_answer(one, score=4)
    rows.question_answer(two, score=3)
    rows.question_answer(two, score=2, answered_on=BEFORE)
    rows.question_answer(other, score=1)
    return mine, one, two


def of(database, code="NPS"):
    with database.reads() as session:
        return next(one for one in list_trends(session, TODAY) if one.code == code)


def test_a_month_counts_answers_and_customers_and_stands_beside_the_month_before(answered, database):
    found = of(database)
    now, before = found.lines[0], found.lines[1]

    assert (now.month.answers, now.month.customers, now.month.mean, now.month.is_few) == (4, 3, 3.25, True)
    assert (before.month.answers, before.month.customers, before.month.mean) == (1, 1, 2)
    assert now.mean_change == pytest.approx(1.25)
    assert of(database, "NEED").lines[0].month.answers == 0


def test_what_was_corrected_counts_once_by_its_last_version_and_what_was_taken_back_not_at_all(
    answered, rows, sessions, database
):
    wrong, void = rows.question_answer(answered[1], score=1), rows.question_answer(answered[1], score=1)
    with sessions.begin() as session:
        right = {"answer": "5", "way": Way.VISIT, "answered_on": BEFORE}
        second = operations.correct_answer(session, wrong, right, today=TODAY, by=ANA)
        operations.correct_answer(session, second.id, {**right, "answer": "4"}, today=TODAY, by=ANA)
        operations.take_back(session, void, "x", by=ANA)

    found = of(database)
    assert found.lines[0].month.answers == 4
    assert dict(found.lines[1].month.counts) == {"2": 1, "4": 1}


def test_merged_files_are_one_customer(answered, sessions, database):
    with sessions.begin() as session:
        merge = merging.propose(session, answered[1], answered[2], [], by=ANA)
        merging.carry_out(session, merge.id, by=replace(ANA, actor="li"))

    assert (of(database).lines[0].month.answers, of(database).lines[0].month.customers) == (4, 2)


def test_an_account_manager_sees_the_trend_of_whom_they_hold(app, answered, make_user, sign_in):
    make_user("seller", StaffKind.ACCOUNT_MANAGER, manager_id=answered[0])
    make_user("boss", StaffKind.BRANCH_MANAGER)

    told = {}
    for name in ("seller", "boss"):
        figures = Program(app, token_for(app, name)).get("/api/v1/figures/questions").json["questions"]
        first = next(one for one in figures if one["question"] == "NPS")
        assert (first["indicator"], first["scale"], len(first["months"])) == ("satisfaction", "score", 12)
        told[name] = first["months"][0]
        page = sign_in(name).get("/questions").text
        assert "Are you content with us?" in page
        assert f"{told[name]['mean']:.2f}" in page
    assert (told["seller"]["answers"], told["seller"]["customers"], told["seller"]["mean"]) == (3, 2, 4.0)
    assert (told["boss"]["answers"], told["boss"]["mean"], told["boss"]["few"]) == (4, 3.25, True)
    assert told["boss"]["change"] == pytest.approx(1.25)
    assert [one["answers"] for one in told["boss"]["counts"]] == [1, 0, 1, 1, 1]


def test_the_page_of_a_question_shows_its_months_with_base_and_share(browser, answered, rows):
    for choice in ("price", "price", "gone"):
        rows.question_answer(answered[1], question_code="NEED", indicator="demand", score=None, choice=choice)

    score = browser.get("/questions/trend?question=NPS").text
    need = browser.get("/questions/trend?question=NEED").text

    assert score.index("2026-03") < score.index("3.25") < score.index("+1.25") < score.index("2026-02")
    assert "few" in score
    for said in ("Lower price", "67%", "gone", "33%"):
        assert said in need
    assert browser.get("/questions/trend?question=NONE").status_code == 404


def test_a_question_that_is_withdrawn_keeps_its_text_and_choices_and_says_it_is_withdrawn(
    app, browser, ask, asked, rows, make_user, database
):
    need, customer = of_item(database, "NEED"), rows.customer()
    rows.question_answer(customer, question_code="NEED", indicator="demand", score=None, choice="price")
    ask("NEED", None, item=need, version=2)
    ask("NPS", None, item=asked, version=2)

    listed, page = browser.get("/questions").text, browser.get("/questions/trend?question=NEED").text
    care = browser.get(f"/customers/{customer}/care").text
    for said in ("What do you need most?", "Lower price", "withdrawn"):
        assert all(said in text for text in (listed, page, care))
    assert "More speed" in page
    assert "Are you content with us?" not in listed + care  # nobody answered it, and nobody is asked any more
    assert browser.get(f"/customers/{customer}/questions/answers/new?question=NEED").status_code == 404
    values = {"answer": "price", "way": Way.PHONE, "answered_on": TODAY}
    with database.sessions.begin() as session, pytest.raises(QuestionNotAskedError):
        operations.record_answer(session, customer, "NEED", values, today=TODAY, by=ANA)
    make_user("boss", StaffKind.BRANCH_MANAGER)
    [told] = Program(app, token_for(app, "boss")).get("/api/v1/figures/questions").json["questions"]
    assert (told["question"], told["en"], told["withdrawn"]) == ("NEED", "What do you need most?", True)

    ask("NEED", CHOICE, item=need, version=3, en="What is it you need?")
    listed = browser.get("/questions").text
    assert "What is it you need?" in listed
    assert "withdrawn" not in listed


def test_a_question_that_head_office_forgot_keeps_its_text(browser, ask, rows, sessions):
    ask("NEED", CHOICE)
    rows.question_answer(
        rows.customer(), question_code="NEED", indicator="demand", score=None, choice="price"
    )
    with sessions.begin() as session:
        take_in(session, [], FeedPoint(seq=0, digest=""), anew=True, by=ANA)

    listed = browser.get("/questions").text
    assert all(said in listed for said in ("What do you need most?", "Lower price", "withdrawn"))


def of_item(database, code):
    with database.reads() as session:
        return session.scalars(select(InboundItem.id).where(InboundItem.name == code)).one()
