"""A day counts as complete when HQ has the branch's manifest of it and counts and sums the same."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import delete, select, update

from branch_node.dayclose import queries
from branch_node.dayclose.models import DayClose
from hq_server.ingest import lineages
from hq_server.proof.models import DayCheck
from hq_server.replica.models import ReplicaBillLine, ReplicaDayClose
from hq_server.verification.jobs import match_days
from hq_server.verification.queries import DayState, days_of
from shared.clock import FakeClock
from shared.jobs.job import Progress
from tests.support.world import NOON, BranchHere, World

TODAY = date(2026, 11, 20)
ZONE = "Asia/Shanghai"


@pytest.fixture
def branch(world: World) -> BranchHere:
    """A branch with a day's work, sent."""
    branch = world.make_branch("B001")
    manager, customer = branch.add_manager(), branch.add_customer()
    for amount in (100, 250):
        branch.add_bill_line(customer, amount_minor=amount)
    branch.add_bill_line(customer, amount_minor=-50, kind="adjustment", product="手机")
    branch.add_work_log(manager, customer)
    branch.push()
    return branch


def next_day(world: World, branch: BranchHere) -> None:
    world.advance(days=1)
    assert branch.push().outcome == "done"
    match(world)


def match(world: World) -> None:
    match_days(world.hq, world.by(), Progress())


def state(world: World, day: date = TODAY) -> DayState:
    with world.hq.database.reads() as session:
        return days_of(session, day, timezone=ZONE)[0].state


def manifest(branch: BranchHere, day: date = TODAY) -> DayClose:
    with branch.runtime.database.reads() as session:
        return session.scalars(select(DayClose).where(DayClose.day == day)).one()


def check(world: World, day: date = TODAY) -> DayCheck:
    with world.hq.database.reads() as session:
        return session.scalars(select(DayCheck).where(DayCheck.day == day)).one()


def test_the_first_cycle_after_midnight_closes_the_day_with_counts_and_sums(
    world: World, branch: BranchHere
) -> None:
    assert state(world) is DayState.MISSING

    next_day(world, branch)

    closed = manifest(branch)
    assert closed.counts == {
        "bill_line": 3,
        "work_log": 1,
        "unit_event": 0,
        "offer_answer": 0,
        "question_answer": 0,
    }
    assert closed.totals == {"CNY/2026-10/charge/宽带": 350, "CNY/2026-10/adjustment/手机": -50}
    assert (closed.starts_at, closed.ends_at) == (NOON - timedelta(hours=12), NOON + timedelta(hours=12))
    assert state(world) is DayState.COMPLETE
    world.assert_equal()


def test_a_day_is_closed_once_and_a_day_without_work_too(world: World, branch: BranchHere) -> None:
    next_day(world, branch)
    first = manifest(branch).closed_at
    assert branch.push().rows == 0
    next_day(world, branch)

    assert manifest(branch).closed_at == first
    assert manifest(branch, TODAY + timedelta(days=1)).counts == {
        "bill_line": 0,
        "work_log": 0,
        "unit_event": 0,
        "offer_answer": 0,
        "question_answer": 0,
    }
    assert state(world, TODAY + timedelta(days=1)) is DayState.COMPLETE


def test_a_fact_that_comes_late_gives_the_day_a_new_version(world: World, branch: BranchHere) -> None:
    next_day(world, branch)
    branch.add_bill_line(branch.add_customer(), amount_minor=7, created_at=NOON)

    branch.push()
    match(world)

    assert manifest(branch).counts["bill_line"] == 4
    assert check(world).complete
    world.assert_equal()


def test_a_day_whose_rows_hq_has_not_got_is_not_complete_and_says_what_is_missing(
    world: World, branch: BranchHere
) -> None:
    next_day(world, branch)
    with world.hq.database.sessions.begin() as session:
        session.execute(delete(ReplicaBillLine).where(ReplicaBillLine.amount_minor == 250))
        session.execute(update(DayCheck).values(row_change=0))

    match(world)

    assert state(world) is DayState.DIFFERS
    assert check(world).differs == [
        {"what": "bill_line", "told": 3, "held": 2},
        {"what": "CNY/2026-10/charge/宽带", "told": 350, "held": 100},
    ]
    branch.push()  # HQ asks to count again; the branch finds its count right and proves the facts
    match(world)
    assert state(world) is DayState.COMPLETE
    world.assert_equal()


def test_a_manifest_that_counted_otherwise_is_renewed_when_hq_asks(world: World, branch: BranchHere) -> None:
    next_day(world, branch)
    with branch.runtime.database.sessions.begin() as session:
        session.execute(update(DayClose).values(counts={"bill_line": 2, "work_log": 1}))
    branch.push()
    match(world)
    assert state(world) is DayState.DIFFERS

    branch.push()
    match(world)

    assert state(world) is DayState.COMPLETE


def test_a_day_closed_by_a_clock_that_was_ahead_is_closed_again_when_it_is_over(
    world: World, branch: BranchHere, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As if each fact slipped in just after the cycle had looked for late ones; and HQ does not ask.
    monkeypatch.setattr(queries, "late_days", lambda *_found: set())
    monkeypatch.setattr(lineages, "list_recounted", lambda *_days: [])
    right, ahead = branch.runtime, replace(branch.runtime, clock=FakeClock(NOON + timedelta(days=2)))
    branch.runtime = ahead
    branch.push()
    branch.runtime = right
    world.advance(days=1)
    branch.add_bill_line(branch.add_customer())
    branch.push()
    next_day(world, branch)
    next_day(world, branch)

    assert manifest(branch, TODAY + timedelta(days=1)).counts["bill_line"] == 1
    match(world)
    assert state(world, TODAY + timedelta(days=1)) is DayState.COMPLETE


def test_a_clock_years_ahead_makes_no_thousands_of_days(world: World, branch: BranchHere) -> None:
    branch.runtime = replace(branch.runtime, clock=FakeClock(NOON + timedelta(days=4_000)))

    branch.push()

    with branch.runtime.database.reads() as session:
        assert len(session.scalars(select(DayClose.id)).all()) == 31
    with world.hq.database.reads() as session:
        assert len(session.scalars(select(ReplicaDayClose.id)).all()) == 31
