"""JSON that programs send: what two readers could read differently is refused by ours."""

import pytest

from shared.web.api.strict import read_json


@pytest.mark.parametrize(
    "sent",
    [
        b'{"name": "Li", "name": "Wu"}',
        b'{"a": {"role": 1, "role": 2}}',
        b'{"amount": NaN}',
        b'{"amount": Infinity}',
        b'{"amount": 1e400}',
        b'{"amount": -Infinity}',
        b'{"amount": 9007199254740993}',
        b'{"amount": -9007199254740993}',
        b'{"amount": ' + b"9" * 5_000 + b"}",
        b'{"name": "\\ud800"}',
        b'{"name": "\xff"}',
        b'{"name": "Li"} {}',
        b"[" * 33 + b"]" * 33,
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"",
        b"{",
        b"{'name': 'Li'}",
    ],
)
def test_what_could_be_read_in_two_ways_or_none_is_no_json(sent):
    assert read_json(sent) is None


def test_what_everybody_reads_alike_is_read():
    sent = '{"name": "李 😀", "amount": -9007199254740992, "rate": 1.5, "deep": ' + "[" * 30 + "]" * 30 + "}"
    found = read_json(sent.encode())
    assert (found["name"], found["amount"], found["rate"]) == ("李 😀", -(2**53), 1.5)
