"""From the text of a cell to a value: each parser returns the value or raises CellError, and nothing else."""

import re
import unicodedata
from collections.abc import Callable
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from functools import lru_cache
from typing import Final

from babel import Locale
from babel.numbers import get_currency_precision

from shared.db.base import minor_units
from shared.domain.contacts.rules import normal_birthday, normal_closed
from shared.domain.contacts.vocabulary import Channel
from shared.domain.customers.rules import normal_document_no, normal_mobile
from shared.domain.regions import search_regions
from shared.domain.units.fields import SERIAL_LENGTH
from shared.domain.units.rules import normal_serial
from shared.domain.vocabulary import Vocabulary
from shared.errors import N_, FieldError

Parser = Callable[[str], object]

_HIDDEN: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b\u2028-\u202e\u2060\u2066-\u2069\ufeff\ufffd\ud800-\udfff]"
)
_LINE_BREAK: Final = re.compile(r"[\r\n\t]")
_FORMULA_STARTS: Final = frozenset("=+-@\t\r")
_HARMLESS_SIGN: Final = re.compile(r"[+-][\d\s.,()/-]*", re.ASCII)
_AMOUNT: Final = re.compile(r"[+-]?(\d{1,15}|\d{1,3}(,\d{3}){1,4})(\.\d{1,2})?", re.ASCII)
_DAY: Final = re.compile(
    r"(\d{4})(?:-(\d{1,2})-(\d{1,2})|/(\d{1,2})/(\d{1,2})|年(\d{1,2})月(\d{1,2})日|(\d{2})(\d{2}))",
    re.ASCII,
)
_MIDNIGHT: Final = re.compile(r"[ T]00:00(:00)?$")
_MONTH: Final = re.compile(r"(\d{4})(?:-(\d{2})|年(\d{1,2})月)", re.ASCII)
_TIME: Final = re.compile(
    r"(.+?)(?:T|\s+)(\d{1,2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?)\s*(Z|[+-]\d{2}:?\d{2})?", re.ASCII
)
_PHONE: Final = re.compile(r"[0-9 +()\-./,;*#、转extEXT]{3,30}", re.ASCII)
_PHONE_DIGITS: Final = range(3, 25)
_EMAIL: Final = re.compile(r"[^@\s,;]{1,64}@[^@\s,;.]+(\.[^@\s,;.]+)+")
_REGION: Final = re.compile(r"\d{2,12}", re.ASCII)
_TAG_BREAK: Final = re.compile(r"[;；、|]")
_NEGATIVE: Final = re.compile(r"-\d+(\.\d+)?", re.ASCII)
_WHOLE: Final = re.compile(r"-?\d{1,6}(\.0+)?", re.ASCII)
_MAX_TAGS: Final = 20
_MAX_TAG: Final = 30
_MAX_MONTHS: Final = 1_800
_FIRST_YEAR: Final = 1900
_LAST_YEAR: Final = 2199
CURRENCIES: Final = frozenset(Locale("en").currencies)


class CellError(FieldError):
    """One cell is not acceptable; `code` is stable, `message` names the cure."""

    def __init__(self, message: str, code: str, **params: object) -> None:
        """Keep code and msgid on the instance: one class serves all cells."""
        super().__init__(**params)
        self.code = code  # type: ignore[misc]  # this error's code belongs to the instance
        self.message = message  # type: ignore[misc]  # as above


NOT_A_NUMBER: Final = N_("%(value)s is not an amount. Write it like 1234.50: digits, at most two decimals.")
NOT_A_DATE: Final = N_("%(value)s is not a date. Write it like 2026-03-09.")
NOT_AN_INSTANT: Final = N_("%(value)s is not a date with a time. Write it like 2026-03-09 14:30.")


def text(limit: int, *, multiline: bool = False) -> Parser:
    """Return a parser of text of at most `limit` characters, in NFC, without hidden characters."""

    def parse(raw: str) -> str:
        if raw[0] in _FORMULA_STARTS and not _HARMLESS_SIGN.fullmatch(raw):
            raise CellError(
                N_("This text begins like a formula. Take away the sign at its start."), "formula"
            )
        value = raw if raw.isascii() else unicodedata.normalize("NFC", raw)
        if multiline:
            value = value.replace("\r\n", "\n").replace("\r", "\n")
        elif _LINE_BREAK.search(value):
            raise CellError(N_("This cell holds a line break or a tab. Write it in one line."), "line-break")
        if _HIDDEN.search(value):
            raise CellError(
                N_("This cell holds invisible or unreadable characters. Type it anew."), "hidden-character"
            )
        if len(value) > limit:
            raise CellError(
                N_("At most %(limit)s characters, not %(length)s."),
                "too-long",
                limit=limit,
                length=len(value),
            )
        return value

    return parse


