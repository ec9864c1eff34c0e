"""Months as text, YYYY-MM, which sorts as time does."""

import re
from datetime import date
from typing import Final

from shared.errors import FieldError

MONTHS_IN_YEAR: Final = 12
_MONTH: Final = re.compile(r"(19|20)[0-9]{2}-(0[1-9]|1[0-2])")


def month_of(day: date) -> str:
    """Return the month a day lies in."""
    return f"{day.year:04d}-{day.month:02d}"


def shift(month: str, by: int) -> str:
    """Return the month `by` months later, or earlier when negative."""
    year, number = int(month[:4]), int(month[5:])
    index = year * MONTHS_IN_YEAR + number - 1 + by
    return f"{index // MONTHS_IN_YEAR:04d}-{index % MONTHS_IN_YEAR + 1:02d}"


def first_day(month: str) -> date:
    """Return the month's first day."""
    return date(int(month[:4]), int(month[5:]), 1)


def span(first: str, last: str) -> list[str]:
    """Return every month from `first` to `last`, both included."""
    months = []
    while first <= last:
        months.append(first)
        first = shift(first, 1)
    return months


def parse_month(text: str, *, field: str) -> str:
    """Return `text` as a month; raises FieldError naming `field`."""
    month = text.strip()
    if not _MONTH.fullmatch(month):
        raise FieldError(field=field)
    return month
