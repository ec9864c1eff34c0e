"""Customers change hands all together or not at all, with their shares, and come back within the day."""

from datetime import date, timedelta

import pytest
from sqlalchemy import func, select

from branch_node.customers.models import Customer, CustomerShare
from branch_node.customers.sharing import share_customer
from branch_node.erased.models import Erasure
from branch_node.handover import operations, queries
from branch_node.handover.errors import (
    HandoverLeftError,
    HandoverMeanwhileError,
    HandoverNobodyError,
    HandoverOverError,
    HandoverPaperError,
    HandoverSignedError,
    HandoverWhoError,
    NotYoursToSignError,
)
from branch_node.handover.models import Handover, HandoverCustomer, HandoverReason
from branch_node.handover.operations import Order
from branch_node.managers.models import Manager
from branch_node.managers.operations import change_manager
from shared.audit import operations as audit
from shared.audit.models import AuditEntry
from shared.domain.erasure.vocabulary import ErasureReason
from shared.domain.managers.vocabulary import ManagerStatus
from shared.ids import new_id
from shared.stamp import Stamp, Via
from tests.support.branch import NOON

BY = Stamp(at=NOON + timedelta(days=1), actor="wang", via=Via.WEB)
LATER = Stamp(at=BY.at + timedelta(minutes=5), actor="wang", via=Via.WEB)
MORNING = BY.at - timedelta(hours=4)


@pytest.fixture
def people(rows):
    return rows.manager(name="李离"), rows.manager(name="赵接")


@pytest.fixture
def held(rows, people):
    return [rows.customer(manager_id=people[0]) for _each in range(5)]


def order(people, ids, **more):
    return Order(
        people[0], people[1], ids, HandoverReason.LEAVES, date(2026, 4, 30), date(2026, 3, 19), **more
    )


def hand_over(sessions, *given, by=BY, **more):
    with sessions.begin() as session:
        return operations.hand_over(session, order(*given, **more), by=by).id


def holders(sessions):
    with sessions() as session:
        return {row.id: row.manager_id for row in session.execute(select(Customer.id, Customer.manager_id))}


def shares(sessions):
    with sessions() as session:
        wanted = select(CustomerShare.customer_id, CustomerShare.manager_id)
        return {tuple(row) for row in session.execute(wanted)}


def share(sessions, customer_id, manager_id):
    with sessions.begin() as session:
        share_customer(session, customer_id, manager_id, ends_at=None, by=BY)


def signed_in(manager_id, *, at=BY.at):
    return Stamp(at=at, actor="them", via=Via.WEB, manager_id=manager_id)


def test_the_chosen_customers_change_hands_and_the_others_stay(sessions, people, held):
    handover_id = hand_over(sessions, people, held[:3])

    assert {at for at, holder in holders(sessions).items() if holder == people[1]} == set(held[:3])
    assert {at for at, holder in holders(sessions).items() if holder == people[0]} == set(held[3:])
    with sessions() as session:
        made = session.get_one(Handover, handover_id)
        assert (made.customers, made.made_by, made.reason) == (3, "wang", HandoverReason.LEAVES)
        assert set(queries.customer_ids_of(session, handover_id)) == set(held[:3])


def test_every_customer_has_an_entry_in_the_log_and_the_handover_one_of_its_own(sessions, people, held):
    handover_id = hand_over(sessions, people, held[:2])

    with sessions() as session:
        told = {tuple(row) for row in session.execute(select(AuditEntry.event, AuditEntry.subject_id))}
    assert {("customer.changed", one) for one in held[:2]} <= told
    assert ("handover.written", handover_id) in told


@pytest.mark.parametrize("fails_at", range(1, 5))
def test_whatever_fails_in_between_leaves_everything_as_it_was(
    sessions, people, held, rows, monkeypatch, fails_at
):
    other = rows.customer()
    share(sessions, other, people[0])
    share(sessions, held[0], people[1])
    before = holders(sessions), shares(sessions)
    calls = []

    def failing(*args, **kwargs):
        calls.append(args)
        if len(calls) == fails_at:
            raise RuntimeError
        audit.record(*args, **kwargs)

    monkeypatch.setattr(operations, "record", failing)
    with pytest.raises(RuntimeError):
        hand_over(sessions, people, held[:3], with_shares=True)

    assert (holders(sessions), shares(sessions)) == before
    with sessions() as session:
        assert session.scalar(select(func.count()).select_from(Handover)) == 0
        assert session.scalar(select(func.count()).select_from(HandoverCustomer)) == 0


