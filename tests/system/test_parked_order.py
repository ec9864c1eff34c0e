"""Parked records keep their order, their children wait for them, and everything else flows."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, insert, select, text, update

from branch_node.customers.models import Customer
from hq_server.ingest.models import InboxBatch
from hq_server.parking import operations
from hq_server.parking.alarms import RECORDS_PARKED
from hq_server.parking.vocabulary import ParkedState
from shared.alarms.models import Alarm
from shared.ids import new_id
from sync_protocol import apply
from sync_protocol.contract.checks import RecordCheck
from sync_protocol.contract.fields import Code, Text
from sync_protocol.contract.records import RECORDS, BillLineV1, ManagerV1
from tests.support.intake import Intake
from tests.support.shares import share

BAD = "no such status"


@pytest.fixture
def intake(world):
    return Intake(world.hq)


class YesterdaysManager(ManagerV1):
    status = Code(("active", "on_leave"))


class YesterdaysBillLine(BillLineV1):
    remark = Text(5, nullable=True)


@pytest.fixture
def upgrade():
    """HQ is of yesterday's version, which knows less, until this is called."""
    patch = pytest.MonkeyPatch()
    patch.setitem(RECORDS, ("manager", 1), RecordCheck(YesterdaysManager))
    patch.setitem(RECORDS, ("bill_line", 1), RecordCheck(YesterdaysBillLine))
    yield patch.undo
    patch.undo()


def _states(intake):
    return [(one.row_change, one.state.value) for one in intake.parked()]


def _alarms(intake):
    with intake.hq.database.reads() as session:
        about = (Alarm.subject_type == "branch", Alarm.subject_id == intake.code)
        return session.scalars(select(Alarm).where(*about).order_by(Alarm.id)).all()


# --- later changes of a parked record ---------------------------------------------------------------


def test_refused_versions_of_one_record_queue_up_and_go_in_one_after_the_other(intake, upgrade, monkeypatch):
    key, others = new_id(), []
    for number in range(4):
        rows = [intake.row("manager", name=f"other {number}.{at}") for at in range(250)]
        others += [row[3] for row in rows]
        rows.insert(100, intake.row("manager", id=key, name=f"v{number + 1}", status="left"))
        receipt = intake.deliver("manager", *rows)
        assert [notice["id"] for notice in receipt["parked"]] == [key]
        assert intake.names() == set(others), "others were delayed"
    queue = intake.parked(state=ParkedState.PARKED)
    upgrade()
    went_in: list[str] = []
    real = apply.apply_block

    def apply_block(session, target, block, *args, **kwargs):
        went_in.extend(msgspec.json.decode(line)[3] for line in block.split(b"\n"))
        return real(session, target, block, *args, **kwargs)

    monkeypatch.setattr(operations, "apply_block", apply_block)

    result = intake.check_again(queue[2].id)

    assert went_in == ["v1", "v2", "v3", "v4"]
    assert result.taken == 4
    assert intake.names() == {*others, "v4"}
    assert {one.state for one in intake.parked()} == {ParkedState.REPLAYED}


def test_a_mended_version_replaces_every_parked_one_of_its_record(intake):
    key = new_id()
    for _time in range(3):
        intake.deliver("manager", intake.row("manager", id=key, status=BAD))
    assert len(intake.open_changes()) == 3

    intake.deliver("manager", intake.row("manager", id=key, name="mended"))

    assert intake.names() == {"mended"}
    assert {(one.state, one.settled_by) for one in intake.parked()} == {(ParkedState.SUPERSEDED, "system")}


def test_a_refused_version_after_a_good_one_waits_and_the_good_one_stands(intake):
    key = new_id()
    intake.deliver("manager", intake.row("manager", id=key, name="good"))
    intake.deliver("manager", intake.row("manager", id=key, status=BAD))

    assert intake.names() == {"good"}
    assert intake.open_changes() == [2]


def test_an_older_refused_version_that_comes_late_is_on_record_and_settled_at_once(intake):
    key = new_id()
    old = intake.row("manager", id=key, status=BAD)
    intake.deliver("manager", intake.row("manager", id=key, name="newer"))

    receipt = intake.deliver("manager", old)

    assert len(receipt["parked"]) == 1
    assert _states(intake) == [(1, "superseded")]


def test_an_older_good_version_that_comes_late_does_not_settle_a_newer_refused_one(intake):
    key = new_id()
    old, new = intake.row("manager", id=key, name="old"), intake.row("manager", id=key, status=BAD)
    intake.deliver("manager", new)
    intake.deliver("manager", old)

    assert intake.names() == {"old"}
    assert intake.open_changes() == [2]


