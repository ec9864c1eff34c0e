"""What became of an offer is written down once for good, corrected beside it, and told on the customer's page."""

import random
from dataclasses import replace
from datetime import date, timedelta
from threading import Thread

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.exc import DBAPIError

from branch_node.erased.queries import CustomerErasedError
from branch_node.erasure.operations import Known, carry_out
from branch_node.identity.queries import CustomerMergedError
from branch_node.inbound.models import InboundItem
from branch_node.merging import operations as merging
from branch_node.offers import operations, queries
from branch_node.offers.errors import OfferAnswerCorrectedError, OfferFieldError
from branch_node.offers.models import OfferAnswer
from shared.audit.models import AuditEntry
from shared.domain.customers.vocabulary import PreferredChannel, ValueTier
from shared.domain.erasure.vocabulary import ErasureReason
from shared.domain.offers.vocabulary import OfferStep
from shared.rights.vocabulary import Action, Resource, StaffKind
from tests.support.branch import ANA, NOON
from tests.support.groups import ONE_WRITER, not_run
from tests.support.interfaces import Program, token_for

TODAY = NOON.date()
YESTERDAY = TODAY - timedelta(days=1)
FORM = {"offer": "FIBRE", "step": "made", "happened_on": TODAY.isoformat()}


@pytest.fixture
def offered(offer):
    """An offer that has stood for long, for customers of high value."""
    offer("FIBRE", tiers=["high"], **{"from": "2026-01-01"})


@pytest.fixture
def customer(rows, offered):
    return rows.customer(name="王芳", value_tier=ValueTier.HIGH)


def write(sessions, customer, step="made", on=TODAY, *, code="FIBRE", reason=None):
    values = {"step": OfferStep.meant_by(step), "happened_on": on, "reason": reason}
    with sessions.begin() as session:
        return operations.record_answer(session, customer, code, values, today=TODAY, by=ANA).id


def stored(database):
    with database.reads() as session:
        return session.scalars(select(OfferAnswer).order_by(OfferAnswer.id)).all()


def test_an_offer_is_written_down_from_the_customers_page_and_stands_there_with_the_reason(
    browser, customer, database
):
    page = browser.get(f"/customers/{customer}/care").text
    assert f"/customers/{customer}/offers/answers/new?offer=FIBRE" in page
    assert (
        'value="FIBRE" selected' in browser.get(f"/customers/{customer}/offers/answers/new?offer=FIBRE").text
    )
    before = {**FORM, "happened_on": YESTERDAY.isoformat()}

    browser.send(f"/customers/{customer}/offers/answers", **before)
    said = {**FORM, "step": "declined", "reason": "价格高"}
    answer = browser.send(f"/customers/{customer}/offers/answers", **said)

    assert "It is written down." in answer.text
    assert [(one.step, one.reason) for one in stored(database)] == [
        (OfferStep.MADE, None),
        (OfferStep.DECLINED, "价格高"),
    ]
    page = browser.get(f"/customers/{customer}/care").text
    told = page[page.index("What became of offers") :]
    assert told.index("Declined") < told.index("价格高") < told.index("Offered")
    line = browser.get(f"/customers/{customer}/timeline?topic=contact").text
    assert line.index("Declined") < line.index("价格高") < line.index("Offered")
    with database.reads() as session:
        events = session.scalars(select(AuditEntry.event).where(AuditEntry.subject_type == "offer_answer"))
        assert list(events) == ["offer_answer.written", "offer_answer.written"]


@pytest.mark.parametrize(
    ("changed", "cure"),
    [
        ({"offer": ""}, "Please fill this in."),
        ({"offer": "OTHER"}, "Choose an offer that applies to this customer on that day"),
        ({"happened_on": "2025-12-31"}, "Choose an offer that applies to this customer on that day"),
        ({"happened_on": "2026-03-19"}, "Give today or an earlier day."),
        ({"happened_on": "soon"}, "Please give a day"),
        ({"step": "void"}, "Please choose one of the list."),
        ({"step": "declined"}, "Write down why it was declined."),
        ({"step": "declined", "reason": "x" * 201}, "This is too long."),
    ],
)
def test_what_is_not_right_is_refused_at_its_field_and_nothing_is_written(
    browser, customer, database, changed, cure
):
    answer = browser.send(f"/customers/{customer}/offers/answers", **{**FORM, **changed})

    assert answer.status_code == 400
    assert cure in answer.text
    assert stored(database) == []


