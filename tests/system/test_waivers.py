"""Giving parked records up: with a reason, by two people where it is money, all of it on record."""

import pytest
from sqlalchemy import select

from hq_server.ingest import decisions
from hq_server.ingest.models import InboxBatch
from hq_server.parking.errors import (
    ParkedNotFoundError,
    ParkedSettledError,
    WaiverNotAskedError,
    WaiverReasonError,
)
from hq_server.parking.models import ParkedRecord
from hq_server.parking.vocabulary import ParkedState
from shared.audit.models import AuditEntry
from shared.ids import new_id
from shared.twoperson.errors import ActProposedError, OwnActError
from tests.support.intake import Intake

BAD = "no such status"


@pytest.fixture
def intake(world):
    return Intake(world.hq)


def _waive(intake, parked_id, actor="ana", reason="entered twice"):
    with intake.hq.database.sessions.begin() as session:
        return decisions.waive(
            session, parked_id, reason=reason, bindings=intake.hq.bindings, by=intake.by(actor)
        )


def _approve(intake, parked_id, actor):
    with intake.hq.database.sessions.begin() as session:
        decisions.approve_waiver(
            session, parked_id, bindings=intake.hq.bindings, by=intake.by(actor), eligible=lambda _kind: True
        )


def _withdraw(intake, parked_id, actor):
    with intake.hq.database.sessions.begin() as session:
        decisions.withdraw_waiver(
            session, parked_id, bindings=intake.hq.bindings, by=intake.by(actor), eligible=lambda _kind: True
        )


def _events(intake):
    with intake.hq.database.reads() as session:
        entries = session.scalars(select(AuditEntry).where(AuditEntry.subject_type == "parked"))
        return [(entry.event, entry.actor) for entry in entries]


def _said(intake, event):
    """Return what the operation log says of the last such event."""
    with intake.hq.database.reads() as session:
        entries = session.scalars(
            select(AuditEntry).where(AuditEntry.event == event).order_by(AuditEntry.id.desc())
        )
        return entries.first().details


def _bill(intake):
    intake.deliver("bill_line", intake.row("bill_line", kind=BAD, corrects_id=None))
    return intake.parked()[-1].id


def test_a_waived_record_stays_on_record_with_who_and_why_and_what_waited_goes_in(intake):
    customer = intake.row("customer", status=BAD)
    intake.deliver("customer", customer)
    intake.deliver("customer", intake.row("customer", id=customer[1], status=BAD))
    intake.deliver("bill_line", intake.row("bill_line", customer_id=customer[1], corrects_id=None))
    with intake.hq.database.sessions.begin() as session:
        session.query(InboxBatch).update({"indexed_at": intake.hq.clock.now()})
    first, second, child = intake.parked()

    assert _waive(intake, first.id)

    first, second, child = intake.parked()
    for line in (first, second):
        assert (line.state, line.settled_by, line.note) == (ParkedState.WAIVED, "ana", "entered twice")
    assert (child.state, len(intake.rows("bill_line"))) == (ParkedState.REPLAYED, 1)
    assert intake.rows("customer") == {}
    assert _events(intake) == [("parked.waived", "ana")]
    assert _said(intake, "parked.waived") == {
        "branch": intake.number,
        "record": "customer",
        "id": customer[1],
        "reason": "entered twice",
        "asked_by": None,
        "lines": 2,
    }
    with intake.hq.database.reads() as session:
        again = session.scalars(select(InboxBatch.record_type).where(InboxBatch.indexed_at.is_(None)))
        assert list(again) == ["bill_line"]


def test_money_is_given_up_by_two_different_people(intake):
    parked_id = _bill(intake)

    assert not _waive(intake, parked_id, "ana")
    with pytest.raises(OwnActError):
        _approve(intake, parked_id, "ana")
    (line,) = intake.parked()
    assert (line.state, line.asked_by, line.note) == (ParkedState.PARKED, "ana", "entered twice")
    _approve(intake, parked_id, "bob")

    (line,) = intake.parked()
    assert (line.state, line.asked_by, line.settled_by) == (ParkedState.WAIVED, "ana", "bob")
    assert _events(intake) == [("parked.waiver-asked", "ana"), ("parked.waived", "bob")]
    about = {"branch": intake.number, "record": "bill_line", "id": line.record_id}
    assert _said(intake, "parked.waiver-asked") == {**about, "reason": "entered twice", "lines": 1}
    assert _said(intake, "parked.waived") == {
        **about,
        "reason": "entered twice",
        "asked_by": "ana",
        "lines": 1,
    }


