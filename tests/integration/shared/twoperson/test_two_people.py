"""Acts that take two people: never one alone, never twice, never something else than was proposed."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from shared.audit.models import AuditEntry, AuditHead, AuditKey
from shared.db.base import Base
from shared.db.engine import Database
from shared.rights.vocabulary import Action, Resource
from shared.stamp import Stamp, Via
from shared.twoperson import operations, queries
from shared.twoperson.errors import (
    ActChangedError,
    ActOverError,
    ActProposedError,
    ActReasonError,
    NotEligibleError,
    NotProposerError,
    OwnActError,
)
from shared.twoperson.models import ProposedAct
from shared.twoperson.vocabulary import WEEK, ActKind, ActState

NOON = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
ANA, BOB = (Stamp(NOON, name, Via.WEB, "10.0.0.1") for name in ("ana", "bob"))
ACCOUNT = "01a20352-90c4-741d-bd56-6c87d0404eb4"
RECORD = ("record", "7")
TABLES: list[Any] = [table.__table__ for table in (ProposedAct, AuditEntry, AuditHead, AuditKey)]


@pytest.fixture
def database(database_url):
    database = Database(database_url)
    Base.metadata.create_all(database.engine, tables=TABLES)
    yield database
    database.dispose()


@pytest.fixture
def done():
    return []


@pytest.fixture
def kind(done):
    return ActKind(
        "give-up",
        "Give up",
        Resource.PARKED,
        Action.APPROVE,
        execute=lambda session, act, by: done.append((act.payload["amount"], by.actor)),
        drop=lambda session, act, by: done.append(("nothing", act.state.value)),
    )


@pytest.fixture
def act_id(database, kind):
    with database.sessions.begin() as session:
        act = operations.propose(
            session, kind, RECORD, payload={"amount": 12}, reason="entered twice", by=ANA
        )
        return act.id


def approve(database, kind, act_id, *, by=BOB, seen=None, eligible=lambda kind: True):
    with database.sessions.begin() as session:
        seen = seen or queries.get_act(session, act_id).digest
        operations.approve(session, kind, act_id, seen=seen, eligible=eligible, by=by)


def state_of(database, act_id):
    with database.reads() as session:
        return queries.get_act(session, act_id).state


def test_a_second_person_lets_it_be_done_and_both_stay_on_record(database, kind, act_id, done):
    approve(database, kind, act_id)

    assert done == [(12, "bob")]
    with database.reads() as session:
        act = queries.get_act(session, act_id)
        entries = session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
    assert (act.state, act.proposed_by, act.decided_by) == (ActState.APPROVED, "ana", "bob")
    assert [(one.event, one.actor) for one in entries] == [
        ("two-person.proposed", "ana"),
        ("two-person.approved", "bob"),
    ]
    assert {one.details["digest"] for one in entries} == {act.digest}


@pytest.mark.parametrize("by", [ANA, replace(BOB, actor="ana"), replace(BOB, actor_id=ACCOUNT)])
def test_nobody_decides_on_what_they_proposed_under_whatever_name(database, kind, done, by):
    with database.sessions.begin() as session:
        proposer = replace(ANA, actor_id=ACCOUNT)
        act = operations.propose(session, kind, RECORD, payload={"amount": 1}, reason="because", by=proposer)
    with pytest.raises(OwnActError):
        approve(database, kind, act.id, by=by)
    with pytest.raises(OwnActError), database.sessions.begin() as session:
        operations.refuse(session, kind, act.id, reason="no good", eligible=lambda kind: True, by=by)

    assert (done, state_of(database, act.id)) == ([], ActState.WAITING)


def test_who_may_not_decide_on_such_acts_does_not(database, kind, act_id, done):
    with pytest.raises(NotEligibleError):
        approve(database, kind, act_id, eligible=lambda asked: asked is not kind)
    assert (done, state_of(database, act_id)) == ([], ActState.WAITING)


def test_an_act_is_done_once(database, kind, act_id, done):
    approve(database, kind, act_id)
    with pytest.raises(ActOverError):
        approve(database, kind, act_id, by=replace(BOB, actor="carl"))
    assert done == [(12, "bob")]


def test_two_who_approve_at_the_same_moment_do_it_once(database, kind, act_id, done):
    def try_it(name):
        try:
            approve(database, kind, act_id, by=replace(BOB, actor=name))
        except ActOverError:
            return "over"
        return "done"

    with ThreadPoolExecutor(4) as pool:
        answers = sorted(pool.map(try_it, ("b", "c", "d", "e")))

    assert answers == ["done", "over", "over", "over"]
    assert len(done) == 1


def test_nothing_is_approved_that_is_not_what_was_proposed_or_seen(database, kind, act_id, done):
    with pytest.raises(ActChangedError):
        approve(database, kind, act_id, seen="0" * 64)
    with database.sessions.begin() as session:
        session.execute(update(ProposedAct).values(payload={"amount": 1_000_000}))
    with pytest.raises(ActChangedError):
        approve(database, kind, act_id)

    assert (done, state_of(database, act_id)) == ([], ActState.WAITING)


def test_what_fails_while_it_is_done_leaves_the_request_waiting(database, kind, act_id):
    def fail(session, act, by):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        approve(database, replace(kind, execute=fail), act_id)
    assert state_of(database, act_id) is ActState.WAITING


def test_a_request_nobody_decides_runs_out(database, kind, act_id, done):
    late = replace(BOB, at=NOON + WEEK)
    with pytest.raises(ActOverError):
        approve(database, kind, act_id, by=late)
    with database.sessions.begin() as session:
        early = operations.expire(session, [kind], by=replace(BOB, at=NOON + WEEK - timedelta(seconds=1)))
        assert (early, operations.expire(session, [kind], by=late)) == (0, 1)

    assert (done, state_of(database, act_id)) == ([("nothing", "expired")], ActState.EXPIRED)


def test_the_same_is_proposed_once_until_it_is_over(database, kind, act_id, done):
    again: dict[str, Any] = {"payload": {"amount": 12}, "reason": "once more"}
    with pytest.raises(ActProposedError), database.sessions.begin() as session:
        operations.propose(session, kind, RECORD, **again, by=BOB)
    with database.sessions.begin() as session:
        operations.propose(session, kind, RECORD, **again, by=replace(BOB, at=NOON + WEEK))
    assert done == [("nothing", "expired")]


def test_only_who_proposed_withdraws_and_others_refuse_with_a_reason(database, kind, act_id, done):
    with pytest.raises(NotProposerError), database.sessions.begin() as session:
        operations.withdraw(session, kind, act_id, by=BOB)
    with pytest.raises(ActReasonError), database.sessions.begin() as session:
        operations.refuse(session, kind, act_id, reason=" ", eligible=lambda kind: True, by=BOB)
    with database.sessions.begin() as session:
        operations.refuse(session, kind, act_id, reason="it was paid", eligible=lambda kind: True, by=BOB)
    with pytest.raises(ActOverError), database.sessions.begin() as session:
        operations.withdraw(session, kind, act_id, by=ANA)

    assert (done, state_of(database, act_id)) == ([("nothing", "refused")], ActState.REFUSED)
