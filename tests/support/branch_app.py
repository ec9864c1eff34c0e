"""The whole app of a branch over the `database` fixture, and a browser that signs in and fills in tokens.

Import `clock`, `app`, `make_user`, `browser` and `administrator` into a conftest.py to use them.
"""

from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
from flask import Flask

from branch_node.app import create_app, open_runtime
from branch_node.config import create_home
from shared.auth import operations
from shared.clock import FakeClock
from shared.db.engine import Database
from shared.rights.policy import ceiling
from shared.rights.vocabulary import DataRange, Duty, StaffKind
from tests.support.branch import ANA, NOON
from tests.support.page_client import FollowingClient

PASSWORD: Final = "correct horse battery"


@pytest.fixture
def clock() -> FakeClock:
    """A clock at NOON."""
    return FakeClock(NOON)


@pytest.fixture
def app(database: Database, clock: FakeClock, tmp_path: Path) -> Flask:
    """The branch's app as it is served, in English."""
    create_home(tmp_path / "home", database_url=database.url)
    runtime = open_runtime(tmp_path / "home")
    runtime.database.dispose()
    settings = replace(runtime.settings, language="en")
    made = create_app(replace(runtime, database=database, clock=clock, settings=settings))
    made.test_client_class = FollowingClient
    return made


@pytest.fixture
def make_user(database: Database) -> Callable[..., str]:
    """Make a user who has a password; returns the id."""

    def make(
        username: str,
        kind: StaffKind = StaffKind.BRANCH_MANAGER,
        manager_id: str | None = None,
        *,
        duties: Collection[Duty] = (),
        data_range: DataRange | None = None,
    ) -> str:
        """Make somebody of a kind with all its range, unless another is given."""
        granted = ceiling(kind) if data_range is None else data_range
        with database.sessions.begin() as session:
            user, _code = operations.create_user(
                session,
                username=username,
                name="王芳",
                kind=kind,
                data_range=granted,
                by=ANA,
                manager_id=manager_id,
            )
            user.duties = list(duties)
            operations.set_password(session, user, PASSWORD, by=ANA)
            return user.id

    return make


@pytest.fixture
def sign_in(app: Flask) -> Callable[[str], FollowingClient]:
    """Return a browser in which the named user is signed in."""

    def enter(username: str) -> FollowingClient:
        browser = app.test_client()
        assert isinstance(browser, FollowingClient)
        assert browser.sign_in(username, PASSWORD).status_code == 303
        return browser

    return enter


@pytest.fixture
def browser(make_user: Callable[..., str], sign_in: Callable[[str], FollowingClient]) -> FollowingClient:
    """A browser of a clerk who is no account manager."""
    make_user("wang")
    return sign_in("wang")


@pytest.fixture
def administrator(
    make_user: Callable[..., str], sign_in: Callable[[str], FollowingClient]
) -> FollowingClient:
    """A browser of an administrator."""
    make_user("zhang", StaffKind.ADMINISTRATOR)
    return sign_in("zhang")
