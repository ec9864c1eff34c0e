"""Visits every kind of page of a node in a real browser, and listens to what the browser complains of."""

import re
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any, Final
from urllib.parse import parse_qs, urljoin, urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Error, Page, Response

from tests.demo.nodes import Node
from tests.demo.show import SignIn, code_now

WIDE: Final = (1440, 900)
NARROW: Final = (360, 760)
# A page that is left while suggestions are on their way: htmx logs that it gave them up. A failed request says more.
GIVEN_UP: Final = ("htmx:sendAbort", "htmx:afterRequest")
LANGUAGES: Final = ("zh_CN", "en")
MOST_PAGES: Final = 120
SECOND_STEP: Final = "/account/second-step"
PATIENCE_S: Final = 100.0
_USED: set[tuple[str, str]] = set()
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27,}|(?:\d+:)?[0-9a-f]{8}-[0-9a-f-]{27,}")
_NUMBER = re.compile(r"[A-Z]?\d[\d-]*")
# Query parameters that make another page of the same address; the others only choose what it shows.
_TELLING: Final = ("tab", "step", "view")


@dataclass
class Visitor:
    """A browser window on a node; `complaints` is what the browser reported.

    That is every console error or warning (CSP violations are such), script error and missing file.
    """

    context: BrowserContext
    page: Page
    base: str
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str) -> Response | None:
        """Go to a path of the node and wait until it has loaded."""
        return self.page.goto(urljoin(self.base, path), wait_until="load")

    def speak(self, language: str) -> None:
        """Switch the language of the pages, as the button in the frame does."""
        button = self.page.locator(f"button[name=language][value={language}]").first
        if button.count():  # only the languages not spoken now are offered
            with self.page.expect_navigation():
                button.click()

    def scrolls_sideways(self) -> bool:
        """Tell whether the page is wider than the window."""
        return bool(
            self.page.evaluate(
                "document.documentElement.scrollWidth > document.documentElement.clientWidth"
                " || document.body.scrollWidth > document.documentElement.clientWidth"
            )
        )


@contextmanager
def visit(
    browser: Browser,
    node: Node,
    user: SignIn | None,
    *,
    size: tuple[int, int] = WIDE,
    javascript: bool = True,
    cookies: Sequence[Any] = (),
) -> Iterator[Visitor]:
    """Open a window on the node, signed in as `user` when one is named: `cookies` of an earlier window may do."""
    width, height = size
    context = browser.new_context(
        viewport={"width": width, "height": height},
        java_script_enabled=javascript,
        locale="zh-CN",
        timezone_id="Asia/Shanghai",
        accept_downloads=True,
    )
    page = context.new_page()
    visitor = Visitor(context, page, node.url)
    page.on("console", lambda message: _listen(message, visitor))
    page.on("pageerror", lambda error: _hear(error, visitor))
    page.on("response", lambda response: _watch(response, visitor))
    try:
        context.add_cookies(list(cookies))
        if user is not None:
            sign_in(visitor, user)
        yield visitor
    finally:
        context.close()


def sign_in(visitor: Visitor, user: SignIn) -> None:
    """Sign in by the page; raises AssertionError when the page refuses."""
    visitor.open("/home")
    if "/account/sign-in" not in visitor.page.url:  # by what an earlier window left
        return
    visitor.page.locator("input[name=username]").fill(user.username)
    visitor.page.locator("input[name=password]").fill(user.password)
    with visitor.page.expect_navigation():
        visitor.page.locator("input[name=password]").press("Enter")
    if SECOND_STEP in visitor.page.url:
        _prove(visitor)
    for page in ("/account/sign-in", SECOND_STEP):
        assert page not in visitor.page.url, f"{user.username} could not sign in to {visitor.base}"


def _prove(visitor: Visitor) -> None:
    """Answer with a code the node has not had: each counts once, and others sign in within the same half minute."""
    until = time.monotonic() + PATIENCE_S
    while SECOND_STEP in visitor.page.url and time.monotonic() < until:
        for steps in (-1, 0, 1):
            code = code_now(steps=steps)
            if (visitor.base, code) in _USED:
                continue
            _USED.add((visitor.base, code))
            visitor.page.locator("input[name=code]").fill(code)
            with visitor.page.expect_navigation():
                visitor.page.locator("input[name=code]").press("Enter")
            break
        else:
            visitor.page.wait_for_timeout(500)
    visitor.complaints.clear()  # a refused code counts as an error of the page


def page_kinds(visitor: Visitor, start: str = "/") -> dict[str, str]:
    """Return one address of every kind of page that links lead to from `start`, by the kind's pattern.

    Only asks for pages and follows links, so it changes nothing.
    """
    queue = deque([start])
    kinds: dict[str, str] = {}
    while queue and len(kinds) < MOST_PAGES:
        path = queue.popleft()
        kind = pattern_of(path)
        if kind in kinds:
            continue
        answer = visitor.context.request.get(urljoin(visitor.base, path))
        if "text/html" not in answer.headers.get("content-type", ""):
            continue
        kinds[kind] = path
        for link in _links(answer.text()):
            found = urlsplit(urljoin(answer.url, link))
            if found.netloc == urlsplit(visitor.base).netloc and not _leaves(found.path):
                queue.append(found.path + (f"?{found.query}" if found.query else ""))
    return kinds


def pattern_of(path: str) -> str:
    """Return the kind of page an address is of: ids and numbers replaced, filters left out."""
    parts = urlsplit(path)
    segments = [
        "{id}" if _ID.fullmatch(part) else "{no}" if _NUMBER.fullmatch(part) else part
        for part in parts.path.split("/")
    ]
    query = parse_qs(parts.query)
    telling = "&".join(f"{name}={query[name][0]}" for name in _TELLING if name in query)
    return "/".join(segments) + (f"?{telling}" if telling else "")


def _leaves(path: str) -> bool:
    return "/static/" in path or "sign-out" in path or path.endswith((".csv", ".xlsx", "/export"))


def _links(html: str) -> list[str]:
    class Links(HTMLParser):
        """Collects what links and GET forms lead to."""

        def __init__(self) -> None:
            super().__init__()
            self.found: list[str] = []

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            values = dict(attrs)
            if tag == "a" and values.get("href") and "download" not in values:
                self.found.append(values["href"] or "")

    links = Links()
    links.feed(html)
    return links.found


def _listen(message: ConsoleMessage, visitor: Visitor) -> None:
    if message.type in {"error", "warning"} and not message.text.startswith(GIVEN_UP):
        visitor.complaints.append(f"{visitor.page.url}: {message.text}")


def _hear(error: Error, visitor: Visitor) -> None:
    visitor.complaints.append(f"{visitor.page.url}: script failed: {error.message}")


def _watch(response: Response, visitor: Visitor) -> None:
    if response.status >= 500 or (response.status == 404 and "/static/" in response.url):
        visitor.complaints.append(f"{response.url}: {response.status}")
