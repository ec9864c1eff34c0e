"""An answer to a question is noted once for good, corrected beside it, and told on the customer's page over time."""

import random
from dataclasses import replace
from datetime import date, timedelta
from threading import Thread

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from branch_node.erased.queries import CustomerErasedError
from branch_node.erasure.operations import Known, carry_out
from branch_node.identity.queries import CustomerMergedError
from branch_node.inbound.models import InboundItem
from branch_node.merging import operations as merging
from branch_node.questions import operations, queries
from branch_node.questions.errors import QuestionAnswerCorrectedError
from branch_node.questions.models import QuestionAnswer
from shared.audit.models import AuditEntry
from shared.domain.contacts.vocabulary import ContactStatus
from shared.domain.customers.vocabulary import CustomerKind, PreferredChannel
from shared.domain.erasure.vocabulary import ErasureReason
from shared.domain.questions.vocabulary import Way
from shared.rights.vocabulary import Action, Resource, StaffKind
from tests.integration.branch_node.questions.conftest import CHOICE, SCORE
from tests.support.branch import ANA, NOON
from tests.support.groups import ONE_WRITER, not_run
from tests.support.interfaces import Program, token_for

TODAY = NOON.date()
YESTERDAY = TODAY - timedelta(days=1)
FORM = {"question": "NPS", "answer": "4", "way": "phone", "answered_on": TODAY.isoformat()}


@pytest.fixture
def customer(rows, asked):
    return rows.customer(name="王芳")


def values(answer="4", on=TODAY, **more):
    return {"answer": answer, "way": Way.PHONE, "answered_on": on, **more}


def write(sessions, customer, answer="4", on=TODAY, *, code="NPS", **more):
    with sessions.begin() as session:
        given = values(answer, on, **more)
        return operations.record_answer(session, customer, code, given, today=TODAY, by=ANA).id


def stored(database):
    with database.reads() as session:
        return session.scalars(select(QuestionAnswer).order_by(QuestionAnswer.id)).all()


def test_an_answer_is_noted_from_the_customers_page_and_stands_there_over_time(
    browser, customer, database, rows
):
    person = rows.contact(customer, name="李雷")
    page = browser.get(f"/customers/{customer}/care").text
    new = f"/customers/{customer}/questions/answers/new?question=NPS"
    assert new in page
    form = browser.get(new).text
    for said in ("Are you content with us?", "1 Not at all", "5 Very much", "李雷"):
        assert said in form

    path = f"/customers/{customer}/questions/answers"
    browser.send(path, **{**FORM, "answer": "2", "answered_on": YESTERDAY.isoformat()})
    answer = browser.send(path, **FORM, person_id=person, note="安装很快")

    assert "The answer is noted." in answer.text
    first, last = stored(database)
    assert (first.score, first.choice, first.person_id, first.note) == (2, None, None, None)
    assert (last.score, last.person_id, last.note, last.way) == (4, person, "安装很快", Way.PHONE)
    assert (last.question_version, last.indicator.value) == (1, "satisfaction")
    page = browser.get(f"/customers/{customer}/care").text
    told = page[page.index("What was answered") :]
    assert told.index("2 → 4") < told.index("李雷") < told.index("安装很快")
    line = browser.get(f"/customers/{customer}/timeline?topic=contact").text
    assert line.index("安装很快") < line.rindex("Customer satisfaction")
    with database.reads() as session:
        events = session.scalars(select(AuditEntry.event).where(AuditEntry.subject_type == "question_answer"))
        assert list(events) == ["question_answer.written", "question_answer.written"]


def test_a_named_choice_is_noted_by_its_code_and_shown_in_the_readers_words(browser, customer, database):
    form = browser.get(f"/customers/{customer}/questions/answers/new?question=NEED").text
    assert "Lower price" in form

    browser.send(
        f"/customers/{customer}/questions/answers", **{**FORM, "question": "NEED", "answer": "speed"}
    )

    (kept,) = stored(database)
    assert (kept.choice, kept.score, kept.indicator.value) == ("speed", None, "demand")
    assert "More speed" in browser.get(f"/customers/{customer}/timeline?kind=answer").text