def test_a_parked_record_that_its_branch_removed_is_settled(intake):
    key = new_id()
    intake.deliver("manager", intake.row("manager", id=key, status=BAD))
    intake.deliver("manager", removed={key: 2})

    assert _states(intake) == [(1, "superseded")]


def test_what_is_still_refused_stays_parked_with_the_reasons_of_today(intake, upgrade):
    key = new_id()
    intake.deliver("manager", intake.row("manager", id=key, status="left", name=""))
    (before,) = intake.parked()
    upgrade()

    assert intake.check_again(before.id).taken == 0

    (after,) = intake.parked()
    assert set(before.reasons) == {"status", "name"}
    assert (set(after.reasons), after.state) == ({"name"}, ParkedState.PARKED)


def test_between_refused_versions_a_good_one_goes_in_and_settles_the_older_ones(intake, upgrade):
    key = new_id()
    for values in ({"name": ""}, {"name": "good"}, {"name": ""}):
        intake.deliver("manager", intake.row("manager", id=key, status="left", **values))
    upgrade()

    intake.check_again(intake.parked()[0].id)

    assert intake.names() == {"good"}
    assert _states(intake) == [(1, "superseded"), (2, "replayed"), (3, "parked")]


# --- children ---------------------------------------------------------------------------------------


def _family(intake, *, manager_status="active"):
    """Return rows of a manager, their customer, the customer's bill line, its correction, a log and a month."""
    manager = intake.row("manager", status=manager_status)
    customer = intake.row("customer", manager_id=manager[1])
    bill = intake.row("bill_line", customer_id=customer[1], corrects_id=None, remark=None)
    correction = intake.row("bill_line", customer_id=customer[1], corrects_id=bill[1], remark=None)
    log = intake.row("work_log", manager_id=manager[1], customer_id=customer[1], corrects_id=None)
    month = intake.row("customer_month", customer_id=customer[1])
    return {
        "manager": [manager],
        "customer": [customer],
        "bill_line": [bill, correction],
        "work_log": [log],
        "customer_month": [month],
    }


def test_children_of_a_parked_record_wait_and_go_in_with_it_down_to_the_last_grandchild(intake):
    family = _family(intake, manager_status=BAD)
    for record, rows in family.items():
        stranger = intake.row(record, **_loose(record))
        receipt = intake.deliver(record, *rows, stranger)
        codes = {notice["code"] for notice in receipt["parked"]}
        assert codes == {"invalid" if record == "manager" else "waits"}
        assert list(intake.rows(record)) == [stranger[1]], "a stranger was held up"
    waiting = intake.parked(code="waits")
    assert {(one.record_type, one.waits_type) for one in waiting} == {
        ("customer", "manager"),
        ("bill_line", "customer"),
        ("work_log", "manager"),
        ("customer_month", "customer"),
    }
    (alarm,) = _alarms(intake)
    assert (alarm.code, alarm.details) == ("records-parked", {"records": 1, "waiting": 5})

    mended = intake.row("manager", id=family["manager"][0][1])
    intake.deliver("manager", mended)

    for record, rows in family.items():
        assert {row[1] for row in rows} <= set(intake.rows(record)), record
    assert intake.open_changes() == []
    assert {one.id for one in intake.parked(state=ParkedState.REPLAYED)} == {one.id for one in waiting}
    assert [one.closed_by for one in _alarms(intake)] == ["system"]


def _loose(record):
    """Return values that name no other record."""
    return {"customer": {"manager_id": None}, "bill_line": {"corrects_id": None}}.get(record, {})


def test_a_child_does_not_wait_for_a_record_hq_has_had_in_an_earlier_version(intake):
    manager = intake.row("manager")
    intake.deliver("manager", manager)
    intake.deliver("manager", intake.row("manager", id=manager[1], status=BAD))

    intake.deliver("customer", intake.row("customer", manager_id=manager[1]))

    assert len(intake.rows("customer")) == 1


def test_a_child_that_waits_for_two_goes_in_with_the_last_of_them(intake):
    manager, customer = intake.row("manager", status=BAD), intake.row("customer", status=BAD)
    log = intake.row("work_log", manager_id=manager[1], customer_id=customer[1], corrects_id=None)
    for record, row in (("manager", manager), ("customer", customer), ("work_log", log)):
        intake.deliver(record, row)

    intake.deliver("manager", intake.row("manager", id=manager[1]))
    (waiting,) = intake.parked(record_type="work_log")
    assert (waiting.state, waiting.waits_id) == (ParkedState.PARKED, customer[1])
    intake.deliver("customer", intake.row("customer", id=customer[1], manager_id=None))

    assert len(intake.rows("work_log")) == 1


