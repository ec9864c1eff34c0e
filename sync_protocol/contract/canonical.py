"""The one byte form of a JSON value, for digests and signatures; floats have none."""

import hashlib
from typing import Any

import msgspec


class NotCanonicalError(ValueError):
    """The value has no canonical form (a float, a key that is not text), or the bytes are not in it."""


_encoder = msgspec.json.Encoder(order="sorted")


def canonical_json(value: Any) -> bytes:  # noqa: ANN401 - any JSON value
    """Return UTF-8 JSON with sorted keys and no spaces; raises NotCanonicalError on floats.

    For the values we allow (text, integers, booleans, null, lists, objects) this is the
    form of RFC 8785 (JSON Canonicalization Scheme), except that object keys sort by code point.
    """
    _refuse_floats(value)
    return _encoder.encode(value)


def read_canonical(content: bytes) -> Any:  # noqa: ANN401 - any JSON value
    """Return the JSON value whose canonical form `content` is; raises NotCanonicalError on any other bytes.

    So two parsers cannot read one message differently: no object can hold a key twice, and no
    number, space or escape has a second spelling. NUL, which PostgreSQL cannot store, is refused.
    """
    try:
        value = msgspec.json.decode(content)
        same = canonical_json(value) == content
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise NotCanonicalError(str(error)) from error
    if not same or b"\\u0000" in content:
        msg = "not in canonical form: sorted keys, each once, no spaces, no needless escapes, no NUL"
        raise NotCanonicalError(msg)
    return value


def sha256_hex(content: bytes) -> str:
    """Return the SHA-256 of `content` as 64 lower-case hex digits."""
    return hashlib.sha256(content).hexdigest()


def _refuse_floats(value: Any) -> None:  # noqa: ANN401 - any JSON value
    if isinstance(value, float):
        msg = "floats are not allowed on the wire"
        raise NotCanonicalError(msg)
    if isinstance(value, dict):
        for key, member in value.items():
            if not isinstance(key, str):
                msg = "object keys must be text"
                raise NotCanonicalError(msg)
            _refuse_floats(member)
    elif isinstance(value, list | tuple):
        for member in value:
            _refuse_floats(member)
