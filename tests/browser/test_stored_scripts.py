"""Scripts that somebody stored are text on every page: nothing of them runs, whoever looks and however they came."""

import csv
import random
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import urljoin
from zoneinfo import ZoneInfo

import jinja2
import pytest
import waitress
from flask import Flask
from playwright.sync_api import Browser, ConsoleMessage, Dialog, Error, Page
from sqlalchemy import select
from werkzeug.routing import Rule

from branch_node.customers.models import Customer
from branch_node.imports import operations as imports
from branch_node.imports.columns import Context
from branch_node.imports.mapping import ColumnMap, get_kind, make_plan
from branch_node.imports.operations import Job
from branch_node.inbound.models import InboundItem
from branch_node.outbound.cycle import run_cycle
from hq_server.branches.operations import enrol_branch
from hq_server.replica.models import ReplicaCustomer
from shared.db.base import Base
from shared.files.tables import open_table, sha256
from shared.jobs.job import Progress
from shared.web.access import Audience
from shared.web.gate import CONTENT_POLICY
from tests.demo.visit import pattern_of
from tests.support.branch import ANA, NOON, SHANGHAI
from tests.support.databases import DIALECTS
from tests.support.everyone import Place, Somebody, access, address, everyone_at, routes
from tests.support.planting import CALL, CARRIED_OUT, ELSEWHERE, SCRIPTS, Planter
from tests.support.world import WsgiTransport, join

pytestmark = [pytest.mark.slow, pytest.mark.timeout(0)]
SEED: Final = 14
# Pages of each tier that are looked at unless all are.
SHARE: Final = 25
# Rows with scripts behind each address that names a row, and pages of a kind followed by links: when all is looked at.
ROWS, FOLLOWED = 2, 3
# What names a row in an address, by tier.
NAMED: Final = {
    "alarm_id": {"branch": "alarms.id", "hq": "alarms.id"},
    "line_id": {"branch": "bill_lines.id"},
    "document_id": {"branch": "documents.id"},
    "customer_id": {"branch": "customers.id", "hq": "replica_customers.id"},
    "item_id": {"branch": "inbound_items.id", "hq": "feed_items.id"},
    "import_id": {"branch": "imports.id"},
    "entry_id": {"branch": "audit_entries.id", "hq": "audit_entries.id"},
    "manager_id": {"branch": "managers.id", "hq": "replica_managers.id"},
    "department_id": {"branch": "departments.id", "hq": "departments.id"},
    "user_id": {"branch": "users.id", "hq": "users.id"},
    "batch_id": {"branch": "sync_outbox.id", "hq": "inbox_batches.id"},
    "log_id": {"branch": "work_logs.id"},
    "parked_id": {"hq": "parked_records.id"},
    "act_id": {"branch": "two_person_acts.id", "hq": "two_person_acts.id"},
    "name": {"branch": "receivers.name"},
}
# Told by the page itself, before anything of it runs: whatever its policy had to stop.
LISTEN: Final = """addEventListener('securitypolicyviolation', event =>
    window.__told(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`), true)"""
# What must be nowhere in a page of ours, whether it ran or not.
LOOK: Final = """([carried, elsewhere]) => {
  const found = [];
  for (const each of document.querySelectorAll('*')) {
    const name = each.localName;
    if (['zqx', 'iframe', 'object', 'embed', 'base', 'math', 'style'].includes(name)
        || (name === 'script' && !each.src) || (name === 'meta' && each.httpEquiv === 'refresh'))
      found.push(each.outerHTML.slice(0, 120));
    for (const {name: key, value} of each.attributes) {
      if (key.startsWith('on') || key.startsWith('hx-on')) found.push(`${name} ${key}=${value}`);
      if (!['href', 'src', 'action', 'formaction', 'data', 'xlink:href', 'hx-get', 'hx-post'].includes(key)) continue;
      const url = URL.canParse(value, location.href) ? new URL(value, location.href) : location;
      if (!['http:', 'https:', 'mailto:', 'tel:'].includes(url.protocol) || url.host === elsewhere)
        found.push(`${name} ${key}=${value}`);
    }
  }
  if (document.documentElement.outerHTML.includes(carried)) found.push('a template was carried out');
  return found;
}"""


