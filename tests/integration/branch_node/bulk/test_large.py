"""Bulk acts over more customers than a request takes: tried, done, stopped and taken back by the job."""

from contextlib import contextmanager
from datetime import timedelta
from itertools import count

import pytest
from sqlalchemy import event, select

from branch_node.bulk import choosing, pages, working
from branch_node.bulk.errors import BulkNobodyError
from branch_node.bulk.jobs import go_on_with_acts
from branch_node.bulk.models import BulkAct, BulkKind, BulkRow, BulkState, RowState
from branch_node.customers.models import Customer, CustomerShare
from branch_node.handover.models import Handover, HandoverCustomer
from branch_node.ranges import RANGES
from shared.audit.models import AuditEntry
from shared.auth.models import User
from shared.domain.customers.vocabulary import CustomerStatus, ValueTier
from shared.domain.managers.vocabulary import ManagerStatus
from shared.jobs.job import JobStoppedError, Progress
from shared.rights.vocabulary import StaffKind
from shared.stamp import Stamp, Via

WHY = "yearly clean-up"
PARTS = 3
# In place of a thousand: what is large is larger than this.
MOST = 20


class Cut(BaseException):
    """The process ends here, whatever it was doing."""


def stored(database, model):
    with database.reads() as session:
        return session.scalars(select(model)).all()


def the_act(database):
    (act,) = stored(database, BulkAct)
    return act


def states(database):
    rows = stored(database, BulkRow)
    return {state: sum(row.state is state for row in rows) for state in {row.state for row in rows}}


def tags(database):
    return [one.tags for one in sorted(stored(database, Customer), key=lambda one: one.customer_no)]


def events(database, name):
    return [entry for entry in stored(database, AuditEntry) if entry.event == name]


@pytest.fixture
def work(app, clock):
    """Let the job run once, as the runner does."""
    runtime = app.extensions["branchline"]

    def run(progress=None):
        clock.advance(timedelta(minutes=1))
        stamp = Stamp(clock.now(), "job:bulk-acts", Via.JOB)
        return go_on_with_acts(runtime, stamp, progress or Progress(), ranged=RANGES)

    return run


class After(Progress):
    """A run that ends at its `parts`th safe point, as when the process is asked to stop."""

    def __init__(self, parts):
        super().__init__()
        self.left = parts

    def check_stop(self):
        self.left -= 1
        if self.left < 0:
            raise JobStoppedError

    def pause(self, by):
        """Nobody else is at work."""


@contextmanager
def cut_off_at(database, statement):
    """End the process, as far as the database can tell, at the `statement`th one that it is sent."""
    sent = count(1)

    def cut(*_args):
        if next(sent) == statement:
            raise Cut

    event.listen(database.engine, "before_cursor_execute", cut)
    try:
        yield
    finally:
        event.remove(database.engine, "before_cursor_execute", cut)


def test_more_than_a_request_takes_are_tried_shown_done_and_taken_back_by_the_job(
    boss, many, work, database, monkeypatch
):
    for module in (choosing, pages, working):
        monkeypatch.setattr(module, "MOST", MOST)
    many(MOST + 4, status=CustomerStatus.ACTIVE)
    many(2, tags=["VIP"])
    many(3, status=CustomerStatus.CLOSED)
    asked = {"all": "yes", "kind": "add_tag", "value": "VIP", "reason": WHY}

    assert "done in the background" in boss.send("/customers/bulk?status=active", all="yes").text
    page = boss.send("/customers/bulk/preview?status=active", **asked).text
    act = the_act(database)
    assert (act.state, act.asked) == (BulkState.TRYING, MOST + 6)
    assert "It is being tried; nothing is done yet." in page
    work()

    page = boss.get(f"/customers/bulk/acts/{act.id}").text
    assert f'<b class="num">{MOST + 4}</b> customers are changed' in page
    assert '<b class="num">2</b> It is so already.' in page
    assert not any("VIP" in one for one in tags(database)[: (MOST + 4)])
    assert states(database) == {RowState.FIT: (MOST + 4), RowState.LEFT: 2}

    assert "It is being done." in boss.send(f"/customers/bulk/acts/{act.id}/confirm").text
    work()
    act = the_act(database)
    assert (act.state, act.done, act.left_out, act.handled) == (BulkState.DONE, MOST + 4, 2, MOST + 6)
    assert tags(database) == [["VIP"]] * (MOST + 6) + [[]] * 3
    assert boss.get(f"/customers/bulk/acts/{act.id}/progress").headers["HX-Redirect"].endswith(act.id)
    told = [one for one in stored(database, AuditEntry) if one.details.get("bulk") == act.id]
    assert {(one.event, one.actor, one.via) for one in told} == {("customer.changed", "boss", "job")}
    assert len(told) == MOST + 4
    assert [one.details["done"] for one in events(database, "bulk.done")] == [MOST + 4]

    boss.send(f"/customers/bulk/acts/{act.id}/undo")
    assert the_act(database).state is BulkState.UNDOING
    work()
    assert states(database) == {RowState.UNDONE: (MOST + 4), RowState.LEFT: 2}
    assert tags(database) == [[]] * (MOST + 4) + [["VIP"]] * 2 + [[]] * 3
    assert (the_act(database).state, the_act(database).undone_by) == (BulkState.DONE, "boss")
    assert len(events(database, "bulk.undone")) == 1


