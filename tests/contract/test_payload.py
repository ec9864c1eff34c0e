"""A batch is whole and unchanged, or it is refused; how it was compressed does not matter."""

import gzip
import tracemalloc
from collections.abc import Callable

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from sync_protocol.contract.canonical import canonical_json, sha256_hex
from sync_protocol.contract.messages import to_json
from sync_protocol.contract.payload import (
    MalformedBatchError,
    OversizeError,
    UnreadableProtocolError,
    build_payload,
    compress,
    decompress,
    parse_payload,
)
from tests.contract.wire_rows import NODE, as_line, example_row, header_for


def _small(**changes):
    lines = [as_line(example_row("manager", change=number)) for number in (1, 2)]
    return build_payload(header_for("manager", 2, **changes), b"\n".join(lines))


SMALL = _small()


def _refused(payload):
    with pytest.raises(MalformedBatchError):
        parse_payload(payload)


def _with_header(line, payload=SMALL):
    """Return a batch with another header line and a trailer that fits, as a careless sender makes it."""
    _old, rest = payload.split(b"\n", 1)
    block = rest[: rest.rstrip(b"\n").rfind(b"\n") + 1]
    body = line + b"\n" + block
    return body + canonical_json({"rows": 2, "sha256": sha256_hex(body)}) + b"\n"


def _header(**changes):
    return canonical_json(to_json(header_for("manager", 2)) | changes)


def test_what_was_built_is_read_back():
    batch = parse_payload(SMALL)

    assert batch.header == header_for("manager", 2)
    assert batch.block.count(b"\n") == 1
    assert batch.digest == sha256_hex(SMALL)
    assert batch.idempotency_key == f"{NODE}/1/profile/1"


def test_a_batch_of_removals_only_has_no_rows():
    payload = build_payload(header_for("manager", 0, removed=[(9, NODE)]), b"")

    batch = parse_payload(payload)

    assert (batch.block, batch.header.removed) == (b"", [(9, NODE)])


def test_a_batch_cut_at_any_point_is_refused():
    for end in range(len(SMALL)):
        _refused(SMALL[:end])


def test_a_batch_with_any_byte_changed_is_refused():
    for at in range(len(SMALL)):
        for flip in (0x01, 0x20, 0x80):
            changed = bytearray(SMALL)
            changed[at] ^= flip
            _refused(bytes(changed))


def test_a_batch_with_a_byte_put_in_or_taken_out_anywhere_is_refused():
    for at in range(len(SMALL)):
        _refused(SMALL[:at] + SMALL[at + 1 :])
        _refused(SMALL[:at] + b"\n" + SMALL[at:])
    _refused(SMALL + SMALL)


@given(st.binary(max_size=300))
def test_bytes_that_are_no_batch_are_refused(payload):
    _refused(payload)


def test_any_compression_leaves_the_batch_what_it_is():
    forms = [
        ("zstd", compress(SMALL)),
        ("zstd", zstandard.ZstdCompressor(level=19, write_checksum=True).compress(SMALL)),
        ("zstd", zstandard.ZstdCompressor(write_content_size=False).compress(SMALL)),
        ("gzip", gzip.compress(SMALL)),
        ("gzip", gzip.compress(SMALL, compresslevel=1, mtime=0)),
        ("identity", SMALL),
    ]
    assert {parse_payload(decompress(body, encoding)).digest for encoding, body in forms} == {
        sha256_hex(SMALL)
    }


@pytest.mark.parametrize(
    ("encoding", "body"), [("zstd", compress(SMALL)), ("gzip", gzip.compress(SMALL, mtime=0))]
)
def test_a_compressed_body_cut_anywhere_or_with_something_behind_it_is_refused(encoding, body):
    for end in range(len(body)):
        with pytest.raises(MalformedBatchError):
            decompress(body[:end], encoding)
    for extra in (b"\0", b"junk", body):
        with pytest.raises(MalformedBatchError):
            decompress(body + extra, encoding)


@pytest.mark.parametrize(
    ("encoding", "body"), [("zstd", compress(SMALL)), ("gzip", gzip.compress(SMALL, mtime=0))]
)
def test_a_compressed_body_with_a_changed_byte_never_passes_for_another_batch(encoding, body):
    for at in range(len(body)):
        changed = bytearray(body)
        changed[at] ^= 0x10
        try:
            batch = parse_payload(decompress(bytes(changed), encoding))
        except (MalformedBatchError, OversizeError):
            continue
        assert batch.digest == sha256_hex(SMALL)  # a byte of the gzip header that says nothing of the content


