"""Every route of both apps for everybody: what the policy table says is what happens, and refusals change nothing."""

import io
import zipfile
from collections.abc import Iterator

import pytest
from flask import Flask
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from shared.errors import SetupError
from shared.rights import policy
from shared.web.access import Audience, check_every_view, is_for_programs
from tests.support.databases import DIALECTS, DatabaseFactory
from tests.support.everyone import (
    OF_CUSTOMER,
    SECRET,
    SECRET_LINE,
    SECRET_LOG,
    WHAT_IS_SECRET,
    Place,
    Somebody,
    access,
    address,
    business_writes,
    digest,
    everyone_at,
    routes,
)
from tests.support.shares import share

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
TIERS = ("branch", "hq")
# Answered in one way whether there is such a customer or not; that nothing is changed is looked at all the same.
SAYS_THE_SAME = frozenset({"servicedesk.serve", "servicedesk.end"})
# What forms ask for before they look at whose row it is.
FILLED_IN = {
    "manager_id": "01936d0a-0000-7000-8000-000000000777",
    "reason": "asked by telephone",
    "name": "Li",
}
# Lists and suggestions that take words.
ASKING = {
    "branch": (
        "/customers?q={}",
        "/search?q={}",
        "/api/v1/search?q={}",
        "/api/v1/search/customers?q={}",
        "/customers/similar?name={}&mobile=" + SECRET["mobile"],
        "/worklogs/customers?customer={}",
        "/worklogs?q={}",
        "/billing",
        "/untouched?q={}",
        "/statistics?month=2026-02",
        "/customers/export.csv?q={}",
        "/billing/export.csv",
        "/worklogs/export.csv",
        "/statistics/export.csv?month=2026-02",
        "/log/?q={}",
        "/log/export.csv?q={}",
        "/sync/where?record=customer&number={}",
        f"/sync/where?record=bill_line&number={SECRET_LINE['bill_no']}",
        f"/sync/where?record=work_log&number={SECRET_LOG['log_no']}",
        "/worklogs/new?customer={}",
    ),
    "hq": (
        "/customers/?q={}",
        "/customers/export.xlsx?q={}",
        "/analysis/?rows=customer",
        "/analysis/customers",
        "/analysis/customers.xlsx",
        "/managers/?q={}",
        "/transfers/where?record=customer&number={}",
        f"/transfers/where?record=bill_line&number={SECRET_LINE['bill_no']}",
        "/parked?view=all",
        "/log/?q={}",
    ),
}
WORDS = (SECRET["name"], SECRET["customer_no"])


@pytest.fixture(
    scope="module", params=[(tier, dialect) for dialect in DIALECTS for tier in TIERS], ids="-".join
)
def place(
    request: pytest.FixtureRequest,
    database_factory: DatabaseFactory,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Place]:
    tier, dialect = request.param
    with everyone_at(tier, dialect, database_factory, tmp_path_factory.mktemp("everyone")) as made:
        yield made


def test_every_route_does_to_everybody_what_the_policy_table_says(place: Place):
    """Every route for everybody, each time; what is answered tells nothing of foreign rows either."""
    before, wrong = digest(place.database), []
    for somebody in place.everybody.values():
        for rule, method in routes(place.app):
            said = access(place.app, rule)
            if said.audience is not Audience.PEOPLE:
                continue
            path = address(place.app, rule, place.own)
            with business_writes(place.database) as writes:
                answer = _ask(somebody, method, path)
            if (told := _judge(somebody, said, method, answer)) is not None:
                wrong.append(f"{somebody.name} {method} {rule.rule}: {told}")
            if writes:
                wrong.append(f"{somebody.name} {method} {rule.rule} wrote: {writes[0][:80]}")
            if secrets := _secrets_in(answer, path) - set(somebody.sees):
                wrong.append(f"{somebody.name} {method} {rule.rule} told: {secrets}")
    assert not wrong, "\n".join(wrong)
    assert digest(place.database) == before


def test_an_address_of_a_foreign_row_is_not_found_and_changes_nothing(place: Place):
    before, wrong = digest(place.database), []
    names = {"branch": ("wu", "unlinked", "desk", "cashier", "ungranted"), "hq": ("near", "auditor")}
    for name in names[place.tier]:
        somebody = place.everybody[name]
        for rule, method in routes(place.app):
            said = access(place.app, rule)
            if said.audience is not Audience.PEOPLE or not _names_a_row(place, rule):
                continue
            path = address(place.app, rule, place.foreign)
            with business_writes(place.database) as writes:
                answer = _ask(somebody, method, path, token=True)
            expected = {404} if _may(somebody, said) else {403}
            if rule.endpoint in SAYS_THE_SAME:
                expected |= {303}
            if answer.status_code not in expected or writes:
                wrong.append(f"{name} {method} {path}: {answer.status_code} {writes[:1]}")
    assert not wrong, "\n".join(wrong)
    assert digest(place.database) == before


