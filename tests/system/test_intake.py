"""HQ takes in what is right and refuses all else with a registered problem; a refusal changes no row of any table."""

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, update

from branch_node.runtime import Request
from hq_server.branches.models import BranchKey
from hq_server.branches.operations import CODE_VALID_FOR
from hq_server.ingest.models import InboxBatch
from hq_server.ingest.routes import MOST_ENROLMENT_BYTES
from hq_server.parking.models import ParkedRecord
from hq_server.replica.models import ReplicaManager
from shared.ids import new_id
from sync_protocol.catalog import CATALOG
from sync_protocol.contract.canonical import canonical_json, sha256_hex
from sync_protocol.contract.codes import PROBLEM_CONTENT_TYPE, Problem
from sync_protocol.contract.keys import ENROLMENT, encode_key, new_private_key, public_key_of, sign_message
from sync_protocol.contract.messages import to_json
from sync_protocol.contract.payload import MAX_PAYLOAD_BYTES, MAX_WIRE_BYTES, build_payload, compress
from sync_protocol.contract.signing import CYCLE_HEADER, NODE_HEADER, PENDING_HEADER, Message
from tests.contract.wire_rows import as_line, example_row
from tests.support.databases import DIALECTS
from tests.support.world import HQ_URL, make_world
from tests.system.delivery import Desk, assert_refused, everything_in, nothing_changes


@contextmanager
def _desk(folder, factory, dialect) -> Iterator[Desk]:
    made = []

    def make(kind):
        made.append(factory.create(kind))
        return made[-1]

    with make_world(folder, make(dialect), lambda: make("sqlite")) as world:
        branch = world.make_branch("B001")
        world.make_branch("B002")
        branch.add_customer(manager_id=branch.add_manager())
        assert branch.push().outcome == "done"
        yield Desk(branch)
    for url in made:
        factory.drop(url)


@pytest.fixture(scope="module", params=DIALECTS)
def desk(request, tmp_path_factory, database_factory) -> Iterator[Desk]:
    """One HQ for all of these tests: what is refused leaves no trace that could disturb the next."""
    with _desk(tmp_path_factory.mktemp("intake"), database_factory, request.param) as made:
        yield made


def _spoil_header(desk, spoil):
    """Return the next batch with its header line changed and a trailer that fits."""
    header, block = canonical_json(to_json(desk.header())), as_line(example_row("manager"))
    body = spoil(header) + b"\n" + block + b"\n"
    return body + canonical_json({"rows": 1, "sha256": sha256_hex(body)}) + b"\n"


def test_a_batch_made_by_hand_is_taken_in_and_answered_with_a_signed_receipt(desk):
    answer = desk.deliver_next("manager", as_line(example_row("manager", id=new_id())))

    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert msgspec.json.decode(answer.body)["receipt"]["parked"] == []


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("zstd", compress),
        ("gzip", gzip.compress),
        ("identity", bytes),
        ("zstd", lambda content: zstandard.ZstdCompressor(write_content_size=False).compress(content)),
    ],
    ids=["zstd", "gzip", "identity", "zstd-without-size"],
)
def test_each_encoding_of_the_register_is_read(desk, encoding, pack):
    answer = desk.deliver(desk.payload(), encoding=encoding, pack=pack)
    assert answer.status == 200, answer.body


BODIES = {
    "a captive portal's page": ("identity", lambda _p: b"<html>Please sign in</html>", Problem.MALFORMED),
    "nothing": ("identity", lambda _p: b"", Problem.MALFORMED),
    "nothing, as zstd": ("zstd", lambda _p: b"", Problem.MALFORMED),
    "cut zstd": ("zstd", lambda p: compress(p)[:-9], Problem.MALFORMED),
    "corrupt zstd": ("zstd", lambda p: compress(p)[:20] + b"\xff" * 9 + compress(p)[29:], Problem.MALFORMED),
    "zstd with a tail": ("zstd", lambda p: compress(p) + b"tail", Problem.MALFORMED),
    "cut gzip": ("gzip", lambda p: gzip.compress(p)[:-9], Problem.MALFORMED),
    "zstd called gzip": ("gzip", compress, Problem.MALFORMED),
    "gzip called zstd": ("zstd", gzip.compress, Problem.MALFORMED),
    "compressed called identity": ("identity", compress, Problem.MALFORMED),
    "cut batch": ("zstd", lambda p: compress(p[:-20]), Problem.MALFORMED),
    "changed batch": ("zstd", lambda p: compress(p.replace(b'"active"', b'"left"')), Problem.MALFORMED),
    "batch twice": ("zstd", lambda p: compress(p + p), Problem.MALFORMED),
    "gzip bomb": ("gzip", lambda _p: gzip.compress(b"\0" * (MAX_PAYLOAD_BYTES + 1), 1), Problem.TOO_LARGE),
    "zstd bomb": ("zstd", lambda _p: compress(b"\0" * (MAX_PAYLOAD_BYTES + 1)), Problem.TOO_LARGE),
    "too long a body": ("identity", lambda _p: b"x" * (MAX_WIRE_BYTES + 1), Problem.TOO_LARGE),
    "brotli": ("br", compress, Problem.ENCODING),
    "two encodings": ("gzip, zstd", compress, Problem.ENCODING),
    "encoding in capitals": ("ZSTD", compress, Problem.ENCODING),
}


