"""The kinds of value a wire row may hold, each with its marshmallow rule and the msgspec type derived from it.

marshmallow says what a record is; the msgspec type checks the same rule at speed. Where a rule
cannot be said as a msgspec type (canonical instants, JSON text) the field names an extra check
that both sides call, so that they cannot come apart.
"""

import re
from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from typing import Annotated, Any, ClassVar, Final, Literal

import msgspec
from marshmallow import ValidationError, fields

ID_PATTERN: Final = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
ID_LENGTH: Final = 36
MONTH_PATTERN: Final = r"[0-9]{4}-(?:0[1-9]|1[0-2])"
MONTH_LENGTH: Final = 7
INT64: Final = 2**63
INT32: Final = 2**31
INSTANT_LENGTH: Final = 27
DATE_LENGTH: Final = 10
MAX_JSON_TEXT: Final = 20_000


class WireField(fields.Field[Any]):
    """A value of a wire row: `speed_type` is its msgspec type, `column_holds` what a type cannot say at speed."""

    checks_column: ClassVar[bool] = False

    def __init__(self, *, nullable: bool = False) -> None:
        """Declare a column; every column is always present, `nullable` ones may hold null."""
        super().__init__(required=True, allow_none=nullable)
        self.nullable = nullable

    @property
    def speed_type(self) -> Any:  # noqa: ANN401 - a typing construct
        """Return the msgspec type that accepts what this field accepts."""
        return self._type() | None if self.nullable else self._type()

    def _type(self) -> Any:  # noqa: ANN401 - a typing construct
        raise NotImplementedError

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:  # noqa: ANN401, ARG002 - marshmallow's signature
        reason = self.refuse(value)
        if reason is not None:
            raise ValidationError(reason)
        return value

    def refuse(self, value: Any) -> str | None:  # noqa: ANN401 - any JSON value
        """Return why `value` is not acceptable, or None when it is."""
        raise NotImplementedError

    def column_holds(self, values: Sequence[str]) -> bool:
        """Tell whether all non-null `values` of a column, already of `speed_type`, are acceptable."""
        return all(self.refuse(value) is None for value in set(values))


class Text(WireField):
    """Text of at most `most` characters, without NUL."""

    def __init__(self, most: int, *, least: int = 0, nullable: bool = False) -> None:
        """Declare text of `least` to `most` characters."""
        super().__init__(nullable=nullable)
        self.most = most
        self.least = least

    def _type(self) -> Any:  # noqa: ANN401 - a typing construct
        return Annotated[str, msgspec.Meta(min_length=self.least, max_length=self.most)]

    def refuse(self, value: Any) -> str | None:  # noqa: ANN401 - any JSON value
        """Refuse what is not text, too long or short, or holds NUL."""
        if not isinstance(value, str):
            return "must be text"
        if "\0" in value:
            return "must not contain NUL"
        if not self.least <= len(value) <= self.most:
            return f"must have {self.least} to {self.most} characters, has {len(value)}"
        return None


class Pattern(WireField):
    """ASCII text of one form and one length, such as an id or a month."""

    checks_column = True

    def __init__(self, pattern: str, length: int, what: str, *, nullable: bool = False) -> None:
        """Declare text of `length` characters that matches `pattern`; `what` names the form for people."""
        super().__init__(nullable=nullable)
        self.length = length
        self.what = what
        self._one = re.compile(pattern)
        self._many = re.compile(f"(?:{pattern})*")

    def _type(self) -> Any:  # noqa: ANN401 - a typing construct
        return Annotated[str, msgspec.Meta(min_length=self.length, max_length=self.length)]

    def column_holds(self, values: Sequence[str]) -> bool:
        """Check the whole column with one match: all values have the same length, so they cannot run together."""
        return self._many.fullmatch("".join(values)) is not None

    def refuse(self, value: Any) -> str | None:  # noqa: ANN401 - any JSON value
        """Refuse what does not have the form."""
        if isinstance(value, str) and self._one.fullmatch(value):
            return None
        return f"must be {self.what}"


class RecordId(Pattern):
    """The id of a record: a UUID in lower case with hyphens."""

    def __init__(self, *, nullable: bool = False) -> None:
        """Declare an id."""
        super().__init__(ID_PATTERN, ID_LENGTH, "a UUID in lower case", nullable=nullable)


class Month(Pattern):
    """A month, YYYY-MM."""

    def __init__(self, *, nullable: bool = False) -> None:
        """Declare a month."""
        super().__init__(MONTH_PATTERN, MONTH_LENGTH, "a month as YYYY-MM", nullable=nullable)


class Code(WireField):
    """One of a closed list of codes; an unknown code is refused, and so parked, never guessed."""

    def __init__(self, codes: Sequence[str], *, nullable: bool = False) -> None:
        """Declare a closed list."""
        super().__init__(nullable=nullable)
        self.codes = tuple(codes)

    def _type(self) -> Any:  # noqa: ANN401 - a typing construct
        return Literal[self.codes]

    def refuse(self, value: Any) -> str | None:  # noqa: ANN401 - any JSON value
        """Refuse what is not in the list."""
        return (
            None
            if isinstance(value, str) and value in self.codes
            else f"must be one of {', '.join(self.codes)}"
        )


