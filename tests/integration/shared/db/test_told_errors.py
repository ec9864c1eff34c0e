"""What an error of the database tells: where it happened, and nothing of the row."""

import logging

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from shared.db.engine import Database
from shared.monitoring import logs

CANARY = "13977130662"


@pytest.fixture
def people(database_url):
    database = Database(database_url)
    with database.sessions.begin() as session:
        session.execute(text("CREATE TABLE people (mobile VARCHAR(20) UNIQUE NOT NULL, name TEXT NOT NULL)"))
    yield database
    database.dispose()


@pytest.mark.parametrize("name", ["Li", None], ids=["twice", "nothing"])
@pytest.mark.parametrize("formatter", [logs.JsonLines, logs.PlainLines])
def test_a_refused_row_is_not_quoted_in_the_log(people, name, formatter):
    record = _refused(people, name)

    told = formatter().format(record)

    assert "IntegrityError" in told
    assert "INSERT INTO people" in told
    assert CANARY not in told


def _refused(people: Database, name: str | None) -> logging.LogRecord:
    """Write somebody's number a second time, and return what is logged of it."""
    with pytest.raises(IntegrityError) as refused:
        _write_twice(people, name)
    caught = (refused.type, refused.value, refused.tb)
    return logging.LogRecord("told", logging.ERROR, __file__, 1, "failed", None, caught)


def _write_twice(people: Database, name: str | None) -> None:
    insert = text("INSERT INTO people VALUES (:mobile, :name)")
    with people.sessions.begin() as session:
        session.execute(insert, {"mobile": CANARY, "name": "Wu"})
        session.execute(insert, {"mobile": CANARY, "name": name})
