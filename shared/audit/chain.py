"""What an entry of the operation log says in one piece of text, and the digest that ties it to those before it.

Pure, and fixed for ever: a digest made years ago must come out the same today. docs/decisions/0130 has the form.
"""

import hashlib
from collections.abc import Sequence
from typing import Final

import msgspec

# The columns in the order of the form. One added later stands behind these, and only where it holds something.
FIELDS: Final = (
    "seq",
    "id",
    "at",
    "actor",
    "actor_id",
    "manager_id",
    "via",
    "terminal",
    "action",
    "event",
    "module",
    "outcome",
    "subject_type",
    "subject_id",
    "details",
    "changes",
    "sealed",
)
GENESIS: Final = "0" * 64  # stands before the first entry
_encode: Final = msgspec.json.Encoder().encode


def link(before: str, values: Sequence[str | int | None]) -> str:
    """Return the digest of an entry whose raw values stand in the order of FIELDS, after the digest `before`.

    The form is a JSON array in UTF-8 without spaces: no value can be read as two, nor as part of its neighbour.
    """
    return hashlib.sha256(before.encode() + _encode(values)).hexdigest()
