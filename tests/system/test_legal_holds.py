"""Legal holds: head office orders, the branch obeys once, both sides see the same, and what is held cannot go."""

from datetime import date

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError

from branch_node.customers.models import Customer
from branch_node.inbound.models import FeedPlace, InboundItem
from branch_node.personal import holds
from branch_node.personal.errors import CustomerHeldError, HoldOfHeadOfficeError, HoldReleasedError
from branch_node.personal.jobs import carry_out_orders
from branch_node.personal.models import LegalHold, PersonalRequest
from hq_server.branches.models import Branch
from hq_server.feed.alarms import ORDER_REFUSED
from hq_server.personal import orders
from hq_server.personal.holds import list_holds
from hq_server.replica.models import ReplicaLegalHold
from shared.alarms.operations import clear_alarm
from shared.alarms.queries import find_open
from shared.audit.models import AuditEntry
from shared.domain.published.rules import problem_of
from shared.ids import new_id
from shared.jobs.job import Progress
from shared.twoperson import operations as twoperson
from shared.twoperson.errors import OwnActError
from shared.twoperson.models import ProposedAct
from shared.twoperson.vocabulary import ActKind
from tests.support.world import BranchHere, World

TODAY = date(2026, 11, 20)


def allowed(_kind: ActKind) -> bool:
    return True


def sync(branch: BranchHere) -> None:
    """A cycle, the orders that came with it, and a cycle that tells of them."""
    branch.push()
    carry_out_orders(branch.runtime, branch.world.by("node"), Progress())
    branch.push()


def order_hold(world: World, customer: str, reason: str = "诉讼保全") -> str:
    with world.hq.database.sessions.begin() as session:
        branch = session.scalars(select(Branch)).one()
        item = orders.order_hold(
            session, branch, customer, reason=reason, ends_on=None, today=TODAY, by=world.by("hq-ana")
        )
        return item.id


def order_release(world: World, hold_id: str) -> None:
    with world.hq.database.sessions.begin() as session:
        number = session.scalars(select(Branch.number)).one()
        hold = session.get_one(ReplicaLegalHold, (number, hold_id))
        act = orders.ask_release(session, hold, reason="已经结案", by=world.by("hq-ana"))
        seen = act.digest
        twoperson.approve(
            session, orders.RELEASE_KIND, act.id, seen=seen, eligible=allowed, by=world.by("hq-li")
        )


def outcomes(world: World) -> list[tuple[str, list[str]]]:
    with world.hq.database.reads() as session:
        given = orders.list_given(session)
        return [(one.outcome, list(one.telling.reasons) if one.telling else []) for one in given]


def holds_of(branch: BranchHere) -> list[LegalHold]:
    with branch.runtime.database.reads() as session:
        return list(session.scalars(select(LegalHold).order_by(LegalHold.id)))


def place(branch: BranchHere, customer: str) -> str:
    by = branch.world.by("manager-a")
    with branch.runtime.database.sessions.begin() as session:
        return holds.place(session, customer, reason="年度审计", ends_on=None, today=TODAY, by=by).id


def test_a_hold_ordered_by_head_office_is_placed_once_told_of_and_released_by_two_people_there(world: World):
    branch = world.make_branch("B001")
    customer = branch.add_customer()
    branch.push()

    order = order_hold(world, customer)
    assert outcomes(world) == [("sent", [])]
    sync(branch)

    [hold] = holds_of(branch)
    assert (hold.customer_id, hold.order_id, hold.placed_by, hold.reason) == (
        customer,
        order,
        "hq-ana",
        "诉讼保全",
    )
    assert outcomes(world) == [("applied", [])]
    with world.hq.database.reads() as session:
        [seen] = list_holds(session)
        assert (seen.hold.id, seen.hold.released_at) == (hold.id, None)

    order_release(world, hold.id)
    sync(branch)
    [hold] = holds_of(branch)
    assert (hold.released_by, hold.release_reason) == ("hq-li", "已经结案")
    assert [outcome for outcome, _reasons in outcomes(world)] == ["applied", "applied"]
    branch.push()
    world.assert_equal()


def test_an_order_that_comes_again_after_a_restore_is_not_carried_out_again(world: World):
    branch = world.make_branch("B001")
    customer = branch.add_customer()
    branch.push()
    order_hold(world, customer)
    sync(branch)
    order_release(world, holds_of(branch)[0].id)
    sync(branch)
    later = place(branch, customer)

    # The feed from its beginning, as to a branch whose place head office does not know; then one without its items too.
    for forget in (False, True):
        with branch.runtime.database.sessions.begin() as session:
            session.execute(update(FeedPlace).values(seq=0, digest=""))
            if forget:
                session.execute(delete(InboundItem))
        sync(branch)

        first, second = holds_of(branch)
        assert first.released_at is not None
        assert (second.id, second.released_at) == (later, None)
        assert [outcome for outcome, _reasons in outcomes(world)] == ["applied", "applied"]


def test_an_order_about_nobody_is_refused_and_head_office_reads_why(world: World):
    branch = world.make_branch("B001")
    customer = branch.add_customer()
    branch.push()
    order_hold(world, customer)
    with branch.runtime.database.sessions.begin() as session:
        session.execute(delete(Customer).where(Customer.id == customer))

    sync(branch)

    assert holds_of(branch) == []
    [(outcome, reasons)] = outcomes(world)
    assert outcome == "refused"
    assert "customer" in reasons[0].lower()
    with world.hq.database.sessions.begin() as session:
        alarm = find_open(session, ORDER_REFUSED, ("branch", "B001"))
        assert alarm is not None
        assert alarm.details["reason"] == reasons[0]
        clear_alarm(session, ORDER_REFUSED, ("branch", "B001"), at=world.clock.now())
    # Told of once: who has closed it is not asked again whenever the branch says the same.
    with branch.runtime.database.sessions.begin() as session:
        session.execute(update(InboundItem).values(told=False))
    branch.push()
    with world.hq.database.reads() as session:
        assert find_open(session, ORDER_REFUSED, ("branch", "B001")) is None
    # It is over: nothing of it is asked or told again.
    with branch.runtime.database.reads() as session:
        assert session.scalars(select(InboundItem.told)).all() == [True]


