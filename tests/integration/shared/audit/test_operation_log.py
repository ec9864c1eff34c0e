from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from sqlalchemy import Column, MetaData, String, Table, select, text
from sqlalchemy.exc import DBAPIError

from shared.audit import guards, operations, queries
from shared.audit.chain import FIELDS, GENESIS, link
from shared.audit.models import AuditEntry, AuditHead
from shared.audit.pending import RAW
from shared.audit.vocabulary import LogAction
from shared.db.base import Base, instant_text
from shared.db.engine import Database
from shared.ids import new_id
from shared.stamp import Stamp, Via

NOON = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
ANA = Stamp(NOON, "ana", Via.WEB, "10.0.0.1")


@pytest.fixture
def database(database_url):
    database = Database(database_url)
    Base.metadata.create_all(database.engine, tables=[each.__table__ for each in (AuditEntry, AuditHead)])  # type: ignore[misc]
    yield database
    database.dispose()


def test_an_act_is_remembered_with_who_when_where_and_what(database):
    with database.sessions.begin() as session:
        operations.record(
            session,
            "customer.created",
            subject=("customer", "c1"),
            by=ANA,
            details={"名": "王", "n": [1, None]},
        )

    with database.reads() as session:
        entry = session.scalars(queries.entries()).one()
    assert (entry.at, entry.actor, entry.via, entry.terminal) == (NOON, "ana", "web", "10.0.0.1")
    assert (entry.event, entry.subject_type, entry.subject_id) == ("customer.created", "customer", "c1")
    assert entry.details == {"名": "王", "n": [1, None]}


def test_an_act_undone_with_its_transaction_leaves_no_entry(database):
    with database.sessions() as session:
        operations.record(session, "customer.created", subject=None, by=ANA)
        session.rollback()
    with database.reads() as session:
        assert session.scalars(queries.entries()).all() == []


def test_one_record_s_history_comes_latest_first(database):
    with database.sessions.begin() as session:
        for number in range(5):
            operations.record(session, f"e{number}", subject=("customer", str(number % 2)), by=ANA)
            session.flush()
    with database.reads() as session:
        history = [entry.event for entry in queries.list_history(session, ("customer", "0"))]
        by_event = session.scalars(queries.entries(event="e3", actor="ana")).all()
    assert history == ["e4", "e2", "e0"]
    assert [entry.subject_id for entry in by_event] == ["1"]


def test_each_row_of_a_bulk_statement_has_an_entry_that_says_as_much_as_the_first(database):
    by = Stamp(NOON, "ana", Via.WEB, "10.0.0.1", actor_id=new_id(), manager_id=new_id())
    colours = Table("colours", MetaData(), Column("id", String), Column("shade", String))
    changed = [(f"c{number}", {"shade": "red"}, {"shade": f"blue {number}"}) for number in range(3)]
    with database.sessions.begin() as session:
        operations.record_rows(session, "colour", colours, changed, by=by, details={"file": "f1"})

    with database.reads() as session:
        first, *others = session.execute(select(*AuditEntry.__table__.c).order_by(AuditEntry.seq)).mappings()
    own = {"id", "seq", "subject_id", "changes", "digest", "prev_digest"}
    said = [{name: value for name, value in one.items() if name not in own} for one in (first, *others)]
    assert said[1:] == [said[0]] * 2
    assert (first["module"], first["subject_type"], first["manager_id"]) == (
        "colour",
        "colour",
        by.manager_id,
    )
    assert [(one["subject_id"], one["changes"]["shade"]) for one in (first, *others)] == [
        (f"c{number}", ["red", f"blue {number}"]) for number in range(3)
    ]


