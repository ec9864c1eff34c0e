"""A small company on real nodes, and windows on them."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.demo.show import ANY_PORTS, Show, SignIn, open_show
from tests.demo.visit import Visitor, visit
from tests.support.browser import open_browser


@pytest.fixture(scope="session")
def chromium(chromium_path) -> Iterator[Browser]:
    with open_browser(chromium_path) as browser:
        yield browser


@pytest.fixture(scope="session")
def show(tmp_path_factory, chromium) -> Iterator[Show]:  # chromium first: no need to set up nodes without one
    folder = tmp_path_factory.mktemp("show")
    with open_show(folder, scale=0.1, seed=7, say=lambda step: None, ports=ANY_PORTS) as (show, _):
        yield show


@pytest.fixture(scope="session")
def user_of(show: Show) -> Callable[..., SignIn]:
    """Somebody who may sign in to a node: `user_of("B001")`, `user_of("HQ", "administrator")`."""

    def find(node: str, right: str = "staff") -> SignIn:
        return next(user for user in show.users if (user.node, user.right) == (node, right))

    return find


@pytest.fixture
def open_window(chromium: Browser, show: Show) -> Iterator[Callable[..., Visitor]]:
    """Open windows on nodes, signed in; when the test is over no browser may have complained of anything."""
    windows: list[Visitor] = []
    with ExitStack() as stack:

        def window(node: str, user: SignIn | None = None, **options: Any) -> Visitor:
            windows.append(stack.enter_context(visit(chromium, show.nodes[node], user, **options)))
            return windows[-1]

        yield window
    complaints = [complaint for visitor in windows for complaint in visitor.complaints]
    assert complaints == []