@pytest.mark.parametrize(
    ("changed", "cure", "status"),
    [
        ({"answer": ""}, "Please fill this in.", 400),
        ({"answer": "6"}, "Choose one of the answers to this question.", 400),
        ({"answer": "price"}, "Choose one of the answers to this question.", 400),
        ({"question": "NEED", "answer": "4"}, "Choose one of the answers to this question.", 400),
        ({"question": "OTHER"}, "is not asked such a question now", 404),
        ({"answered_on": "2025-12-31"}, "Choose a day on which this customer is asked", 400),
        ({"answered_on": "2026-03-19"}, "Give today or an earlier day.", 400),
        ({"answered_on": "soon"}, "Please give a day", 400),
        ({"way": "fax"}, "Please choose one of the list.", 400),
        ({"person_id": "x"}, "Please choose one of the list.", 400),
        ({"note": "x" * 201}, "This is too long.", 400),
    ],
)
def test_what_is_not_right_is_refused_at_its_field_and_nothing_is_written(
    browser, customer, database, changed, cure, status
):
    answer = browser.send(f"/customers/{customer}/questions/answers", **{**FORM, **changed})

    assert answer.status_code == status
    assert cure in answer.text
    assert stored(database) == []


def test_somebody_elses_contact_person_did_not_answer(browser, customer, rows, database):
    stranger = rows.contact(rows.customer())

    answer = browser.send(f"/customers/{customer}/questions/answers", **FORM, person_id=stranger)

    assert answer.status_code == 400
    assert "Choose a contact person of this customer" in answer.text
    assert stored(database) == []


def test_only_customers_of_its_kind_are_asked_a_question(browser, ask, rows):
    ask("GROUPS", SCORE, kinds=["group"])
    group, single = rows.customer(kind=CustomerKind.GROUP), rows.customer()

    assert "GROUPS" in browser.get(f"/customers/{group}/care").text
    assert "GROUPS" not in browser.get(f"/customers/{single}/care").text
    refused = browser.send(f"/customers/{single}/questions/answers", **{**FORM, "question": "GROUPS"})
    assert refused.status_code == 400


def test_who_was_asked_by_a_closed_way_has_the_reason_beside_the_answer(browser, rows, asked, database):
    closed = rows.customer(do_not_contact=["phone"])
    never = rows.customer(preferred_channel=PreferredChannel.NONE)
    open_ = rows.customer()
    gone = rows.contact(open_, status=ContactStatus.LEFT)
    assert "Do not contact by" in browser.get(f"/customers/{closed}/questions/answers/new?question=NPS").text

    for customer, more in ((closed, {}), (never, {}), (open_, {"person_id": gone})):
        path = f"/customers/{customer}/questions/answers"
        silent = browser.send(path, **FORM, **more)
        assert silent.status_code == 400
        assert "Write down why they were asked all the same." in silent.text
        assert browser.send(path, **FORM, **more, note="客户来电").status_code == 200
        assert browser.send(path, **{**FORM, "way": "counter"}).status_code == 200
    assert [one.way.value for one in stored(database)] == ["phone", "counter"] * 3
    assert browser.send(f"/customers/{closed}/questions/answers", **{**FORM, "way": "sms"}).status_code == 200


def test_a_correction_counts_and_what_it_corrects_stays_readable(browser, customer, sessions, database):
    first = write(sessions, customer, on=YESTERDAY)
    form = {"answer": "1", "way": "visit", "answered_on": TODAY.isoformat(), "note": "听错了"}

    assert "Are you content with us?" in browser.get(f"/question-answers/{first}/correct").text
    browser.send(f"/question-answers/{first}/corrections", **form)
    again = browser.send(f"/question-answers/{first}/corrections", **form)

    old, new = stored(database)
    assert (old.id, old.score) == (first, 4)
    assert (new.corrects_id, new.score, new.question_code) == (first, 1, "NPS")
    assert again.status_code == 409
    page = browser.get(f"/customers/{customer}/care").text
    assert page.index("听错了") < page.index("before: 4")