def word(vocabulary: type[Vocabulary]) -> Parser:
    """Return a parser of a closed list: code, English or Chinese word."""
    known: dict[str, Vocabulary] = {}

    def parse(raw: str) -> Vocabulary:
        found = known.get(raw)
        if found is None:
            found = vocabulary.meant_by(_folded(raw))
            if found is None:
                raise CellError(
                    N_("%(value)s is not one of: %(allowed)s."),
                    "unknown-word",
                    value=_short(raw),
                    allowed=", ".join(member.value for member in vocabulary),
                    words="、".join(member.chinese for member in vocabulary),
                )
            if len(known) < 1000:  # noqa: PLR2004 - spellings of one closed list; a bound, not a rule
                known[raw] = found
        return found

    return parse


def amount(raw: str) -> Decimal:
    """Return an exact amount in major units: two decimals at most, thousands separators allowed."""
    folded = _folded(raw)
    if not _AMOUNT.fullmatch(folded):
        raise CellError(NOT_A_NUMBER, "not-a-number", value=_short(raw))
    return Decimal(folded.replace(",", ""))


def to_minor(value: Decimal, code: str) -> int:
    """Return an amount in minor units of the currency `code`; raises CellError when there is no such coin."""
    try:
        return minor_units(value, digits=_digits(code))
    except ValueError:
        raise CellError(
            N_("%(value)s has more decimals than the currency %(currency)s."),
            "not-a-number",
            value=str(value),
            currency=code,
        ) from None


def to_major(minor: int, code: str) -> Decimal:
    """Return an amount in minor units of the currency `code` as people write it."""
    return Decimal(minor).scaleb(-_digits(code))


def currency(raw: str) -> str:
    """Return an ISO 4217 code."""
    code = _folded(raw).upper()
    if code not in CURRENCIES:
        raise CellError(
            N_("%(value)s is not a currency code such as CNY."), "unknown-currency", value=_short(raw)
        )
    return code


def months(raw: str) -> int:
    """Return a count of months, which is whole and never negative."""
    folded = _folded(raw)
    if _NEGATIVE.fullmatch(folded) and folded.strip("-0."):
        raise CellError(
            N_("%(value)s is negative. A number of months is 0 or more."), "negative", value=_short(raw)
        )
    if not _WHOLE.fullmatch(folded):
        raise CellError(N_("%(value)s is not a whole number of months."), "not-a-number", value=_short(raw))
    count = abs(int(Decimal(folded)))
    if count > _MAX_MONTHS:
        raise CellError(N_("%(value)s months cannot be right."), "out-of-range", value=_short(raw))
    return count


def serial(raw: str) -> str:
    """Return a serial or chassis number as it is stored and looked for."""
    value = normal_serial(str(text(SERIAL_LENGTH * 2)(raw)))
    if not 0 < len(value) <= SERIAL_LENGTH:
        raise CellError(
            N_("%(value)s is not a serial number of 1 to %(most)s characters."),
            "not-a-serial",
            value=_short(raw),
            most=SERIAL_LENGTH,
        )
    return value


def phone(raw: str) -> str:
    """Return a phone number as written, in half-width characters; only plainly wrong ones are refused."""
    folded = _folded(raw)
    if not _PHONE.fullmatch(folded) or sum(map(str.isdigit, folded)) not in _PHONE_DIGITS:
        raise CellError(N_("%(value)s is not a phone number."), "not-a-phone", value=_short(raw))
    return folded


def mobile(raw: str) -> str:
    """Return a mobile number as we keep it."""
    number = normal_mobile(_folded(raw))
    if number is None:
        raise CellError(
            N_("%(value)s is not a mobile number: 11 digits, or + and the country's code."),
            "not-a-mobile",
            value=_short(raw),
        )
    return number


def document_no(limit: int) -> Parser:
    """Return a parser of the number of a document, at most `limit` characters."""
    plain = text(limit)
    return lambda raw: normal_document_no(str(plain(raw)))


def email(raw: str) -> str:
    """Return an e-mail address that has the right shape."""
    folded = _folded(raw)
    if raw[0] in _FORMULA_STARTS or _HIDDEN.search(folded) or not _EMAIL.fullmatch(folded):
        raise CellError(N_("%(value)s is not an e-mail address."), "not-an-email", value=_short(raw))
    return folded


def region(raw: str) -> str:
    """Return a region code: digits, as in GB/T 2260, or those of the only region with this name."""
    folded = _folded(raw)
    code = folded if _REGION.fullmatch(folded) else _region_named(folded)
    if code is None:
        raise CellError(
            N_("%(value)s is not a region: its code of 2 to 12 digits, or a name that no other has."),
            "not-a-region",
            value=_short(raw),
        )
    return code


@lru_cache(maxsize=4096)
def _region_named(name: str) -> str | None:
    """Return the code of the only region of this name, short or full; None when there is none, or there are more."""
    named = [one.code for one in search_regions(name) if name in {one.name, one.full_name}]
    return named[0] if len(named) == 1 else None