def test_who_is_not_to_be_contacted_is_warned_about_and_an_offer_made_all_the_same_says_why(
    browser, customer, database, sessions, rows
):
    closed = rows.customer(value_tier=ValueTier.HIGH, preferred_channel=PreferredChannel.NONE)
    assert "Do not contact by" not in browser.get(f"/customers/{customer}/offers/answers/new").text
    assert "Do not contact by" in browser.get(f"/customers/{closed}/offers/answers/new").text

    silent = browser.send(f"/customers/{closed}/offers/answers", **FORM)
    said = browser.send(f"/customers/{closed}/offers/answers", **FORM, reason="客户来店询问")

    assert (silent.status_code, said.status_code) == (400, 200)
    assert "write down why the offer was made all the same" in silent.text
    assert [one.reason for one in stored(database)] == ["客户来店询问"]
    write(sessions, closed, "accepted")


def test_an_answer_may_come_when_the_offer_is_over(customer, offer, sessions, database):
    write(sessions, customer, on=YESTERDAY)
    with sessions.begin() as session:
        session.execute(update(InboundItem).values(body=None, body_version=None, withdrawn=True))

    write(sessions, customer, "accepted")

    with database.reads() as session:
        assert queries.latest(session, customer)["FIBRE"].step is OfferStep.ACCEPTED


def test_a_correction_counts_and_what_it_corrects_stays_readable(browser, customer, sessions, database):
    first = write(sessions, customer, on=YESTERDAY)
    form = {"step": "declined", "happened_on": TODAY.isoformat(), "reason": "已换运营商"}

    assert "FIBRE" in browser.get(f"/offer-answers/{first}/correct").text
    browser.send(f"/offer-answers/{first}/corrections", **form)
    again = browser.send(f"/offer-answers/{first}/corrections", **form)

    old, new = stored(database)
    assert (old.id, old.step) == (first, OfferStep.MADE)
    assert (new.corrects_id, new.step, new.offer_code) == (first, OfferStep.DECLINED, "FIBRE")
    assert again.status_code == 409
    page = browser.get(f"/customers/{customer}/care").text
    assert page.index("已换运营商") < page.index("before: Offered")


def test_what_is_taken_back_never_happened_and_stays_readable(browser, customer, sessions, database):
    first = write(sessions, customer, on=YESTERDAY)
    last = write(sessions, customer, "accepted")

    silent = browser.send(f"/offer-answers/{last}/taking-back", why="")
    browser.send(f"/offer-answers/{last}/taking-back", why="别的客户")

    assert silent.status_code == 400
    assert "Write down why it is taken back." in silent.text
    with database.reads() as session:
        assert queries.latest(session, customer)["FIBRE"].id == first
    page = browser.get(f"/customers/{customer}/care").text
    assert (
        page.index("Taken back: it never happened") < page.index("别的客户") < page.index("before: Accepted")
    )
    assert "Accepted" not in browser.get(f"/customers/{customer}/timeline?kind=offer").text
    void = stored(database)[-1].id
    assert browser.get(f"/offer-answers/{void}/correct").status_code == 404


def test_the_database_lets_nobody_change_or_remove_what_was_said(customer, sessions, database):
    answer = write(sessions, customer)
    for statement in (
        update(OfferAnswer).where(OfferAnswer.id == answer).values(step="accepted"),
        delete(OfferAnswer).where(OfferAnswer.id == answer),
    ):
        with pytest.raises(DBAPIError, match="offer_answer is a fact"):  # noqa: SIM117 - the transaction too
            with sessions.begin() as session:
                session.execute(statement)
    assert [one.step for one in stored(database)] == [OfferStep.MADE]


def test_whatever_is_written_corrected_and_taken_back_the_last_word_is_the_one_of_the_latest_day(
    customer, sessions, database
):
    chance = random.Random(20)
    counted: dict[str, date] = {}
    for _turn in range(40):
        on = TODAY - timedelta(days=chance.randrange(6))
        step = chance.choice(["made", "accepted", "declined"])
        old = chance.choice([*counted, None])
        values = {"step": OfferStep.meant_by(step), "happened_on": on, "reason": "x"}
        with sessions.begin() as session:
            if old is None:
                made = operations.record_answer(session, customer, "FIBRE", values, today=TODAY, by=ANA)
                counted[made.id] = on
            elif chance.random() < 0.5:
                made = operations.correct_answer(session, old, values, today=TODAY, by=ANA)
                counted[made.id] = on
                del counted[old]
            else:
                operations.take_back(session, old, "x", by=ANA)
                del counted[old]
        with database.reads() as session:
            last = queries.latest(session, customer).get("FIBRE")
            assert (last and last.id) == max(counted, key=lambda at: (counted[at], at), default=None)
            assert {one.answer.id for one in queries.told(session, customer) if one.counts} == set(counted)