def test_an_act_cut_off_anywhere_goes_on_and_nothing_is_done_twice(
    boss, many, work, plan, database, clock, monkeypatch
):
    monkeypatch.setattr(working, "PART", 4)
    ids = many(10) + many(2, tags=["VIP"])
    act_id = plan("boss", ids)
    work()
    boss.send(f"/customers/bulk/acts/{act_id}/confirm")
    at, changed = 1, []

    while the_act(database).state is BulkState.RUNNING:
        # A little further each time: before and behind every statement of every part.
        with cut_off_at(database, at):
            try:
                work()
            except Cut:
                at += 7
        changed = [one.subject_id for one in events(database, "customer.changed")]
        assert len(changed) == len(set(changed)) == the_act(database).done

    assert at > 50
    assert (the_act(database).done, the_act(database).left_out) == (10, 2)
    assert sorted(changed) == sorted(ids[:10])
    assert tags(database) == [["VIP"]] * 12
    assert len(events(database, "bulk.done")) == 1


def test_a_stop_ends_behind_the_part_at_work_and_tells_what_is_done_and_what_is_not(
    boss, many, work, plan, database, monkeypatch
):
    monkeypatch.setattr(working, "PART", 2)
    act_id = plan("boss", many(10))
    work()
    boss.send(f"/customers/bulk/acts/{act_id}/confirm")
    with pytest.raises(JobStoppedError):
        work(After(PARTS))
    assert (the_act(database).state, the_act(database).handled) == (BulkState.RUNNING, 6)

    page = boss.send(f"/customers/bulk/acts/{act_id}/stop").text
    work()

    act = the_act(database)
    assert (act.state, act.done, act.left_undone, act.stopped_by) == (BulkState.STOPPED, 6, 4, "boss")
    assert states(database) == {RowState.DONE: 6, RowState.WAITING: 4}
    assert sum(one == ["VIP"] for one in tags(database)) == 6
    assert "Not done" in page
    assert [one.details["open"] for one in events(database, "bulk.stopped")] == [4]
    assert "before it could be stopped" in boss.send(f"/customers/bulk/acts/{act_id}/stop").text
    boss.send(f"/customers/bulk/acts/{act_id}/undo")
    assert states(database) == {RowState.UNDONE: 6, RowState.WAITING: 4}
    assert the_act(database).state is BulkState.STOPPED


def test_a_customer_handed_over_meanwhile_is_left_out_and_named_to_nobody_who_may_not_see_it(
    rows, many, make_user, sign_in, boss, work, plan, database, sessions
):
    wu, li = rows.manager(name="Wu"), rows.manager(name="Li")
    ids = many(3, manager_id=wu)
    make_user("wu", StaffKind.ACCOUNT_MANAGER, wu)
    browser = sign_in("wu")
    act_id = plan("wu", ids)
    work()
    assert states(database) == {RowState.FIT: 3}
    with sessions.begin() as session:
        session.get_one(Customer, ids[1]).manager_id = li

    browser.send(f"/customers/bulk/acts/{act_id}/confirm")
    work()

    page = browser.get(f"/customers/bulk/acts/{act_id}").text
    assert tags(database) == [["VIP"], [], ["VIP"]]
    assert states(database) == {RowState.DONE: 2, RowState.LEFT: 1}
    assert "Ask who holds it now." in page
    assert "a customer whom you do not see any more" in page
    assert "X00002" not in page
    assert "X00002" in boss.get(f"/customers/bulk/acts/{act_id}").text


