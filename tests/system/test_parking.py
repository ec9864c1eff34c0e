"""Rows HQ must refuse are parked and all others applied; trouble that is not about a row fails the whole batch."""

from itertools import count

import msgspec
import pytest
from sqlalchemy import event, func, select, text
from sqlalchemy.exc import OperationalError

from hq_server.ingest.models import InboxBatch
from hq_server.parking.models import ParkedRecord
from hq_server.replica.models import ReplicaManager
from shared.ids import new_id
from sync_protocol.contract.codes import Problem
from sync_protocol.loading import load_rows
from tests.contract.wire_rows import as_line, example_row
from tests.support.world import World
from tests.system.delivery import Desk, assert_refused, nothing_changes

ROWS = 9


@pytest.fixture
def desk(world: World) -> Desk:
    return Desk(world.make_branch("B001"))


def _lines(bad, spoil, start):
    """Return ROWS lines of managers numbered from `start`, those at the places `bad` spoilt."""
    rows = [
        example_row("manager", change=start + at, id=new_id(), name=f"m{start + at}") for at in range(ROWS)
    ]
    return [as_line(spoil(row) if at in bad else row) for at, row in enumerate(rows)]


def _names(desk):
    with desk.world.hq.database.reads() as session:
        return set(session.scalars(select(ReplicaManager.name)))


def _parked(desk):
    with desk.world.hq.database.reads() as session:
        return session.scalars(select(ParkedRecord).order_by(ParkedRecord.row_change)).all()


def _check_invalid(row):
    return [*row[:8], "no such status", *row[9:]]


def _named_bad(row):
    return [*row[:3], f"bad {row[3]}", *row[4:]]


PLACES = [
    (),
    *((at,) for at in range(ROWS)),
    (0, ROWS - 1),
    (3, 4, 5),
    tuple(range(0, ROWS, 2)),
    tuple(range(ROWS)),
]


@pytest.mark.parametrize("fresh", [True, False], ids=["fresh", "upsert"])
@pytest.mark.parametrize("refused_by", ["check", "database"])
def test_wherever_bad_rows_stand_they_are_parked_and_all_others_applied(desk, fresh, refused_by):
    if refused_by == "database":
        _let_the_database_refuse(desk)
    applied, parked = set(), []
    for number, bad in enumerate(PLACES):
        start = 1 + number * ROWS
        lines = _lines(bad, _check_invalid if refused_by == "check" else _named_bad, start)
        applied |= {f"m{start + at}" for at in range(ROWS) if at not in bad}
        parked += [(start + at, lines[at].decode()) for at in bad]

        answer = desk.deliver_next("manager", *lines, fresh=fresh)

        assert answer.status == 200, answer.body
        assert len(msgspec.json.decode(answer.body)["receipt"]["parked"]) == len(bad)
        assert _names(desk) == applied
    kept = _parked(desk)
    assert [record.row_change for record in kept] == [change for change, _line in parked]
    assert {record.code for record in kept} == {"invalid" if refused_by == "check" else "database"}
    assert [msgspec.json.decode(record.line) for record in kept] == [
        msgspec.json.decode(line) for _c, line in parked
    ]
    with desk.world.hq.database.reads() as session:
        sums = select(func.sum(InboxBatch.rows), func.sum(InboxBatch.parked))
        assert session.execute(sums).one() == (len(applied) + len(parked), len(parked))


def _let_the_database_refuse(desk):
    """Give HQ's table a rule that the wire schema does not know: names may not begin with `bad`."""
    database = desk.world.hq.database
    with database.engine.begin() as connection:
        if database.dialect == "postgresql":
            connection.execute(text("ALTER TABLE replica_managers ADD CHECK (name NOT LIKE 'bad%')"))
            return
        for moment in ("INSERT", "UPDATE"):
            connection.exec_driver_sql(
                f"CREATE TRIGGER refuse_{moment} BEFORE {moment} ON replica_managers WHEN NEW.name LIKE 'bad%' "
                "BEGIN SELECT RAISE(ABORT, 'CHECK constraint failed: name'); END"
            )


