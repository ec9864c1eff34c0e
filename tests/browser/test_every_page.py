"""What must hold on every page of both apps, whoever wrote it.

Each time every page is opened in both languages and at both widths, each language at one of the widths; without
JavaScript a third of the pages, and of each filter one choice. With `--whole` it is all of each.
"""

from functools import cache
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import pytest

from tests.demo.visit import LANGUAGES, NARROW, WIDE, page_kinds
from tests.support.shares import share

NODES = ("HQ", "B001")
# Who sees most of the business first: of the others, only pages that nobody before could open are looked at.
PEOPLE = (
    ("HQ", "analyst"),
    ("HQ", "leader"),
    ("HQ", "administrator"),
    ("B001", "branch_manager"),
    ("B001", "account_manager"),
    ("B001", "service"),
    ("B001", "administrator"),
)
pytestmark = [pytest.mark.xdist_group("company"), pytest.mark.timeout(600)]

# Of every how many pages one is opened without JavaScript: it is the same page, and the browser proves the rest.
OF_PAGES = share(3, 1)


class Filters(HTMLParser):
    """Collects the values of every list of choices, and of every box to tick, in forms that ask for a page."""

    def __init__(self) -> None:
        super().__init__()
        self.lists: list[tuple[str, list[str]]] = []
        self.boxes: list[tuple[str, str]] = []
        self._asks = False
        self._unsaid = False

    def handle_starttag(self, tag, attrs):
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._asks = values.get("method", "").lower() == "get"
        elif not self._asks:
            return
        elif tag == "select":
            self.lists.append((values["name"], []))
        elif tag == "option":
            self.lists[-1][1].append(values.get("value", ""))
            self._unsaid = "value" not in values
        elif tag == "input" and values.get("type") == "checkbox":
            self.boxes.append((values["name"], values.get("value", "on")))

    def handle_endtag(self, tag):
        self._unsaid = False

    def handle_data(self, data):
        if self._unsaid:  # an option without a value stands for its text
            self.lists[-1][1][-1], self._unsaid = data.strip(), False


def choices(html: str) -> list[tuple[str, str]]:
    """Return what to choose of the filters of a page: the last of each list, with `--whole` the first too."""
    found = Filters()
    found.feed(html)
    found.close()
    ends = [
        (name, one) for name, values in found.lists for one in {*share(values[-1:], values[:1] + values[-1:])}
    ]
    return [*ends, *found.boxes]


@pytest.fixture(scope="session")
def kinds_of(signed_in, user_of):
    @cache
    def crawl(node: str, kind: str) -> dict[str, str]:
        with signed_in(node, user_of(node, kind)) as visitor:
            return page_kinds(visitor)

    @cache
    def find(node: str, kind: str) -> dict[str, str]:
        before = PEOPLE[: PEOPLE.index((node, kind))]
        known = {page for each in before if each[0] == node for page in crawl(*each)} - {"/"}
        return {page: path for page, path in crawl(node, kind).items() if page not in known}

    return find


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["1440px", "360px"])
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("node", "kind"), PEOPLE)
def test_every_page_opens_cleanly_and_fits_the_window(
    node, kind, language, size, kinds_of, open_window, user_of
):
    window = open_window(node, user_of(node, kind), size=size)
    window.speak(language)
    # Where the one language has this width, the other has the other.
    first = (language, size) in {(LANGUAGES[0], WIDE), (LANGUAGES[1], NARROW)}
    pages = list(kinds_of(node, kind).values())

    wide, failed = [], []
    for path in share(pages[not first :: 2], pages):
        answer = window.open(path)
        if not answer or answer.status != 200:
            failed.append(path)
        if window.scrolls_sideways():
            wide.append(path)
        assert window.page.locator("html").get_attribute("lang") == language.replace("_", "-")

    assert (failed, wide) == ([], [])  # and the window had nothing to complain of, see open_window


@pytest.mark.parametrize(("node", "kind"), PEOPLE)
def test_every_page_works_without_javascript(node, kind, kinds_of, open_window, user_of):
    window = open_window(node, user_of(node, kind), javascript=False)

    for path in list(kinds_of(node, kind).values())[::OF_PAGES]:
        answer = window.open(path)
        assert answer is not None
        assert answer.status == 200, path
        assert window.page.locator("h1").first.inner_text().strip(), path


@pytest.mark.parametrize(("node", "kind"), PEOPLE)
def test_every_choice_of_every_filter_can_be_made(node, kind, kinds_of, open_window, user_of):
    window = open_window(node, user_of(node, kind))

    chosen = 0
    for path in kinds_of(node, kind).values():
        page = window.context.request.get(urljoin(window.base, path))
        for name, value in choices(page.text()):
            shown = urlsplit(page.url)
            # What the page is of stays, as its form keeps it.
            kept = [each for each in parse_qsl(shown.query) if each[0] != name]
            address = shown._replace(query=urlencode([*kept, (name, value)])).geturl()
            assert window.context.request.get(address).status == 200, address
            chosen += 1
    assert chosen > 10 or kind not in {"analyst", "branch_manager"}


@pytest.mark.parametrize(("node", "kind"), [PEOPLE[0], PEOPLE[3]])
def test_the_menu_leads_to_pages_that_the_crawl_found(node, kind, kinds_of):
    assert len(kinds_of(node, kind)) >= 8  # a crawl that finds nothing proves nothing


@pytest.mark.parametrize("node", NODES)
def test_slash_goes_to_the_search_box_and_question_mark_shows_the_keys(node, open_window, user_of):
    window = open_window(node, user_of(node))

    window.page.keyboard.press("/")
    assert window.page.locator("input#search").evaluate("box => box === document.activeElement")
    window.page.keyboard.press("Escape")
    window.page.keyboard.press("?")
    assert window.page.locator("#keys").is_visible()
    window.page.keyboard.press("Escape")
    assert not window.page.locator("#keys").is_visible()
