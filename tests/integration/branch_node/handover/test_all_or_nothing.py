"""A hand-over that fails at whatever statement leaves nothing behind; one that went through is taken back whole."""

import contextlib
from dataclasses import replace
from datetime import date, timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, select

from branch_node.customers.models import Customer, CustomerShare
from branch_node.customers.sharing import share_customer
from branch_node.handover import operations
from branch_node.handover.models import HandoverReason
from branch_node.handover.operations import Order
from branch_node.managers.models import Manager
from branch_node.merging import operations as merging
from branch_node.tables import APP
from shared.stamp import Stamp, Via
from tests.support.branch import ANA, NOON

BY = Stamp(at=NOON + timedelta(days=1), actor="wang", via=Via.WEB)
MORNING = BY.at - timedelta(hours=4)
WRITTEN = (Customer, CustomerShare, Manager)


class LineDownError(Exception):
    """The statement that fails."""


def everything(database):
    """Return every row of every table."""
    with database.engine.connect() as connection:
        return {
            table.name: sorted(str(row) for row in connection.execute(select(table)))
            for table in APP.tables()
        }


def business(database):
    """Return who holds and shares whom, and what account managers are; not when and by whom that was written."""
    with database.sessions() as session:
        held = session.execute(select(Customer.id, Customer.manager_id).order_by(Customer.id)).all()
        shares = session.execute(select(CustomerShare.customer_id, CustomerShare.manager_id)).all()
        people = session.execute(select(Manager.id, Manager.status).order_by(Manager.id)).all()
    return held, sorted(map(tuple, shares)), people


@contextlib.contextmanager
def failing_to_commit(database):
    """Let the transaction fail when everything is written."""

    def refuse(_connection):
        raise LineDownError

    event.listen(database.engine, "commit", refuse)
    try:
        yield
    finally:
        event.remove(database.engine, "commit", refuse)


def strike_each(database, work):
    """Do some work with its commit failing, then with each of its statements failing in turn: nothing is left of it.

    Returns what it does at last, when nothing fails, and how many statements were struck.
    """
    before = everything(database)
    with failing_to_commit(database), pytest.raises(LineDownError):
        work()
    assert everything(database) == before
    for at in count(1):
        with failing(database, at) as ran, contextlib.suppress(LineDownError):
            return work(), at - 1
        assert everything(database) == before, ran[-1]
    raise AssertionError


@contextlib.contextmanager
def failing(database, at):
    """Let the statement with this number fail; the list has what ran."""
    ran = []

    def strike(_connection, _cursor, statement, *_rest):
        ran.append(statement)
        if len(ran) == at:
            raise LineDownError

    event.listen(database.engine, "before_cursor_execute", strike)
    try:
        yield ran
    finally:
        event.remove(database.engine, "before_cursor_execute", strike)


@settings(
    max_examples=6,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
@given(at=st.integers(1, 30), chosen=st.integers(1, 4), shares=st.booleans(), left=st.booleans())
@example(at=10_000, chosen=3, shares=True, left=True)
def test_it_fails_as_a_whole_wherever_it_fails_and_comes_back_as_it_was(
    database, sessions, rows, at, chosen, shares, left
):
    leaver, taker = rows.manager(), rows.manager()
    held = [rows.customer(manager_id=leaver) for _each in range(4)]
    with sessions.begin() as session:
        share_customer(session, rows.customer(), leaver, ends_at=None, by=BY)
        share_customer(session, held[0], taker, ends_at=None, by=BY)
    order = Order(
        leaver,
        taker,
        held[:chosen],
        HandoverReason.LEAVES,
        date(2026, 4, 30),
        date(2026, 3, 19),
        with_shares=shares,
        mark_left=left,
    )
    before, stood = everything(database), business(database)

    with failing(database, at) as ran:
        try:
            with sessions.begin() as session:
                made = operations.hand_over(session, order, by=BY).id
        except LineDownError:
            made = None
    assert (made is None) == (len(ran) >= at)

    if made is None:
        assert everything(database) == before
        return
    assert {row[1] for row in business(database)[0] if row[0] in held[:chosen]} == {taker}
    with sessions.begin() as session:
        assert operations.take_back(session, made, since=MORNING, by=BY) == []
    assert business(database) == stood


def merge_into(sessions, survivor, loser):
    """Make one customer of two files, the day before."""
    with sessions.begin() as session:
        proposed = merging.propose(session, survivor, loser, [], by=ANA)
        merging.carry_out(session, proposed.id, by=replace(ANA, actor="li"))


def test_a_hand_over_and_its_taking_back_fail_as_a_whole_at_every_single_statement(database, sessions, rows):
    leaver, taker, friend = (rows.manager() for _each in range(3))
    held = [rows.customer(manager_id=leaver) for _each in range(4)]
    merge_into(sessions, held[0], rows.customer(manager_id=leaver))
    merge_into(sessions, held[1], rows.customer(manager_id=friend))
    merge_into(sessions, rows.customer(manager_id=friend), rows.customer(manager_id=leaver))
    with sessions.begin() as session:
        share_customer(session, rows.customer(), leaver, ends_at=None, by=BY)
        share_customer(session, held[0], taker, ends_at=None, by=BY)
    reason, days = HandoverReason.LEAVES, (date(2026, 4, 30), date(2026, 3, 19))
    order = Order(leaver, taker, held[:3], reason, *days, with_shares=True, mark_left=True)
    stood = business(database)

    def hand_over():
        with sessions.begin() as session:
            return operations.hand_over(session, order, by=BY).id

    made, struck = strike_each(database, hand_over)
    assert struck > 20  # each reading and each writing of it
    assert {row[1] for row in business(database)[0] if row[0] in held[:3]} == {taker}

    def take_back():
        with sessions.begin() as session:
            return operations.take_back(session, made, since=MORNING, by=BY)

    kept, _struck = strike_each(database, take_back)
    assert kept == []
    assert business(database) == stood