def test_what_is_taken_back_was_never_answered_and_stays_readable(browser, customer, sessions, database):
    first = write(sessions, customer, "2", YESTERDAY)
    last = write(sessions, customer, "5")

    silent = browser.send(f"/question-answers/{last}/taking-back", why="")
    browser.send(f"/question-answers/{last}/taking-back", why="别的客户")

    assert silent.status_code == 400
    assert "Write down why it is taken back." in silent.text
    with database.reads() as session:
        assert queries.latest(session, customer)["NPS"].id == first
    page = browser.get(f"/customers/{customer}/care").text
    assert page.index("别的客户") < page.index("before: 5 Very much")
    assert "别的客户" not in browser.get(f"/customers/{customer}/timeline?kind=answer").text
    void = stored(database)[-1].id
    assert browser.get(f"/question-answers/{void}/correct").status_code == 404


def test_an_answer_to_a_question_that_is_gone_is_still_corrected(browser, ask, customer, asked, sessions):
    score, need = write(sessions, customer), write(sessions, customer, "price", code="NEED")
    ask("NPS", None, item=asked, version=2)
    with sessions.begin() as session:
        session.execute(
            update(InboundItem).where(InboundItem.name == "NEED").values(body=None, body_version=None)
        )
    assert "NPS" in browser.get(f"/customers/{customer}/care").text

    form = {**FORM, "answer": "3"}
    assert "NPS" in browser.get(f"/question-answers/{score}/correct").text
    assert browser.send(f"/question-answers/{score}/corrections", **form).status_code == 200
    right = {**FORM, "answer": "price", "note": "再次确认"}
    other = {**FORM, "answer": "speed"}
    assert browser.send(f"/question-answers/{need}/corrections", **other).status_code == 400
    assert browser.send(f"/question-answers/{need}/corrections", **right).status_code == 200
    new = browser.send(f"/customers/{customer}/questions/answers", **FORM)
    assert new.status_code == 404
    assert browser.get(f"/customers/{customer}/questions/answers/new?question=NPS").status_code == 404


def test_a_choice_that_a_later_version_leaves_out_stays_readable_and_is_not_chosen_again(
    browser, ask, rows, sessions, database
):
    item, _outcome = ask("NEED", CHOICE)
    customer = rows.customer()
    answer = write(sessions, customer, "price", code="NEED")
    left = [{"code": "speed", "zh": "速度", "en": "More speed"}, {"code": "care", "zh": "服务", "en": "Care"}]
    ask("NEED", CHOICE, item=item, version=2, choices=left)

    path = f"/customers/{customer}/questions/answers"
    assert browser.send(path, **{**FORM, "question": "NEED", "answer": "price"}).status_code == 400
    assert browser.send(path, **{**FORM, "question": "NEED", "answer": "care"}).status_code == 200
    form = {**FORM, "answer": "price", "note": "x"}
    assert browser.send(f"/question-answers/{answer}/corrections", **form).status_code == 200
    assert [(one.choice, one.question_version) for one in stored(database)] == [
        ("price", 1),
        ("care", 2),
        ("price", 1),
    ]


def test_the_database_keeps_answers_as_they_are_and_refuses_what_is_none(customer, sessions, database, rows):
    answer = write(sessions, customer)
    for statement in (
        update(QuestionAnswer).where(QuestionAnswer.id == answer).values(score=5),
        delete(QuestionAnswer).where(QuestionAnswer.id == answer),
    ):
        with pytest.raises(DBAPIError, match="question_answer is a fact"):  # noqa: SIM117 - the transaction too
            with sessions.begin() as session:
                session.execute(statement)
    for wrong in ({"score": None}, {"score": 6}, {"choice": "x"}, {"corrects_id": answer, "score": 0}):
        with pytest.raises(IntegrityError):
            rows.question_answer(customer, **wrong)
    rows.question_answer(customer, corrects_id=answer)
    with pytest.raises(IntegrityError):
        rows.question_answer(customer, corrects_id=answer)
    assert [one.score for one in stored(database)] == [4, 4]