@pytest.mark.parametrize("body", BODIES)
def test_a_body_that_is_not_what_it_says_is_refused(desk, body):
    encoding, pack, problem = BODIES[body]
    with nothing_changes(desk.world):
        assert_refused(desk.deliver(desk.payload(), encoding=encoding, pack=pack), problem)


HEADERS = {
    "a key twice": lambda line: line.replace(b'"batch_no":', b'"batch_no":7,"batch_no":'),
    "spaces": lambda line: line.replace(b":", b": "),
    "a float": lambda line: line.replace(b'"rows":1', b'"rows":1.0'),
    "NaN": lambda line: line.replace(b'"rows":1', b'"rows":NaN'),
    "deep nesting": lambda line: line.replace(
        b'"control":{}', b'"control":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000
    ),
    "deep nesting cut off": lambda _line: b"[" * 500_000,
    "not UTF-8": lambda line: line.replace(b'"B001"', b'"B\xff01"'),
    "NUL": lambda line: line.replace(b'"control":{}', b'"control":{"\\u0000":{}}'),
    "a lone surrogate": lambda line: line.replace(b'"control":{}', b'"control":{"\\ud800":{}}'),
    "an endless number": lambda line: line.replace(b'"rows":1', b'"rows":' + b"9" * 100_000),
    "no object": lambda _line: b"[]",
    "a lineage of 20 digits": lambda line: line.replace(b'"lineage":1', b'"lineage":99999999999999999999'),
}


@pytest.mark.parametrize("header", HEADERS)
def test_a_header_that_could_be_read_in_two_ways_or_none_is_refused(desk, header):
    payload = _spoil_header(desk, HEADERS[header])
    assert payload != desk.payload()
    with nothing_changes(desk.world):
        assert_refused(desk.deliver(payload), Problem.MALFORMED)


def test_the_way_these_headers_are_spoilt_is_not_what_is_refused(desk):
    assert _spoil_header(desk, lambda line: line) == desk.payload()


CONTENTS: dict[str, tuple[dict[str, Any], Problem]] = {
    "another branch's code": ({"branch": "B002"}, Problem.MALFORMED),
    "an unknown branch": ({"branch": "B999"}, Problem.MALFORMED),
    "an unknown record type": ({"record": "contract"}, Problem.SCHEMA),
    "a later version that does not begin as ours": (
        {"schema": 2, "columns": ["change", "id"]},
        Problem.SCHEMA,
    ),
    "version 0": ({"schema": 0}, Problem.MALFORMED),
    "a huge version": ({"schema": 10**9}, Problem.MALFORMED),
    "a version beyond all numbers": ({"schema": 10**30}, Problem.MALFORMED),
    "a column more": ({"columns": ["change", "id", "salary"]}, Problem.SCHEMA),
    "no columns": ({"columns": []}, Problem.SCHEMA),
    "another channel": ({"channel": "billing"}, Problem.SCHEMA),
    "a later protocol": ({"protocol": 2}, Problem.SCHEMA),
    "batch number 0": ({"batch_no": 0}, Problem.MALFORMED),
    "a negative batch number": ({"batch_no": -3}, Problem.MALFORMED),
    "too large a batch number": ({"batch_no": 2**63}, Problem.MALFORMED),
    "too large a lineage": ({"lineage": 2**31}, Problem.MALFORMED),
    "a row more than there is": ({"rows": 2}, Problem.MALFORMED),
    "a day that is none": ({"sealed_at": "2026-02-30T00:00:00.000000Z"}, Problem.MALFORMED),
    "a time before time": ({"sealed_at": "0000-01-01T00:00:00.000000Z"}, Problem.MALFORMED),
    "a removal of nothing": ({"removed": [(1, "nothing")]}, Problem.MALFORMED),
    "another lineage": ({"lineage": 2, "batch_no": 1, "prev_digest": ""}, Problem.FORK),
    "another lineage of the same number": ({"lineage_id": new_id()}, Problem.FORK),
    "another history": ({"prev_digest": "0" * 64}, Problem.FORK),
    "no history": ({"prev_digest": ""}, Problem.FORK),
}


