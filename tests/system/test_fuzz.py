"""Nonsense for every route from everybody: never an error of ours, never a hang, never memory that stays taken."""

import ctypes
import gc
import random
import time
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote

import psutil
import pytest
from werkzeug.test import TestResponse

from shared.web.access import Audience
from tests.support.databases import DatabaseFactory
from tests.support.everyone import Place, Somebody, access, address, everyone_at, routes

pytestmark = pytest.mark.timeout(0)
# Of the processor, which other work on the machine does not lengthen.
LONGEST_S: Final = 1.0
MOST_GROWTH: Final = 64 << 20
SEED: Final = 20261122
LONG: Final = "字x" * 50_000
VALUES: Final = (
    "",
    " ",
    "0",
    "-1",
    "1e309",
    "NaN",
    "9" * 30,
    "9" * 5_000,
    "9223372036854775808",
    "99999999999999999999-13",
    "0000-00-00",
    "9999-12-31T23:59:59",
    "2026-02-30",
    "true",
    "null",
    "[]",
    "{}",
    '{"a":',
    "a\x00b",
    "\ud800",
    "\u202eevil\u202c",
    "e\u0301" * 40,
    "' OR 1=1 --",
    "%",
    "%00",
    "\\",
    "../../etc/passwd",
    "<script>alert(1)</script>",
    "{{7*7}}",
    "=cmd|' /C calc'!A0",
    "１２３",
    "\U0001f600" * 300,
    "01936d0a-0000-7000-8000-000000000777",
    "00000000-0000-0000-0000-000000000000",
)
# Names that views ask for; others are ignored, which is tried as well.
NAMES: Final = (
    "q page sort size columns kind status grade manager manager_id region region_code tag days month from to start end"
    " currency product rows cols record number receiver channel view customer customer_id branch branches code name"
    " again reason seen_at right seen remark data_range duties department_id parent_id position head_id username"
    " password value codes do publish_at expires_at title text for key give_up language next tab period step file"
    " started_at ended_at birthday opened_on amount mobile id_no email user_id nonsense"
).split()
TYPES: Final = (
    "application/x-www-form-urlencoded",
    "application/json",
    "text/xml",
    "image/png",
    "nonsense",
    "",
)
PARTS: Final = ("0", "-1", "9" * 25, "x", "%00", "%ED%A0%80", "%2e%2e", "'", LONG[:3_000], "１", "2026-13")


@pytest.fixture(scope="module", params=["branch", "hq"])
def place(
    request: pytest.FixtureRequest,
    database_factory: DatabaseFactory,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Place]:
    # The two kinds of database refuse different nonsense: each tier is tried on another one.
    dialect = {"branch": "postgresql", "hq": "sqlite"}[request.param]
    with everyone_at(request.param, dialect, database_factory, tmp_path_factory.mktemp("fuzz")) as made:
        yield made


def test_nonsense_is_refused_and_never_an_error_of_ours(place: Place, pytestconfig: pytest.Config):
    chance = random.Random(SEED)
    # Views for programs have their own tests of bad wires; ending sessions would end the fuzzing.
    asked = [
        (rule, method)
        for rule, method in routes(place.app)
        if access(place.app, rule).audience is not Audience.MACHINES and "sign_out" not in rule.endpoint
    ]
    process, begun, wrong = psutil.Process(), 0, []
    many = pytestconfig.getoption("--fuzz") // 2
    for number in range(many):
        rule, method = asked[number % len(asked)]
        somebody = chance.choice(list(place.everybody.values()))
        path = _path(place, rule, chance)
        request = _request(somebody, method, path, chance)
        answer, took = _timed(somebody, request)
        if took > LONGEST_S:
            # Python collects the garbage of the whole run's tests in whichever request it pleases.
            answer, again = _timed(somebody, request)
            took = min(took, again)
        if answer.status_code >= 500 or took > LONGEST_S:
            wrong.append(f"{somebody.name} {method} {path[:300]}: {answer.status_code} after {took:.1f} s")
        if number == many // 4:
            begun = _taken(process)
    assert not wrong, "\n".join(wrong)
    assert _taken(process) - begun < MOST_GROWTH


def _taken(process: psutil.Process) -> int:
    """Return the bytes of memory that stay taken: without what is only not collected or not given back yet."""
    gc.collect()
    # What one great request needed once stays with glibc's allocator, tens of megabytes of it, until it is asked.
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
    return int(process.memory_info().rss)


def _timed(somebody: Somebody, request: dict[str, Any]) -> tuple[TestResponse, float]:
    since = time.thread_time()
    answer = somebody.browser.open(**request)
    return answer, time.thread_time() - since


def _path(place: Place, rule: Any, chance: random.Random) -> str:
    known = chance.choice((place.own, place.foreign))
    path = address(place.app, rule, known)
    if rule.arguments and chance.random() < 0.3:
        parts = path.split("/")
        parts[chance.randrange(1, len(parts))] = chance.choice(PARTS)
        path = "/".join(parts)
    if chance.random() < 0.6:
        path += "?" + "&".join(f"{name}={_quoted(value)}" for name, value in _given(chance))
    return path


def _request(somebody: Somebody, method: str, path: str, chance: random.Random) -> dict[str, Any]:
    if method == "GET":
        return {"path": path, "method": method}
    form: list[tuple[str, str]] = list(_given(chance)) * chance.choice((1, 1, 1, 40))
    if chance.random() < 0.9:
        form.append(("csrf_token", somebody.browser.token() if somebody.may_sign_in else "x"))
    body = "&".join(f"{name}={_quoted(value)}" for name, value in form)
    kind = chance.choice(TYPES) if chance.random() < 0.2 else TYPES[0]
    return {"path": path, "method": method, "data": body, "content_type": kind}


def _given(chance: random.Random) -> Iterator[tuple[str, str]]:
    for _ in range(chance.randrange(1, 8)):
        value = LONG if chance.random() < 0.01 else chance.choice(VALUES)
        yield chance.choice(NAMES), value


def _quoted(value: str) -> str:
    return quote(value.encode("utf-8", "surrogatepass"))