@pytest.mark.parametrize("encoding", ["zstd", "gzip", "identity"])
def test_a_body_over_the_limit_is_refused_and_one_at_the_limit_is_taken(encoding):
    packers: dict[str, Callable[[bytes], bytes]] = {
        "zstd": compress,
        "gzip": gzip.compress,
        "identity": bytes,
    }
    pack = packers[encoding]
    for size, taken in ((99, True), (100, True), (101, False), (5_000, False)):
        body = pack(b"x" * size)
        if taken:
            assert len(decompress(body, encoding, limit=100)) == size
        else:
            with pytest.raises(OversizeError):
                decompress(body, encoding, limit=100)


@pytest.mark.parametrize(
    "pack",
    [
        lambda content: ("zstd", compress(content)),
        lambda content: ("zstd", zstandard.ZstdCompressor(write_content_size=False).compress(content)),
        lambda content: ("gzip", gzip.compress(content)),
    ],
)
def test_a_bomb_is_refused_without_being_unpacked(pack):
    limit = 2**20
    encoding, body = pack(b"\0" * (16 * limit))
    tracemalloc.start()
    try:
        with pytest.raises((OversizeError, MalformedBatchError)):
            decompress(body, encoding, limit=limit)
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * limit


def test_a_changed_header_with_a_trailer_that_fits_is_another_batch():
    assert parse_payload(_with_header(_header(batch_no=2))).digest != sha256_hex(SMALL)


@pytest.mark.parametrize(
    "changes",
    [
        {"batch_no": 0},
        {"batch_no": -1},
        {"batch_no": 2**63},
        {"batch_no": "1"},
        {"batch_no": True},
        {"lineage": 0},
        {"lineage": 2**31},
        {"lineage_id": "x"},
        {"lineage_id": NODE + "\n"},
        {"node": NODE.upper()},
        {"branch": ""},
        {"branch": "B" * 41},
        {"branch": None},
        {"channel": ""},
        {"prev_digest": "0"},
        {"prev_digest": "F" * 64},
        {"rows": 1},
        {"rows": 3},
        {"rows": -1},
        {"rows": 2**40},
        {"columns": "change"},
        {"removed": [[0, NODE]]},
        {"removed": [[2**63, NODE]]},
        {"removed": [[1, "x"]]},
        {"removed": [[1, NODE, 1]]},
        {"removed": [[True, NODE]]},
        {"control": {"CNY": 1}},
        {"control": {"CNY": {"2026-10": {"charge": "1"}}}},
        {"control": {"\0": {}}},
        {"sealed_at": "today"},
        {"fresh": 1},
        {"protocol": "1"},
        {"protocol": None},
        {"protocol": True},
        {"schema": None},
        {"record": "x" * 41},
    ],
    ids=str,
)
def test_a_header_that_says_something_impossible_is_refused(changes):
    assert parse_payload(_with_header(_header())).digest == sha256_hex(SMALL)
    _refused(_with_header(_header(**changes)))


@pytest.mark.parametrize("name", sorted(to_json(header_for("manager", 2)).keys() - {"fresh"}))
def test_a_header_that_leaves_something_out_is_refused(name):
    document = to_json(header_for("manager", 2))
    del document[name]
    _refused(_with_header(canonical_json(document)))


def test_a_header_that_says_something_twice_is_refused():
    twice = _header().replace(b'"batch_no":1', b'"batch_no":1,"batch_no":2')
    assert twice != _header()
    _refused(_with_header(twice))


@pytest.mark.parametrize(
    "change", [(b":1,", b": 1,"), (b'"B001"', b'"\\u00420' + b'01"'), (b"{", b" {"), (b":true", b":1.0")]
)
def test_a_header_with_a_second_spelling_is_refused(change):
    assert change[0] in _header()
    _refused(_with_header(_header().replace(*change, 1)))


def test_a_header_may_say_more_than_we_know():
    assert parse_payload(_with_header(_header(hint={"of": ["a", "later", "version"]}))).header == header_for(
        "manager", 2
    )


@pytest.mark.parametrize("protocol", [0, 2, -1, 10**30])
def test_another_protocol_version_is_told_as_such_whatever_else_its_header_holds(protocol):
    for line in (_header(protocol=protocol), canonical_json({"protocol": protocol, "shape": "new"})):
        with pytest.raises(UnreadableProtocolError):
            parse_payload(_with_header(line))


@pytest.mark.parametrize(
    "line", [b"", b"null", b"[]", b"1", b"{}", b"[" * 100_000, b'{"a":' * 50_000, b"\xff", b"NaN"]
)
def test_a_header_that_is_no_object_of_ours_is_refused(line):
    _refused(_with_header(line))


@pytest.mark.parametrize(
    "trailer", [b"", b"{}", b"null", b'{"rows":2}', b'{"rows":2,"sha256":""}', b"[" * 100_000]
)
def test_a_trailer_that_says_nothing_is_refused(trailer):
    body = SMALL[: SMALL.rstrip(b"\n").rfind(b"\n") + 1]
    _refused(body + trailer + b"\n")