@pytest.mark.parametrize("content", CONTENTS)
def test_a_batch_that_is_not_the_next_of_this_branch_is_refused(desk, content):
    changes, problem = CONTENTS[content]
    header = msgspec.structs.replace(desk.header(), **changes)
    payload = build_payload(header, as_line(example_row("manager")))
    with nothing_changes(desk.world):
        assert_refused(desk.deliver(payload, key=desk.key_of(header)), problem)


def test_a_gap_is_told_with_the_number_that_is_expected(desk):
    expected = desk.header().batch_no
    for ahead in (1, 2, 10**12):
        header = desk.header(batch_no=expected + ahead, prev_digest="0" * 64)
        payload = build_payload(header, as_line(example_row("manager")))
        with nothing_changes(desk.world):
            document = assert_refused(desk.deliver(payload, key=desk.key_of(header)), Problem.GAP)
        assert document["expected"] == expected


def test_the_first_batch_of_a_channel_is_number_one_of_the_branchs_lineage(desk):
    line = as_line(example_row("bill_line"))
    wrong: list[tuple[dict[str, Any], Problem]] = [
        ({"batch_no": 2}, Problem.GAP),
        ({"lineage": 2}, Problem.FORK),
        ({"lineage_id": new_id()}, Problem.FORK),
        ({"prev_digest": "0" * 64}, Problem.FORK),
    ]
    for changes, problem in wrong:
        header = desk.header("bill_line", **changes)
        with nothing_changes(desk.world):
            assert_refused(desk.deliver(build_payload(header, line), key=desk.key_of(header)), problem)


def test_a_number_used_again_for_other_content_is_a_fork_and_nothing_of_it_is_applied(desk):
    payload = desk.payload("manager", as_line(example_row("manager", id=new_id())))
    header = desk.header()
    assert desk.deliver(payload, key=desk.key_of(header)).status == 200
    other = build_payload(header, as_line(example_row("manager", id=new_id())))

    with nothing_changes(desk.world):
        assert_refused(desk.deliver(other, key=desk.key_of(header)), Problem.FORK)


def test_a_batch_delivered_again_gets_the_same_receipt_byte_for_byte_and_counts_once(desk):
    header, payload = desk.header(), desk.payload()
    first = desk.deliver(payload, key=desk.key_of(header))
    with desk.world.hq.database.reads() as session:
        batches = session.scalar(select(func.count()).select_from(InboxBatch))

    again = desk.deliver(payload, key=desk.key_of(header), encoding="gzip", pack=gzip.compress)

    assert (again.status, again.body) == (200, first.body)
    with desk.world.hq.database.reads() as session:
        assert session.scalar(select(func.count()).select_from(InboxBatch)) == batches


def test_the_same_batch_delivered_by_four_at_once_counts_once_and_gets_one_receipt(desk):
    record = new_id()
    header, payload = desk.header(), desk.payload("manager", as_line(example_row("manager", id=record)))
    messages = [desk.message(compress(payload), key=desk.key_of(header)) for _twin in range(4)]
    together, answers = threading.Barrier(len(messages)), []

    def deliver(message):
        together.wait()
        answers.append(desk.send(message))

    with desk.world.hq.database.reads() as session:
        before = session.scalar(select(func.count()).select_from(InboxBatch))
    for message in messages:
        desk.sign(message)
    twins = [threading.Thread(target=deliver, args=(message,)) for message in messages]
    for twin in twins:
        twin.start()
    for twin in twins:
        twin.join()

    # Who finds the line full is told to come again; a failure or a second receipt would be a double.
    assert {answer.status for answer in answers} <= {200, 503}
    assert len({answer.body for answer in answers if answer.status == 200}) == 1
    with desk.world.hq.database.reads() as session:
        assert session.scalar(select(func.count()).select_from(InboxBatch)) == before + 1
        held = select(func.count()).where(ReplicaManager.id == record)
        assert session.scalar(held) == 1


