"""A small company on real nodes, and windows on them."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser
from sqlalchemy.orm import Session

from shared.db.engine import Database
from tests.demo.__main__ import SEED
from tests.demo.rehearsal import SCALE
from tests.demo.show import Show, SignIn, open_show
from tests.demo.visit import LANGUAGES, Visitor, visit


@pytest.fixture(scope="session")
def show(chromium, rehearsals) -> Iterator[Show]:  # chromium first: no need to serve nodes without one
    """The company that the demo has left behind, served again."""
    with open_show(rehearsals[0].folder, scale=SCALE, seed=SEED, say=lambda step: None) as (show, _):
        yield show


@pytest.fixture(scope="session")
def user_of(show: Show) -> Callable[..., SignIn]:
    """Somebody who may sign in to a node: `user_of("HQ", "administrator")`; `user_of("B001")` sees the most there."""

    def find(node: str, kind: str = "") -> SignIn:
        return next(user for user in show.users if user.node == node and kind in {"", user.kind})

    return find


@pytest.fixture(scope="session")
def kept_at(show: Show) -> Iterator[Callable[[str], Session]]:
    """Read what a node has stored, in a new session each time: `with kept_at("B001") as session:`."""
    names = {code: "hq.db" if node is show.hq else "branch.db" for code, node in show.nodes.items()}
    opened = {code: Database(f"sqlite:///{show.nodes[code].home / name}") for code, name in names.items()}
    yield lambda code: opened[code].reads()
    for database in opened.values():
        database.dispose()


@pytest.fixture(scope="session")
def signed_in(chromium: Browser, show: Show) -> Callable[..., AbstractContextManager[Visitor]]:
    """Open a window on a node, signed in by the page the first time and by what it left in the browser from then on.

    Passwords are hard to try by design, and each code of a second step counts once in half a minute.
    """
    kept: dict[tuple[str, str], Any] = {}

    @contextmanager
    def open_one(node: str, user: SignIn | None = None, **options: Any) -> Iterator[Visitor]:
        who = (node, user.username if user else "")
        with visit(chromium, show.nodes[node], user, cookies=kept.get(who, ()), **options) as visitor:
            if user is not None:
                kept[who] = visitor.context.cookies()
            yield visitor

    return open_one


@pytest.fixture
def open_window(signed_in: Callable[..., Any]) -> Iterator[Callable[..., Visitor]]:
    """Open windows on nodes, signed in; when the test is over no browser may have complained of anything."""
    windows: list[Visitor] = []
    with ExitStack() as stack:

        def window(node: str, user: SignIn | None = None, **options: Any) -> Visitor:
            windows.append(stack.enter_context(signed_in(node, user, **options)))
            if user is not None:  # somebody's language is kept: an earlier test may have left them in another
                windows[-1].speak(LANGUAGES[0])
            return windows[-1]

        yield window
    complaints = [complaint for visitor in windows for complaint in visitor.complaints]
    assert complaints == []
