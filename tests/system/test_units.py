"""Tracked units over the wire: the same story at head office, recalls go down, nothing of an erased owner stays."""

import random
from datetime import date, timedelta

from sqlalchemy import select

from branch_node.erasure.operations import Known, carry_out
from branch_node.inbound.queries import list_items
from branch_node.units import operations
from branch_node.units import queries as at_branch
from branch_node.units.errors import UnitFieldError
from branch_node.units.models import Unit, UnitEvent, UnitOwner
from hq_server.feed import operations as feed
from hq_server.feed.operations import Draft
from hq_server.replica.models import ReplicaUnit, ReplicaUnitEvent
from hq_server.units.queries import Progress, count_progress, get_recall, list_elsewhere
from shared.domain.erasure.vocabulary import ErasureReason
from shared.domain.published.vocabulary import ItemKind
from shared.domain.units.recalls import read_recall
from shared.domain.units.rules import ownership, standing
from shared.domain.units.vocabulary import UnitEventKind

BODY = {
    "title": "安全气囊",
    "why": "气囊可能不展开",
    "remedy": "免费更换",
    "from": "2026-01-01",
    "model": "L5",
    "serials": ["LSV*"],
}
TODAY = date(2026, 11, 20)


def publish(world, number, **changes):
    with world.hq.database.sessions.begin() as session:
        item = feed.make_item(session, ItemKind.RECALL, number, Draft({**BODY, **changes}), by=world.by())
        feed.publish(session, item.id, by=world.by())


def act(world, branch, unit, customers, chance):
    """Something that may happen with a unit; what does not fit is refused and writes nothing."""
    kind = chance.choice(["owner", "owner", "returned", "repair", "correct", "void"])
    said = {
        "happened_on": TODAY - timedelta(days=chance.randrange(30)),
        "customer_id": chance.choice(customers),
        "text": "x",
        "reading": chance.randrange(1000),
        "reading_reason": "x",
    }
    try:
        with branch.runtime.database.sessions.begin() as session:
            if kind in {"correct", "void"}:
                event = chance.choice(standing(at_branch.list_events(session, unit)))
                if kind == "void":
                    operations.take_back(session, event.id, "x", by=world.by())
                else:
                    operations.correct_event(session, event.id, said, today=TODAY, by=world.by())
            else:
                said["kind"] = UnitEventKind.meant_by(kind)
                operations.record_event(session, unit, said, today=TODAY, by=world.by())
    except (UnitFieldError, IndexError):
        return


def test_whatever_happens_at_a_branch_head_office_tells_the_same_owners(world):
    branch, chance = world.make_branch("B001"), random.Random(7)
    customers = [branch.add_customer() for _each in range(3)]
    units = [branch.add_unit(customers[0]) for _each in range(3)]
    for number in range(24):
        act(world, branch, chance.choice(units), customers, chance)
        if number % 8 == 0:
            branch.push()
    branch.push()
    world.assert_equal()
    with branch.runtime.database.reads() as session, world.hq.database.reads() as hq:
        for unit in units:
            held = session.scalars(
                select(UnitOwner).where(UnitOwner.unit_id == unit).order_by(UnitOwner.from_on)
            ).all()
            came = hq.scalars(select(ReplicaUnitEvent).where(ReplicaUnitEvent.unit_id == unit)).all()
            told = [(one.customer_id, one.from_on, one.until_on) for one in ownership(came)]
            assert told == [(row.customer_id, row.from_on, row.until_on) for row in held]
            owner = hq.scalars(select(ReplicaUnit.owner_id).where(ReplicaUnit.id == unit)).one()
            assert owner == (told[-1][0] if told else None)
        assert len(session.scalars(select(UnitEvent)).all()) > len(units)


def test_a_recall_goes_down_is_matched_at_the_branch_and_head_office_counts_what_was_done(world):
    branch, other = world.make_branch("B001"), world.make_branch("B002")
    customer = branch.add_customer()
    first, _second = (branch.add_unit(customer, model="L5") for _each in range(2))
    branch.add_unit(customer, model="L6")
    branch.add_unit(customer, model="L5", status="retired")
    publish(world, "R-1")
    branch.push()
    with branch.runtime.database.reads() as session:
        [recall] = at_branch.list_recalls(session, TODAY)
        assert recall == read_recall("R-1", BODY)
        meant = [unit for unit in session.scalars(select(Unit)) if recall.means(unit)]
        assert len(meant) == 3
        assert at_branch.progress(session, TODAY)[0].open == 2
    done = {"kind": UnitEventKind.RECALL_DONE, "happened_on": TODAY, "recall_no": "R-1"}
    with branch.runtime.database.sessions.begin() as session:
        operations.record_event(session, first, done, today=TODAY, by=world.by())
    branch.push()
    other.push()
    with branch.runtime.database.reads() as session, world.hq.database.reads() as hq:
        ours = at_branch.progress(session, TODAY)[0]
        found = get_recall(hq, "R-1", world.clock.now())
        assert list(count_progress(hq, found.recall).values()) == [Progress(ours.matched, ours.done)]
        assert (ours.matched, ours.done) == (2, 1)


def test_a_recall_that_says_no_unit_is_refused_at_the_branch_with_the_reason(world, monkeypatch):
    branch = world.make_branch("B001")
    monkeypatch.setattr("hq_server.feed.operations.problem_of", lambda *_said: None)
    publish(world, "R-2", model="", serials=[])
    branch.push()
    with branch.runtime.database.reads() as session:
        [item] = list_items(session)
        assert item.outcome == "refused"
        assert at_branch.list_recalls(session, TODAY) == []


def test_head_office_says_where_another_branch_holds_the_same_number(world):
    for code in ("B001", "B002"):
        branch = world.make_branch(code)
        branch.add_unit(branch.add_customer(), serial_no="LSVSAME")
        branch.add_unit(branch.add_customer(), serial_no=f"ONLY{code}")
        branch.push()
    with world.hq.database.reads() as hq:
        found = list_elsewhere(hq, hq.scalars(select(ReplicaUnit)).all())
        assert {number: len(held) for number, held in found.items()} == {"LSVSAME": 2}


def test_what_was_written_of_an_erased_owner_goes_at_both_tiers_and_the_unit_stays(world):
    branch = world.make_branch("B001")
    customer, by = branch.add_customer(), world.by()
    unit = branch.add_unit(customer, remark="canary 车主住址")
    said = {
        "kind": "repair",
        "text": "canary 车主说",
        "done_by": "canary",
        "reading": 5,
        "reading_reason": "canary",
    }
    branch.add_unit_event(unit, customer, **said)
    branch.push()
    with branch.runtime.database.sessions.begin() as session:
        carry_out(session, Known.now(customer, ErasureReason.REQUEST, by), by=by)
    branch.push()
    with branch.runtime.database.reads() as session, world.hq.database.reads() as hq:
        for one, event_of, unit_of in (
            (session, UnitEvent, Unit),
            (hq, ReplicaUnitEvent, ReplicaUnit),
        ):
            event = one.scalars(select(event_of).where(event_of.kind == UnitEventKind.REPAIR)).one()
            assert (event.text, event.done_by, event.reading_reason, event.reading) == (None, None, None, 5)
            held = one.scalars(select(unit_of)).one()
            assert (held.remark, held.owner_id, held.serial_no[:3]) == (None, customer, "LSV")
