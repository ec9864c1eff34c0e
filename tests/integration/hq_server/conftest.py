"""A head office database of its own for each test, on SQLite and on PostgreSQL."""

from collections.abc import Callable, Collection, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pytest
from flask import Flask
from sqlalchemy import text

import shared.audit.models
import shared.auth.models  # noqa: F401 - each import declares its tables
from hq_server.app import create_app
from hq_server.bindings import BINDINGS
from hq_server.config import HqSettings
from hq_server.customers.queries import SEARCH_INDEX
from hq_server.runtime import HqIdentity, HqRuntime
from shared.auth import operations
from shared.clock import Clock, FakeClock
from shared.config import Home
from shared.db.base import Base
from shared.db.engine import Database
from shared.db.search import search_table_ddl
from shared.ids import new_id
from shared.rights.policy import ceiling
from shared.rights.vocabulary import Duty, StaffKind
from shared.stamp import Stamp, Via
from sync_protocol.contract.keys import new_private_key
from tests.support.databases import DatabaseFactory
from tests.support.page_client import PageClient

PASSWORD: Final = "correct horse battery"
NOON: Final = datetime.fromisoformat("2026-11-18T04:00:00+00:00")  # a Wednesday, 12:00 in Shanghai


def build_tables(url: str) -> None:
    database = Database(url)
    with database.engine.begin() as connection:
        tables: list[Any] = [
            mapper.local_table
            for mapper in Base.registry.mappers
            if mapper.class_.__module__.startswith(("hq_server.", "shared."))
        ]
        Base.metadata.create_all(connection, tables=tables)
        for statement in search_table_ddl(SEARCH_INDEX, database.dialect):
            connection.execute(text(statement))
    database.dispose()


@pytest.fixture
def database(
    dialect: str, database_factory: DatabaseFactory, make_database_url: Callable[..., str]
) -> Iterator[Database]:
    """An empty head office database."""
    template = database_factory.template(dialect, "hq_pages", build_tables)
    database = Database(make_database_url(dialect, template))
    yield database
    database.dispose()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOON)


@pytest.fixture
def app(database: Database, clock: FakeClock, tmp_path: Path) -> Flask:
    """The head office application, made as `serve` makes it."""
    app = make_app(database, clock, tmp_path)
    app.test_client_class = PageClient
    return app


@pytest.fixture
def client(app: Flask, database: Database) -> PageClient:
    """A browser in which a head office manager who reads English is signed in."""
    return sign_in(app, database)


@pytest.fixture
def administrator(app: Flask, database: Database) -> PageClient:
    """A browser in which an administrator who reads English is signed in."""
    return sign_in(app, database, StaffKind.ADMINISTRATOR, "li")


def make_app(database: Database, clock: Clock, home: Path) -> Flask:
    settings = HqSettings(Home(home), database.url, "a secret of this test only, 32 long", language="en")
    runtime = HqRuntime(settings, clock, database, HqIdentity(new_id(), new_private_key()), BINDINGS)
    return create_app(runtime)


def sign_in(
    app: Flask,
    database: Database,
    kind: StaffKind = StaffKind.ANALYST,
    username: str = "zhang",
    *,
    duties: Collection[Duty] = (),
) -> PageClient:
    setup = Stamp(NOON, "setup", Via.COMMAND)
    with database.sessions.begin() as session:
        user, _code = operations.create_user(
            session, username=username, name="张敏", kind=kind, data_range=ceiling(kind), by=setup
        )
        user.duties = list(duties)
        operations.set_password(session, user, PASSWORD, by=setup)
    app.test_client_class = PageClient
    browser = app.test_client()
    assert isinstance(browser, PageClient)
    assert browser.sign_in(username, PASSWORD).status_code == 303
    return browser
