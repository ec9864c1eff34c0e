"""Whoever comes to see a customer sees what was merged into them, and whoever ceases to does not."""

import json
from dataclasses import replace
from datetime import date, timedelta

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from branch_node.cli import cli
from branch_node.customers.models import Customer, CustomerShare, Serving
from branch_node.customers.operations import change_customer
from branch_node.customers.serving import begin_serving, end_serving
from branch_node.customers.sharing import end_share, share_customer
from branch_node.handover import operations as handover
from branch_node.handover.models import HandoverReason
from branch_node.handover.operations import Order
from branch_node.managers.models import Manager
from branch_node.merging import operations
from branch_node.ranges import RANGES
from shared.rights.ranges import SIGHT, Seer, Sight
from shared.rights.vocabulary import DataRange
from tests.support.branch import ANA, NOON

BY = replace(ANA, at=NOON + timedelta(hours=2))
LATER = replace(ANA, at=NOON + timedelta(hours=3))
DESK = "01936d0a-9999-7000-8000-00000000000b"


@pytest.fixture
def people(rows):
    return rows.manager(name="李离"), rows.manager(name="赵接"), rows.manager(name="钱友")


def merged(sessions, rows, holder, other_holder):
    """Return a customer and the file that was merged into it, each held by somebody."""
    survivor = rows.customer(name="王小明", manager_id=holder)
    loser = rows.customer(name="王晓明", manager_id=other_holder)
    with sessions.begin() as session:
        proposed = operations.propose(session, survivor, loser, [], by=ANA)
        merge_id = operations.carry_out(session, proposed.id, by=replace(ANA, actor="li")).id
    return survivor, loser, merge_id


def seen_by(database, at, manager_id="", user_id="", reach=DataRange.SELF):
    """Return the customers somebody sees, by the walls of the program and of the database."""
    reaches = {one.resource: reach for one in RANGES}
    with database.sessions(info={SIGHT: Sight(Seer(user_id, manager_id, at), reaches, RANGES)}) as session:
        return set(session.scalars(select(Customer.id)))


def give(sessions, customer_id, manager_id, by=BY):
    with sessions.begin() as session:
        seen_at = session.get_one(Customer, customer_id).updated_at
        change_customer(session, customer_id, {"manager_id": manager_id}, seen_at=seen_at, by=by)


def hand_over(sessions, leaver, taker, ids, **more):
    order = Order(leaver, taker, ids, HandoverReason.LEAVES, date(2026, 4, 30), date(2026, 3, 19), **more)
    with sessions.begin() as session:
        return handover.hand_over(session, order, by=BY).id


@pytest.mark.parametrize("way", ["the form", "a hand-over"])
def test_a_leaver_keeps_nothing_of_a_customer_of_two_files_and_who_takes_over_sees_both(
    way, database, sessions, rows, people
):
    leaver, taker, _friend = people
    survivor, loser, _merge = merged(sessions, rows, leaver, leaver)
    assert seen_by(database, BY.at, leaver) == {survivor, loser}

    if way == "the form":
        give(sessions, survivor, taker)
    else:
        hand_over(sessions, leaver, taker, [survivor])

    assert seen_by(database, LATER.at, leaver) == set()
    assert seen_by(database, LATER.at, taker) == {survivor, loser}


def test_what_others_hold_of_a_customer_stays_theirs_and_is_seen_by_who_takes_over(
    database, sessions, rows, people
):
    leaver, taker, friend = people
    survivor, loser, merge_id = merged(sessions, rows, leaver, friend)
    hand_over(sessions, leaver, taker, [survivor])

    assert seen_by(database, LATER.at, leaver) == set()
    assert seen_by(database, LATER.at, taker) == seen_by(database, LATER.at, friend) == {survivor, loser}
    with sessions.begin() as session:
        assert session.get_one(Customer, loser).manager_id == friend
        operations.take_back(session, merge_id, by=LATER)
    assert seen_by(database, LATER.at, taker) == {survivor}
    assert seen_by(database, LATER.at, friend) == {loser}


@pytest.mark.parametrize("had", [None, "for good", "until"])
def test_who_is_given_a_share_anew_while_files_are_one_keeps_it_and_has_of_the_other_what_they_had(
    had, sessions, rows, people
):
    wu, li, friend = people
    survivor, loser = rows.customer(manager_id=wu), rows.customer(manager_id=li)
    until, anew = LATER.at + timedelta(days=3), LATER.at + timedelta(days=9)
    if had:
        with sessions.begin() as session:
            share_customer(session, loser, friend, ends_at=until if had == "until" else None, by=ANA)
    before = shares_of(sessions, loser)
    merge_id = merge(sessions, survivor, loser)
    with sessions.begin() as session:
        share_customer(session, survivor, friend, ends_at=anew, by=LATER)

    with sessions.begin() as session:
        operations.take_back(session, merge_id, by=replace(LATER, at=LATER.at + timedelta(hours=1)))

    assert shares_of(sessions, survivor) == {friend: (LATER.at, anew)}
    assert shares_of(sessions, loser) == before


