"""No connection to the database is free: a page and a program are told to come again, and then it goes on."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from shared.db import engine
from shared.db.engine import Database
from tests.integration.shared.web.gallery import create_tables

SHORT_S = 0.05


@pytest.fixture
def database(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    monkeypatch.setattr(engine, "POOL_WAIT_S", SHORT_S)
    database = Database(database_url)
    create_tables(database)
    yield database
    database.dispose()


@pytest.fixture
def held(database: Database, signed_in) -> Iterator[ExitStack]:
    """Every connection there may be, in the hands of somebody else."""
    with ExitStack() as held:
        for _ in range(engine.CONNECTIONS + engine.MORE_CONNECTIONS):
            held.enter_context(database.engine.connect())
        yield held


@pytest.mark.parametrize("path", ["/users", "/account/sign-in", "/no-such-page"])
def test_without_a_free_connection_a_page_says_so_and_works_as_soon_as_there_is_one(held, signed_in, path):
    refused = signed_in.get(path)
    held.close()
    answered = signed_in.get(path)

    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "10")
    assert refused.text.count("<h1") == 1
    assert "没有丢失任何内容" in refused.text
    assert answered.status_code in {200, 303, 404}


def test_a_program_is_told_that_it_may_try_again(held, signed_in):
    refused = signed_in.get("/users", headers={"Accept": "application/json"})

    assert refused.status_code == 503
    assert (refused.json["code"], refused.json["retryable"]) == ("database", True)
