"""What every answer of every route holds, whoever asks and however: headers, methods, and that tokens count."""

from collections.abc import Iterator

import pytest
from sqlalchemy import inspect, select
from werkzeug.test import TestResponse

from shared.db.base import Base
from shared.web.access import STATIC, Audience, is_for_programs
from tests.support.databases import DatabaseFactory
from tests.support.everyone import NOT_BUSINESS, Place, access, address, digest, everyone_at, routes
from tests.support.shares import share

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
ASKING = {"branch": "boss", "hq": "admin"}
DIRECTIVES = ("default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'", "form-action 'self'")
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
# Other sites read nothing, and nobody is told what the node is made with.
NEVER = ("Access-Control-Allow-Origin", "Server", "X-Powered-By")
FOREIGN_ROWS = ("customer_id", "line_id", "log_id", "contact_id", "document_id")
# By these names forms and programs name another record.
FIELDS = (
    "customer customer_id ids manager_id into keep with with_id other other_id kept_id merged_id survivor_id loser_id"
    " contact_id member_id group_id line_id corrects_id document_id customers"
).split()
FILLED_IN = {
    "reason": "because",
    "name": "Li",
    "kind": "owner",
    "happened_on": "2026-03-01",
    "text": "why not",
}
# Of what somebody at another site might have a browser send.
FOREIGN = {
    "Origin": "https://evil.example",
    "Sec-Fetch-Site": "cross-site",
    "Referer": "https://evil.example/",
}


@pytest.fixture(scope="module", params=["branch", "hq"])
def place(
    request: pytest.FixtureRequest,
    database_factory: DatabaseFactory,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Place]:
    with everyone_at(request.param, "sqlite", database_factory, tmp_path_factory.mktemp("every")) as made:
        yield made


def test_every_answer_of_every_route_carries_the_headers_that_protect_it(place: Place):
    """Pages, files, refusals, what is not found and what is not understood."""
    wrong, kinds = [], set()
    for name in share((ASKING[place.tier], "nobody"), (ASKING[place.tier], "ungranted", "nobody")):
        browser = place.everybody[name].browser
        for method, path in _asked(place, name):
            answer = browser.open(path, method=method)
            kinds.add(answer.status_code)
            wrong += [f"{name} {method} {path}: {said}" for said in _missing(answer)]
    assert not wrong, "\n".join(wrong)
    assert {200, 303, 400, 401, 404, 405} <= kinds


@pytest.mark.parametrize("method", ["TRACE", "PROPFIND"])
def test_no_route_takes_a_method_it_does_not_name(place: Place, method: str):
    browser = place.everybody[ASKING[place.tier]].browser
    before, taken = digest(place.database), []
    for rule, _method in routes(place.app):
        answer = browser.open(
            address(place.app, rule, place.own), method=method, headers={"X-Canary": "seen-again"}
        )
        if answer.status_code != 405 or "seen-again" in answer.text:
            taken.append(f"{rule.rule}: {answer.status_code}")
    assert taken == []
    assert digest(place.database) == before


def test_no_form_is_taken_from_another_site_nor_without_the_token_of_this_session(place: Place):
    """Whatever the browser adds by itself, cookies among it, is not enough to change anything."""
    browser = place.everybody[ASKING[place.tier]].browser
    before, wrong = digest(place.database), []
    for rule, method in routes(place.app):
        said, path = access(place.app, rule), address(place.app, rule, place.own)
        if method == "GET" or said.audience is Audience.MACHINES or is_for_programs(path):
            continue
        for form in ({}, {"csrf_token": "guessed"}):
            answer = browser.open(path, method=method, data={"reason": "because", **form}, headers=FOREIGN)
            if answer.status_code not in {400, 403}:
                wrong.append(f"{method} {path}: {answer.status_code}")
    assert wrong == []
    assert digest(place.database) == before


def test_looking_changes_nothing_of_the_business(place: Place):
    """Every page by whoever may open it: what a link or a picture of another site makes a browser fetch is harmless."""
    browser = place.everybody[ASKING[place.tier]].browser
    before = digest(place.database)
    for rule, method in routes(place.app):
        if method == "GET":
            browser.get(address(place.app, rule, place.own), headers=FOREIGN)
    assert digest(place.database) == before


def test_a_field_that_names_a_foreign_row_finds_nothing_and_changes_nothing(place: Place):
    """Forms of one's own rows, filled in with what is another's: no row about the other is changed or made."""
    if place.tier != "branch":
        pytest.skip("nobody at head office changes a customer")
    others = {str(place.foreign[name]) for name in FOREIGN_ROWS}
    form = dict.fromkeys(FIELDS, place.foreign["customer_id"]) | FILLED_IN
    wu, before, failed = place.everybody["wu"], _rows_naming(place, others), []
    for rule, method in routes(place.app):
        path = address(place.app, rule, place.own)
        if method == "GET" or rule.endpoint.split(".")[0] in {"accounts", "second_step", "sessions"}:
            continue
        sent = (
            {"json": form} if is_for_programs(path) else {"data": {"csrf_token": wu.browser.token(), **form}}
        )
        answer = wu.browser.open(path, method=method, **sent)
        if answer.status_code >= 500:
            failed.append(f"{method} {path}: {answer.status_code}")
    assert failed == []
    assert _rows_naming(place, others) == before


def _rows_naming(place: Place, ids: set[str]) -> list[str]:
    with place.database.reads() as session:
        tables = [table for table in Base.metadata.tables.values() if table.name not in NOT_BUSINESS]
        there = set(inspect(session.connection()).get_table_names())
        lines = (
            repr(tuple(row)) for one in tables if one.name in there for row in session.execute(select(one))
        )
        return sorted(line for line in lines if any(id_ in line for id_ in ids))


def _asked(place: Place, name: str) -> Iterator[tuple[str, str]]:
    yield from (
        ("GET", "/nowhere"),
        ("GET", "/static/nothing.css"),
        ("GET", "/api/nowhere"),
        ("DELETE", "/home"),
    )
    yield from ((method, address(place.app, rule, place.own)) for rule, method in routes(place.app))
    if name != "nobody":
        yield from (
            ("GET", address(place.app, rule, {})) for rule, _method in routes(place.app) if rule.arguments
        )


def _missing(answer: TestResponse) -> Iterator[str]:
    """Yield what is wrong with the headers of an answer."""
    headers = answer.headers
    policy = headers.get("Content-Security-Policy", "")
    yield from (f"its policy lacks {one}" for one in DIRECTIVES if one not in policy)
    yield from (f"its policy has {one}" for one in ("unsafe", "*") if one in policy)
    yield from (f"{one} is {headers.get(one)}" for one, value in HEADERS.items() if headers.get(one) != value)
    yield from (f"there is {one}" for one in NEVER if one in headers)
    if headers.get("Cache-Control") != "no-store" and not _is_static(answer):
        yield f"it may be kept: {headers.get('Cache-Control')}"
    if (
        answer.data
        and (answer.mimetype or "text/").startswith("text/")
        and "charset" not in answer.content_type
    ):
        yield f"no charset: {answer.content_type}"


def _is_static(answer: TestResponse) -> bool:
    return f"/{STATIC}/" in answer.request.path and answer.status_code == 200
