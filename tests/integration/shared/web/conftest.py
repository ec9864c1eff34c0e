from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from shared.auth import operations
from shared.clock import FakeClock
from shared.config import Home, NodeSettings
from shared.db.engine import Database
from shared.rights.policy import ceiling
from shared.rights.vocabulary import StaffKind
from shared.runtime import NodeRuntime
from shared.stamp import Stamp, Via
from tests.integration.shared.web.gallery import NOON, create_tables, make_gallery
from tests.support.page_client import PageClient

PASSWORD = "correct horse battery"
SETUP = Stamp(NOON, "setup", Via.COMMAND)


class Browser(PageClient):
    """A test client that signs in as Wang when nobody else is named."""

    def sign_in(self, username: str = "wang", password: str = PASSWORD, **form: str) -> TestResponse:
        """Sign in with the right password, or another."""
        return super().sign_in(username, password, **form)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    create_tables(database)
    yield database
    database.dispose()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOON)


@pytest.fixture
def make_app(database: Database, clock: FakeClock, tmp_path: Path) -> Callable[..., Any]:
    settings = NodeSettings(Home(tmp_path), database.url, "a secret of this test only, 32 long")

    def make(changes: dict[str, Any] | None = None, **settings_changes: Any) -> Any:
        runtime = NodeRuntime(replace(settings, **settings_changes), clock, database)
        app = make_gallery(runtime, **(changes or {}))
        app.test_client_class = Browser
        return app

    return make


@pytest.fixture
def app(make_app):
    return make_app()


@pytest.fixture
def browser(app) -> Browser:
    client: Browser = app.test_client()
    return client


@pytest.fixture
def make_user(database: Database) -> Callable[..., str]:
    """Make a user who has a password; returns the id."""

    def make(
        username: str = "wang", kind: StaffKind = StaffKind.BRANCH_MANAGER, password: str = PASSWORD
    ) -> str:
        with database.sessions.begin() as session:
            user, _code = operations.create_user(
                session, username=username, name="王芳", kind=kind, data_range=ceiling(kind), by=SETUP
            )
            operations.set_password(session, user, password, by=SETUP)
            return user.id

    return make


@pytest.fixture
def signed_in(browser: Browser, make_user) -> Browser:
    make_user("wang", StaffKind.BRANCH_MANAGER)
    assert browser.sign_in().status_code == 303
    return browser


@pytest.fixture
def administrator(app, make_user) -> Browser:
    make_user("zhang", StaffKind.ADMINISTRATOR)
    browser: Browser = app.test_client()
    assert browser.sign_in("zhang").status_code == 303
    return browser
