"""Several receivers: each gets its record types, with a chain and receipts of its own, and none holds up another."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest
from click.testing import CliRunner
from sqlalchemy import func, insert, select, text, update

from branch_node.cli import APP
from branch_node.dayclose import closing
from branch_node.lanes import operations as marks
from branch_node.outbound.alarms import COPY_REFUSED, RECORD_TOO_LARGE
from branch_node.outbound.commands import register
from branch_node.outbound.jobs import watch_key
from branch_node.outbound.membership import join_receiver
from branch_node.outbound.receivers import clear_removed, push_due, standings
from branch_node.receivers import operations
from branch_node.receivers.errors import (
    OtherReceiverError,
    ReceiverNameError,
    RecordsUnknownError,
)
from branch_node.receivers.models import FirstLoad
from branch_node.retention.jobs import purge_outbox
from hq_server.branches.operations import enrol_branch
from hq_server.proof.models import Difference
from hq_server.tables import APP as HQ_TABLES
from hq_server.verification.jobs import match_days
from hq_server.verification.queries import DayState, days_of, verify_document
from shared.alarms.queries import find_open, list_open
from shared.audit.models import AuditEntry
from shared.cli import NodeGroup
from shared.ids import new_id
from shared.jobs.job import Progress
from sync_protocol import daybook
from sync_protocol.changelog.models import Change, OutboxBatch, OversizeRecord
from tests.support.groups import ONE_WRITER, not_run
from tests.support.receivers import (
    REGION_URL,
    connect,
    forbid_unscoped,
    join_region,
    push_region,
    unscoped,
    view_of,
)
from tests.support.setbacks import back_up_branch, back_up_hq, copy, restore, set_back, set_back_hq
from tests.support.world import HQ_URL, NOON, make_world, migrated

FACTS = ("bill_line", "work_log")


@pytest.fixture
def region(tmp_path, make_database_url, database_factory, dialect):
    """A second head office, on the same kind of database as the first."""
    url = make_database_url(dialect, migrated(database_factory, dialect, HQ_TABLES))
    with make_world(tmp_path / "elsewhere", url, lambda: "") as made:
        yield made


@pytest.fixture
def branch(world):
    made = world.make_branch("B001")
    forbid_unscoped(made.runtime.database)
    return made


@pytest.fixture
def lines(branch, region):
    return connect(branch, region)


def enter(branch):
    """Enter one record of each kind."""
    manager = branch.add_manager()
    customer = branch.add_customer(manager_id=manager)
    return branch.add_bill_line(customer), branch.add_work_log(manager, customer)


def batches(branch, receiver):
    with branch.runtime.database.of(receiver).reads() as session:
        return session.scalars(select(OutboxBatch).order_by(OutboxBatch.id)).all()


def another_code(world):
    """Return a code with which the branch joins once more."""
    with world.hq.database.sessions.begin() as session:
        return enrol_branch(session, "B001", "分公司", push_interval_s=600, by=world.by(), again=True)[1]


def differences(world):
    """Return what barriers found to differ: the proof heals what it finds, so equal tables alone say little."""
    with world.hq.database.reads() as session:
        return session.scalars(select(Difference)).all()


def somebody_waits(database):
    with database.engine.connect() as connection:
        return connection.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted"))


def assert_same(branch, region, records):
    held, here = region.hq_digests(branch.code), branch.digests()
    for name in here:
        assert held[name] == here[name] if name in records else held[name].rows == 0, name


def test_both_receivers_get_what_was_there_and_what_comes_each_with_its_own_receipts(
    world, region, branch, lines
):
    enter(branch)
    branch.push()

    join_region(branch, region, FACTS)
    enter(branch)
    assert branch.push().outcome == push_region(branch).outcome == "done"

    enter(branch)
    assert branch.push().outcome == push_region(branch).outcome == "done"
    world.assert_equal()
    assert_same(branch, region, FACTS)
    assert differences(region) == []
    ours, theirs = batches(branch, "hq"), batches(branch, "region")
    assert {one.record_type for one in theirs} == set(FACTS)
    assert all(one.receipt for one in [*ours, *theirs])
    signed = {one.receipt["signature"] for one in ours} & {one.receipt["signature"] for one in theirs}
    assert not signed
    first = {one.channel: one.batch_no for one in reversed(theirs)}
    assert first == {"billing": 1, "worklog": 1}, "a chain of its own begins at 1"


def test_a_receiver_that_is_away_holds_up_no_other_and_gets_everything_later(world, region, branch, lines):
    join_region(branch, region, FACTS)
    lines.away = {HQ_URL}
    enter(branch)
    assert (branch.push().outcome, push_region(branch).outcome) == ("retry", "done")
    assert_same(branch, region, FACTS)

    lines.away = {REGION_URL}
    enter(branch)
    assert (branch.push().outcome, push_region(branch).outcome) == ("done", "retry")
    world.assert_equal()
    told = {"name": "region", "records": list(FACTS), "loading": [], "link": "down", "pending": 2}
    assert standings(branch.runtime) == [told]

    lines.away = set()
    assert push_region(branch).outcome == "done"
    assert_same(branch, region, FACTS)


def test_the_job_tries_each_receiver_at_its_own_time(world, region, branch, lines):
    join_region(branch, region, FACTS)
    lines.away = {REGION_URL}
    assert [one.outcome for one in push_due(branch.runtime, Progress()).values()] == ["retry"]
    assert push_due(branch.runtime, Progress()) == {}, "it waits"

    world.advance(minutes=16)
    lines.away = set()
    assert [one.outcome for one in push_due(branch.runtime, Progress()).values()] == ["done"]
    # A clock that was years ahead has put nobody off.
    view = view_of(branch)
    with view.database.sessions.begin() as session:
        operations.note_wait(session, world.clock.now() + timedelta(days=900))
    assert list(push_due(branch.runtime, Progress())) == ["region"]


def test_no_statement_of_a_cycle_forgets_whose_rows_it_is_about(world, region, branch, lines):
    join_region(branch, region, FACTS)
    enter(branch)
    seen = forbid_unscoped(branch.runtime.database)
    for _day in range(2):
        assert branch.push().outcome == push_region(branch).outcome == "done"
        world.advance(days=1)
    assert seen == []

    table = Change.__table__
    statement = str(select(func.count()).select_from(table))
    assert unscoped(statement) == ["sync_changes"], "the watch sees a statement that forgets"
    with pytest.raises(AssertionError, match="says nothing"), branch.runtime.database.reads() as session:
        session.scalars(select(table.c.id)).all()


def test_a_session_sees_changes_and_adds_the_rows_of_its_receiver_only(region, branch, lines):
    join_region(branch, region, FACTS)
    enter(branch)
    database = branch.runtime.database
    with database.of("region").sessions.begin() as session:
        session.execute(update(Change).values(batch_id=7))
        session.add(FirstLoad(record_type="manager"))
    with database.reads() as session:
        assert session.scalars(select(Change.batch_id).distinct()).all() == [None]
        assert session.get(FirstLoad, "manager") is None
    with database.of("region").reads() as session:
        assert session.scalars(select(Change.batch_id).distinct()).all() == [7]
        assert session.get_one(FirstLoad, "manager").receiver == "region"


def test_a_branch_set_back_gets_its_rows_back_and_agrees_with_every_receiver(world, region, branch, lines):
    join_region(branch, region, FACTS)
    enter(branch)
    branch.push()
    push_region(branch)
    archive = back_up_branch(branch)
    lost = enter(branch)
    branch.push()
    push_region(branch)

    set_back(branch, archive)
    connect(branch, region)
    enter(branch)
    for _ in range(2):
        assert branch.push().outcome == push_region(branch).outcome == "done"

    world.assert_equal()
    assert_same(branch, region, FACTS)
    bill_lines = branch.runtime.bindings["bill_line"].table
    with branch.runtime.database.reads() as session:
        assert session.scalar(select(bill_lines.c.id).where(bill_lines.c.id == lost[0]))


def test_rows_only_another_receiver_had_come_back_when_head_office_never_got_them(
    world, region, branch, lines
):
    join_region(branch, region, FACTS)
    customer = branch.add_customer(manager_id=branch.add_manager())
    branch.push()
    push_region(branch)
    archive = back_up_branch(branch)
    lines.away = {HQ_URL}
    lost = branch.add_bill_line(customer)
    push_region(branch)

    set_back(branch, archive)
    connect(branch, region)
    push_region(branch)
    branch.push()

    bill_lines = world.hq.bindings["bill_line"].table
    with world.hq.database.reads() as session:
        assert session.scalar(select(bill_lines.c.id).where(bill_lines.c.id == lost))
    assert world.hq_digests("B001")["bill_line"] == branch.digests()["bill_line"]
    assert_same(branch, region, FACTS)


def test_what_one_receiver_has_not_backed_up_is_kept_for_it_alone(world, region, branch, lines):
    join_region(branch, region, FACTS)
    enter(branch)
    branch.push()
    push_region(branch)
    back_up_hq(world)
    world.advance(days=40)
    enter(branch)
    branch.push()
    push_region(branch)

    purge_outbox(branch.runtime, world.by(), Progress())

    kept = {
        receiver: [one.payload is not None for one in batches(branch, receiver)]
        for receiver in ("hq", "region")
    }
    assert not kept["hq"][0]
    assert all(kept["region"])

    back_up_hq(region)
    branch.push()
    push_region(branch)
    purge_outbox(branch.runtime, world.by(), Progress())
    assert not batches(branch, "region")[0].payload


def test_a_removed_receiver_is_captured_for_no_more_and_may_come_back(world, region, branch, lines):
    join_region(branch, region, FACTS)
    enter(branch)
    push_region(branch)
    enter(branch)
    with branch.runtime.database.sessions.begin() as session:
        operations.remove_receiver(session, "region", branch.runtime.bindings, undelivered=2, by=world.by())
    clear_removed(branch.runtime, Progress())
    enter(branch)
    with branch.runtime.database.of("region").reads() as session:
        assert session.scalar(select(func.count()).select_from(Change)) == 0
    branch.push()
    world.assert_equal()

    join_region(branch, region, ("bill_line",), code=another_code(region))
    assert push_region(branch).outcome == "done"
    assert region.hq_digests("B001")["bill_line"] == branch.digests()["bill_line"]
    assert [one.batch_no for one in batches(branch, "region") if one.channel == "billing"][:2] == [1, 2]


def test_nothing_written_while_a_receiver_joins_falls_between(region, branch, lines):
    customer = branch.add_customer(manager_id=branch.add_manager())
    for _ in range(20):
        branch.add_bill_line(customer)
    stop, written = threading.Event(), []

    def write():
        while not stop.wait(0.01):
            written.append(branch.add_bill_line(customer))

    clerk = threading.Thread(target=write)
    clerk.start()
    try:
        join_region(branch, region, ("bill_line",))
        push_region(branch)
    finally:
        stop.set()
        clerk.join()
    while push_region(branch).batches:
        pass
    assert written
    assert_same(branch, region, ("bill_line",))


def test_a_first_load_goes_piece_by_piece_and_goes_on_where_it_was(region, branch, lines, monkeypatch):
    monkeypatch.setattr(operations, "LOAD_CHUNK", 4)
    monkeypatch.setattr(operations, "LOAD_AHEAD", 8)
    customer = branch.add_customer(manager_id=branch.add_manager())
    for _ in range(30):
        branch.add_bill_line(customer)
    join_region(branch, region, ("bill_line",))
    result = push_region(branch)
    assert (result.outcome, result.unfinished) == ("done", True)
    assert 0 < region.hq_digests("B001")["bill_line"].rows < 30

    lines.away = {REGION_URL}
    push_region(branch)
    lines.away = set()
    while push_region(branch).unfinished:
        pass
    assert_same(branch, region, ("bill_line",))
    assert differences(region) == [], "nothing is compared before all of it is there"


def test_a_name_an_address_and_record_types_are_checked_before_a_code_is_used(region, branch, lines):
    by = region.by()
    for name in ("hq", "Region", "a" * 21, "re'gion"):
        with pytest.raises(ReceiverNameError):
            join_receiver(branch.runtime, name, FACTS, REGION_URL, "X", by=by)
    with pytest.raises(RecordsUnknownError):
        join_receiver(branch.runtime, "region", ("bill",), REGION_URL, "X", by=by)
    with pytest.raises(OtherReceiverError):
        join_receiver(branch.runtime, "region", FACTS, HQ_URL, "X", by=by)
    assert lines.requests == []


def test_the_commands_join_push_trace_and_leave_one_receiver(world, region, branch, lines, tmp_path):
    def run(*words):
        group = NodeGroup()
        register(group, replace(APP, open_runtime=lambda _home: branch.runtime))
        home = str(branch.runtime.settings.home.path)
        return CliRunner().invoke(group, [*words, "--home", home])

    enter(branch)
    joining = ["join", "--url", REGION_URL, "--code", region.enrol("B001"), "--receiver", "region"]
    assert run(*joining, "--records", "bill_line").output.splitlines()[-1] == "B001"
    lines.away = {HQ_URL}
    pushed = run("push", "--json")
    told = json.loads(pushed.stdout)
    assert (pushed.exit_code, told["outcome"], told["others"][0]["outcome"]) == (1, "retry", "done")
    assert run("push", "--receiver", "region").exit_code == 0
    assert "delivered" in run("where", "bill_line", "B000003", "--receiver", "region").output
    assert "waiting" in run("where", "bill_line", "B000003").output
    assert run("rotate-key", "--receiver", "region").exit_code == 0
    assert run("push", "--receiver", "region").exit_code == 0
    lines.away = set()
    assert run("push").exit_code == 0, "the key for head office is another"

    branch.add_bill_line(branch.add_customer())
    refused = run("leave", "--receiver", "region")
    assert refused.exit_code == 2
    assert "region has not received 1 changes" in refused.output
    assert run("leave", "--receiver", "region", "--give-up").exit_code == 0
    assert run("push", "--receiver", "region").exit_code == 2
    with branch.runtime.database.reads() as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.event == "receiver.removed")).one()
    assert entry.details == {"records": ["bill_line"], "undelivered": 1}


def test_the_age_of_each_receivers_key_is_an_alarm_of_its_own(world, region, branch, lines):
    world.advance(days=200)
    join_region(branch, region, FACTS)
    world.advance(days=140)

    watch_key(branch.runtime, world.by(), Progress())
    with branch.runtime.database.reads() as session:
        first = [(one.code, one.subject_type, one.subject_id) for one in list_open(session)]
    world.advance(days=200)
    watch_key(branch.runtime, world.by(), Progress())
    with branch.runtime.database.reads() as session:
        both = {(one.code, one.subject_type, one.subject_id) for one in list_open(session)}

    assert first == [("key-old", "key", "node")], "the other's key is 140 days old"
    assert both == {("key-too-old", "key", "node"), ("key-old", "key", "region")}


def test_days_and_proofs_are_judged_by_the_record_types_a_receiver_gets(world, region, branch, lines):
    records = ("bill_line", "day_close")
    join_region(branch, region, records)
    enter(branch)
    push_region(branch)
    branch.push()
    world.advance(days=1)
    # The day is closed by whichever cycle is first; it counts what the node holds, not what this receiver gets.
    push_region(branch)
    branch.push()

    for at in (world, region):
        match_days(at.hq, at.by(), Progress())
        with at.hq.database.reads() as session:
            (day,) = days_of(session, NOON.date(), timezone="Asia/Shanghai")
            (proven,) = verify_document(session, at.clock.now())["branches"]
        assert day.state is DayState.COMPLETE, day.check
        assert proven["equal"]
        assert set(proven["tables"]) == (set(records) if at is region else set(branch.runtime.bindings))


def test_a_copy_of_the_node_is_refused_by_each_receiver(world, region, branch, lines):
    join_region(branch, region, FACTS)
    twin = copy(branch)
    connect(twin, region)
    push_region(branch)
    assert push_region(twin).problem == "duplicate-node"
    assert branch.push().outcome == "done"
    with twin.runtime.database.reads() as session:
        found = find_open(session, COPY_REFUSED, ("receiver", "region"))
        assert found is not None
        assert find_open(session, COPY_REFUSED, ("branch", "B001")) is None


def test_a_receiver_set_back_is_offered_its_own_batches_again(world, region, branch, lines):
    join_region(branch, region, FACTS)
    enter(branch)
    push_region(branch)
    archive = back_up_hq(region)
    enter(branch)
    branch.push()
    push_region(branch)
    sent = len(batches(branch, "hq"))

    set_back_hq(region, archive)
    push_region(branch)
    assert_same(branch, region, FACTS)
    assert branch.push().batches == 0
    assert len(batches(branch, "hq")) == sent


def test_a_write_under_way_is_never_overtaken_by_the_first_load(region, branch, lines):
    """Numbered before the load and committed after it, its row would seem older than what was loaded."""
    manager = branch.add_manager()
    join_region(branch, region, ("manager",))
    database, table = branch.runtime.database, branch.runtime.bindings["manager"].table
    if database.dialect == "sqlite":
        not_run("sqlite", ONE_WRITER)
    open_write = database.sessions()
    open_write.execute(update(table).where(table.c.id == manager).values(name="later"))
    assert push_region(branch).unfinished, "its turn has not come"
    open_write.commit()
    open_write.close()
    push_region(branch)
    assert_same(branch, region, ("manager",))
    assert differences(region) == []


def test_a_write_under_way_when_a_receiver_joins_is_loaded_or_captured(region, branch, lines):
    """It may have been captured by the rule before; then the load must see it, so joining waits for its end."""
    customer = branch.add_customer(manager_id=branch.add_manager())
    line = branch.add_bill_line(customer)
    database, table = branch.runtime.database, branch.runtime.bindings["bill_line"].table
    if database.dialect == "sqlite":
        not_run("sqlite", ONE_WRITER)
    open_write = database.sessions()
    row = open_write.execute(select(table).where(table.c.id == line)).mappings().one()
    open_write.execute(insert(table).values({**row, "id": new_id(), "bill_no": "B999"}))

    def join_and_push():
        join_region(branch, region, ("bill_line",))
        push_region(branch)

    joining = threading.Thread(target=join_and_push)
    joining.start()
    while joining.is_alive() and not somebody_waits(database):
        time.sleep(0.01)
    open_write.commit()
    open_write.close()
    joining.join()
    push_region(branch)
    assert_same(branch, region, ("bill_line",))
    assert differences(region) == []


def test_a_node_restored_by_the_command_speaks_for_the_branch_to_every_receiver(world, region, branch, lines):
    join_region(branch, region, FACTS)
    enter(branch)
    archive = back_up_branch(branch)
    branch.push()
    push_region(branch)

    restore(branch, archive)
    connect(branch, region)
    assert branch.push().outcome == push_region(branch).outcome == "done"
    assert_same(branch, region, FACTS)


def test_the_record_types_of_a_receiver_are_changed_by_joining_again(region, branch, lines):
    join_region(branch, region, FACTS)
    enter(branch)
    push_region(branch)
    enter(branch)

    join_region(branch, region, ("manager", "bill_line"), code=another_code(region))
    result = push_region(branch)

    # What it got before goes on from where it was; what is new to it is loaded; nothing else waits any more.
    assert (result.outcome, result.counts["bill_line"], result.counts["manager"]) == ("done", 1, 2)
    held, here = region.hq_digests("B001"), branch.digests()
    assert (held["manager"], held["bill_line"]) == (here["manager"], here["bill_line"])
    assert held["work_log"].rows == 1
    assert standings(branch.runtime)[0]["pending"] == 0


def test_cycles_with_two_receivers_at_the_same_moment_close_the_day_once(world, region, branch, lines):
    join_region(branch, region, (*FACTS, "day_close"))
    enter(branch)
    for push in (branch.push, lambda: push_region(branch)):
        push()
    world.advance(days=1)
    together = threading.Barrier(2, timeout=20)
    close, note = daybook.day_figures, marks.note_day

    def meet(done):
        def at_once(*values, **named):
            with suppress(threading.BrokenBarrierError):
                together.wait()
            return done(*values, **named)

        return at_once

    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(2) as pool:
        patch.setattr(closing, "day_figures", meet(close))
        if branch.runtime.database.dialect == "postgresql":  # on SQLite one writer waits for the other
            patch.setattr(marks, "note_day", meet(note))
        cycles = [pool.submit(branch.push), pool.submit(push_region, branch)]
        assert [one.result().outcome for one in cycles] == ["done", "done"]
    branch.push()
    push_region(branch)
    world.assert_equal()
    assert_same(branch, region, (*FACTS, "day_close"))


def test_the_alarm_about_a_record_too_large_for_head_office_stays_whoever_is_pushed_to(region, branch, lines):
    join_region(branch, region, ("bill_line",))
    customer = branch.add_customer()
    with branch.runtime.database.sessions.begin() as session:
        session.add(
            OversizeRecord(
                record_type="customer",
                record_id=customer,
                first_change=1,
                last_change=1,
                payload_bytes=9,
                wire_bytes=9,
                set_aside_at=NOON,
            )
        )
    push_region(branch)
    with branch.runtime.database.reads() as session:
        assert find_open(session, RECORD_TOO_LARGE, ("record", f"customer/{customer}")) is not None