def test_nothing_of_foreign_rows_is_told_by_any_page_list_search_suggestion_or_export(place: Place):
    """Each time without what the first test looks at: refusals, and pages of one's own rows; with `--whole` all."""
    told, found = [], 0
    for somebody in place.everybody.values():
        for path in share(_not_looked_at(place, somebody), reading(place)):
            said = secrets_told(somebody, path)
            found += len(said)
            told += [f"{somebody.name} {path}: {secret}" for secret in said - set(somebody.sees)]
    assert not told, "\n".join(told)
    assert found > 20  # whoever may see it does: a search for what is nowhere proves nothing


def test_whoever_serves_a_customer_reads_the_file_and_nothing_else(place: Place):
    if place.tier != "branch":
        pytest.skip("customers are served at branches")
    page = _text_of(place.everybody["serving"].browser.get(f"/customers/{place.foreign['customer_id']}"))
    assert SECRET["name"] in page
    assert {secret for secret in WHAT_IS_SECRET - OF_CUSTOMER if secret in page} == set()


def test_a_route_without_a_row_in_the_table_does_not_start():
    app = Flask(__name__)
    app.add_url_rule("/silent", "silent", lambda: "anything")

    with pytest.raises(SetupError, match="silent"):
        check_every_view(app)


def reading(place: Place) -> list[str]:
    """Return every address that is read: of rows of one's own and of others, and questions for the secret words."""
    rules = [rule for rule, method in routes(place.app) if method == "GET"]
    paths = [path.format(word, word) for path in ASKING[place.tier] for word in WORDS]
    paths += [address(place.app, rule, place.own) for rule in rules]
    paths += [address(place.app, rule, place.foreign) for rule in rules if rule.arguments]
    return list(dict.fromkeys(paths))


def _not_looked_at(place: Place, somebody: Somebody) -> list[str]:
    """Return what of `reading` is neither refused by the table whatever row it names, nor a page of an own row."""
    looked_at = set()
    for rule, method in routes(place.app):
        said = access(place.app, rule)
        if method != "GET" or said.audience is not Audience.PEOPLE:
            continue
        refused = not (somebody.may_sign_in and _may(somebody, said))
        if refused or "export" not in rule.rule:
            looked_at.add(address(place.app, rule, place.own))
        if refused:
            looked_at.add(address(place.app, rule, place.foreign))
    return [path for path in reading(place) if path not in looked_at]


def secrets_told(somebody: Somebody, path: str) -> set[str]:
    """Return what of the secrets an answer tells; what was asked with is no news."""
    return _secrets_in(somebody.browser.take(path), path)


def _secrets_in(answer: TestResponse, path: str) -> set[str]:
    text = _text_of(answer)
    return {secret for secret in WHAT_IS_SECRET if secret in text and secret not in path}


def _ask(somebody: Somebody, method: str, path: str, *, token: bool = False) -> TestResponse:
    """Send a request; without a token nothing is done that is allowed, as the gate asks for the right first."""
    if method == "GET":
        return somebody.browser.get(path)
    if is_for_programs(path):
        return somebody.browser.open(path, method=method, json=FILLED_IN if token else None)
    form = {"csrf_token": somebody.browser.token(), **FILLED_IN} if token else {}
    return somebody.browser.open(path, method=method, data=form)


def _may(somebody: Somebody, said) -> bool:
    return somebody.user is not None and policy.may(somebody.user.rights_at(None), said.resource, said.action)


def _judge(somebody: Somebody, said, method: str, answer: TestResponse) -> str | None:
    status = answer.status_code
    if status >= 500:
        return f"failed with {status}"
    if not somebody.may_sign_in:
        led = status in {302, 303} and (answer.location or "").startswith("/account/sign-in")
        return None if status == 401 or led else f"{status}, though nobody is signed in"
    if not _may(somebody, said):
        return None if status == 403 else f"{status}, though the table refuses"
    if method != "GET":
        # A program sends no token of a form; what it sends here is no JSON, or about a row that nobody has.
        good = {400, 404} if is_for_programs(answer.request.path) else {400}
        return None if status in good else f"{status} without a token"
    return f"{status}, though the table allows" if status in {401, 403} else None


def _names_a_row(place: Place, rule: Rule) -> bool:
    """Whether the address names a row that is one person's, not another's; a query is answered with nothing instead."""
    rows = {
        "branch": {"customer_id", "line_id", "log_id", "record_id", "subject_id"},
        "hq": {"code", "customer_id", "manager_id", "parked_id"},
    }
    return bool(rule.arguments & rows[place.tier]) and rule.endpoint != "oplog.field"


def _text_of(answer: TestResponse) -> str:
    if answer.data[:2] != b"PK":
        return answer.text if (answer.mimetype or "").startswith("text") or answer.is_json else ""
    with zipfile.ZipFile(io.BytesIO(answer.data)) as book:
        return "\n".join(book.read(name).decode(errors="replace") for name in book.namelist())