def test_a_share_that_was_ended_while_files_were_one_stays_ended(sessions, rows, people):
    wu, _li, friend = people
    survivor, loser = rows.customer(manager_id=wu), rows.customer(manager_id=wu)
    with sessions.begin() as session:
        share_customer(session, loser, friend, ends_at=None, by=ANA)
    merge_id = merge(sessions, survivor, loser)
    with sessions.begin() as session:
        end_share(session, survivor, friend, by=LATER)
    with sessions.begin() as session:
        operations.take_back(session, merge_id, by=LATER)

    assert shares_of(sessions, survivor) == shares_of(sessions, loser) == {}


def shares_of(sessions, customer_id):
    with sessions() as session:
        found = session.scalars(select(CustomerShare).where(CustomerShare.customer_id == customer_id))
        return {one.manager_id: (one.shared_at, one.ends_at) for one in found}


def merge(sessions, survivor, loser):
    with sessions.begin() as session:
        proposed = operations.propose(session, survivor, loser, [], by=ANA)
        return operations.carry_out(session, proposed.id, by=replace(BY, actor="li")).id


@pytest.mark.parametrize("holder", [0, 2])
def test_a_hand_over_that_is_taken_back_gives_back_what_was_merged(holder, database, sessions, rows, people):
    leaver, taker, _friend = people
    merged(sessions, rows, leaver, people[holder])
    merged(sessions, rows, people[2], leaver)
    merged(sessions, rows, leaver, taker)
    with sessions() as session:
        mine = session.scalars(
            select(Customer.id).where(Customer.manager_id == leaver, Customer.name == "王小明")
        )
        survivors = list(mine)
    before = standing(sessions)
    seen = [seen_by(database, BY.at, one) for one in people]

    made = hand_over(sessions, leaver, taker, survivors, with_shares=True)
    assert seen_by(database, LATER.at, leaver) == set()
    with sessions.begin() as session:
        assert handover.take_back(session, made, since=NOON, by=LATER) == []

    assert standing(sessions) == before
    assert [seen_by(database, LATER.at, one) for one in people] == seen


def standing(sessions):
    """Return who holds and shares whom."""
    with sessions() as session:
        held = session.execute(select(Customer.id, Customer.manager_id).order_by(Customer.id)).all()
        shared = session.execute(select(CustomerShare.customer_id, CustomerShare.manager_id)).all()
    return held, sorted(map(tuple, shared))


def test_sharing_a_customer_shares_what_was_merged_until_the_share_or_the_merge_ends(
    database, sessions, rows, people
):
    holder, _taker, friend = people
    survivor, loser, merge_id = merged(sessions, rows, holder, holder)
    with sessions.begin() as session:
        share_customer(session, survivor, friend, ends_at=None, by=BY)
    assert seen_by(database, LATER.at, friend) == {survivor, loser}

    with sessions.begin() as session:
        end_share(session, survivor, friend, by=BY)
    assert seen_by(database, LATER.at, friend) == set()

    with sessions.begin() as session:
        share_customer(session, survivor, friend, ends_at=None, by=BY)
    with sessions.begin() as session:
        operations.take_back(session, merge_id, by=LATER)
    assert seen_by(database, LATER.at, friend) == {survivor}


def test_who_serves_a_customer_at_the_desk_sees_what_was_merged_while_it_lasts(
    database, sessions, rows, people
):
    survivor, loser, _merge = merged(sessions, rows, people[0], people[0])
    clerk = replace(BY, actor_id=DESK)
    with sessions.begin() as session:
        begin_serving(session, session.get_one(Customer, survivor), by=clerk)
    assert seen_by(database, LATER.at, user_id=DESK, reach=DataRange.TEAM) == {survivor, loser}

    with sessions.begin() as session:
        end_serving(session, survivor, by=clerk)
        assert {one.ends_at for one in session.scalars(select(Serving))} == {BY.at}
    assert seen_by(database, LATER.at, user_id=DESK, reach=DataRange.TEAM) == set()


def test_an_import_that_says_who_holds_a_customer_takes_what_was_merged_along_and_back(
    app, database, sessions, rows, people, tmp_path
):
    leaver, taker, _friend = people
    survivor, loser, _merge = merged(sessions, rows, leaver, leaver)
    with sessions() as session:
        number = session.get_one(Customer, survivor).customer_no
        taker_no = session.get_one(Manager, taker).manager_no
    file = tmp_path / "customers.csv"
    file.write_text(f"客户编号,客户经理工号\n{number},{taker_no}\n", encoding="utf-8")
    home = ["--home", str(app.extensions["branchline"].settings.home.path)]

    taken = CliRunner().invoke(
        cli, ["import", "customers", str(file), "--update-by", "customer_no", "--json", *home]
    )
    assert taken.exit_code == 0, taken.output
    assert seen_by(database, LATER.at, leaver) == set()
    assert seen_by(database, LATER.at, taker) == {survivor, loser}

    undone = CliRunner().invoke(cli, ["import", "--undo", json.loads(taken.stdout)["import_id"], *home])
    assert undone.exit_code == 0, undone.output
    assert seen_by(database, LATER.at, leaver) == {survivor, loser}
