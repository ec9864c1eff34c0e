"""Head office has what a branch counts of stale and contradictory fields, as of when it counted."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from branch_node.customers.confirming import confirm_field
from branch_node.outbound.upkeep import TOLD
from hq_server.branches.models import Branch
from hq_server.gate.errors import SyncRefusedError
from hq_server.upkeep.models import UpkeepCount
from hq_server.upkeep.operations import take_counts
from shared.db.base import instant_text
from sync_protocol.contract.messages import UpkeepReport

LONG_AGO = datetime(2020, 1, 5, tzinfo=UTC)


def counted(world):
    with world.hq.database.reads() as session:
        found = session.scalars(select(UpkeepCount)).one_or_none()
        return found and (found.customers, found.stale, found.fields.get("mobile"), found.counted_at)


def add_old(branch):
    return branch.add_customer(mobile="13800000001", created_at=LONG_AGO, updated_at=LONG_AGO)


def test_a_branch_tells_its_counts_with_a_push_and_again_when_an_hour_is_over(world):
    branch = world.make_branch("B001")
    customer_id = add_old(branch)
    branch.add_customer(mobile="13800000002")

    branch.push()

    first = counted(world)
    assert first is not None
    assert first[:3] == (2, 1, 1)
    with branch.runtime.database.sessions.begin() as session:
        confirm_field(session, customer_id, "mobile", by=world.by())
    branch.push()
    assert counted(world) == first, "not counted again within the hour, and as of when it was"
    world.clock.advance(timedelta(hours=1, minutes=1))
    branch.push()
    again = counted(world)
    assert again[:3] == (2, 0, 0)
    assert again[3] >= first[3] + timedelta(hours=1)


def test_a_count_that_was_not_kept_is_told_with_the_next_push(world):
    branch = world.make_branch("B001")
    add_old(branch)
    branch.push()
    with world.hq.database.sessions.begin() as session:
        session.delete(session.scalars(select(UpkeepCount)).one())
    branch.runtime.settings.home.write_lines(TOLD, [])

    branch.push()

    assert counted(world)[:3] == (1, 1, 1)


@pytest.mark.parametrize(
    "numbers",
    [
        {"customers": 1, "flagged": 2, "stale": 2, "conflicting": 0},
        {"customers": 9, "flagged": 3, "stale": 4, "conflicting": 0},
        {"customers": 9, "flagged": 5, "stale": 2, "conflicting": 2},
        {"customers": 9, "flagged": 2, "stale": 2, "conflicting": 0, "fields": {"mobile": 3}},
        {"customers": 9, "flagged": 2, "stale": 0, "conflicting": 2, "conflicts": {"same-number": 3}},
        {"customers": 9, "flagged": 0, "stale": 0, "conflicting": 0, "at": "today"},
    ],
)
def test_numbers_that_cannot_be_true_are_not_kept(world, numbers):
    world.make_branch("B001").push()
    before = counted(world)
    report = UpkeepReport(**{"at": instant_text(world.clock.now()), **numbers})

    with pytest.raises(SyncRefusedError), world.hq.database.sessions.begin() as session:
        take_counts(session, session.scalars(select(Branch)).one(), report, at=world.clock.now())

    assert counted(world) == before


def test_a_count_of_a_clock_that_runs_ahead_is_as_of_when_it_came(world):
    world.make_branch("B001").push()
    now = world.clock.now()
    report = UpkeepReport(
        at=instant_text(now + timedelta(days=2)), customers=0, flagged=0, stale=0, conflicting=0
    )

    with world.hq.database.sessions.begin() as session:
        take_counts(session, session.scalars(select(Branch)).one(), report, at=now)

    assert counted(world)[3] == now