def test_a_customer_handed_to_somebody_else_meanwhile_stops_the_whole_and_is_named(
    sessions, people, held, rows
):
    third = rows.manager()
    with sessions.begin() as session:
        gone = session.get_one(Customer, held[2])
        gone.manager_id, name = third, gone.name

    with pytest.raises(HandoverMeanwhileError) as refused:
        hand_over(sessions, people, held)
    assert name in str(refused.value.params["customer"])
    assert people[1] not in holders(sessions).values()


def test_a_customer_erased_meanwhile_stops_the_whole_and_the_preview_leaves_them_out(sessions, people, held):
    with sessions.begin() as session:
        erase(session, held[0])

    with pytest.raises(HandoverMeanwhileError):
        hand_over(sessions, people, held)
    with sessions() as session:
        plan = queries.plan(session, people[0], held)
        assert [one.id for one in plan.erased] == [held[0]]
        assert {one.id for one in plan.customers} == set(held[1:])


def erase(session, customer_id):
    reason = next(iter(ErasureReason))
    told = {"customer_id": customer_id, "reason": reason, "erased_at": BY.at, "erased_by": "wang"}
    session.add(Erasure(id=new_id(), **told))


def test_shares_go_to_the_taker_unless_they_hold_or_have_them_and_theirs_of_the_handed_end(
    sessions, people, held, rows
):
    leaver, taker = people
    plain, known, own = rows.customer(), rows.customer(), rows.customer(manager_id=taker)
    for one in (plain, known, own):
        share(sessions, one, leaver)
    share(sessions, known, taker)
    share(sessions, held[0], taker)

    handover_id = hand_over(sessions, people, held, with_shares=True)

    assert shares(sessions) == {(plain, taker), (known, taker)}
    with sessions() as session:
        assert session.get_one(Handover, handover_id).shares == 1


def test_shares_stay_when_they_are_not_to_go_along(sessions, people, held, rows):
    other = rows.customer()
    share(sessions, other, people[0])
    hand_over(sessions, people, held)

    assert shares(sessions) == {(other, people[0])}


@pytest.mark.parametrize("status", [ManagerStatus.LEFT, ManagerStatus.ON_LEAVE])
def test_nobody_who_is_not_at_work_takes_over(sessions, people, held, rows, status):
    with pytest.raises(HandoverWhoError):
        hand_over(sessions, (people[0], rows.manager(status=status)), held)


def test_nobody_hands_over_to_themselves_or_nothing_at_all(sessions, people, held):
    with pytest.raises(HandoverWhoError):
        hand_over(sessions, (people[0], people[0]), held)
    with pytest.raises(HandoverNobodyError):
        hand_over(sessions, people, [])


def test_each_signs_once_for_themselves_and_nobody_for_them(sessions, people, held, rows):
    handover_id = hand_over(sessions, people, held)
    for manager_id in people:
        with sessions.begin() as session:
            operations.sign(session, handover_id, by=signed_in(manager_id))

    for who, error in (
        (people[0], HandoverSignedError),
        (people[1], HandoverSignedError),
        (rows.manager(), NotYoursToSignError),
        (None, NotYoursToSignError),
    ):
        with pytest.raises(error), sessions.begin() as session:
            operations.sign(session, handover_id, by=signed_in(who))
    with sessions() as session:
        made = session.get_one(Handover, handover_id)
        assert made.signed_from_at is not None
        assert made.signed_to_at is not None


def test_a_signature_on_paper_is_noted_once_with_where_it_lies(sessions, people, held):
    handover_id = hand_over(sessions, people, held)
    with pytest.raises(HandoverPaperError), sessions.begin() as session:
        operations.note_paper(session, handover_id, " ", by=BY)
    with sessions.begin() as session:
        operations.note_paper(session, handover_id, "夹 7", by=BY)
    with pytest.raises(HandoverSignedError), sessions.begin() as session:
        operations.sign(session, handover_id, by=signed_in(people[0]))
    with pytest.raises(HandoverSignedError), sessions.begin() as session:
        operations.note_paper(session, handover_id, "夹 8", by=BY)
    with sessions() as session:
        assert session.get_one(Handover, handover_id).signed_from_paper == "夹 7"