def test_whatever_is_written_corrected_and_taken_back_each_answer_counts_once_by_its_last_version(
    customer, sessions, database
):
    chance = random.Random(29)
    counted: dict[str, date] = {}
    for _turn in range(40):
        on, answer = TODAY - timedelta(days=chance.randrange(6)), str(chance.randint(1, 5))
        old = chance.choice([*counted, None])
        with sessions.begin() as session:
            given = values(answer, on)
            if old is None:
                made = operations.record_answer(session, customer, "NPS", given, today=TODAY, by=ANA)
                counted[made.id] = on
            elif chance.random() < 0.5:
                made = operations.correct_answer(session, old, given, today=TODAY, by=ANA)
                counted[made.id] = on
                del counted[old]
            else:
                operations.take_back(session, old, "x", by=ANA)
                del counted[old]
        with database.reads() as session:
            last = queries.latest(session, customer).get("NPS")
            assert (last and last.id) == max(counted, key=lambda at: (counted[at], at), default=None)
            assert {one.answer.id for one in queries.told(session, customer) if one.counts} == set(counted)


def test_files_of_one_person_tell_one_story_and_part_again(rows, sessions, customer, database):
    other = rows.customer(name="王方")
    person = rows.contact(other)
    write(sessions, customer, "2", YESTERDAY)
    theirs = write(sessions, other, "5", person_id=person)
    with sessions.begin() as session:
        merge = merging.propose(session, customer, other, [], by=ANA)
        merging.carry_out(session, merge.id, by=replace(ANA, actor="li"))

    with pytest.raises(CustomerMergedError):
        write(sessions, other, "3")
    with database.reads() as session:
        assert queries.latest(session, customer)["NPS"].id == theirs
        assert len(queries.told(session, customer)) == 2
    write(sessions, customer, "4", person_id=person)
    with sessions.begin() as session:
        given = values("3", person_id=person)
        right = operations.correct_answer(session, theirs, given, today=TODAY, by=ANA)
        assert right.customer_id == other
    with sessions.begin() as session:
        merging.take_back(session, merge.id, by=replace(ANA, actor="li"))
    with database.reads() as session:
        assert queries.latest(session, customer)["NPS"].score == 4
        assert queries.latest(session, other)["NPS"].score == 3


def test_what_an_erased_customer_said_goes_and_what_they_answered_stays(customer, sessions, database):
    answer = write(sessions, customer, "1", note="canary 家里困难")
    with sessions.begin() as session:
        carry_out(session, Known.now(customer, ErasureReason.REQUEST, ANA), by=ANA)

    (kept,) = stored(database)
    assert (kept.note, kept.score) == (None, 1)
    with pytest.raises(CustomerErasedError):
        write(sessions, customer)
    with pytest.raises(CustomerErasedError), sessions.begin() as session:
        operations.take_back(session, answer, "x", by=ANA)


def test_an_account_manager_notes_of_their_customers_and_hears_of_no_other(
    app, rows, asked, make_user, sign_in, sessions, database
):
    mine, theirs = rows.manager(), rows.manager()
    make_user("seller", StaffKind.ACCOUNT_MANAGER, manager_id=mine)
    own, hidden = rows.customer(manager_id=mine), rows.customer(manager_id=theirs)
    answer = write(sessions, hidden)
    seller, program = sign_in("seller"), Program(app, token_for(app, "seller"))

    assert seller.send(f"/customers/{own}/questions/answers", **FORM).status_code == 200
    assert seller.get(f"/customers/{hidden}/questions/answers/new?question=NPS").status_code == 404
    assert seller.send(f"/customers/{hidden}/questions/answers", **FORM).status_code == 404
    assert seller.get(f"/question-answers/{answer}/correct").status_code == 404
    assert seller.send(f"/question-answers/{answer}/taking-back", why="x").status_code == 404
    assert program.get(f"/api/v1/customers/{hidden}/question-answers").status_code == 404
    assert program.get(f"/api/v1/customers/{hidden}/questions").status_code == 404
    right = {name: FORM[name] for name in ("answer", "way", "answered_on")}
    assert program.post(f"/api/v1/question-answers/{answer}/corrections", right).status_code == 404
    assert [one.customer_id for one in stored(database)] == [hidden, own]