@pytest.mark.parametrize("who", ["ana", "bob"])
def test_a_waiver_that_was_asked_for_can_be_withdrawn_by_anyone(intake, who):
    parked_id = _bill(intake)
    _waive(intake, parked_id, "ana")

    _withdraw(intake, parked_id, who)

    (line,) = intake.parked()
    assert (line.state, line.asked_by, line.asked_at, line.note) == (ParkedState.PARKED, None, None, None)
    assert _events(intake)[-1] == ("parked.waiver-withdrawn", who)
    said = _said(intake, "parked.waiver-withdrawn")
    assert (said["asked_by"], said["reason"], said["record"]) == ("ana", "entered twice", "bill_line")
    with pytest.raises(WaiverNotAskedError):
        _approve(intake, parked_id, "bob")
    with pytest.raises(WaiverNotAskedError):
        _withdraw(intake, parked_id, "bob")


def test_a_refusal_that_came_after_the_request_is_not_waived_by_its_approval(intake):
    key = new_id()
    intake.deliver("bill_line", intake.row("bill_line", id=key, kind=BAD, corrects_id=None))
    parked_id = intake.parked()[0].id
    _waive(intake, parked_id, "ana")
    intake.deliver("bill_line", intake.row("bill_line", id=key, kind=BAD, corrects_id=None))

    _approve(intake, parked_id, "bob")

    assert [line.state for line in intake.parked()] == [ParkedState.WAIVED, ParkedState.PARKED]


@pytest.mark.parametrize("reason", ["", " x ", "y" * 501])
def test_nothing_is_waived_without_a_reason(intake, reason):
    intake.deliver("manager", intake.row("manager", status=BAD))
    with pytest.raises(WaiverReasonError):
        _waive(intake, intake.parked()[0].id, reason=reason)

    assert intake.open_changes() == [1]


def test_what_is_settled_asked_for_or_unknown_is_not_waived_again(intake):
    asked = _bill(intake)
    _waive(intake, asked)
    with pytest.raises(ActProposedError):
        _waive(intake, asked, "bob")
    _approve(intake, asked, "bob")
    with pytest.raises(ParkedSettledError):
        _waive(intake, asked)
    with pytest.raises(ParkedSettledError):
        _approve(intake, asked, "carl")
    with pytest.raises(ParkedSettledError):
        intake.check_again(asked)
    with pytest.raises(ParkedNotFoundError):
        _waive(intake, 10**9)


def test_a_mended_version_comes_in_though_its_refused_one_was_waived(intake):
    key = new_id()
    intake.deliver("manager", intake.row("manager", id=key, status=BAD))
    _waive(intake, intake.parked()[0].id)

    intake.deliver("manager", intake.row("manager", id=key, name="mended"))

    assert intake.names() == {"mended"}
    assert intake.parked()[0].state is ParkedState.WAIVED


def test_many_parked_records_are_checked_again_at_once_each_branch_on_record(world):
    first, second = Intake(world.hq), Intake(world.hq)
    for intake in (first, second):
        for _number in range(3):
            intake.deliver("manager", intake.row("manager", status=BAD))
    selected = select(ParkedRecord).where(ParkedRecord.record_type == "manager")

    with world.hq.database.sessions.begin() as session:
        by = first.by("ana")
        result = decisions.check_all_again(session, selected, limit=5, bindings=world.hq.bindings, by=by)

    assert result.taken == 0
    with world.hq.database.reads() as session:
        entries = session.scalars(select(AuditEntry).where(AuditEntry.event == "parked.all-checked-again"))
        lines = {entry.subject_id: entry.details["lines"] for entry in entries}
    assert lines == {first.code: 3, second.code: 2}  # the oldest five