@pytest.mark.parametrize("change", ["disabled", "kind"])
def test_an_act_stops_when_who_ordered_it_may_not_any_more(
    rows, many, make_user, boss, work, plan, database, sessions, clock, change
):
    user = make_user("deputy", StaffKind.BRANCH_MANAGER)
    act_id = plan("deputy", many(3), BulkKind.RETIRE, "")
    work()
    with sessions.begin() as session:
        session.get_one(BulkAct, act_id).state = BulkState.RUNNING
        for row in session.scalars(select(BulkRow)):
            row.state = RowState.WAITING
        who = session.get_one(User, user)
        if change == "disabled":
            who.disabled_at = clock.now()
        else:
            who.kind = StaffKind.ACCOUNT_MANAGER

    work()

    act = the_act(database)
    assert (act.state, act.done, act.left_undone) == (BulkState.STOPPED, 0, 3)
    assert {one.status for one in stored(database, Customer)} == {CustomerStatus.ACTIVE}
    said = "is closed" if change == "disabled" else "may not do this"
    assert said in boss.get(f"/customers/bulk/acts/{act_id}").text


def test_many_are_handed_over_a_sheet_of_each_part_and_come_back(
    boss, rows, many, work, plan, database, clock, monkeypatch
):
    monkeypatch.setattr(working, "SHEET", 3)
    monkeypatch.setattr(pages, "MOST", 5)
    wu, li, zhao = (rows.manager(name=name) for name in ("Wu", "Li", "Zhao"))
    ids = many(4, manager_id=wu) + many(2, manager_id=li) + many(1, manager_id=zhao) + many(2)
    act_id = plan("boss", ids, BulkKind.HAND_OVER, zhao)
    work()
    page = boss.get(f"/customers/bulk/acts/{act_id}").text
    assert '<b class="num">3</b> sheets to be signed, of at most 3 customers' in page
    assert '<b class="num">2</b> account managers hand over' in page
    assert "each with a sheet" not in page
    assert stored(database, Handover) == []
    boss.send(f"/customers/bulk/acts/{act_id}/confirm")
    work()

    made = stored(database, Handover)
    assert sorted((one.from_id == wu, one.customers) for one in made) == [(False, 2), (True, 1), (True, 3)]
    assert len(stored(database, HandoverCustomer)) == 6
    assert states(database) == {RowState.DONE: 6, RowState.LEFT: 3}
    assert [one.manager_id for one in stored(database, Customer)].count(zhao) == 7

    monkeypatch.setattr(working, "MOST", 5)
    clock.advance(timedelta(minutes=1))
    with database.sessions.begin() as session:
        changed = session.get_one(Customer, ids[4])
        changed.remark, changed.updated_at = "moved on", clock.now()
    boss.send(f"/customers/bulk/acts/{act_id}/undo")
    work()

    assert all(one.undone_at is not None for one in stored(database, Handover))
    assert states(database) == {RowState.UNDONE: 5, RowState.KEPT: 1, RowState.LEFT: 3}
    held = {one.id: one.manager_id for one in stored(database, Customer)}
    assert [held[at] for at in ids] == [wu] * 4 + [zhao, li] + [zhao] + [None] * 2


def test_a_first_tier_is_taken_back_to_none_by_the_job(boss, many, work, plan, database, clock):
    act_id = plan("boss", many(3) + many(2, value_tier=ValueTier.LOW), BulkKind.TIER, "high")
    work()
    boss.send(f"/customers/bulk/acts/{act_id}/confirm")
    work()
    assert [one.value_tier for one in stored(database, Customer)].count(ValueTier.HIGH) == 5
    clock.advance(timedelta(minutes=1))
    boss.send(f"/customers/bulk/acts/{act_id}/undo")
    work()

    assert states(database) == {RowState.UNDONE: 5}
    tiers = [one.value_tier for one in stored(database, Customer)]
    assert (tiers.count(None), tiers.count(ValueTier.LOW)) == (3, 2)