def test_an_erasure_ordered_by_head_office_is_a_request_at_the_branch_once(world: World):
    branch = world.make_branch("B001")
    customer = branch.add_customer()
    branch.push()
    with world.hq.database.sessions.begin() as session:
        at = session.scalars(select(Branch)).one()
        order = orders.order_erasure(session, at, customer, reason="本人要求", by=world.by("hq-ana")).id

    sync(branch)
    with branch.runtime.database.sessions.begin() as session:
        session.execute(update(FeedPlace).values(seq=0, digest=""))
        session.execute(delete(InboundItem))
    sync(branch)

    with branch.runtime.database.reads() as session:
        request = session.scalars(select(PersonalRequest)).one()
    assert (request.customer_id, request.order_id, request.asked_by) == (customer, order, "hq-ana")
    assert outcomes(world) == [("applied", [])]


def test_another_branch_never_hears_of_an_order(world: World):
    branch, other = world.make_branch("B001"), world.make_branch("B002")
    customer = branch.add_customer()
    branch.push()
    with world.hq.database.sessions.begin() as session:
        number = session.scalars(select(Branch).where(Branch.code == "B001")).one()
        orders.order_hold(
            session, number, customer, reason="诉讼保全", ends_on=None, today=TODAY, by=world.by("hq-ana")
        )

    other.push()

    with other.runtime.database.reads() as session:
        assert session.scalars(select(InboundItem)).all() == []


def test_at_the_branch_a_release_takes_two_people_and_a_hold_of_head_office_is_not_theirs_to_release(
    world: World,
):
    branch = world.make_branch("B001")
    mine, ordered = branch.add_customer(), branch.add_customer()
    branch.push()
    hold = place(branch, mine)
    order_hold(world, ordered)
    sync(branch)
    [of_hq] = [one.id for one in holds_of(branch) if one.order_id]
    sessions = branch.runtime.database.sessions

    with sessions.begin() as session, pytest.raises(HoldOfHeadOfficeError):
        holds.ask_release(session, of_hq, reason="已经结案", by=world.by("manager-a"))
    with sessions.begin() as session:
        act = holds.ask_release(session, hold, reason="已经结案", by=world.by("manager-a")).id
    with sessions.begin() as session:
        seen = session.get_one(ProposedAct, act).digest
        with pytest.raises(OwnActError):
            twoperson.approve(
                session, holds.RELEASE_KIND, act, seen=seen, eligible=allowed, by=world.by("manager-a")
            )
        assert holds.is_held(session, mine)
    with sessions.begin() as session:
        twoperson.approve(
            session, holds.RELEASE_KIND, act, seen=seen, eligible=allowed, by=world.by("manager-b")
        )
    with sessions.begin() as session:
        assert not holds.is_held(session, mine)
        assert holds.is_held(session, ordered)
        with pytest.raises(HoldReleasedError):
            holds.release(session, hold, reason="again", who="x", by=world.by())
        events = session.scalars(select(AuditEntry.event).where(AuditEntry.subject_id == mine)).all()
    assert {"hold.placed", "hold.released"} <= set(events)


def test_a_held_customer_is_not_erased_and_cannot_be_deleted_even_after_the_release(world: World):
    branch = world.make_branch("B001")
    customer = branch.add_customer()
    hold = place(branch, customer)
    sessions = branch.runtime.database.sessions

    with sessions.begin() as session, pytest.raises(CustomerHeldError):
        holds.refuse_if_held(session, customer)
    with sessions.begin() as session:
        holds.release(session, hold, reason="已经结案", who="li", by=world.by())
        holds.refuse_if_held(session, customer)
    with pytest.raises(IntegrityError), sessions.begin() as session:
        session.execute(delete(Customer).where(Customer.id == customer))


def test_holds_end_by_themselves_the_day_after_their_last_one(world: World):
    branch = world.make_branch("B001")
    customer = branch.add_customer()
    with branch.runtime.database.sessions.begin() as session:
        holds.place(session, customer, reason="年度审计", ends_on=TODAY, today=TODAY, by=world.by())
        assert holds.end_over(session, TODAY, by=world.by()) == 0
        assert holds.is_held(session, customer)
        assert holds.end_over(session, date(2026, 11, 21), by=world.by()) == 1
        assert not holds.is_held(session, customer)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"order": "burn", "customer_id": new_id(), "reason": "诉讼案", "by": "ana"},
        {"order": "hold", "customer_id": "1", "reason": "诉讼案", "by": "ana"},
        {"order": "hold", "customer_id": new_id(), "reason": "", "by": "ana"},
        {"order": "hold", "customer_id": new_id(), "reason": "诉讼案", "by": ""},
        {"order": "hold", "customer_id": new_id(), "reason": "诉讼案", "by": "ana", "ends_on": "soon"},
        {"order": "release", "customer_id": new_id(), "reason": "诉讼案", "by": "ana"},
    ],
)
def test_an_order_that_is_not_whole_is_neither_given_nor_obeyed(body: dict[str, str]):
    assert problem_of("personal_order", new_id(), body) is not None
