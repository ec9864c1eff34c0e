"""Whatever way a branch's rows are written, the change is captured in the same transaction and sent once."""

import random
import threading
from dataclasses import replace
from datetime import date

import pytest
from sqlalchemy import func, insert, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from branch_node.bindings import BINDINGS
from branch_node.customers.models import Customer
from branch_node.managers.models import Manager
from branch_node.outbound.cycle import run_cycle
from branch_node.runtime import Request
from shared.ids import new_id
from shared.jobs.job import Progress
from sync_protocol.changelog.models import Change, OutboxBatch
from sync_protocol.changelog.sealing import Sender, seal_next
from sync_protocol.contract.payload import decompress, parse_payload
from tests.support.world import NOON, BranchHere, World

SENDER = Sender("B001", new_id(), 1, new_id())


@pytest.fixture
def branch(world: World) -> BranchHere:
    return world.make_branch("B001")


def _database(branch):
    return branch.runtime.database


def _changes(branch):
    """Return operation and record of every change captured, in order."""
    with _database(branch).reads() as session:
        return [
            (op, record)
            for op, record in session.execute(select(Change.op, Change.record_id).order_by(Change.id))
        ]


def _manager(record_id, **values):
    row = {"manager_no": record_id, "name": "经理", "status": "active"}
    who = {"created_at": NOON, "created_by": "ana", "updated_at": NOON, "updated_by": "ana"}
    return {"id": record_id, **row, **who, **values}


NAMES = "id, manager_no, name, status, created_at, created_by, updated_at, updated_by"
WHEN = "2026-11-20T04:00:00.000000Z"


def _raw(record_id, verb="INSERT INTO", tail=""):
    values = f"'{record_id}', '{record_id}', 'raw', 'active', '{WHEN}', 'a', '{WHEN}', 'a'"
    return text(f"{verb} managers ({NAMES}) VALUES ({values}) {tail}")


