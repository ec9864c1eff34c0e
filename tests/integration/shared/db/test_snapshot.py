"""What is asked once of a snapshot, and what is asked each time."""

from collections.abc import Callable

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.db.engine import Database
from shared.db.snapshot import known, once


@pytest.fixture
def counted(make_database_url: Callable[..., str], dialect: str):
    database = Database(make_database_url(dialect))
    with database.sessions.begin() as session:
        session.execute(text("CREATE TABLE things (name varchar(10))"))
    yield database
    database.dispose()


def add(session: Session, name: str) -> None:
    session.execute(text("INSERT INTO things VALUES (:name)"), {"name": name})


def test_a_reading_session_asks_once_of_each_snapshot(counted):
    asked = []

    def count(session: Session, name: str = "") -> int:
        asked.append(name)
        wanted = text("SELECT count(*) FROM things WHERE name = :name OR :name = ''")
        return int(session.scalar(wanted, {"name": name}) or 0)

    with counted.sessions.begin() as session:
        add(session, "a")
    with counted.reads() as session:
        with session.begin():
            assert [once(session, count), once(session, count), once(session, count, "b")] == [1, 1, 0]
            assert asked == ["", "b"]
        with counted.sessions.begin() as writer:
            add(writer, "b")
        with session.begin():
            assert [once(session, count), once(session, count, name="b")] == [2, 1]


def test_a_writing_session_is_never_told_what_was(counted):
    def count(session: Session) -> int:
        return int(session.scalar(text("SELECT count(*) FROM things")) or 0)

    with counted.sessions.begin() as session:
        assert once(session, count) == 0
        add(session, "a")
        assert once(session, count) == 1


def test_what_was_found_out_with_other_things_is_not_asked_again_in_that_snapshot(counted):
    def count(session: Session, name: str) -> int:
        wanted = text("SELECT count(*) FROM things WHERE name = :name")
        return int(session.scalar(wanted, {"name": name}) or 0)

    with counted.reads() as session:
        with session.begin():
            assert once(session, count, "a") == 0
            known(session, 7, count, "b")
            assert [once(session, count, "a"), once(session, count, "b")] == [0, 7]
        with session.begin():
            assert once(session, count, "b") == 0
    with counted.sessions.begin() as session:
        known(session, 7, count, "b")
        assert once(session, count, "b") == 0


def test_what_asks_the_database_nothing_is_answered_too(counted):
    def nothing(_session: Session) -> str:
        return "nothing"

    with counted.reads() as session:
        assert once(session, nothing) == once(session, nothing) == "nothing"