def test_files_of_one_person_tell_one_story_and_part_again(rows, sessions, customer, database):
    other = rows.customer(name="王方", value_tier=ValueTier.HIGH)
    write(sessions, customer, on=YESTERDAY)
    theirs = write(sessions, other, "accepted")
    with sessions.begin() as session:
        merge = merging.propose(session, customer, other, [], by=ANA)
        merging.carry_out(session, merge.id, by=replace(ANA, actor="li"))

    with pytest.raises(CustomerMergedError):
        write(sessions, other, "declined", reason="x")
    with database.reads() as session:
        assert queries.latest(session, customer)["FIBRE"].id == theirs
        assert len(queries.told(session, customer)) == 2
    with sessions.begin() as session:
        values = {"step": OfferStep.DECLINED, "happened_on": TODAY, "reason": "记错"}
        right = operations.correct_answer(session, theirs, values, today=TODAY, by=ANA)
        assert right.customer_id == other
    with sessions.begin() as session:
        merging.take_back(session, merge.id, by=replace(ANA, actor="li"))
    with database.reads() as session:
        assert queries.latest(session, customer)["FIBRE"].step is OfferStep.MADE
        assert queries.latest(session, other)["FIBRE"].step is OfferStep.DECLINED


def test_what_an_erased_customer_said_goes_and_that_it_was_said_stays(customer, sessions, database):
    answer = write(sessions, customer, "declined", reason="canary 家里困难")
    with sessions.begin() as session:
        carry_out(session, Known.now(customer, ErasureReason.REQUEST, ANA), by=ANA)

    (kept,) = stored(database)
    assert (kept.reason, kept.step, kept.offer_code) == (None, OfferStep.DECLINED, "FIBRE")
    with pytest.raises(CustomerErasedError):
        write(sessions, customer, "accepted")
    with pytest.raises(CustomerErasedError), sessions.begin() as session:
        operations.take_back(session, answer, "x", by=ANA)


def test_an_account_manager_writes_of_their_customers_and_hears_of_no_other(
    app, rows, offered, make_user, sign_in, sessions, database
):
    mine, theirs = rows.manager(), rows.manager()
    make_user("seller", StaffKind.ACCOUNT_MANAGER, manager_id=mine)
    own = rows.customer(manager_id=mine, value_tier=ValueTier.HIGH)
    hidden = rows.customer(manager_id=theirs, value_tier=ValueTier.HIGH)
    answer = write(sessions, hidden)
    seller, program = sign_in("seller"), Program(app, token_for(app, "seller"))

    assert seller.send(f"/customers/{own}/offers/answers", **FORM).status_code == 200
    assert seller.get(f"/customers/{hidden}/offers/answers/new").status_code == 404
    assert seller.send(f"/customers/{hidden}/offers/answers", **FORM).status_code == 404
    assert seller.get(f"/offer-answers/{answer}/correct").status_code == 404
    assert seller.send(f"/offer-answers/{answer}/taking-back", why="x").status_code == 404
    assert program.get(f"/api/v1/customers/{hidden}/offer-answers").status_code == 404
    assert program.get(f"/api/v1/customers/{hidden}/offers").status_code == 404
    correction = {"step": "accepted", "happened_on": TODAY.isoformat()}
    assert program.post(f"/api/v1/offer-answers/{answer}/corrections", correction).status_code == 404
    assert [one.customer_id for one in stored(database)] == [hidden, own]