def test_a_key_that_names_another_batch_is_refused(desk):
    header = desk.header()
    for key in (desk.key_of(header) + "0", "x", "x" * 50_000):
        with nothing_changes(desk.world):
            assert_refused(desk.deliver(desk.payload(), key=key), Problem.MALFORMED)


# --- who sends --------------------------------------------------------------------------------------


def _message(desk):
    return desk.message(compress(desk.payload()))


def test_the_very_same_message_is_taken_once(desk):
    message = _message(desk)
    desk.sign(message)
    assert desk.send(message).status == 200

    with nothing_changes(desk.world):
        assert_refused(desk.send(message), Problem.REPLAY)


def test_a_nonce_serves_once_whatever_it_is_used_for(desk):
    answers = []
    for _time in range(2):
        message = Message("GET", f"{HQ_URL}/sync/v1/state", _vitals(desk), b"")
        desk.sign(message, nonce="used-once")
        answers.append(desk.send(message))
    assert answers[0].status == 200
    assert_refused(answers[1], Problem.REPLAY)


def _vitals(desk, **changes):
    node = desk.branch.runtime.settings.node_id
    return {NODE_HEADER: node, PENDING_HEADER: "0", CYCLE_HEADER: "1", **desk.contact(), **changes}


@pytest.mark.parametrize("url", ["/sync/v1/state", "/sync/v1/batches"])
def test_a_request_that_is_not_signed_is_refused(desk, url):
    method, body = ("GET", b"") if url.endswith("state") else ("POST", compress(desk.payload()))
    extra = {"idempotency-key": "x", "content-encoding": "zstd"} if body else {}
    with nothing_changes(desk.world):
        signed_by_nobody = Message(method, HQ_URL + url, _vitals(desk, **extra), body)
        assert_refused(desk.send(signed_by_nobody), Problem.SIGNATURE)
        assert_refused(desk.send(Message(method, HQ_URL + url, extra, body)), Problem.UNKNOWN_NODE)


def test_a_batch_that_does_not_name_itself_is_refused(desk):
    message = _message(desk)
    del message.headers["idempotency-key"]
    desk.sign(message)
    with nothing_changes(desk.world):
        assert_refused(desk.send(message), Problem.SIGNATURE)


def test_another_branchs_key_does_not_open_this_branchs_door(desk):
    message = _message(desk)
    desk.sign(message, private_key=desk.world.branches["B002"].runtime.private_key)
    with nothing_changes(desk.world):
        assert_refused(desk.send(message), Problem.UNKNOWN_NODE)


@pytest.mark.parametrize("record", sorted(CATALOG))
def test_a_branch_cannot_deliver_in_another_branchs_name(desk, record):
    other = Desk(desk.world.branches["B002"])
    message = other.message(compress(desk.payload(record)), key=desk.key_of(desk.header(record)))
    other.sign(message)
    with nothing_changes(desk.world):
        assert_refused(other.send(message), Problem.MALFORMED)


@pytest.mark.parametrize(
    "node", ["", "x", "0" * 36, "\u00e9", "x" * 60_000, "01936D0A-0000-7000-8000-000000000001"]
)
def test_a_node_nobody_knows_is_refused(desk, node):
    message = _message(desk)
    desk.sign(message)
    message.headers[NODE_HEADER] = node
    with nothing_changes(desk.world):
        assert_refused(desk.send(message), Problem.UNKNOWN_NODE)


def test_a_revoked_key_is_refused_at_once(desk):
    with desk.world.hq.database.sessions.begin() as session:
        node = desk.branch.runtime.settings.node_id
        session.execute(update(BranchKey).values(revoked_at=desk.world.clock.now()))
    try:
        message = _message(desk)
        desk.sign(message)
        with nothing_changes(desk.world):
            assert_refused(desk.send(message), Problem.UNKNOWN_NODE)
        assert node
    finally:
        with desk.world.hq.database.sessions.begin() as session:
            session.execute(update(BranchKey).values(revoked_at=None))


@pytest.mark.parametrize("days", [-3650, -1, 1, 3650])
def test_a_clock_that_is_off_is_told_the_time(desk, days):
    message = _message(desk)
    desk.sign(message, created=desk.world.clock.now() + timedelta(days=days))
    with nothing_changes(desk.world):
        document = assert_refused(desk.send(message), Problem.CLOCK_SKEW)
    assert document["hq_time"] == "2026-11-20T04:00:00.000000Z"


