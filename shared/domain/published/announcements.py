"""Announcements as they travel: what is said, from when, and to which kinds of staff."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from shared.db.base import INSTANT_LENGTH
from shared.errors import N_
from shared.rights.vocabulary import StaffKind

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
    """What is announced; `kinds` is empty when it is for everybody, `since` None when it begins at once."""

    title: str
    text: str
    since: datetime | None = None
    kinds: tuple[StaffKind, ...] = ()

    def is_for(self, kind: StaffKind) -> bool:
        """Whether somebody of this kind is meant."""
        return not self.kinds or kind in self.kinds


def read_announcement(body: Mapping[str, Any]) -> Announcement:
    """Return the announcement of a body that `problem_of` finds good."""
    since = body.get("from")
    return Announcement(
        title=body["title"],
        text=body["text"],
        since=datetime.fromisoformat(since) if since else None,
        kinds=tuple(kind for kind in StaffKind if kind.value in body.get("for", [])),
    )


def problem_of(body: Mapping[str, Any]) -> str | None:
    """Return what is wrong with an announcement, as a msgid, or None."""
    if not _is_text(body.get("title"), TITLE_LENGTH):
        return NO_TITLE
    if not _is_text(body.get("text"), TEXT_LENGTH):
        return NO_TEXT
    if body.get("from") is not None and not _is_instant(body["from"]):
        return NO_INSTANT
    kinds = body.get("for", [])
    known = isinstance(kinds, list) and all(
        isinstance(one, str) and StaffKind.with_code(one) for one in kinds
    )
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