def test_a_taker_who_left_meanwhile_stops_the_act_with_the_reason(
    boss, rows, many, work, plan, database, sessions
):
    wu, li = rows.manager(name="Wu"), rows.manager(name="Li")
    act_id = plan("boss", many(3, manager_id=wu), BulkKind.HAND_OVER, li)
    work()
    boss.send(f"/customers/bulk/acts/{act_id}/confirm")
    with sessions.begin() as session:
        from branch_node.managers.models import Manager

        session.get_one(Manager, li).status = ManagerStatus.LEFT

    work()

    assert (the_act(database).state, the_act(database).left_undone) == (BulkState.STOPPED, 3)
    assert {one.manager_id for one in stored(database, Customer)} == {wu}
    assert "account manager at work who takes them over" in boss.get(f"/customers/bulk/acts/{act_id}").text


def test_what_breaks_in_the_program_stops_the_act_and_no_other(
    boss, rows, many, work, plan, database, monkeypatch, caplog
):
    broken, whole = plan("boss", many(2), value="broken"), plan("boss", many(2), value="whole")
    work()
    for act_id in (broken, whole):
        boss.send(f"/customers/bulk/acts/{act_id}/confirm")
    genuine = working._do_part

    def break_one(session, act, order, by):
        if act.id == broken:
            raise RuntimeError
        genuine(session, act, order, by)

    monkeypatch.setattr(working, "_do_part", break_one)
    work()

    found = {act.id: act.state for act in stored(database, BulkAct)}
    assert found == {broken: BulkState.STOPPED, whole: BulkState.DONE}
    assert "The program could not go on." in boss.get(f"/customers/bulk/acts/{broken}").text


def test_only_who_tried_it_does_it_and_once(boss, many, work, plan, make_user, database):
    make_user("deputy", StaffKind.BRANCH_MANAGER)
    act_id = plan("deputy", many(2))

    assert boss.send(f"/customers/bulk/acts/{act_id}/confirm").status_code == 409
    work()
    assert boss.send(f"/customers/bulk/acts/{act_id}/confirm").status_code == 403
    assert boss.send(f"/customers/bulk/acts/{act_id}/undo").status_code == 409
    assert states(database) == {RowState.FIT: 2}
    assert "/discard" in boss.get(f"/customers/bulk/acts/{act_id}").text
    boss.send(f"/customers/bulk/acts/{act_id}/discard")
    assert stored(database, BulkAct) == stored(database, BulkRow) == []


def test_a_plan_nobody_confirmed_is_forgotten_after_a_week(boss, many, work, plan, database, clock):
    plan("boss", many(2))
    work()
    clock.advance(timedelta(days=7))

    assert work().counts["forgotten"] == 1
    assert stored(database, BulkAct) == stored(database, BulkRow) == []


def test_more_than_a_list_that_anybody_looked_at_is_refused(boss, many, plan, database, monkeypatch):
    monkeypatch.setattr(working, "MOST_IN_ALL", 3)
    ids = many(4)

    with pytest.raises(BulkNobodyError):
        plan("boss", ids)
    assert stored(database, BulkAct) == stored(database, BulkRow) == []


def test_shares_given_by_a_large_act_are_taken_back_each_at_its_time(
    boss, rows, many, work, plan, database, monkeypatch
):
    monkeypatch.setattr(working, "MOST", 1)
    wu = rows.manager(name="Wu")
    act_id = plan("boss", many(3), BulkKind.SHARE, wu)
    work()
    boss.send(f"/customers/bulk/acts/{act_id}/confirm")
    work()
    assert len(stored(database, CustomerShare)) == 3

    boss.send(f"/customers/bulk/acts/{act_id}/undo")
    work()
    assert stored(database, CustomerShare) == []
    assert states(database) == {RowState.UNDONE: 3}


def test_the_file_of_a_large_act_names_every_row_with_its_cause(boss, many, work, plan, database):
    act_id = plan("boss", many(2) + many(1, tags=["VIP"]))
    work()
    boss.send(f"/customers/bulk/acts/{act_id}/confirm")
    work()

    address = f"/customers/bulk/acts/{act_id}/export.csv"
    text = boss.send(address, purpose="check", reason="check the result", whole="yes").text
    assert "X00003" in text or boss.get(address).status_code == 200