class Whole(WireField):
    """A whole number from `least` to `most`, within 64 bits."""

    def __init__(self, *, least: int = -INT64, most: int = INT64 - 1, nullable: bool = False) -> None:
        """Declare a whole number."""
        super().__init__(nullable=nullable)
        self.least = least
        self.most = most

    def _type(self) -> Any:  # noqa: ANN401 - a typing construct
        return Annotated[int, msgspec.Meta(ge=self.least, le=self.most)]

    def refuse(self, value: Any) -> str | None:  # noqa: ANN401 - any JSON value
        """Refuse what is not a whole number, or out of range."""
        if isinstance(value, bool) or not isinstance(value, int):
            return "must be a whole number"
        return None if self.least <= value <= self.most else f"must be from {self.least} to {self.most}"


class Day(WireField):
    """A calendar day, YYYY-MM-DD; kept as text, for that is how it is stored in bulk."""

    checks_column = True

    def _type(self) -> Any:  # noqa: ANN401 - a typing construct
        return Annotated[str, msgspec.Meta(min_length=DATE_LENGTH, max_length=DATE_LENGTH)]

    def refuse(self, value: Any) -> str | None:  # noqa: ANN401 - any JSON value
        """Refuse what is not a day of the calendar in the one form."""
        return None if isinstance(value, str) and is_day(value) else "must be a day as YYYY-MM-DD"

    def column_holds(self, values: Sequence[str]) -> bool:
        """Check each day that occurs once."""
        return all(map(is_day, set(values)))


class InstantText(WireField):
    """An instant: UTC, microseconds, `YYYY-MM-DDTHH:MM:SS.ffffffZ`."""

    checks_column = True

    def _type(self) -> Any:  # noqa: ANN401 - a typing construct
        return Annotated[str, msgspec.Meta(min_length=INSTANT_LENGTH, max_length=INSTANT_LENGTH)]

    def refuse(self, value: Any) -> str | None:  # noqa: ANN401 - any JSON value
        """Refuse what is not an instant in the one form."""
        if isinstance(value, str) and is_instant(value):
            return None
        return "must be an instant as YYYY-MM-DDTHH:MM:SS.ffffffZ"

    def column_holds(self, values: Sequence[str]) -> bool:
        """Check the form of the whole column with one match, as all have the same length, and each day once."""
        if _INSTANTS.fullmatch("".join(values)) is None:
            return False
        return all(map(is_day, {value[:DATE_LENGTH] for value in values}))


class JsonText(WireField):
    """A JSON value carried as its own text, so that a bulk load can take the row as it stands."""

    checks_column = True

    def __init__(self, shape: type[list[str]] | type[dict[str, Any]], most: int = MAX_JSON_TEXT) -> None:
        """Declare text of at most `most` characters that holds a JSON list of texts or a JSON object."""
        super().__init__()
        self.shape = shape
        self.most = most

    def _type(self) -> Any:  # noqa: ANN401 - a typing construct
        return Annotated[str, msgspec.Meta(max_length=self.most)]

    def refuse(self, value: Any) -> str | None:  # noqa: ANN401 - any JSON value
        """Refuse what is not the text of such a JSON value."""
        if not isinstance(value, str) or len(value) > self.most:
            return f"must be JSON text of at most {self.most} characters"
        return (
            None
            if self.holds(value)
            else "must be the text of a JSON " + ("list" if self.is_list else "object")
        )

    @property
    def is_list(self) -> bool:
        """Whether a list is wanted, not an object."""
        return self.shape == list[str]

    def holds(self, text: str) -> bool:
        """Tell whether `text` is JSON of the wanted shape, without NUL (PostgreSQL cannot store it)."""
        return self.column_holds((text,))

    def column_holds(self, values: Sequence[str]) -> bool:
        """Check each text that occurs once."""
        texts = set(values)
        decode = (_LIST if self.is_list else _OBJECT).decode
        try:
            for text in texts:
                decode(text)
        except (msgspec.DecodeError, RecursionError):
            return False
        joined = "".join(texts)
        return "\\u0000" not in joined and "\0" not in joined


_LIST: Final = msgspec.json.Decoder(list[str])
_OBJECT: Final = msgspec.json.Decoder(dict[str, str | int | bool | None])


_INSTANT: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3])(?::[0-5][0-9]){2}\.[0-9]{6}Z"
_ONE_INSTANT: Final = re.compile(_INSTANT)
_INSTANTS: Final = re.compile(f"(?:{_INSTANT})*")


def is_instant(text: str) -> bool:
    """Tell whether `text` is an instant in the one form we store and send."""
    return _ONE_INSTANT.fullmatch(text) is not None and is_day(text[:DATE_LENGTH])


# Few days occur in many rows; a century is 36,525.
@lru_cache(maxsize=40_000)
def is_day(text: str) -> bool:
    """Tell whether `text` is a day in the one form we store and send."""
    if not (len(text) == DATE_LENGTH and text[4] == text[7] == "-" and text.isascii()):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
