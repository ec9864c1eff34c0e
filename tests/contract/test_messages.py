"""Signed messages: made for one purpose, by one key, over one content; old readers pass over what is new."""

import base64

import msgspec
import pytest

from sync_protocol.contract.canonical import NotCanonicalError
from sync_protocol.contract.codes import Problem, find_problem
from sync_protocol.contract.keys import (
    ENROLMENT,
    RECEIPT,
    STATE,
    WrongSignatureError,
    check_message,
    decode_key,
    encode_key,
    fingerprint,
    key_id,
    new_private_key,
    public_key_of,
    sign_message,
)
from sync_protocol.contract.messages import ParkedNotice, Receipt, StateAnswer, to_json
from tests.contract.wire_rows import NODE

KEY = new_private_key()
PUBLIC = public_key_of(KEY)
WHEN = "2026-11-20T04:00:00.000000Z"
GIVEN = Receipt(
    branch="B001",
    lineage=1,
    channel="profile",
    batch_no=1,
    digest="0" * 64,
    received_through=1,
    applied_through=1,
    parked=[ParkedNotice(change=1, id=NODE, code="invalid", reasons={"name": ["must be text"]})],
    hq=NODE,
    received_at=WHEN,
)


def test_a_receipt_signed_by_hq_is_accepted():
    receipt = to_json(GIVEN)
    check_message(PUBLIC, RECEIPT, receipt, sign_message(KEY, RECEIPT, receipt))


@pytest.mark.parametrize("name", sorted(to_json(GIVEN)))
def test_a_receipt_with_anything_changed_is_refused(name):
    receipt = to_json(GIVEN)
    signature = sign_message(KEY, RECEIPT, receipt)

    with pytest.raises(WrongSignatureError):
        check_message(PUBLIC, RECEIPT, receipt | {name: "changed"}, signature)
    with pytest.raises(WrongSignatureError):
        check_message(PUBLIC, RECEIPT, {k: v for k, v in receipt.items() if k != name}, signature)
    with pytest.raises(WrongSignatureError):
        check_message(PUBLIC, RECEIPT, receipt | {"more": 1}, signature)


@pytest.mark.parametrize("purpose", [STATE, ENROLMENT, RECEIPT + " ", ""])
def test_a_signature_for_one_purpose_does_not_serve_another(purpose):
    receipt = to_json(GIVEN)
    with pytest.raises(WrongSignatureError):
        check_message(PUBLIC, RECEIPT, receipt, sign_message(KEY, purpose, receipt))


def test_another_keys_signature_is_refused():
    receipt = to_json(GIVEN)
    with pytest.raises(WrongSignatureError):
        check_message(PUBLIC, RECEIPT, receipt, sign_message(new_private_key(), RECEIPT, receipt))


@pytest.mark.parametrize(
    "signature", ["", "x", "AAAA", base64.b64encode(b"\0" * 64).decode(), "é", "A" * 1000]
)
def test_what_is_no_signature_is_refused(signature):
    with pytest.raises(WrongSignatureError):
        check_message(PUBLIC, RECEIPT, to_json(GIVEN), signature)


def test_a_message_with_a_float_cannot_be_signed():
    with pytest.raises(NotCanonicalError):
        sign_message(KEY, RECEIPT, {"amount": 1.5})


@pytest.mark.parametrize("text", ["", "AAAA", "é", "!" * 44, base64.b64encode(b"\0" * 31).decode()])
def test_what_is_no_key_is_refused(text):
    with pytest.raises(ValueError):  # noqa: PT011 - base64 and the key library word it as they like
        decode_key(text)


def test_keys_travel_as_base64_and_are_named_by_their_digest():
    assert decode_key(encode_key(PUBLIC)) == PUBLIC
    assert len(key_id(PUBLIC)) == 64
    assert fingerprint(PUBLIC).replace(" ", "").lower() == key_id(PUBLIC)[:20]


def test_members_of_a_later_version_are_passed_over():
    document = to_json(GIVEN) | {"later": {"a": [1]}}
    assert msgspec.convert(document, Receipt) == GIVEN
    state = {"branch": "B001", "hq": NODE, "at": WHEN, "channels": {}, "push_interval_s": 600, "later": 1}
    assert msgspec.convert(state, StateAnswer).push_interval_s == 600


def test_every_problem_has_its_own_code_and_can_be_found_by_it():
    codes = [problem.value.code for problem in Problem]
    assert len(set(codes)) == len(codes)
    assert [find_problem(code) for code in codes] == list(Problem)
    assert find_problem("of-a-later-version") is None


@pytest.mark.parametrize("problem", Problem, ids=lambda problem: problem.value.code)
def test_server_errors_can_be_tried_again_and_a_problem_is_an_error_status(problem):
    assert 400 <= problem.value.status < 600
    assert problem.value.retry or problem.value.status < 500
