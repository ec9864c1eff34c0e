"""Fields of forms that people fill in: forgiving in how a value is written, strict in what it is.

Every message is an English msgid without parameters, so that the page can say it in the reader's language.
"""

import re
import unicodedata
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo

from marshmallow import ValidationError, fields

from shared.db.base import minor_units
from shared.domain.vocabulary import Vocabulary
from shared.errors import N_
from shared.ids import is_id

REQUIRED: Final = N_("Please fill this in.")
TOO_LONG: Final = N_("This is too long.")
CONTROL: Final = N_("This holds characters that cannot be shown.")
NOT_LISTED: Final = N_("Please choose one of the list.")
NOT_A_DAY: Final = N_("Please give a day as 2026-03-09.")
NOT_A_TIME: Final = N_("Please give day and time as 2026-03-09 14:30.")
NOT_AN_AMOUNT: Final = N_("Please give an amount with at most two decimals, such as 128.50.")
NOT_WHOLE: Final = N_("Please give a whole number.")
AMOUNT_TOO_LARGE: Final = N_("No bill line is that large.")
MOST_MINOR: Final = 10**13
_SPACES: Final = re.compile("[ \\t\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]+")
# What comes along when text is pasted from a page or a chat: it shows nothing, and nobody finds what holds it.
_UNSEEN: Final = re.compile("[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")
_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,18}")
_AMOUNT: Final = re.compile(r"[+-]?[0-9]{1,15}(\.[0-9]{1,2})?")
Word = TypeVar("Word", bound=Vocabulary)


class Parsed(fields.Field[Any]):
    """A field read by `parse`, which raises ValidationError; blank is None, or refused when `required`."""

    def __init__(self, parse: Callable[[str], object], *, required: bool = False) -> None:
        """Read a text that is not blank with `parse`."""
        messages: dict[str, str | list[Any] | dict[Any, Any]] = {"required": REQUIRED, "null": REQUIRED}
        if required:
            super().__init__(required=True, allow_none=False, error_messages=messages)
        else:
            super().__init__(load_default=None, allow_none=True)
        self.parse = parse

    def deserialize(  # noqa: D102 - marshmallow's own
        self,
        value: Any,  # noqa: ANN401 - marshmallow's own signature
        attr: str | None = None,
        data: Any = None,  # noqa: ANN401
        **settings: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        blank = isinstance(value, str) and not _UNSEEN.sub("", value).strip()
        return super().deserialize(None if blank else value, attr, data, **settings)

    def _deserialize(
        self,
        value: Any,  # noqa: ANN401 - marshmallow's own signature
        attr: str | None,  # noqa: ARG002
        data: Any,  # noqa: ANN401, ARG002
        **_settings: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        return self.parse(str(value))


def text(most: int, *, lines: bool = False) -> Callable[[str], str]:
    """Return a reader of one line (or of several) of at most `most` characters: NFC, without odd or unseen spaces."""

    def parse(given: str) -> str:
        plain = unicodedata.normalize("NFC", _UNSEEN.sub("", given)).replace("\r\n", "\n").strip()
        plain = plain if lines else _SPACES.sub(" ", plain)
        if any(unicodedata.category(each) == "Cc" and not (lines and each == "\n") for each in plain):
            raise ValidationError(CONTROL)
        if len(plain) > most:
            raise ValidationError(TOO_LONG)
        return plain

    return parse


def choice(vocabulary: type[Word]) -> Callable[[str], Word]:
    """Return a reader of a vocabulary's codes."""
    members = {member.value: member for member in vocabulary}

    def parse(given: str) -> Word:
        if given not in members:
            raise ValidationError(NOT_LISTED)
        return members[given]

    return parse


def record_id(given: str) -> str:
    """Read the id of a record chosen from a list."""
    if not is_id(given.strip()):
        raise ValidationError(NOT_LISTED)
    return given.strip()


def day(given: str) -> date:
    """Read a day."""
    try:
        return date.fromisoformat(given.strip().replace("/", "-"))
    except ValueError:
        raise ValidationError(NOT_A_DAY) from None


def local_instant(timezone: str) -> Callable[[str], datetime]:
    """Return a reader of a day and time on the clock of `timezone`; it gives aware instants in UTC."""
    zone = ZoneInfo(timezone)

    def parse(given: str) -> datetime:
        try:
            wall = datetime.fromisoformat(given.strip().replace("/", "-"))
            return wall.replace(tzinfo=wall.tzinfo or zone).astimezone(UTC)
        except (ValueError, OverflowError):
            raise ValidationError(NOT_A_TIME) from None

    return parse


def whole(given: str) -> int:
    """Read a whole number of at most 18 digits."""
    plain = unicodedata.normalize("NFKC", given).strip()
    if not _WHOLE.fullmatch(plain):
        raise ValidationError(NOT_WHOLE)
    return int(plain)


def amount(given: str) -> int:
    """Read an amount in major units as minor units."""
    plain = unicodedata.normalize("NFKC", given).strip().replace(",", "")
    if not _AMOUNT.fullmatch(plain):
        raise ValidationError(NOT_AN_AMOUNT)
    minor = minor_units(Decimal(plain))
    if abs(minor) > MOST_MINOR:
        raise ValidationError(AMOUNT_TOO_LARGE)
    return minor