@pytest.mark.parametrize(
    ("before", "after", "action", "told"),
    [
        ({}, {"shade": "red", "note": None}, LogAction.CREATE, {"shade": [None, "red"]}),
        ({"shade": "red", "note": "x"}, {"shade": "blue"}, LogAction.CHANGE, {"shade": ["red", "blue"]}),
        ({"shade": "red", "note": None}, {}, LogAction.DELETE, {"shade": ["red", None]}),
    ],
)
def test_an_entry_of_a_bulk_statement_tells_every_field_that_was_or_is(database, before, after, action, told):
    colours = Table(
        "colours", MetaData(), Column("id", String), Column("shade", String), Column("note", String)
    )
    with database.sessions.begin() as session:
        operations.record_rows(session, "colour", colours, [("c1", before, after)], by=ANA)

    with database.reads() as session:
        entry = session.scalars(queries.entries()).one()
    assert (entry.action, entry.changes) == (action, told)


def test_signs_that_would_deceive_a_terminal_are_made_visible(database):
    forged = Stamp(NOON, "ana\x1b[2K\u202e" + "x" * 200, Via.WEB, "t" * 100)
    with database.sessions.begin() as session:
        operations.record(
            session,
            "e",
            subject=None,
            by=forged,
            details={"text": "one\r\ntwo\x00", "deep": {"a": ["\u2066b"]}},
        )
    with database.reads() as session:
        entry = session.scalars(queries.entries()).one()
    assert entry.actor.startswith("ana�[2K�xxx")
    assert (len(entry.actor), len(entry.terminal)) == (80, 60)
    assert entry.details == {"text": "one  two�", "deep": {"a": ["�b"]}}


def test_numbers_have_no_gaps_and_each_digest_follows_from_the_one_before(database):
    for number in range(3):
        with database.sessions.begin() as session:
            operations.record(session, "customer.created", subject=("customer", str(number)), by=ANA)
            operations.record(session, "customer.changed", subject=("customer", str(number)), by=ANA)
    assert chained(database) == list(range(1, 7))


def test_an_act_in_a_savepoint_that_was_taken_back_is_not_told(database):
    with database.sessions.begin() as session:
        operations.record(session, "customer.created", subject=("customer", "kept"), by=ANA)
        with pytest.raises(RuntimeError), session.begin_nested():
            _tell_and_fail(session)
        with session.begin_nested():
            operations.record(session, "customer.created", subject=("customer", "released"), by=ANA)
    with database.reads() as session:
        told = [entry.subject_id for entry in session.scalars(queries.entries())]
    assert told == ["released", "kept"]
    assert chained(database) == [1, 2]


def _tell_and_fail(session):
    operations.record(session, "customer.created", subject=("customer", "undone"), by=ANA)
    raise RuntimeError


def test_writers_at_the_same_moment_make_one_chain(database):
    def write(number: int) -> None:
        with database.sessions.begin() as session:
            operations.record(session, "customer.created", subject=("customer", str(number)), by=ANA)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(40)))
    assert chained(database) == list(range(1, 41))


@pytest.mark.parametrize("what", ["UPDATE audit_entries SET actor = 'eve'", "DELETE FROM audit_entries"])
def test_the_database_refuses_to_change_or_remove_an_entry(database, what):
    with database.sessions.begin() as session:
        operations.record(session, "customer.created", subject=None, by=ANA)
        guards.install(session.connection())
    with pytest.raises(DBAPIError, match="only ever added to"), database.sessions.begin() as session:
        session.execute(text(what))
    assert chained(database) == [1]


def chained(database: Database) -> list[int]:
    """Return the numbers of the entries, whose digests are made anew and compared."""
    digest = GENESIS
    with database.reads() as session:
        rows = session.execute(select(RAW).order_by(RAW.c.seq)).all()
        head = session.scalars(select(AuditHead)).one()
    for row in rows:
        values = row._asdict() | {"at": instant_text(row.at)}
        digest = link(digest, [values[name] for name in FIELDS])
        assert row.digest == digest
    assert (head.seq, head.digest) == (len(rows), digest)
    return [row.seq for row in rows]
