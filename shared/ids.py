"""Ids of records: UUIDv7 (RFC 9562), as 36-character lower-case text on both databases."""

import re
from typing import Final

import uuid_utils

ID_LENGTH: Final = 36
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def new_id() -> str:
    """Return a new UUIDv7; later ids sort after earlier ones, so indexes grow at their end."""
    return str(uuid_utils.uuid7())


def is_id(text: str) -> bool:
    """Tell whether `text` has the one spelling of an id that we store and send."""
    return _ID.fullmatch(text) is not None