@pytest.mark.parametrize("nth", [1, 2, 3, 5, 8])
def test_a_database_lost_in_mid_search_leaves_nothing_and_the_batch_goes_in_whole_later(
    desk, monkeypatch, nth
):
    _let_the_database_refuse(desk)
    desk.deliver_next("manager", as_line(example_row("manager", change=1, id=new_id(), name="first")))
    lines = _lines({3, 7}, _named_bad, 10)
    payload, key = desk.payload("manager", *lines, fresh=False), desk.key_of(desk.header())
    calls = count(1)

    def lose(*args, **options):
        if next(calls) == nth:
            statement = "INSERT"
            raise OperationalError(statement, {}, Exception("connection lost"))
        return load_rows(*args, **options)

    with monkeypatch.context() as patch:
        patch.setattr("sync_protocol.apply.load_rows", lose)
        with nothing_changes(desk.world):
            assert_refused(desk.deliver(payload, key=key), Problem.BUSY)
    assert next(calls) > nth

    assert desk.deliver(payload, key=key).status == 200
    assert len(_names(desk)) == 1 + ROWS - 2
    assert [record.row_change for record in _parked(desk)] == [13, 17]


def test_a_refused_row_leaves_the_version_hq_held_as_it_was(desk):
    record = new_id()
    desk.deliver_next("manager", as_line(example_row("manager", change=1, id=record, name="first")))

    spoilt = as_line(example_row("manager", change=2, id=record, name="second", status="nonsense"))
    desk.deliver_next("manager", spoilt, fresh=False)

    assert _names(desk) == {"first"}


def test_an_older_version_that_comes_late_changes_nothing_and_is_not_parked(desk):
    record = new_id()
    for change, name in ((5, "newer"), (4, "older")):
        desk.deliver_next(
            "manager", as_line(example_row("manager", change=change, id=record, name=name)), fresh=False
        )

    assert _names(desk) == {"newer"}
    assert _parked(desk) == []


@pytest.mark.parametrize("order", [(4, 5), (5, 4)], ids=["removed-last", "removed-first"])
def test_a_removal_and_a_copy_of_the_record_end_the_same_in_either_order(desk, order):
    record = new_id()
    desk.deliver_next("manager", as_line(example_row("manager", change=3, id=record, name="old")))
    for change in order:
        if change == 5:
            desk.deliver_next(
                "manager", as_line(example_row("manager", id=new_id(), name="x")), removed=[(5, record)]
            )
        else:
            desk.deliver_next(
                "manager", as_line(example_row("manager", change=4, id=record, name="late")), fresh=False
            )

    assert _names(desk) == {"x"}


def test_a_record_made_again_after_its_removal_stands(desk):
    record = new_id()
    desk.deliver_next("manager", as_line(example_row("manager", change=3, id=record, name="old")))
    desk.deliver_next(
        "manager", as_line(example_row("manager", id=new_id(), name="x")), removed=[(5, record)]
    )

    desk.deliver_next(
        "manager", as_line(example_row("manager", change=6, id=record, name="again")), fresh=False
    )

    assert _names(desk) == {"x", "again"}


def test_a_full_disk_is_no_rows_fault_nothing_is_acknowledged_and_the_same_batch_goes_in_later(desk):
    undo = _fill_the_disk(desk)
    lines = [as_line(example_row("manager", change=at + 1, id=new_id(), name="字" * 80)) for at in range(400)]
    payload, key = desk.payload("manager", *lines), desk.key_of(desk.header())
    with nothing_changes(desk.world):
        answer = desk.deliver(payload, key=key)
        assert_refused(answer, Problem.BUSY)
    assert int(answer.headers["retry-after"]) > 0

    undo()

    assert desk.deliver(payload, key=key).status == 200
    assert _parked(desk) == []
    with desk.world.hq.database.reads() as session:
        assert session.scalar(select(func.count()).select_from(ReplicaManager)) == 400


def _fill_the_disk(desk):
    """Let HQ's database report a full disk for new rows of managers; return what ends it."""
    engine = desk.world.hq.database.engine
    return _fill_postgresql(engine) if engine.dialect.name == "postgresql" else _fill_sqlite(engine)


def _fill_postgresql(engine):
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE FUNCTION disk_full() RETURNS trigger LANGUAGE plpgsql AS $$ "
            "BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$"
        )
        connection.exec_driver_sql(
            "CREATE TRIGGER full_disk BEFORE INSERT ON replica_managers FOR EACH ROW EXECUTE FUNCTION disk_full()"
        )

    def mend():
        with engine.begin() as connection:
            connection.exec_driver_sql("DROP TRIGGER full_disk ON replica_managers")

    return mend


def _fill_sqlite(engine):
    def limit(connection, _record, _proxy):
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count={pages + 1}")

    def unlimited(connection, _record, _proxy):
        connection.execute("PRAGMA max_page_count=1000000")

    def mend():
        event.remove(engine, "checkout", limit)
        event.listen(engine, "checkout", unlimited)

    event.listen(engine, "checkout", limit)
    return mend
