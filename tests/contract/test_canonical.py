"""One value has one byte form, and bytes that are not in it are refused."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_protocol.contract.canonical import NotCanonicalError, canonical_json, read_canonical, sha256_hex

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**70), 2**70), TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXT, inner, max_size=4)),
    max_leaves=12,
)


@given(VALUES)
def test_it_is_what_the_standard_library_writes_sorted_and_without_spaces(value):
    same = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    assert json.loads(canonical_json(value)) == value
    assert len(canonical_json(value)) == len(same.encode())


@given(VALUES)
def test_reading_gives_back_what_was_written(value):
    assert read_canonical(canonical_json(value)) == value


@given(st.dictionaries(TEXT, st.integers(), min_size=2, max_size=6), st.randoms())
def test_the_order_in_which_members_were_made_does_not_matter(value, random):
    members = list(value.items())
    random.shuffle(members)
    assert canonical_json(dict(members)) == canonical_json(value)


@pytest.mark.parametrize("value", [1.0, float("nan"), [0.5], {"a": [{"b": 1e9}]}, {1: "x"}, {None: 1}])
def test_floats_and_keys_that_are_not_text_have_no_canonical_form(value):
    with pytest.raises(NotCanonicalError):
        canonical_json(value)


@pytest.mark.parametrize(
    "content",
    [
        b'{"a":1,"a":2}',
        b'{"a":1,"a":1}',
        b'{"b":1,"a":2}',
        b'{"a": 1}',
        b' {"a":1}',
        b'{"a":1}\n',
        b'{"a":1}{"a":1}',
        b'{"a":1.0}',
        b'{"a":1e3}',
        b'{"a":-0}',
        b'{"a":01}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'"\\u0041"',
        b'"\\/"',
        b'"\\u0000"',
        b'"\\ud800"',
        b'"\xff"',
        b"'a'",
        b"",
        b"[1,]",
        b"[" * 200_000,
        b"[" * 2_000 + b"]" * 2_000,
    ],
)
def test_any_other_spelling_is_refused(content):
    with pytest.raises(NotCanonicalError):
        read_canonical(content)


def test_the_bytes_are_these():
    value = {"b": [1, None, True], "a": {"汉": '"\\\n\x1f/\u2028'}, "": -5}

    assert canonical_json(value) == '{"":-5,"a":{"汉":"\\"\\\\\\n\\u001f/\u2028"},"b":[1,null,true]}'.encode()
    assert sha256_hex(b"") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
