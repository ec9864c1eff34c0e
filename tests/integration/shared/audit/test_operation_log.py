from datetime import UTC, datetime

import pytest

from shared.audit import operations, queries
from shared.audit.models import AuditEntry
from shared.db.base import Base
from shared.db.engine import Database
from shared.stamp import Stamp, Via

NOON = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
ANA = Stamp(NOON, "ana", Via.WEB, "10.0.0.1")


@pytest.fixture
def database(database_url):
    database = Database(database_url)
    Base.metadata.create_all(database.engine, tables=[AuditEntry.__table__])  # type: ignore[list-item]
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