@dataclass
class Window:
    """A page of a browser that tells what ran in it, what its policy stopped and what it complained of."""

    page: Page
    base: str = ""
    told: list[str] = field(default_factory=list)

    def hear(self, text: str) -> None:
        """Note what the browser tells of."""
        self.told.append(text)

    def listen(self, message: ConsoleMessage) -> None:
        """Note what the browser complains of."""
        # What a page could not fetch is no script: nonsense stands in columns of the program, too.
        if message.type in {"error", "warning"} and not message.text.startswith("Failed to load resource"):
            self.hear(message.text)

    def dismiss(self, dialog: Dialog) -> None:
        """Note that something asked, which no page of ours does by a dialog."""
        self.hear("a dialog")
        dialog.dismiss()

    def look(self, path: str) -> list[str]:
        """Open a page and return what should not have been there."""
        self.told.clear()
        self.page.goto(urljoin(self.base, path), wait_until="load")
        self.told += self.page.evaluate(LOOK, [CARRIED_OUT, ELSEWHERE])
        return list(self.told)

    def links(self) -> list[str]:
        """Return where the page leads to within the node."""
        found = self.page.eval_on_selector_all("a[href]", "links => links.map(link => link.href)")
        return [one.removeprefix(self.base) for one in found if one.startswith(self.base + "/")]