def test_who_has_signed_on_screen_has_no_paper_noted_beside_it(sessions, people, held):
    handover_id = hand_over(sessions, people, held)
    with sessions.begin() as session:
        operations.sign(session, handover_id, by=signed_in(people[0]))

    with pytest.raises(HandoverSignedError), sessions.begin() as session:
        operations.note_paper(session, handover_id, "夹 8", by=BY)

    with sessions() as session:
        assert session.get_one(Handover, handover_id).signed_from_paper is None


def test_taking_back_gives_everybody_back_with_their_shares_and_the_leaver_their_status(
    sessions, people, held, rows
):
    other = rows.customer()
    share(sessions, other, people[0])
    share(sessions, held[0], people[1])
    before = holders(sessions), shares(sessions)
    handover_id = hand_over(sessions, people, held, with_shares=True, mark_left=True)
    with sessions() as session:
        assert session.get_one(Manager, people[0]).status is ManagerStatus.LEFT

    with sessions.begin() as session:
        assert operations.take_back(session, handover_id, since=MORNING, by=LATER) == []
    assert (holders(sessions), shares(sessions)) == before
    with sessions() as session:
        assert session.get_one(Manager, people[0]).status is ManagerStatus.ACTIVE
    with pytest.raises(HandoverOverError), sessions.begin() as session:
        operations.take_back(session, handover_id, since=MORNING, by=LATER)
    with pytest.raises(HandoverOverError), sessions.begin() as session:
        operations.sign(session, handover_id, by=signed_in(people[1]))


def test_a_leaver_marked_as_left_afterwards_is_so_once_and_comes_back_with_the_hand_over(
    sessions, people, held
):
    handover_id = hand_over(sessions, people, held)
    with sessions.begin() as session:
        operations.mark_left(session, handover_id, by=BY)
    with sessions() as session:
        assert session.get_one(Manager, people[0]).status is ManagerStatus.LEFT
        assert "handover.left" in session.scalars(select(AuditEntry.event)).all()
    with pytest.raises(HandoverLeftError), sessions.begin() as session:
        operations.mark_left(session, handover_id, by=BY)

    with sessions.begin() as session:
        operations.take_back(session, handover_id, since=MORNING, by=LATER)

    with sessions() as session:
        assert session.get_one(Manager, people[0]).status is ManagerStatus.ACTIVE
    with pytest.raises(HandoverOverError), sessions.begin() as session:
        operations.mark_left(session, handover_id, by=BY)


def test_a_leaver_whose_status_somebody_has_changed_since_keeps_that_one(sessions, people, held):
    handover_id = hand_over(sessions, people, held, mark_left=True)
    with sessions.begin() as session:
        leaver = session.get_one(Manager, people[0])
        values = {"status": ManagerStatus.ON_LEAVE}
        change_manager(session, leaver.id, values, seen_at=leaver.updated_at, by=LATER)

    with sessions.begin() as session:
        operations.take_back(session, handover_id, since=MORNING, by=LATER)

    with sessions() as session:
        assert session.get_one(Manager, people[0]).status is ManagerStatus.ON_LEAVE


def test_a_customer_changed_since_stays_with_who_took_over(sessions, people, held):
    handover_id = hand_over(sessions, people, held)
    with sessions.begin() as session:
        session.get_one(Customer, held[1]).touch(LATER)
        number = session.get_one(Customer, held[1]).customer_no

    with sessions.begin() as session:
        kept = operations.take_back(session, handover_id, since=MORNING, by=LATER)
    assert kept == [number]
    with sessions() as session:
        assert session.get_one(Handover, handover_id).moved["stay"] == [held[1]]
    assert {at for at, holder in holders(sessions).items() if holder == people[1]} == {held[1]}


def test_the_next_day_nothing_is_taken_back(sessions, people, held):
    handover_id = hand_over(sessions, people, held)
    with pytest.raises(HandoverOverError), sessions.begin() as session:
        operations.take_back(session, handover_id, since=BY.at + timedelta(hours=12), by=LATER)
    assert set(holders(sessions).values()) == {people[1]}
