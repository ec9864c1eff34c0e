"""JSON that every reader reads alike (RFC 7493): a name stands once, numbers are exact, text is text.

Two readers that differ over what was sent let one of them be deceived: what is not read alike is not read at all.
"""

import json
from math import isfinite
from typing import Any, Final

DEEPEST: Final = 32
LARGEST: Final = 2**53


def read_json(sent: bytes) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Return what the bytes say, or None."""
    try:
        found = json.loads(
            sent.decode(),
            object_pairs_hook=_members,
            parse_constant=_no_number,
            parse_int=_exact,
            parse_float=_finite,
        )
        # Half of a surrogate pair is no text that a database takes.
        json.dumps(found, ensure_ascii=False).encode()
    except (RecursionError, ValueError):
        return None
    return found if _depth(found) <= DEEPEST else None


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError
    return found


def _no_number(_text: str) -> Any:  # noqa: ANN401 - never returns
    raise ValueError


def _exact(text: str) -> int:
    number = int(text)
    if abs(number) > LARGEST:
        raise ValueError
    return number


def _finite(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise ValueError
    return number


def _depth(value: Any) -> int:  # noqa: ANN401 - whatever JSON holds
    if isinstance(value, dict | list):
        inner = value.values() if isinstance(value, dict) else value
        return 1 + max(map(_depth, inner), default=0)
    return 0