@contextmanager
def opened(browser: Browser, base: str = "", cookies: Any = ()) -> Iterator[Window]:
    """Open a window that listens."""
    context = browser.new_context(locale="zh-CN", bypass_csp=False)
    context.add_cookies(list(cookies))
    window = Window(context.new_page(), base)
    context.expose_function(CALL, lambda *_: window.hear("a script ran"))
    context.expose_function("__told", window.hear)
    context.add_init_script(LISTEN)
    window.page.on("console", window.listen)
    window.page.on("pageerror", lambda error: window.hear(error.message))
    window.page.on("dialog", window.dismiss)
    try:
        yield window
    finally:
        context.close()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Try both databases when all is looked at; pages do not know on which they stand."""
    if "company" in metafunc.fixturenames:
        tried = DIALECTS if metafunc.config.getoption("--whole") else DIALECTS[:1]
        metafunc.parametrize("company", tried, indirect=True, scope="module")


@pytest.fixture(scope="module")
def company(request, database_factory, tmp_path_factory) -> Iterator[dict[str, Place]]:
    """A branch and its head office with somebody of every kind, and scripts in every text that is stored there."""
    with ExitStack() as stack:
        folder = tmp_path_factory.mktemp("scripts")
        places = {
            tier: stack.enter_context(everyone_at(tier, request.param, database_factory, folder / tier))
            for tier in ("branch", "hq")
        }
        planters = {tier: Planter(place.database) for tier, place in places.items()}
        _by_form(places["branch"])
        _by_file(places["branch"], folder)
        _by_sync(places["branch"], places["hq"], planters["branch"])
        for planter in planters.values():
            planter.plant()
            assert planter.missed() == []
        yield places


def _by_form(branch: Place) -> None:
    """Register customers as somebody does at the counter: what is stored is what was typed."""
    boss = branch.everybody["boss"].browser
    for turn, script in enumerate(SCRIPTS):
        form = {"customer_no": f"F{turn}", "kind": "individual", "status": "active", "name": script}
        answer = boss.send("/customers", **form, short_name=script, address=script, remark=script)
        assert answer.status_code in {303, 400}  # characters that cannot be shown are told of


def _by_file(branch: Place, folder: Any) -> None:
    """Take a file in that holds scripts in every column, headings included."""
    path = folder / "customers.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("customer_no", "kind", "name", "address", "remark", "region_code", *SCRIPTS[:5]))
        for turn, script in enumerate(SCRIPTS):
            writer.writerow(
                (f"I{turn}", "individual", script, script, script, script * (turn % 2), *SCRIPTS[:5])
            )
    table = open_table(path)
    plan = make_plan(
        get_kind("customers"),
        table.headings,
        ColumnMap(),
        Context(ZoneInfo(SHANGHAI), NOON, "CNY"),
        update_by=None,
    )
    job = Job(table, plan, ANA)
    with branch.database.sessions.begin() as session:
        record = imports.start_import(
            session, job, file_name=SCRIPTS[0], sha256=sha256(path), column_map=ColumnMap()
        )
        import_id = record.id
    imports.run_import(branch.database.sessions.begin, import_id, job)


def _by_sync(branch: Place, hq: Place, planter: Planter) -> None:
    """Let the branch join head office, and send every record it has."""
    with hq.database.sessions.begin() as session:
        _, code = enrol_branch(session, "B003", SCRIPTS[2], push_interval_s=600, by=ANA)
    nonces = iter(range(10_000))
    runtime = replace(
        branch.app.extensions["branchline"],
        transport=WsgiTransport(hq.app),
        uniform=lambda low, high: (low + high) / 2,
        new_nonce=lambda: f"scripts-{next(nonces)}",
    )
    join(runtime, code, by=ANA)
    _published(hq)
    planter.plant([one.table for one in runtime.bindings.values()])
    for _ in range(10):
        if not run_cycle(runtime, Progress()).unfinished:
            break


def _published(hq: Place) -> None:
    """Publish announcements that hold scripts; the branch fetches them with its next push."""
    administrator = hq.everybody["admin"].browser
    for script in SCRIPTS[::4]:
        said = {"title": script, "text": script * 2, "to": "all", "do": "publish"}
        assert administrator.send("/published", kind="announcement", **said).status_code in {303, 400}


def test_scripts_are_stored_as_they_came_by_form_by_file_and_by_sync(company):
    with company["branch"].database.reads() as session:
        found = list(session.execute(select(Customer.customer_no, Customer.name)))
    with company["hq"].database.reads() as session:
        arrived = set(session.scalars(select(ReplicaCustomer.name).where(ReplicaCustomer.branch_number == 3)))
    with company["branch"].database.reads() as session:
        told = {body["title"] for body in session.scalars(select(InboundItem.body)) if body}
    by_form = {name for number, name in found if number.startswith("F")}
    by_file = {name for number, name in found if number.startswith("I")}
    # Some begin with characters that are no text of a form: those are cut off, the rest stays.
    assert len(by_form & set(SCRIPTS)) >= 25
    assert len(by_file & set(SCRIPTS)) >= 20
    assert len(arrived & set(SCRIPTS)) >= 25
    assert len(told & set(SCRIPTS)) >= 5


@pytest.mark.parametrize("tier", ["branch", "hq"])
def test_no_page_carries_out_what_somebody_stored(tier, company, chromium, pytestconfig):
    place, whole = company[tier], pytestconfig.getoption("--whole")
    wrong, looked = [], 0
    with served(place.app) as base:
        for name, paths in _shares(place, whole=whole).items():
            with opened(chromium, base, _cookies(place.everybody[name], base)) as window:
                for path, found in _walk(
                    window, place.everybody[name], paths, follow=FOLLOWED if whole else 0
                ):
                    looked += 1
                    wrong += [f"{name} {path}: {one}" for one in found]
    print(f"S14 {tier} {place.database.dialect}: {looked} pages")
    assert not wrong, "\n".join(wrong[:100])
    assert looked >= SHARE


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """Serve an app as its command does, on loopback; gives its address."""
    server = waitress.create_server(app, host="127.0.0.1", port=0, threads=4)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.effective_port}"
    finally:
        server.close()
        thread.join(5)


def _cookies(somebody: Somebody, base: str) -> list[dict[str, Any]]:
    """Return the cookies of somebody who is signed in, for a browser."""
    kept = somebody.browser._cookies or {}
    return [{"name": one.key, "value": one.value, "url": base} for one in kept.values()]


def _shares(place: Place, *, whole: bool) -> dict[str, list[str]]:
    """Return who looks at which pages: each page once by somebody, or by everybody, with several rows each."""
    chance = random.Random(SEED)
    everybody = [one for one in place.everybody.values() if one.may_sign_in]
    shares: dict[str, list[str]] = {one.name: [] for one in everybody}
    rules = [
        rule
        for rule, method in routes(place.app)
        if method == "GET" and access(place.app, rule).audience is not Audience.MACHINES
    ]
    for rule in rules if whole else chance.sample(rules, len(rules)):
        if not whole and sum(map(len, shares.values())) >= SHARE:
            break
        for somebody in chance.sample(everybody, len(everybody)):
            paths = [path for path in _paths(place, rule, chance) if _is_page(somebody, path)]
            shares[somebody.name] += paths if whole else paths[:1]
            if paths and not whole:
                break
    return shares


def _paths(place: Place, rule: Rule, chance: random.Random) -> Iterator[str]:
    """Yield addresses of a rule: of rows with scripts first, then of the rows everybody was given."""
    tables = Base.metadata.tables
    columns = {part: NAMED.get(part, {}).get(place.tier) for part in rule.arguments}
    named = {part: column.split(".") for part, column in columns.items() if column}
    with place.database.reads() as session:
        rows = {
            part: session.scalars(select(tables[table].c[column])).all()
            for part, (table, column) in named.items()
        }
    for _ in range(ROWS if rows else 0):
        yield address(place.app, rule, place.own | {part: chance.choice(one) for part, one in rows.items()})
    yield address(place.app, rule, place.own)


def _is_page(somebody: Somebody, path: str) -> bool:
    answer = somebody.browser.get(path)
    assert answer.status_code < 500, f"{somebody.name} {path}: {answer.status_code}"
    return answer.status_code == 200 and answer.mimetype == "text/html"


def _walk(
    window: Window, somebody: Somebody, paths: list[str], *, follow: int
) -> Iterator[tuple[str, list[str]]]:
    """Look at pages, and at so many of each kind that their links lead to."""
    queue, known = list(dict.fromkeys(paths)), set(paths)
    kinds: Counter[str] = Counter()
    while queue:
        path = queue.pop(0)
        yield path, window.look(path)
        for link in window.links() if follow else ():
            kind = pattern_of(link)
            if (
                link not in known
                and kinds[kind] < follow
                and "/static/" not in link
                and _is_page(somebody, link)
            ):
                kinds[kind] += 1
                known.add(link)
                queue.append(link)


# --- every script would be noticed -------------------------------------------------------------------

# Pages that forget to escape, under the policy of the product, and scripts of pages that have none.
CARELESS: Final = (
    "<p>{}</p>",
    '<p title="{}">',
    "<p title='{}'>",
    '<a href="{}">zqx</a>',
    "<title>{}</title>",
    "<textarea>{}</textarea>",
    "<select><option>{}</option></select>",
    "<template>{}</template>",
    "<!-- {} -->",
)
CARELESS_SCRIPTS: Final = (
    'var text = "{}"',
    "var text = '{}'",
    "var text = `{}`",
    'var text = [{{"a": "{}"}}];',
    "document.write('{}')",
    "document.write(decodeURIComponent('{}'))",
    "document.write('{}'.normalize('NFKC'))",
    "document.write(new DOMParser().parseFromString('{}', 'text/html').body.textContent)",
)


def test_each_script_is_noticed_where_a_page_is_careless(chromium, pytestconfig):
    tried = SCRIPTS if pytestconfig.getoption("--whole") else random.Random(SEED).sample(SCRIPTS, 8)
    with opened(chromium, "http://127.0.0.1:9") as window:
        answer: dict[str, Any] = {"content_type": "text/html; charset=utf-8"}
        window.page.route("**/*", lambda route: route.fulfill(**answer))
        unnoticed = [
            script
            for script in ("plain", *tried)
            if not any(_noticed(window, answer, script, place) for place in CARELESS + CARELESS_SCRIPTS)
        ]
    assert unnoticed == ["plain"]


def _noticed(window: Window, answer: dict[str, Any], script: str, place: str) -> bool:
    carried_out = jinja2.Template(script).render() if "77713" in script else script
    body = place.format(carried_out)
    policy = CONTENT_POLICY if place in CARELESS else "default-src 'none'; script-src 'unsafe-inline'"
    answer |= {"headers": {"Content-Security-Policy": policy}}
    answer |= {
        "body": f"<!doctype html>{body}" if place in CARELESS else f"<!doctype html><script>{body}</script>"
    }
    try:
        found = window.look("/")
    except Error:  # it led elsewhere
        return True
    return bool(found) if place in CARELESS else "a script ran" in found
