"""The frame and the macros in a real browser: keys, charts, polling, narrow windows, planted scripts."""

import re
import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page, expect
from waitress import create_server

from shared.auth import operations
from shared.clock import FakeClock
from shared.config import Home, NodeSettings
from shared.db.engine import Database
from shared.rights.vocabulary import StaffKind
from shared.runtime import NodeRuntime
from shared.stamp import Stamp, Via
from tests.integration.shared.web.gallery import NOON, create_tables, make_gallery

PASSWORD = "correct horse battery"
SETUP = Stamp(NOON, "setup", Via.COMMAND)


@pytest.fixture(scope="module")
def gallery(tmp_path_factory) -> Iterator[str]:
    """A node that shows every macro; returns its address."""
    folder = tmp_path_factory.mktemp("gallery")
    url = f"sqlite:///{folder / 'node.db'}"
    settings = NodeSettings(Home(folder), url, "a secret of this test only, 32 long")
    database = Database(url)
    create_tables(database)
    with database.sessions.begin() as session:
        user, _ = operations.create_user(
            session, username="wang", name="王芳", kind=StaffKind.BRANCH_MANAGER, by=SETUP
        )
        operations.set_password(session, user, PASSWORD, by=SETUP)
    app = make_gallery(NodeRuntime(settings, FakeClock(NOON), database))
    server = create_server(app, host="127.0.0.1", port=0, threads=4)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.effective_port}"
    server.close()
    thread.join(5)
    database.dispose()


@pytest.fixture
def complaints() -> list[str]:
    return []


@pytest.fixture(params=[(1440, 900), (360, 760)], ids=["wide", "narrow"])
def page(request, chromium: Browser, gallery: str, complaints: list[str]) -> Iterator[Page]:
    """Somebody signed in; whatever the browser complains of stands in `complaints`."""
    width, height = request.param
    context = chromium.new_context(viewport={"width": width, "height": height}, base_url=gallery)
    page = context.new_page()
    _listen(page, complaints)
    page.goto("/")
    page.fill("#f-username", "wang")
    page.fill("#f-password", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_selector(".frame")
    yield page
    context.close()


def _listen(page: Page, complaints: list[str]) -> None:
    def said(message: ConsoleMessage) -> None:
        if message.type == "error":
            complaints.append(message.text)

    def asked(dialog: Dialog) -> None:
        complaints.append(dialog.message)
        dialog.dismiss()

    page.on("console", said)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", asked)


@pytest.mark.parametrize("language", ["zh_CN", "en"])
def test_no_page_scrolls_sideways_or_makes_the_browser_complain(page, complaints, language):
    button = page.locator(f"button[name=language][value={language}]")
    if button.count():
        button.click()
    expect(page.locator("html")).to_have_attribute("lang", language.replace("_", "-"))
    for path in ("/", "/forms?bad=1", "/people", "/account/profile", "/account/sessions"):
        page.goto(path, wait_until="networkidle")
        wide = page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
        assert (path, complaints, wide) == (path, [], False)


def test_a_chart_is_drawn_beside_its_table(page):
    expect(page.locator(".chart-canvas canvas")).to_be_visible()
    expect(page.locator(".chart-table table")).to_be_visible()


def test_a_block_that_polls_shows_the_end_by_itself(page, complaints):
    expect(page.locator(".progress-block[hx-get]")).to_have_count(0, timeout=5000)
    expect(page.locator(".progress-block")).to_contain_text(re.compile("200,000.*200,000"))
    assert complaints == []


def test_the_keyboard_reaches_the_list_the_search_box_and_the_help(page):
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    page.keyboard.press("j")
    expect(page.locator("tr.marked")).to_contain_text("KH000002")
    page.keyboard.press("x")
    expect(page.locator("tr.marked .pick input")).to_be_checked()
    page.keyboard.press("?")
    expect(page.locator(".keys-sheet")).to_be_visible()
    # the sheet holds the focus, no key reaches what lies behind it, and then the focus is back
    page.keyboard.press("Tab")
    expect(page.locator(".keys-sheet a")).to_be_focused()
    page.keyboard.press("n")
    page.keyboard.press("Escape")
    expect(page.locator(".keys-sheet")).to_be_hidden()
    expect(page.locator("tr.marked a").first).to_be_focused()
    page.keyboard.press("/")
    expect(page.locator("#search")).to_be_focused()
    page.keyboard.type("jn?")
    expect(page.locator("#search")).to_have_value("jn?")
    page.keyboard.press("Escape")
    page.keyboard.press("n")
    expect(page).to_have_url(re.compile("/forms$"))


def test_a_box_above_a_list_chooses_all_its_rows_and_tells_when_only_some_are(page):
    whole, boxes = page.locator("[data-pick-all]"), page.locator("td.pick input")
    whole.check()
    assert all(box.is_checked() for box in boxes.all())
    boxes.first.uncheck()
    assert whole.evaluate("box => box.indeterminate")
    whole.check()
    whole.uncheck()
    assert not any(box.is_checked() for box in boxes.all())


def test_g_and_a_letter_goes_there_and_enter_opens_the_marked_row(page):
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/records/KH000001$"))
    page.wait_for_load_state()  # keys pressed before the script runs go nowhere
    page.keyboard.press("g")
    page.keyboard.press("o")
    expect(page).to_have_url(re.compile("[0-9]/$"))


def test_e_opens_the_marked_row_for_editing_and_without_one_nothing(page):
    page.keyboard.press("e")
    expect(page).to_have_url(re.compile("[0-9]/$"))
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("e")
    expect(page).to_have_url(re.compile("/records/KH000002/edit$"))


def test_control_and_k_goes_to_the_search_box_even_from_another_field(page):
    page.locator("input[name=name]").focus()
    page.keyboard.press("Control+k")
    expect(page.locator("#search")).to_be_focused()


def test_the_menu_and_the_person_are_within_reach_at_any_width_without_scripts(chromium, gallery, page):
    cookies = page.context.cookies()
    context = chromium.new_context(viewport=page.viewport_size, base_url=gallery, java_script_enabled=False)
    context.add_cookies(cookies)
    plain = context.new_page()
    plain.goto("/forms")
    if plain.locator(".menu-open").is_visible():
        plain.click(".menu-open")
    expect(plain.locator("#menu .menu-line").first).to_be_visible()
    plain.goto("/")
    plain.click(".person summary")
    expect(plain.locator(".person-sheet form button")).to_be_visible()
    expect(plain.locator(".chart-canvas")).to_be_hidden()
    expect(plain.locator(".no-script")).to_be_visible()
    context.close()
