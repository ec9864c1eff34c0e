"""Messages of a branch with one thing spoilt, signed as they should be, to every route for programs of head office.

The signature holds, so what is wrong is met by what stands behind the door: no failure, and nothing is applied.
"""

import copy
import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import inspect, text
from werkzeug.routing import Rule

from hq_server.tables import APP as HQ_TABLES
from shared.web.access import Audience
from sync_protocol.contract.canonical import canonical_json, sha256_hex
from sync_protocol.contract.codes import PROBLEM_CONTENT_TYPE
from sync_protocol.contract.messages import to_json
from sync_protocol.contract.signing import CYCLE_HEADER, NODE_HEADER, PENDING_HEADER, Message
from tests.contract.wire_rows import example_row
from tests.support.databases import DIALECTS
from tests.support.everyone import access, routes
from tests.support.world import HQ_URL, make_world, migrated
from tests.system.delivery import Desk

BEFORE: Final = "f" * 64
ID: Final = "01936d0a-0000-7000-8000-000000000777"
POINT: Final = [1, 1, BEFORE]
INSTANT: Final = "2026-11-20T04:00:00.000000Z"
BATCHES: Final = "sync.batches"
DELIVERED: Final = (
    "replica_",
    "chain_",
    "inbox_",
    "parked_",
    "branch_keys",
    "branch_nodes",
    "branch_lineages",
)
# A good message of every route that takes one, by the end of its endpoint; the batch is made anew each time.
BODIES: Final[dict[str, Any]] = {
    "sync.enrol": {"code": "x", "node": ID, "public_key": "AAAA", "proof": "AAAA"},
    "sync_proof.compare": {"record": "manager", "buckets": {"00": [[ID, "0" * 16]]}, "open": [], "schema": 1},
    "sync_lineages.open_lineage": {"lineage_id": ID, "reason": "restored", "forked_at": {"business": POINT}},
    "sync_feed.receipts": {
        "number": 1,
        "through": {"seq": 1, "digest": BEFORE},
        "receipts": [{"id": ID, "version": 1, "outcome": "applied", "received_at": INSTANT}],
    },
    "sync_keys.announce": {"public_key": "AAAA", "proof": "AAAA"},
    "sync_log.log": {"head": {"seq": 5, "digest": BEFORE}, "known": {"seq": 1, "digest": BEFORE}},
}
QUERIES: Final = "channel below record lineage batch_no above schema after digest version".split()
ASKED: Final = ("", "0", "1", "-1", "９", "9" * 30, "x", "\0", "customer", "business", ID, BEFORE, "'")
ODD: Final[tuple[Any, ...]] = (
    None,
    True,
    -1,
    0,
    2**31,
    2**63 - 1,
    2**63,
    10**40,
    "",
    "x",
    "x" * 5_000,
    "customer",
    "business",
    ID,
    BEFORE,
    "\0",
    "\ud800",
    "e\u0301",
    "９",
    "2026-02-30T00:00:00.000000Z",
    [],
    [[]],
    [None] * 50,
    {},
    {"": ""},
    {"a": {"b": [1]}},
)


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=DIALECTS)
def desk(request, tmp_path_factory, database_factory) -> Iterator[Desk]:
    folder, dialect = tmp_path_factory.mktemp("signed"), request.param
    hq = database_factory.create(dialect, migrated(database_factory, dialect, HQ_TABLES))
    branch = database_factory.create("sqlite")
    with make_world(folder, hq, lambda: branch) as world:
        joined = world.make_branch("B001")
        joined.add_customer(manager_id=joined.add_manager())
        assert joined.push().outcome == "done"
        yield Desk(joined)
    for url in (hq, branch):
        database_factory.drop(url)


def test_what_is_signed_and_spoilt_is_refused_by_every_route_and_nothing_is_applied(desk, pytestconfig):
    rules = doors(desk)
    known = applied(desk)
    examples = max(60, pytestconfig.getoption("--fuzz") // 20)

    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.sampled_from(rules), st.data())
    def try_it(door: tuple[Rule, str], data: st.DataObject) -> None:
        rule, method = door
        message = Message(
            method, HQ_URL + address_of(rule, data), headers_of(desk), body_of(desk, rule, data)
        )
        if rule.endpoint == BATCHES:
            key = desk.key_of(desk.header())
            message.headers |= {"content-encoding": "identity", "idempotency-key": key}
        desk.sign(message)
        answer = desk.send(message)
        assert answer.status < 500, (rule.rule, answer.status, answer.body[:300])
        if answer.status >= 400:
            assert answer.headers["content-type"] == PROBLEM_CONTENT_TYPE

    try_it()
    assert applied(desk) == known