@pytest.mark.parametrize("refused_by", ["check", "database"])
def test_a_correction_waits_for_the_refused_fact_beside_it_in_the_batch(intake, refused_by):
    if refused_by == "database":
        _let_the_database_refuse(intake.hq.database)
    values = {"customer_id": new_id(), "remark": None}
    bad = intake.row("bill_line", **values, bill_no="bad", corrects_id=None)
    if refused_by == "check":
        bad[6] = BAD
    first = intake.row("bill_line", **values, corrects_id=bad[1])
    second = intake.row("bill_line", **values, corrects_id=first[1])
    good = intake.row("bill_line", **values, corrects_id=None)

    receipt = intake.deliver("bill_line", second, first, bad, good)

    assert set(intake.rows("bill_line")) == {good[1]}
    codes = {notice["id"]: notice["code"] for notice in receipt["parked"]}
    assert codes == {
        bad[1]: "invalid" if refused_by == "check" else "database",
        first[1]: "waits",
        second[1]: "waits",
    }


def _let_the_database_refuse(database):
    with database.engine.begin() as connection:
        if database.dialect == "postgresql":
            connection.execute(text("ALTER TABLE replica_bill_lines ADD CHECK (bill_no <> 'bad')"))
        else:
            connection.exec_driver_sql(
                "CREATE TRIGGER refuse BEFORE INSERT ON replica_bill_lines WHEN NEW.bill_no = 'bad' "
                "BEGIN SELECT RAISE(ABORT, 'CHECK constraint failed: bill_no'); END"
            )


def test_children_of_a_parked_record_its_branch_removed_wait_no_longer(intake):
    customer = intake.row("customer", status=BAD)
    intake.deliver("customer", customer)
    intake.deliver("bill_line", intake.row("bill_line", customer_id=customer[1], corrects_id=None))
    assert intake.rows("bill_line") == {}

    intake.deliver("customer", removed={customer[1]: 9})

    assert len(intake.rows("bill_line")) == 1
    assert intake.open_changes() == []


def test_rows_that_went_in_late_are_looked_at_again_for_figures_and_search(intake):
    customer = intake.row("customer", status=BAD)
    intake.deliver("customer", customer)
    intake.deliver("bill_line", intake.row("bill_line", customer_id=customer[1], corrects_id=None))
    with intake.hq.database.sessions.begin() as session:  # as the job that takes batches in leaves them
        session.execute(update(InboxBatch).values(indexed_at=intake.hq.clock.now()))

    intake.deliver("customer", intake.row("customer", id=customer[1], manager_id=None))

    with intake.hq.database.reads() as session:
        waiting = session.scalars(
            select(InboxBatch.record_type).where(InboxBatch.indexed_at.is_(None)).order_by(InboxBatch.id)
        )
        assert list(waiting) == ["bill_line", "customer"]


# --- any order --------------------------------------------------------------------------------------


def _history(intake):
    """Return batches of a valid history: refused rows are mended in the end, some records are removed."""
    managers, customers = [new_id() for _ in range(2)], [new_id() for _ in range(3)]
    batches: list[Any] = []

    def add(record, **values):
        row = intake.row(record, **values)
        batches.append((record, [row], {}))
        return row[1]

    add("manager", id=managers[0], status=BAD, name="m0 bad")
    add("manager", id=managers[1], name="m1")
    for at, customer in enumerate(customers):
        status = BAD if at == 1 else "active"
        add("customer", id=customer, manager_id=managers[at % 2], status=status, name=f"c{at}")
    lines = [
        add("bill_line", customer_id=customers[at % 3], corrects_id=None, kind=BAD if at == 2 else "charge")
        for at in range(4)
    ]
    for line, customer in zip(lines, (*customers, customers[0]), strict=True):
        add("bill_line", customer_id=customer, corrects_id=line)
    add("work_log", manager_id=managers[0], customer_id=customers[1], corrects_id=None)
    add("customer_month", customer_id=customers[1])
    add("customer", id=customers[2], manager_id=managers[0], status=BAD, name="c2 bad")
    add("manager", id=managers[0], name="m0")
    add("customer", id=customers[1], manager_id=managers[1], name="c1")
    add("customer", id=customers[2], manager_id=managers[0], name="c2")
    add("bill_line", id=lines[2], customer_id=customers[2], corrects_id=None)
    intake.change += 1
    batches.append(("customer", [], {customers[0]: intake.change}))
    return batches