def test_a_program_notes_corrects_and_takes_back_what_the_page_does(app, make_user, customer, database):
    make_user("boss", StaffKind.BRANCH_MANAGER)
    program = Program(app, token_for(app, "boss"))
    path = f"/api/v1/customers/{customer}/question-answers"

    made = program.post(path, FORM, idempotency_key="k")
    again = program.post(path, FORM, idempotency_key="k")
    first, second = program.get(f"/api/v1/customers/{customer}/questions").json["items"]
    right = {"answer": "2", "way": "visit", "answered_on": TODAY.isoformat(), "note": "听错"}
    corrected = program.post(f"/api/v1/question-answers/{made.json['id']}/corrections", right)
    void = program.post(f"/api/v1/question-answers/{corrected.json['id']}/taking-back", {"note": "误记"})
    refused = program.post(path, {**FORM, "answer": "9"})

    assert (made.status_code, made.json["answer"], again.json["id"]) == (201, "4", made.json["id"])
    assert (first["code"], first["last"], first["scale"], first["closed"]) == ("NPS", "4", "score", [])
    assert [one["answer"] for one in first["answers"]] == ["1", "2", "3", "4", "5"]
    assert (first["answers"][0]["en"], first["answers"][1]["en"]) == ("Not at all", None)
    assert (second["code"], second["last"], second["answers"][0]) == (
        "NEED",
        None,
        {"answer": "price", "zh": "价格", "en": "Lower price"},
    )
    assert (corrected.json["corrects_id"], corrected.json["counts"]) == (made.json["id"], True)
    assert (void.json["answer"], void.json["counts"], void.json["note"]) == (None, False, "误记")
    assert (refused.status_code, set(refused.json["fields"])) == (400, {"answer"})
    told = program.get(path).json["items"]
    assert [(one["answer"], one["counts"]) for one in told] == [(None, False), ("2", False), ("4", False)]
    assert program.get(f"/api/v1/customers/{customer}/timeline?kind=answer").json["items"] == []
    assert len(stored(database)) == 3


def test_a_program_that_may_only_read_customers_reads_answers_and_notes_none(
    app, make_user, customer, sessions, database
):
    make_user("boss", StaffKind.BRANCH_MANAGER)
    program = Program(app, token_for(app, "boss", [(Resource.CUSTOMER, Action.READ)]))
    answer, path = write(sessions, customer), f"/api/v1/customers/{customer}/question-answers"

    assert [one["id"] for one in program.get(path).json["items"]] == [answer]
    right = {name: FORM[name] for name in ("answer", "way", "answered_on")}
    for at, body in (
        (path, FORM),
        (f"/api/v1/question-answers/{answer}/corrections", right),
        (f"/api/v1/question-answers/{answer}/taking-back", {"note": "x"}),
    ):
        assert program.post(at, body).status_code == 403
    assert [one.id for one in stored(database)] == [answer]


def test_of_two_who_take_an_answer_back_at_the_same_moment_one_is_told_that_it_is_done(
    customer, sessions, dialect
):
    if dialect == "sqlite":
        not_run(dialect, ONE_WRITER)
    answer, told = write(sessions, customer), []

    def second():
        try:
            with sessions.begin() as session:
                operations.take_back(session, answer, "x", by=ANA)
        except QuestionAnswerCorrectedError:
            told.append("corrected")

    with sessions.begin() as session:
        operations.take_back(session, answer, "x", by=ANA)
        other = Thread(target=second)
        other.start()
        other.join(0.5)
        waited = other.is_alive()
    other.join(30)

    assert waited
    assert told == ["corrected"]


def test_a_question_that_is_not_understood_is_refused_and_asked_of_nobody(browser, ask, rows):
    _item, outcome = ask("ODD", SCORE, scale="colour")

    assert outcome == "refused"
    assert "ODD" not in browser.get(f"/customers/{rows.customer()}/care").text
