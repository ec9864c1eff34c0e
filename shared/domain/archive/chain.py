"""What ties the entries of the retained archive together; pure, and fixed for ever.

A digest is over who put what there when and over the digest of the sealed content, not over the content itself: it can
be proved by who may not read a file, and it still holds when a content was destroyed by rule.
"""

import hashlib
from collections.abc import Sequence
from typing import Final

import msgspec

# The columns in the order of the form. One added later stands behind these, and only where it holds something.
FIELDS: Final = (
    "seq",
    "id",
    "kind",
    "customer_id",
    "customer_no",
    "made_at",
    "made_by",
    "reason",
    "of_id",
    "unlock_id",
    "content_digest",
)
GENESIS: Final = "0" * 64
_encode: Final = msgspec.json.Encoder().encode


def link(before: str, values: Sequence[str | int | None]) -> str:
    """Return the digest of an entry whose values stand in the order of FIELDS, after the digest `before`."""
    return hashlib.sha256(before.encode() + _encode(values)).hexdigest()


def content_digest(sealed: str) -> str:
    """Return the digest of a content as it lies sealed in the database."""
    return hashlib.sha256(sealed.encode()).hexdigest()
