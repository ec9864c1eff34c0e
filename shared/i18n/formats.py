"""Dates, numbers and money as the reader writes them; zone and present come from the caller."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Final, Literal
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date as babel_date
from babel.dates import format_timedelta
from babel.numbers import format_currency as babel_currency
from babel.numbers import format_decimal, get_currency_precision, get_decimal_symbol, get_group_symbol
from babel.numbers import format_percent as babel_percent

from shared.i18n.language import current_language, gettext

JUST_NOW: Final = timedelta(seconds=45)
RELATIVE_UNTIL: Final = timedelta(days=7)
STEP: Final = 1024
UNITS: Final = ("B", "KB", "MB", "GB", "TB")


def in_zone(value: datetime, timezone: str) -> datetime:
    """Return the same instant as the wall clock of `timezone` shows it."""
    return value.astimezone(ZoneInfo(timezone))


def format_instant(value: datetime, *, timezone: str, style: Literal["second", "minute"] = "minute") -> str:
    """Return the exact time on the wall clock of `timezone`, sortable and the same in every language."""
    return in_zone(value, timezone).strftime("%Y-%m-%d %H:%M:%S" if style == "second" else "%Y-%m-%d %H:%M")


def format_relative(value: datetime, *, now: datetime, timezone: str) -> str:
    """Return how long ago or how soon `value` is; beyond a week either way, its date."""
    away = value - now
    if abs(away) < JUST_NOW:
        return gettext("just now")
    if abs(away) > RELATIVE_UNTIL:
        return format_instant(value, timezone=timezone)[:10]
    return format_timedelta(away, add_direction=True, locale=_locale(), threshold=1.2)


def format_date(value: date, *, style: Literal["iso", "long"] = "iso") -> str:
    """Return a day as 2026-03-09, or spelled out in the reader's language."""
    if style == "iso":
        return value.strftime("%Y-%m-%d")
    return babel_date(value, format="long", locale=_locale())


def format_number(value: float | Decimal, *, decimals: int | None = None) -> str:
    """Return a number with digits grouped; `decimals` fixes how many follow the point."""
    if type(value) is int and not decimals:
        return _grouped(value)
    pattern = None if decimals is None else "#,##0" + ("." + "0" * decimals if decimals else "")
    return format_decimal(value, format=pattern, locale=_locale())


def format_percent(ratio: float | Decimal, *, decimals: int = 1) -> str:
    """Return a ratio (0.283) as a percentage (28.3%)."""
    pattern = "#,##0" + ("." + "0" * decimals if decimals else "") + "%"
    return babel_percent(ratio, format=pattern, locale=_locale())


def format_money(minor: int, currency: str | None = None, *, code: str | None = None) -> str:
    """Return minor units as an amount: with the sign of `currency`, or bare digits scaled for `code`.

    A table whose heading names the currency passes `code`; everything else passes `currency`.
    """
    known = currency or code or "CNY"
    digits = get_currency_precision(known)
    amount = Decimal(minor).scaleb(-digits)
    if currency is None:
        return _fixed(minor, digits) if digits else _grouped(minor)
    return babel_currency(amount, currency, locale=_locale())


def format_bytes(size: int) -> str:
    """Return a size in the largest unit that keeps it at least one."""
    value, unit = float(size), 0
    while value >= STEP and unit < len(UNITS) - 1:
        value, unit = value / STEP, unit + 1
    return f"{format_number(value, decimals=1 if unit else 0)} {UNITS[unit]}"


# A page may show thousands of numbers, and babel reads its patterns anew for each: whole numbers and
# amounts, which are nearly all of them, are put together here from the locale's two signs.


def _grouped(value: int) -> str:
    return f"{value:,}".replace(",", _signs(current_language())[0])


def _fixed(minor: int, digits: int) -> str:
    whole, rest = divmod(abs(minor), 10**digits)
    group, point = _signs(current_language())
    return f"{'-' if minor < 0 else ''}{f'{whole:,}'.replace(',', group)}{point}{rest:0{digits}d}"


@lru_cache(maxsize=8)
def _signs(language: str) -> tuple[str, str]:
    locale = _parse(language)
    return get_group_symbol(locale), get_decimal_symbol(locale)


def _locale() -> Locale:
    return _parse(current_language())


@lru_cache(maxsize=8)
def _parse(language: str) -> Locale:
    return Locale.parse(language)