def test_a_program_writes_corrects_and_takes_back_what_the_page_does(app, make_user, customer, database):
    make_user("boss", StaffKind.BRANCH_MANAGER)
    program = Program(app, token_for(app, "boss"))
    path = f"/api/v1/customers/{customer}/offer-answers"

    made = program.post(path, FORM, idempotency_key="k")
    again = program.post(path, FORM, idempotency_key="k")
    (applies,) = program.get(f"/api/v1/customers/{customer}/offers").json["items"]
    right = {"step": "declined", "happened_on": TODAY.isoformat(), "reason": "太贵"}
    corrected = program.post(f"/api/v1/offer-answers/{made.json['id']}/corrections", right)
    void = program.post(f"/api/v1/offer-answers/{corrected.json['id']}/taking-back", {"reason": "误记"})
    refused = program.post(path, {**FORM, "step": "declined"})

    assert (made.status_code, made.json["offer"], again.json["id"]) == (201, "FIBRE", made.json["id"])
    assert (applies["code"], applies["why"], applies["step"], applies["closed"]) == (
        "FIBRE",
        ["high"],
        "made",
        [],
    )
    assert (corrected.json["corrects_id"], corrected.json["counts"]) == (made.json["id"], True)
    assert (void.json["step"], void.json["counts"]) == ("void", False)
    assert (refused.status_code, set(refused.json["fields"])) == (400, {"reason"})
    told = program.get(path).json["items"]
    assert [(one["step"], one["counts"]) for one in told] == [
        ("void", False),
        ("declined", False),
        ("made", False),
    ]
    line = program.get(f"/api/v1/customers/{customer}/timeline?kind=offer").json["items"]
    assert line == []
    assert len(stored(database)) == 3


def test_two_corrections_of_one_entry_do_not_both_count(customer, sessions):
    answer = write(sessions, customer)
    with sessions.begin() as session:
        operations.take_back(session, answer, "x", by=ANA)
    with pytest.raises(OfferAnswerCorrectedError), sessions.begin() as session:
        operations.take_back(session, answer, "x", by=ANA)
    values = {"step": OfferStep.MADE, "happened_on": TODAY}
    with pytest.raises(OfferFieldError), sessions.begin() as session:
        operations.record_answer(session, customer, "NEVER", values, today=TODAY, by=ANA)


@pytest.mark.parametrize(
    ("wrong", "cure"),
    [
        ({"step": "declined", "reason": ""}, "Write down why it was declined."),
        ({"happened_on": "2026-03-19"}, "Give today or an earlier day."),
        ({"step": "void"}, "Please choose one of the list."),
    ],
)
def test_a_correction_is_held_to_what_a_first_entry_is(browser, customer, sessions, database, wrong, cure):
    answer = write(sessions, customer)
    form = {"step": "made", "happened_on": TODAY.isoformat(), "reason": "x"} | wrong

    refused = browser.send(f"/offer-answers/{answer}/corrections", **form)

    assert refused.status_code == 400
    assert cure in refused.text
    assert [one.id for one in stored(database)] == [answer]


def test_of_two_who_take_an_entry_back_at_the_same_moment_one_is_told_that_it_is_done(
    customer, sessions, dialect
):
    if dialect == "sqlite":
        not_run(dialect, ONE_WRITER)
    answer, told = write(sessions, customer), []

    def second():
        try:
            with sessions.begin() as session:
                operations.take_back(session, answer, "x", by=ANA)
        except OfferAnswerCorrectedError:
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


def test_an_offer_that_has_run_out_or_is_not_understood_is_offered_to_nobody(
    browser, customer, sessions, database
):
    shown = "Title FIBRE"
    assert shown in browser.get(f"/customers/{customer}/care").text
    for values in (
        {"expires_at": NOON},
        {"expires_at": None, "body": {"title": shown, "from": TODAY.isoformat()}},
    ):
        with sessions.begin() as session:
            session.execute(update(InboundItem).values(**values))

        assert shown not in browser.get(f"/customers/{customer}/care").text
        refused = browser.send(f"/customers/{customer}/offers/answers", **FORM)
        assert refused.status_code == 400
        assert "Choose an offer that applies" in refused.text
    assert stored(database) == []


def test_a_program_that_may_only_read_customers_reads_answers_and_writes_none(
    app, make_user, customer, sessions, database
):
    make_user("boss", StaffKind.BRANCH_MANAGER)
    program = Program(app, token_for(app, "boss", [(Resource.CUSTOMER, Action.READ)]))
    answer, path = write(sessions, customer), f"/api/v1/customers/{customer}/offer-answers"
    right = {"step": "accepted", "happened_on": TODAY.isoformat()}

    assert [one["id"] for one in program.get(path).json["items"]] == [answer]
    for at, body in (
        (path, FORM),
        (f"/api/v1/offer-answers/{answer}/corrections", right),
        (f"/api/v1/offer-answers/{answer}/taking-back", {"reason": "x"}),
    ):
        assert program.post(at, body).status_code == 403
    assert [one.id for one in stored(database)] == [answer]