def _in_order(intake, batches):
    for record, rows, removed in batches:
        intake.deliver(record, *rows, removed=removed)
    kept = {
        record: {one: {**row, "branch_number": 0} for one, row in intake.rows(record).items()}
        for record in intake.hq.bindings
    }
    return kept, intake.open_changes(), [one.is_open for one in _alarms(intake)][-1:]


@settings(max_examples=share(6, 20), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_valid_history_ends_the_same_in_whatever_order_it_arrives(world, data):
    """Six orders each time, twenty with `--whole`."""
    author = Intake(world.hq)
    batches = _history(author)
    natural = _in_order(author, batches)
    assert natural[1] == []

    shuffled = _in_order(Intake(world.hq), data.draw(st.permutations(batches)))

    assert shuffled[:2] == natural[:2]
    assert shuffled[2] in ([], [False])


# --- whole branches ---------------------------------------------------------------------------------


def _many_customers(branch, count):
    now = branch.world.clock.now()
    values = {
        "kind": "individual",
        "name": "客户",
        "status": "active",
        "tags": [],
        "attributes": {},
        "created_at": now,
        "created_by": "ana",
        "updated_at": now,
        "updated_by": "ana",
    }
    rows = [{**values, "id": new_id(), "customer_no": new_id()[-20:]} for _number in range(count)]
    with branch.runtime.database.sessions.begin() as session:
        session.execute(insert(Customer), rows)


def _edit(branch, customer, **values):
    with branch.runtime.database.sessions.begin() as session:
        session.execute(update(Customer).where(Customer.id == customer).values(**values))


def _count(world):
    with world.hq.database.reads() as session:
        return len(session.scalars(select(world.hq.bindings["customer"].table.c.id)).all())


def test_one_poison_row_among_ten_thousand_delays_no_other_by_a_cycle(world):
    branch = world.make_branch("B001")
    _many_customers(branch, 9_999)
    bad = branch.add_customer(attributes={"nested": {}})

    result = branch.push()

    assert (result.outcome, result.rows, result.parked) == ("done", 10_000, 1)
    assert _count(world) == 9_999
    (parked,) = Intake.parked_of(world.hq, "B001")
    assert (parked.record_id, parked.code, list(parked.reasons)) == (bad, "invalid", ["attributes"])


def test_a_poison_record_edited_again_and_again_delays_nobody_and_is_mended_at_its_source(world):
    branch = world.make_branch("B001")
    bad = branch.add_customer(attributes={"nested": {}})
    branch.push()
    for number in range(3):
        _edit(branch, bad, attributes={"nested": {"edit": number}})
        _many_customers(branch, 334)
        world.clock.advance(timedelta(minutes=10))
        assert branch.push().outcome == "done"
        assert _count(world) == 334 * (number + 1)
    assert [one.is_open for one in Intake.parked_of(world.hq, "B001")] == [True] * 4

    _edit(branch, bad, attributes={})
    branch.push()

    assert {one.state for one in Intake.parked_of(world.hq, "B001")} == {ParkedState.SUPERSEDED}
    world.assert_equal()


# --- what it costs ----------------------------------------------------------------------------------


@pytest.mark.parametrize("record", ["manager", "customer", "bill_line"])
def test_while_nothing_is_parked_a_full_batch_costs_one_indexed_query(intake, record):
    key = new_id()
    intake.deliver("manager", intake.row("manager", id=key, status=BAD))
    intake.deliver("manager", intake.row("manager", id=key))
    rows = [intake.row(record, **_loose(record)) for _number in range(5_000)]
    asked = []

    def note(_connection, _cursor, statement, parameters, *_rest):
        if "parked_records" in statement:
            asked.append((statement, parameters))

    event.listen(intake.hq.database.engine, "before_cursor_execute", note)
    intake.deliver(record, *rows)
    event.remove(intake.hq.database.engine, "before_cursor_execute", note)

    assert len(asked) == 1
    if intake.hq.database.dialect == "sqlite":
        with intake.hq.database.engine.connect() as connection:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {asked[0][0]}", asked[0][1]).all()
        assert "ix_parked_records" in str(plan)


def test_a_branch_with_something_parked_holds_up_no_other_branch(intake, world):
    intake.deliver("manager", intake.row("manager", status=BAD))
    other = Intake(world.hq)

    other.deliver("customer", other.row("customer", manager_id=intake.parked()[0].record_id))

    assert len(other.rows("customer")) == 1
    assert _alarms(other) == []
    assert [one.code for one in _alarms(intake)] == [RECORDS_PARKED.code]