@pytest.mark.parametrize(
    "name", ["content-digest", "content-encoding", "idempotency-key", PENDING_HEADER, CYCLE_HEADER]
)
def test_a_signed_header_changed_on_the_way_is_refused(desk, name):
    message = _message(desk)
    desk.sign(message)
    written = next(header for header in message.headers if header.lower() == name)
    message.headers[written] = {"content-digest": "sha-256=:AAAA:", "content-encoding": "gzip"}.get(name, "9")
    with nothing_changes(desk.world):
        assert_refused(desk.send(message), Problem.SIGNATURE)


def test_a_body_changed_on_the_way_is_refused_before_it_is_read(desk):
    message = _message(desk)
    desk.sign(message)
    with nothing_changes(desk.world):
        assert_refused(desk.send(replace(message, body=b"\0" + message.body)), Problem.SIGNATURE)


@pytest.mark.parametrize("value", ["", "-1", "９", "1e9", "9" * 5_000, "x"])
def test_what_a_branch_says_of_itself_is_taken_as_a_number_or_not_at_all(desk, value):
    message = _message(desk)
    message.headers[PENDING_HEADER] = value
    try:
        value.encode("latin-1")
    except UnicodeEncodeError:
        return  # no such header can be written
    desk.sign(message)
    assert desk.send(message).status == 200


@given(
    body=st.binary(max_size=200),
    headers=st.dictionaries(
        st.sampled_from(
            [
                "Signature",
                "Signature-Input",
                "Content-Digest",
                "Content-Encoding",
                "Idempotency-Key",
                NODE_HEADER,
                PENDING_HEADER,
            ]
        ),
        st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=60),
    ),
    path=st.sampled_from(["/sync/v1/batches", "/sync/v1/enrolments", "/sync/v1/state"]),
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE"]),
)
@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
def _whatever_arrives_is_refused(desk, body, headers, path, method):
    known = {NODE_HEADER: desk.branch.runtime.settings.node_id, PENDING_HEADER: "1", CYCLE_HEADER: "1"}
    answer = desk.world.transport().send(Request(method, HQ_URL + path, {**known, **headers}, body))

    assert 400 <= answer.status < 500, answer.body
    assert answer.headers["content-type"] == PROBLEM_CONTENT_TYPE


def test_whatever_arrives_the_answer_is_a_problem_and_never_a_failure_and_nothing_changes(desk):
    with nothing_changes(desk.world):
        _whatever_arrives_is_refused(desk)


# --- joining ----------------------------------------------------------------------------------------


def _ask(code, *, private_key=None, node=None, proof=None, **changes):
    private = private_key or new_private_key()
    claim = {"code": code, "node": node or new_id(), "public_key": encode_key(public_key_of(private))}
    return {**claim, "proof": proof or sign_message(private, ENROLMENT, claim), **changes}


def _enrol(desk, asked):
    body = asked if isinstance(asked, bytes) else canonical_json(asked)
    return desk.world.transport().send(
        Request("POST", f"{HQ_URL}/sync/v1/enrolments", {"content-type": "application/json"}, body)
    )


@pytest.fixture
def code(desk, request):
    """A fresh one-time code of a branch nobody has joined as."""
    return desk.world.enrol(f"N{abs(hash(request.node.name)) % 10**12}")


def test_a_node_that_shows_a_code_and_proves_its_key_joins_and_may_ask_again_when_the_answer_is_lost(
    desk, code
):
    asked = _ask(code)
    first = _enrol(desk, asked)

    with nothing_changes(desk.world):
        again = _enrol(desk, asked)

    assert (first.status, again.status, again.body) == (201, 201, first.body)


def test_a_used_code_serves_nobody_else(desk, code):
    asked = _ask(code)
    assert _enrol(desk, asked).status == 201
    with nothing_changes(desk.world):
        assert_refused(_enrol(desk, _ask(code)), Problem.CODE_REFUSED)
        assert_refused(_enrol(desk, _ask(code, node=asked["node"])), Problem.CODE_REFUSED)


def test_an_expired_code_is_refused(desk, code):
    desk.world.clock.advance(CODE_VALID_FOR)
    try:
        with nothing_changes(desk.world):
            assert_refused(_enrol(desk, _ask(code)), Problem.CODE_REFUSED)
    finally:
        desk.world.clock.advance(-CODE_VALID_FOR)