def test_every_route_that_takes_a_message_is_tried_with_one_of_its_own(desk):
    taking = {rule.endpoint for rule, method in doors(desk) if method != "GET"}
    assert taking == {*BODIES, BATCHES}


def doors(desk: Desk) -> list[tuple[Rule, str]]:
    """Return the routes that branches call."""
    return [
        (rule, method)
        for rule, method in routes(desk.world.app)
        if access(desk.world.app, rule).audience is Audience.MACHINES and rule.rule.startswith("/sync/")
    ]


def address_of(rule: Rule, data: st.DataObject) -> str:
    """Return an address of a route, with anything in its parts and its query."""
    parts: dict[str, Any] = {name: data.draw(st.sampled_from((1, 2, 2**40))) for name in rule.arguments}
    if "key" in parts:
        parts["key"] = "k" * 16
    path = rule.rule
    for name, value in parts.items():
        path = re.sub(rf"<(\w+:)?{name}>", str(value), path)
    asked = data.draw(st.dictionaries(st.sampled_from(QUERIES), st.sampled_from(ASKED), max_size=4))
    return path + ("?" + urlencode(asked) if asked else "")


def body_of(desk: Desk, rule: Rule, data: st.DataObject) -> bytes:
    """Return a good message of a route but for one thing."""
    if rule.endpoint == BATCHES:
        return _batch(desk, data)
    if rule.endpoint not in BODIES:
        return b""
    spoilt = json.dumps(_spoilt(BODIES[rule.endpoint], data), separators=(",", ":"), sort_keys=True)
    return data.draw(st.sampled_from((spoilt, spoilt[:-1], spoilt + "]", f"[{spoilt}]"))).encode()


def _batch(desk: Desk, data: st.DataObject) -> bytes:
    """Return a batch that is not the next one, with one thing of its header or its row spoilt as well."""
    header = _spoilt({**to_json(desk.header()), "prev_digest": BEFORE}, data)
    row = _spoilt(example_row("manager"), data)
    lines = [json.dumps(one, separators=(",", ":"), sort_keys=True).encode() for one in (header, row)]
    content = b"\n".join(lines) + b"\n"
    return content + canonical_json({"rows": 1, "sha256": sha256_hex(content)}) + b"\n"


def _spoilt(value: Any, data: st.DataObject) -> Any:
    """Return a copy of a JSON value in which one part is another, missing, or more than there should be."""
    places = [*value] if isinstance(value, dict) else [*range(len(value))] if isinstance(value, list) else []
    if not places or data.draw(st.integers(0, 9)) == 0:
        return data.draw(st.sampled_from(ODD))
    place, kept = data.draw(st.sampled_from(places)), copy.copy(value)
    how = data.draw(st.sampled_from(("within", "missing", "more")))
    if how == "missing":
        del kept[place]
    elif how == "more" and isinstance(kept, dict):
        kept["more"] = data.draw(st.sampled_from(ODD))
    else:
        kept[place] = _spoilt(kept[place], data)
    return kept


def headers_of(desk: Desk) -> dict[str, str]:
    """Return the headers of a branch that is in good order."""
    node = desk.branch.runtime.settings.node_id
    return {NODE_HEADER: node, PENDING_HEADER: "0", CYCLE_HEADER: "1", **desk.contact()}


def applied(desk: Desk) -> dict[str, str]:
    """Return a digest of each table with what branches have delivered and how they are known."""
    with desk.world.hq.database.engine.connect() as connection:
        names = [name for name in inspect(connection).get_table_names() if name.startswith(DELIVERED)]
        assert len(names) > 10
        rows = {
            name: sorted(map(repr, connection.execute(text(f"SELECT * FROM {name}")).all())) for name in names
        }
    return {name: hashlib.sha256("\n".join(found).encode()).hexdigest() for name, found in rows.items()}
