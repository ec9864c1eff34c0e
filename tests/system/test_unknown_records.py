"""A branch knows a kind of records that an older head office does not: nothing is lost, doubled or held up by it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from sqlalchemy import func, select, update

from branch_node.outbound.alarms import RECORDS_WAIT, VERSION_REFUSED
from branch_node.outbound.packing import pack
from branch_node.personal import requests
from branch_node.personal.request_words import IdentityCheck
from branch_node.personal.requests import Asked
from branch_node.resend.operations import Wish, ask
from hq_server import app as hq_app
from hq_server.bindings import BINDINGS
from hq_server.branches.models import Branch
from hq_server.parking.models import ParkedRecord
from hq_server.proof.models import DayCheck, Difference, Proof
from hq_server.verification.jobs import match_days
from shared.alarms.models import Alarm
from shared.db.engine import Database
from shared.domain.personal.vocabulary import RequestKind
from shared.jobs.job import Progress
from sync_protocol.changelog.models import Change, OutboxBatch
from tests.support.setbacks import back_up_branch, set_back
from tests.support.world import BranchHere, World

TODAY = date(2026, 11, 20)


def add_request(branch: BranchHere, customer: str) -> str:
    asked = Asked(RequestKind.CORRECTION, "daughter", IdentityCheck.KNOWN, TODAY, "note")
    with branch.runtime.database.sessions.begin() as session:
        return requests.record_request(session, customer, asked, by=branch.world.by()).id


ADD: dict[str, Callable[[BranchHere, str], str]] = {
    "offer_answer": BranchHere.add_offer_answer,
    "question_answer": BranchHere.add_question_answer,
    "qualification": BranchHere.add_qualification,
    "contact": BranchHere.add_contact,
    "personal_request": add_request,
}
# What a state is changed to while it waits; a fact is never changed.
CHANGED: dict[str, dict[str, Any]] = {
    "qualification": {"score": 71},
    "contact": {"name": "王小明"},
    "personal_request": {"due_on": date(2026, 12, 1)},
}


def know(world: World, *, without: Sequence[str] = ()) -> None:
    """Have HQ go on as a release that does not know these record types."""
    world.hq = replace(
        world.hq, bindings={name: one for name, one in BINDINGS.items() if name not in without}
    )
    world.app = hq_app.create_app(world.hq)
    for branch in world.branches.values():
        branch.runtime = replace(branch.runtime, transport=world.transport())


def add_others(branch: BranchHere) -> str:
    """Write something of each channel, as a day's work does, and return the customer."""
    manager, customer = branch.add_manager(), branch.add_customer()
    branch.add_work_log(manager, customer)
    branch.add_bill_line(customer)
    branch.add_unit(customer)
    return customer


def next_day(world: World, branch: BranchHere) -> None:
    world.advance(days=1)
    assert branch.push().outcome == "done"
    match_days(world.hq, world.by(), Progress())


def open_alarms(database: Database) -> set[str]:
    with database.reads() as session:
        return set(session.scalars(select(Alarm.code).where(Alarm.closed_at.is_(None))))


def sent(branch: BranchHere, record: str) -> int:
    """How many rows of a record type have gone in batches."""
    with branch.runtime.database.reads() as session:
        rows = select(func.sum(OutboxBatch.rows)).where(OutboxBatch.record_type == record)
        return session.scalar(rows) or 0


def assert_everything_but(world: World, branch: BranchHere, record: str) -> None:
    here = branch.digests()
    del here[record]
    assert world.hq_digests(branch.code) == here


@pytest.mark.parametrize("record", ADD)
def test_what_head_office_does_not_know_waits_and_goes_once_after_its_upgrade(
    world: World, record: str
) -> None:
    branch = world.make_branch("B001")
    know(world, without=[record])
    customer = add_others(branch)
    first = ADD[record](branch, customer)
    assert branch.push().outcome == "done"
    add_others(branch)
    ADD[record](branch, customer)
    for _day in range(2):
        next_day(world, branch)

    assert_everything_but(world, branch, record)
    assert sent(branch, record) == 0
    assert RECORDS_WAIT.code in open_alarms(branch.runtime.database)
    assert VERSION_REFUSED.code not in open_alarms(branch.runtime.database)
    with world.hq.database.reads() as session:
        told = session.scalars(select(Branch)).one()
        assert (told.pending, told.data_as_of) == (0, world.clock.now()), "its figures seem old"
        assert session.scalars(select(DayCheck.complete)).all() == [True, True]
        assert set(session.scalars(select(Proof.equal))) == {True}

    with branch.runtime.database.sessions.begin() as session:
        table = branch.runtime.bindings[record].table
        if record in CHANGED:
            session.execute(update(table).where(table.c.id == first).values(**CHANGED[record]))
    know(world)
    assert branch.push().outcome == "done"
    assert sent(branch, record) == 2
    assert RECORDS_WAIT.code not in open_alarms(branch.runtime.database)
    next_day(world, branch)

    world.assert_equal()
    assert sent(branch, record) == 2, "sent twice"
    with world.hq.database.reads() as session:
        assert session.scalar(select(Proof.equal).where(Proof.record_type == record)) is True
        assert session.scalars(select(DayCheck.complete)).all() == [True, True, True]
        for trouble in (Difference, ParkedRecord):
            assert session.scalar(select(func.count()).select_from(trouble)) == 0
    with branch.runtime.database.reads() as session:
        assert session.scalar(select(func.count()).where(Change.batch_id.is_(None))) == 0


def test_a_node_set_back_meets_a_head_office_that_does_not_know_a_kind_of_records(world: World) -> None:
    branch = world.make_branch("B001")
    know(world, without=["offer_answer"])
    customer = add_others(branch)
    branch.add_offer_answer(customer)
    branch.push()
    archive = back_up_branch(branch)
    add_others(branch)
    branch.push()

    set_back(branch, archive)
    assert branch.push().outcome == "done"
    assert_everything_but(world, branch, "offer_answer")
    know(world)
    next_day(world, branch)

    world.assert_equal()


def test_what_waits_is_in_no_package_and_sending_it_once_more_waits_as_well(
    world: World, tmp_path: Any
) -> None:
    branch = world.make_branch("B001")
    know(world, without=["offer_answer"])
    customer = add_others(branch)
    branch.add_offer_answer(customer)
    branch.push()
    with branch.runtime.database.sessions.begin() as session:
        ask(session, branch.runtime.bindings, Wish("lost?", record_type="offer_answer"), by=world.by())
        ask(session, branch.runtime.bindings, Wish("lost?", record_type="work_log"), by=world.by())
    before = sent(branch, "work_log")

    assert branch.push().outcome == "done"
    assert sent(branch, "work_log") == before + 1
    add_others(branch)
    pack(branch.runtime, tmp_path / "out.package", world.by(), Progress())

    assert sent(branch, "offer_answer") == 0
    know(world)
    for _cycle in range(2):
        assert branch.push().outcome == "done"
    world.assert_equal()