def tags(raw: str) -> list[str]:
    """Return tags parted by ; or 、, each once, in the order written."""
    found: dict[str, None] = {}
    one = text(_MAX_TAG)
    for part in _TAG_BREAK.split(raw):
        if part.strip():
            found[str(one(part.strip()))] = None
    if len(found) > _MAX_TAGS:
        raise CellError(N_("At most %(limit)s tags."), "too-many", limit=_MAX_TAGS)
    return list(found)


def channels(raw: str) -> list[str]:
    """Return closed channels parted by ; or 、, as they are stored."""
    one = word(Channel)
    return normal_closed([str(one(part.strip())) for part in _TAG_BREAK.split(raw) if part.strip()])


@lru_cache(maxsize=4096)
def day(raw: str) -> date:
    """Return a day written 2026-03-09, 2026/3/9, 20260309 or 2026年3月9日; a time of midnight is let go."""
    found = _DAY.fullmatch(_MIDNIGHT.sub("", _folded(raw)))
    if found:
        year, month, number = (int(part) for part in found.groups() if part is not None)
        if _FIRST_YEAR <= year <= _LAST_YEAR:
            try:
                return date(year, month, number)
            except ValueError:
                pass
    raise CellError(NOT_A_DATE, "bad-date", value=_short(raw))


def past_day(today: date) -> Parser:
    """Return a parser of days up to and including `today`."""

    def parse(raw: str) -> date:
        value = day(raw)
        if value > today:
            raise CellError(N_("%(value)s lies in the future."), "in-future", value=_short(raw))
        return value

    return parse


def birthday(raw: str) -> str:
    """Return a birthday as contact people have it: with the year or without."""
    known = normal_birthday(_folded(raw))
    if known is None:
        raise CellError(
            N_("%(value)s is not a birthday. Write it like 1980-03-09, or 03-09."),
            "bad-birthday",
            value=_short(raw),
        )
    return known


@lru_cache(maxsize=4096)
def period(raw: str) -> str:
    """Return a month as YYYY-MM; its first day, into which spreadsheets turn it, is taken for the month."""
    folded = _folded(raw)
    found = _MONTH.fullmatch(folded)
    if found:
        year, month = (int(part) for part in found.groups() if part is not None)
        if _FIRST_YEAR <= year <= _LAST_YEAR and 1 <= month <= 12:  # noqa: PLR2004 - months of a year
            return f"{year:04}-{month:02}"
    try:
        first = day(raw)
    except CellError:
        first = None
    if first is not None and first.day == 1:
        return f"{first:%Y-%m}"
    raise CellError(N_("%(value)s is not a month. Write it like 2026-03."), "bad-period", value=_short(raw))


def instant(zone: tzinfo, *, day_alone: bool = False) -> Parser:
    """Return a parser of instants; one without an offset is on the clock of `zone`.

    With `day_alone` a bare date means its midnight.
    """

    def parse(raw: str) -> datetime:
        folded = _folded(raw)
        found = _TIME.fullmatch(folded)
        if found is None:
            if day_alone:
                whole = day(raw)
                return datetime(whole.year, whole.month, whole.day, tzinfo=zone).astimezone(UTC)
            raise CellError(NOT_AN_INSTANT, "bad-instant", value=_short(raw))
        try:
            on = day(found[1])
            hours = found[2] if found[2][1] != ":" else f"0{found[2]}"
            clock = datetime.fromisoformat(f"{on}T{hours}{found[3] or ''}")
        except (CellError, ValueError):
            raise CellError(NOT_AN_INSTANT, "bad-instant", value=_short(raw)) from None
        return (clock if clock.tzinfo else clock.replace(tzinfo=zone)).astimezone(UTC)

    return parse


def past_instant(zone: tzinfo, now: datetime) -> Parser:
    """Return a parser of instants up to `now`, for original dates; a bare date means its midnight."""
    inner = instant(zone, day_alone=True)

    def parse(raw: str) -> object:
        value = inner(raw)
        if isinstance(value, datetime) and value > now:
            raise CellError(N_("%(value)s lies in the future."), "in-future", value=_short(raw))
        return value

    return parse


@lru_cache(maxsize=256)
def _digits(code: str) -> int:
    return get_currency_precision(code)


def _folded(raw: str) -> str:
    """Return full-width digits and signs as half-width ones."""
    return raw if raw.isascii() else unicodedata.normalize("NFKC", raw).strip()


def _short(raw: str) -> str:
    """Return what was given, cut and without hidden characters, to name it in a message."""
    plain = _HIDDEN.sub("�", raw)
    return plain if len(plain) <= 40 else plain[:39] + "…"  # noqa: PLR2004 - what fits on a line beside the rest
