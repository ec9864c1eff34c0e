"""Announcements as they travel: what is said, from when, and to which kinds of staff."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from shared.auth.vocabulary import Right
from shared.db.base import INSTANT_LENGTH
from shared.errors import N_

TITLE_LENGTH: Final = 120
TEXT_LENGTH: Final = 4_000
NO_TITLE: Final = N_("An announcement needs a title of at most 120 characters.")
NO_TEXT: Final = N_("An announcement needs a text of at most 4,000 characters.")
NO_INSTANT: Final = N_("The beginning of this announcement is not a time.")
NOBODY: Final = N_(
    "This announcement is for a kind of staff that is not known to this version of the program."
)


@dataclass(frozen=True, slots=True)
class Announcement:
    """What is announced; `rights` is empty when it is for everybody, `since` None when it begins at once."""

    title: str
    text: str
    since: datetime | None = None
    rights: tuple[Right, ...] = ()

    def is_for(self, right: Right) -> bool:
        """Whether somebody with this right is meant."""
        return not self.rights or right in self.rights


def read_announcement(body: Mapping[str, Any]) -> Announcement:
    """Return the announcement of a body that `problem_of` finds good."""
    since = body.get("from")
    return Announcement(
        title=body["title"],
        text=body["text"],
        since=datetime.fromisoformat(since) if since else None,
        rights=tuple(right for right in Right if right.value in body.get("for", [])),
    )


def problem_of(body: Mapping[str, Any]) -> str | None:
    """Return what is wrong with an announcement, as a msgid, or None."""
    if not _is_text(body.get("title"), TITLE_LENGTH):
        return NO_TITLE
    if not _is_text(body.get("text"), TEXT_LENGTH):
        return NO_TEXT
    if body.get("from") is not None and not _is_instant(body["from"]):
        return NO_INSTANT
    rights = body.get("for", [])
    known = isinstance(rights, list) and all(isinstance(one, str) and Right.with_code(one) for one in rights)
    return None if known else NOBODY


def _is_text(value: object, most: int) -> bool:
    return isinstance(value, str) and bool(value.strip()) and len(value) <= most


def _is_instant(value: object) -> bool:
    if not isinstance(value, str) or len(value) != INSTANT_LENGTH or not value.endswith("Z"):
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True