WAYS = {
    "the ORM": lambda session, one, two: session.add_all(
        [Manager(**_manager(one)), Manager(**_manager(two))]
    ),
    "a bulk insert": lambda session, one, two: session.execute(
        insert(Manager), [_manager(one), _manager(two)]
    ),
    "Core": lambda session, one, two: session.connection().execute(
        insert(BINDINGS["manager"].table).values([_manager(one), _manager(two)])
    ),
    "raw SQL": lambda session, one, two: [session.execute(_raw(one)), session.execute(_raw(two))],
    "ON CONFLICT": lambda session, one, two: [
        session.execute(_raw(record, tail="ON CONFLICT (id) DO UPDATE SET name = 'b'"))
        for record in (one, two)
    ],
    "INSERT SELECT": lambda session, one, two: [
        session.execute(_raw(one)),
        session.execute(
            text(
                "INSERT INTO managers (id, manager_no, name, status, created_at, created_by, updated_at, updated_by) "
                f"SELECT '{two}', 'copy', name, status, created_at, created_by, updated_at, updated_by FROM managers"
            )
        ),
    ],
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_of_adding_rows_is_captured(branch, way):
    one, two = new_id(), new_id()
    with _database(branch).sessions.begin() as session:
        WAYS[way](session, one, two)

    assert sorted(_changes(branch)) == sorted([("I", one), ("I", two)])
    assert branch.push().rows == 2
    branch.world.assert_equal()


def test_executemany_of_the_driver_and_copy_are_captured(branch):
    records = [new_id() for _ in range(5)]
    with _database(branch).engine.begin() as connection:
        raw = connection.connection.driver_connection
        names = "id, manager_no, name, status, created_at, created_by, updated_at, updated_by"
        when = "2026-11-20T04:00:00.000000Z"
        rows = [(record, record, "经理", "active", when, "a", when, "a") for record in records]
        if connection.dialect.name == "postgresql":
            with raw.cursor() as cursor, cursor.copy(f"COPY managers ({names}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
        else:
            raw.executemany(f"INSERT INTO managers ({names}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)

    assert sorted(_changes(branch)) == sorted(("I", record) for record in records)
    branch.push()
    branch.world.assert_equal()


def test_insert_or_replace_is_captured_as_what_it_is(branch):
    record = branch.add_manager()
    branch.push()
    if _database(branch).dialect == "postgresql":
        statement = _raw(record, tail="ON CONFLICT (id) DO UPDATE SET name = excluded.name")
        expected = [("U", record)]
    else:
        statement = _raw(record, verb="INSERT OR REPLACE INTO")
        expected = [("D", record), ("I", record)]
    with _database(branch).sessions.begin() as session:
        session.execute(statement)

    assert _changes(branch)[1:] == expected
    branch.push()
    branch.world.assert_equal()


def test_a_merge_that_changes_nothing_captures_nothing(branch):
    record = branch.add_manager()
    before = _changes(branch)
    with _database(branch).sessions.begin() as session:
        session.execute(_raw(record, tail="ON CONFLICT (id) DO NOTHING"))
    assert _changes(branch) == before


def test_updates_and_removals_by_any_way_are_captured(branch):
    first, second, third = (branch.add_manager() for _ in range(3))
    with _database(branch).sessions.begin() as session:
        session.get_one(Manager, first).name = "orm"
        session.execute(update(Manager).where(Manager.id == second).values(name="core"))
        session.execute(text(f"UPDATE managers SET name = 'raw' WHERE id = '{third}'"))
    with _database(branch).sessions.begin() as session:
        session.delete(session.get_one(Manager, first))
        session.execute(text(f"DELETE FROM managers WHERE id = '{second}'"))

    ops = _changes(branch)[3:]
    assert sorted(ops[:3]) == sorted([("U", first), ("U", second), ("U", third)])
    assert sorted(ops[3:]) == sorted([("D", first), ("D", second)])
    branch.push()
    branch.world.assert_equal()


def test_a_transaction_taken_back_leaves_no_change(branch):
    branch.add_manager()
    before = _changes(branch)
    with _database(branch).sessions() as session:
        session.execute(insert(Manager), [_manager(new_id())])
        session.rollback()
    with _database(branch).sessions.begin() as session:
        savepoint = session.begin_nested()
        session.execute(insert(Manager), [_manager(new_id())])
        savepoint.rollback()

    assert _changes(branch) == before


def test_the_id_of_a_record_cannot_change(branch):
    record = branch.add_manager()
    with pytest.raises(DBAPIError, match="never changes"), _database(branch).sessions.begin() as session:
        session.execute(update(Manager).where(Manager.id == record).values(id=new_id()))


def test_a_table_cannot_be_emptied_uncaptured(branch):
    branch.add_manager()
    if _database(branch).dialect == "postgresql":
        with (
            pytest.raises(DBAPIError, match="would not be captured"),
            _database(branch).sessions.begin() as session,
        ):
            session.execute(text("TRUNCATE managers CASCADE"))
    else:  # SQLite has no TRUNCATE; its shortcut for DELETE without WHERE must not skip the triggers
        with _database(branch).sessions.begin() as session:
            session.execute(text("DELETE FROM managers"))
        assert _changes(branch)[-1][0] == "D"
    branch.push()
    branch.world.assert_equal()


def test_numbers_of_changes_are_never_used_again(branch):
    branch.add_manager()
    with _database(branch).reads() as session:
        highest = session.scalar(select(func.max(Change.id))) or 0
    with _database(branch).sessions.begin() as session:
        session.execute(text("DELETE FROM sync_changes"))
    with _database(branch).engine.connect() as connection:
        raw = connection.execution_options(isolation_level="AUTOCOMMIT").connection.driver_connection
        raw.execute("VACUUM")

    branch.add_manager()

    with _database(branch).reads() as session:
        assert (session.scalar(select(func.min(Change.id))) or 0) > highest


# --- sealing while others write --------------------------------------------------------------------


def _seal_all(branch, *, limit=3):
    """Seal what can be seen, and return the ids of the records in it."""
    sent: list[str] = []
    while True:
        with _database(branch).snapshot() as session, session.begin():
            batch = seal_next(session, branch.runtime.bindings["manager"], SENDER, at=NOON, limit=limit)
            if batch is None:
                return sent
            assert batch.payload is not None
            content = parse_payload(decompress(batch.payload, "zstd"))
        check = branch.runtime.bindings["manager"].record.check
        sent += [row.id for row in check.accepts_block(content.block) or []]


# SQLite has one writer at a time: there a later number cannot be committed first. HQ is then on the other kind.
branch_on_postgresql = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)


@branch_on_postgresql
def test_a_row_written_first_and_committed_last_is_not_passed_by(branch):
    first, last = new_id(), new_id()
    early, late = _database(branch).sessions(), _database(branch).sessions()
    early.execute(insert(Manager), [_manager(first)])  # takes the lower number
    late.execute(insert(Manager), [_manager(last)])
    late.commit()

    sealed_between = _seal_all(branch)
    early.commit()
    early.close()
    late.close()

    assert sealed_between == [last]
    assert _seal_all(branch) == [first]


@branch_on_postgresql
@pytest.mark.parametrize("seed", range(6))
def test_what_is_sent_is_what_was_committed_however_writers_and_sealing_interleave(branch, seed):
    rng = random.Random(seed)
    open_sessions: list[tuple[Session, str]] = []
    committed: set[str] = set()
    sent: list[str] = []
    for _step in range(60):
        act = rng.choice(["write", "write", "commit", "commit", "undo", "seal"])
        if act == "write" and len(open_sessions) < 6:
            record, session = new_id(), _database(branch).sessions()
            session.execute(insert(Manager), [_manager(record)])
            open_sessions.append((session, record))
        elif act == "seal":
            sent += _seal_all(branch, limit=rng.randrange(1, 5))
        elif open_sessions:
            session, record = open_sessions.pop(rng.randrange(len(open_sessions)))
            if act == "undo":
                session.rollback()
            else:
                session.commit()
                committed.add(record)
            session.close()
    for session, record in open_sessions:
        session.commit()
        committed.add(record)
        session.close()
    sent += _seal_all(branch)

    assert sorted(sent) == sorted(committed)


def test_writers_in_threads_and_a_sealing_thread_lose_and_double_nothing(branch):
    written: list[str] = []
    sent: list[str] = []
    ended = threading.Event()

    def write(seed):
        rng = random.Random(seed)
        for _transaction in range(10):
            records = [new_id() for _ in range(rng.randrange(1, 5))]
            with _database(branch).sessions.begin() as session:
                session.execute(insert(Manager), [_manager(record) for record in records])
            written.extend(records)

    def seal():
        while not ended.is_set():
            sent.extend(_seal_all(branch))

    sealer, writers = (
        threading.Thread(target=seal),
        [threading.Thread(target=write, args=(n,)) for n in range(4)],
    )
    for thread in (sealer, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    ended.set()
    sealer.join()
    sent += _seal_all(branch)

    assert len(written) >= 40
    assert sorted(sent) == sorted(written)


def test_an_edit_while_its_row_is_on_the_way_is_sent_by_the_next_batch(branch):
    customer = branch.add_customer(name="before")
    inner = branch.world.transport()
    edited: list[Request] = []

    class Editing:
        def send(self, request):
            answer = inner.send(request)
            if request.method == "POST" and not edited:
                edited.append(request)
                with _database(branch).sessions.begin() as session:
                    session.execute(update(Customer).where(Customer.id == customer).values(name="after"))
            return answer

    run_cycle(replace(branch.runtime, transport=Editing()), Progress())
    branch.push()  # what people write during a cycle waits for the next
    branch.world.assert_equal()
    with _database(branch).reads() as session:
        assert session.scalar(select(func.count()).select_from(OutboxBatch)) == 2


def test_a_change_whose_record_is_gone_again_is_sent_as_a_removal(branch):
    record = branch.add_customer(opened_on=date(2020, 1, 1))
    with _database(branch).sessions.begin() as session:
        session.execute(text("DELETE FROM customers"))

    branch.push()

    with _database(branch).reads() as session:
        payload = session.scalars(select(OutboxBatch.payload)).one()
    assert payload is not None
    header = parse_payload(decompress(payload, "zstd")).header
    assert [gone for _change, gone in header.removed] == [record]
    branch.world.assert_equal()