def test_a_code_replaced_by_a_newer_one_is_refused(desk, code, request):
    desk.world.enrol(f"N{abs(hash(request.node.name)) % 10**12}")
    with nothing_changes(desk.world):
        assert_refused(_enrol(desk, _ask(code)), Problem.CODE_REFUSED)


@pytest.mark.parametrize("wrong", ["", "x", "AAAA-BBBB-CCCC", "é" * 50])
def test_a_code_nobody_gave_is_refused(desk, wrong):
    with nothing_changes(desk.world):
        assert_refused(_enrol(desk, _ask(wrong)), Problem.CODE_REFUSED)


CLAIMS = {
    "proof by another key": lambda code: _ask(code, proof=_ask(code)["proof"]),
    "proof of another code": lambda code: _ask(code) | {"proof": _ask("x")["proof"]},
    "no proof": lambda code: _ask(code, proof="x"),
    "no key": lambda code: _ask(code, public_key="AAAA"),
    "a node that is no id": lambda code: _ask(code, node="x"),
    "a node in capitals": lambda code: _ask(code, node=new_id().upper()),
}


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_claim_that_is_not_proven_is_refused_and_does_not_use_up_the_code(desk, code, claim):
    with nothing_changes(desk.world):
        assert_refused(_enrol(desk, CLAIMS[claim](code)), Problem.CODE_REFUSED)
    assert _enrol(desk, _ask(code)).status == 201


def test_a_node_or_key_that_is_a_branch_already_cannot_become_a_second_one(desk, code):
    joined = desk.branch.runtime
    with nothing_changes(desk.world):
        assert_refused(_enrol(desk, _ask(code, private_key=joined.private_key)), Problem.CODE_REFUSED)
        assert_refused(_enrol(desk, _ask(code, node=joined.settings.node_id)), Problem.CODE_REFUSED)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"null",
        b"[]",
        b"{}",
        b'{"code":"a","code":"b","node":"n","proof":"p","public_key":"k"}',
        b'{"code":1,"node":"n","proof":"p","public_key":"k"}',
        b"[" * 8_000,
        b"\xff",
    ],
)
def test_an_enrolment_that_is_no_message_of_ours_is_refused(desk, body):
    with nothing_changes(desk.world):
        assert_refused(_enrol(desk, body), Problem.MALFORMED)


def test_an_enrolment_that_is_too_long_is_refused(desk):
    with nothing_changes(desk.world):
        assert_refused(_enrol(desk, b"x" * (MOST_ENROLMENT_BYTES + 1)), Problem.TOO_LARGE)


# --- rows that hold what they must not ---------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        b"[" * 100_000,
        b"[NaN]",
        b"null",
        b"",
        b"\xff\xfe",
        b'[true,"' + b"x" * 70_000 + b'"]',
        b'[1,"a\\u0000b"]',
        b'[1,"\\ud800"]',
        b'[99999999999999999999,"x"]',
        b"[1,{}]",
        b'{"change":1,"change":2}',
    ],
    ids=lambda line: repr(line[:20]),
)
def test_a_row_that_is_no_row_is_parked_and_its_neighbours_are_applied(desk, line):
    good = new_id()
    lines = [as_line(example_row("manager", change=10**15, id=good)), line]

    answer = desk.deliver_next("manager", *lines)

    assert answer.status == 200, answer.body
    receipt = msgspec.json.decode(answer.body)["receipt"]
    assert len(receipt["parked"]) == 1
    assert len(answer.body) < 10_000
    with desk.world.hq.database.reads() as session:
        table = desk.world.hq.bindings["manager"].table
        assert session.scalars(select(table.c.id).where(table.c.id == good)).all() == [good]
        kept = session.scalars(select(ParkedRecord).order_by(ParkedRecord.id.desc()).limit(1)).one()
        assert kept.line.startswith(line[:1].decode(errors="backslashreplace"))


def test_a_record_named_twice_in_one_batch_ends_up_as_its_newest_version(desk):
    twice = new_id()
    for fresh in (True, False):
        lines = [
            as_line(example_row("manager", change=change, id=twice, name=f"v{change}"))
            for change in (8, 9, 7)
        ]
        assert desk.deliver_next("manager", *lines, fresh=fresh).status == 200
    with desk.world.hq.database.reads() as session:
        table = desk.world.hq.bindings["manager"].table
        assert session.scalars(select(table.c.name).where(table.c.id == twice)).all() == ["v9"]


def test_everything_in_sees_a_single_changed_row(desk):
    before = everything_in(desk.world)
    desk.world.enrol("SEEN")
    assert everything_in(desk.world) != before
