"""A signature binds every part of a request that matters, and the body; time and nonce come back to be judged."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_protocol.contract.keys import key_id, new_private_key, public_key_of
from sync_protocol.contract.signing import (
    CYCLE_HEADER,
    MAX_SKEW_S,
    NODE_HEADER,
    NONCE_MAX,
    PENDING_HEADER,
    BadSignatureError,
    Message,
    SkewError,
    UnknownKeyError,
    sign_request,
    verify_request,
)
from tests.contract.wire_rows import NODE

NOON = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
KEY = new_private_key()
PUBLIC = public_key_of(KEY)
KEYS = {key_id(PUBLIC): PUBLIC}
BODY = b"the batch"


def _message(body=BODY, **headers):
    return Message(
        method="POST",
        url="http://127.0.0.1:8000/sync/v1/batches",
        headers={
            "content-type": "application/vnd.branchline.batch+ndjson",
            "content-encoding": "zstd",
            "idempotency-key": f"{NODE}/1/profile/1",
            NODE_HEADER: NODE,
            PENDING_HEADER: "12",
            CYCLE_HEADER: "340",
            **headers,
        },
        body=body,
    )


def _signed(*, key=KEY, key_name=None, created=NOON, nonce="n-1", **message):
    made = _message(**message)
    sign_request(
        made, private_key=key, key_id=key_name or key_id(public_key_of(key)), created=created, nonce=nonce
    )
    return made


def _verify(message, *, keys=KEYS, now=NOON):
    return verify_request(message, public_keys=keys, now=now)


def _with(message, **headers):
    return replace(
        message, headers={**message.headers, **{k.replace("_", "-"): v for k, v in headers.items()}}
    )


def test_a_signed_request_tells_who_signed_it_when_and_with_which_nonce():
    signed = _verify(_signed())

    assert (signed.key_id, signed.nonce, signed.created) == (key_id(PUBLIC), "n-1", NOON)


CHANGES = {
    "method": lambda m: replace(m, method="PUT"),
    "path": lambda m: replace(m, url=m.url + "/x"),
    "query": lambda m: replace(m, url=m.url + "?a=1"),
    "host": lambda m: replace(m, url=m.url.replace("127.0.0.1", "127.0.0.2")),
    "port": lambda m: replace(m, url=m.url.replace("8000", "8001")),
    "scheme": lambda m: replace(m, url=m.url.replace("http:", "https:")),
    "body": lambda m: replace(m, body=m.body + b"!"),
    "empty body": lambda m: replace(m, body=b""),
    "digest": lambda m: _with(m, **{"Content-Digest": "sha-256=:" + "A" * 43 + "=:"}),
    "encoding": lambda m: _with(m, content_encoding="gzip"),
    "batch": lambda m: _with(m, idempotency_key=f"{NODE}/1/profile/2"),
    "node": lambda m: _with(m, **{NODE_HEADER: NODE[:-1] + "2"}),
    "pending": lambda m: _with(m, **{PENDING_HEADER: "0"}),
    "cycle": lambda m: _with(m, **{CYCLE_HEADER: "1"}),
    "nonce": lambda m: _with(
        m, **{"Signature-Input": m.headers["Signature-Input"].replace('"n-1"', '"n-2"')}
    ),
    "tag": lambda m: _with(
        m, **{"Signature-Input": m.headers["Signature-Input"].replace("branchline-sync", "x")}
    ),
    "created": lambda m: _with(
        m,
        **{
            "Signature-Input": m.headers["Signature-Input"].replace(
                str(int(NOON.timestamp())), str(int(NOON.timestamp()) + 1)
            )
        },
    ),
    "fewer parts": lambda m: _with(
        m, **{"Signature-Input": m.headers["Signature-Input"].replace('"content-digest" ', "")}
    ),
}


@pytest.mark.parametrize("part", CHANGES)
def test_a_request_with_any_signed_part_changed_is_refused(part):
    signed = _signed()
    changed = CHANGES[part](signed)
    assert changed != signed

    with pytest.raises(BadSignatureError):
        _verify(changed)


@pytest.mark.parametrize(
    "name",
    [
        "Signature",
        "Signature-Input",
        "Content-Digest",
        "content-encoding",
        NODE_HEADER,
        PENDING_HEADER,
        CYCLE_HEADER,
    ],
)
def test_a_request_with_any_signed_part_left_out_is_refused(name):
    signed = _signed()
    present = {header.lower(): header for header in signed.headers}
    del signed.headers[present[name.lower()]]

    with pytest.raises(BadSignatureError):
        _verify(signed)


def test_a_request_cannot_sign_fewer_parts_than_a_batch_must_by_not_naming_its_batch():
    bare = _message()
    del bare.headers["idempotency-key"]
    sign_request(bare, private_key=KEY, key_id=key_id(PUBLIC), created=NOON, nonce="n-1")

    with pytest.raises(BadSignatureError):
        _verify(_with(bare, idempotency_key="put/on/later/1"))


def test_a_body_and_digest_exchanged_together_are_refused():
    other = _signed(body=b"another batch")
    mixed = replace(_signed(), body=other.body)
    mixed.headers["Content-Digest"] = other.headers["Content-Digest"]

    with pytest.raises(BadSignatureError):
        _verify(mixed)


def test_an_unknown_key_is_told_apart_from_a_wrong_signature():
    with pytest.raises(UnknownKeyError):
        _verify(_signed(key=new_private_key()))
    with pytest.raises(BadSignatureError) as wrong:
        _verify(_signed(key=new_private_key(), key_name=key_id(PUBLIC)))
    assert not isinstance(wrong.value, UnknownKeyError)


@pytest.mark.parametrize("seconds", [-MAX_SKEW_S, -1, 0, 1, MAX_SKEW_S])
def test_clocks_may_differ_by_five_minutes_either_way(seconds):
    assert _verify(_signed(created=NOON + timedelta(seconds=seconds))).nonce == "n-1"


@pytest.mark.parametrize("now", [NOON, datetime(2001, 1, 1, tzinfo=UTC), datetime(2090, 1, 1, tzinfo=UTC)])
@pytest.mark.parametrize(
    "span",
    [
        timedelta(seconds=MAX_SKEW_S + 1),
        timedelta(days=1),
        timedelta(days=3650),
        -timedelta(seconds=MAX_SKEW_S + 1),
        -timedelta(days=3650),
    ],
)
def test_a_clock_further_off_is_told_as_such_and_judged_by_the_time_we_are_given(now, span):
    assert _verify(_signed(created=now), now=now).created == now
    with pytest.raises(SkewError):
        _verify(_signed(created=now + span), now=now)


def test_a_time_no_calendar_holds_is_refused():
    signed = _signed()
    for created in ("999999999999999", "-999999999999999"):
        far = _with(
            signed,
            **{
                "Signature-Input": signed.headers["Signature-Input"].replace(
                    str(int(NOON.timestamp())), created
                )
            },
        )
        with pytest.raises((BadSignatureError, SkewError)):
            _verify(far)


@pytest.mark.parametrize("nonce", ["", "x" * (NONCE_MAX + 1)])
def test_a_nonce_must_be_there_and_of_storable_length(nonce):
    with pytest.raises(BadSignatureError):
        _verify(_signed(nonce=nonce))


def test_a_signature_without_nonce_is_refused():
    with pytest.raises(BadSignatureError):
        _verify(_signed(nonce=None))


def test_two_signatures_are_one_too_many():
    first = _signed()
    second = _signed(nonce="n-2")
    for name in ("Signature-Input", "Signature"):
        first.headers[name] += ", " + second.headers[name].replace("branchline=", "other=", 1)

    with pytest.raises(BadSignatureError):
        _verify(first)


@given(name=st.sampled_from(["Signature", "Signature-Input", "Content-Digest"]), value=st.text(max_size=80))
def test_headers_that_are_no_structured_fields_are_refused_and_nothing_else(name, value):
    with pytest.raises((BadSignatureError, SkewError)):
        _verify(_with(_signed(), **{name: value}))


@given(at=st.integers(0, 10_000), character=st.characters(min_codepoint=32, max_codepoint=126))
def test_a_signature_header_with_one_character_changed_is_refused(at, character):
    for name in ("Signature", "Signature-Input"):
        signed = _signed()
        old = signed.headers[name]
        place = at % len(old)
        new = old[:place] + character + old[place + 1 :]
        if new in (old, old.replace("branchline=", "Branchline=")):
            continue
        try:
            _verify(_with(signed, **{name: new}))
        except (BadSignatureError, SkewError):
            continue
        # Spare bits of base64 and the label are not part of what is signed.
        assert name == "Signature" or "branchline=" not in new
