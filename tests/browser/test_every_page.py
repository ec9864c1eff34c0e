"""What must hold on every page of both apps, whoever wrote it."""

from functools import cache
from urllib.parse import urlencode, urlsplit

import pytest

from tests.demo.visit import LANGUAGES, NARROW, WIDE, page_kinds, visit

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

# The first and last value of every list of choices, and every box to tick.
CHOICES = """forms => forms.flatMap(form => [
  ...[...form.querySelectorAll("select")].flatMap(each =>
    [...new Set([each.options[0], each.options[each.options.length - 1]])].map(one => [each.name, one.value])),
  ...[...form.querySelectorAll("input[type=checkbox]")].map(each => [each.name, each.value]),
])"""


@pytest.fixture(scope="session")
def kinds_of(chromium, show, user_of):
    @cache
    def crawl(node: str, kind: str) -> dict[str, str]:
        with visit(chromium, show.nodes[node], user_of(node, kind)) as visitor:
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

    wide, failed = [], []
    for path in kinds_of(node, kind).values():
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

    for path in kinds_of(node, kind).values():
        answer = window.open(path)
        assert answer is not None
        assert answer.status == 200, path
        assert window.page.locator("h1").first.inner_text().strip(), path


@pytest.mark.parametrize(("node", "kind"), PEOPLE)
def test_every_choice_of_every_filter_can_be_made(node, kind, kinds_of, open_window, user_of):
    window = open_window(node, user_of(node, kind))

    chosen = 0
    for path in kinds_of(node, kind).values():
        window.open(path)
        for name, value in window.page.locator("form[method=get]").evaluate_all(CHOICES):
            address = urlsplit(window.page.url)._replace(query=urlencode({name: value})).geturl()
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
