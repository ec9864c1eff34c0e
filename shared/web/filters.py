"""What templates call to show instants, numbers and money; nothing given shows as a dash."""

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from flask import Flask
from markupsafe import Markup, escape

from shared import i18n
from shared.rights.vocabulary import StaffKind
from shared.web.context import runtime
from shared.web.kinds import duty_labels, kind_label

_NUMBERS = (int, float, Decimal)
NOTHING = Markup('<span class="muted">–</span>')


def install(app: Flask) -> None:
    """Give every template the filters."""
    filters: dict[str, Callable[..., Any]] = {
        "instant": instant,
        "exact": exact,
        "date": day,
        "number": number,
        "money": money,
        "amount": amount,
        "percent": percent,
        "bytes": size,
        "label": word,
        "duties": duty_labels,
    }
    app.jinja_env.filters.update(filters)
    app.jinja_env.globals["_"] = words


def words(text: str, **values: object) -> Markup:
    """Return words in the language of the page, as text: nothing in them is markup, wherever they were stored.

    Jinja's own takes every msgid for markup of ours, and some stand in rows: reasons, names of record types.
    """
    translated = escape(i18n.gettext(text))
    return translated % values if values else translated


def instant(value: datetime | None) -> Markup:
    """Show how long ago (or how soon), with the exact time when pointed at."""
    if value is None:
        return NOTHING
    zone = runtime().settings.timezone
    exactly = i18n.format_instant(value, timezone=zone, style="second")
    text = i18n.format_relative(value, now=runtime().clock.now(), timezone=zone)
    return _time(value, text, exactly)


def exact(value: datetime | None) -> Markup:
    """Show the exact time on the node's clock, with seconds when pointed at."""
    if value is None:
        return NOTHING
    zone = runtime().settings.timezone
    seconds = i18n.format_instant(value, timezone=zone, style="second")
    return _time(value, i18n.format_instant(value, timezone=zone), seconds)


def day(value: date | datetime | None, style: str = "iso") -> str | Markup:
    """Show a day; an instant shows the day it fell on at the node."""
    if value is None:
        return NOTHING
    if isinstance(value, datetime):
        value = i18n.in_zone(value, runtime().settings.timezone).date()
    return i18n.format_date(value, style="long" if style == "long" else "iso")


def number(value: object, decimals: int | None = None) -> str | Markup:
    """Show a number with its digits grouped; what is none, out of a report that cannot be read, as it stands."""
    if not isinstance(value, _NUMBERS):
        return NOTHING if value is None else str(value)
    return i18n.format_number(value, decimals=decimals)


def money(minor: object, currency: str | None = None) -> str | Markup:
    """Show minor units with the currency's sign; without a currency, the node's. No number stands as it is."""
    if not isinstance(minor, int):
        return NOTHING if minor is None else str(minor)
    return i18n.format_money(minor, currency or runtime().settings.currency)


def amount(minor: int | None, currency: str | None = None) -> str | Markup:
    """Show minor units as bare digits, for tables whose heading names the currency."""
    if minor is None:
        return NOTHING
    return i18n.format_money(minor, code=currency or runtime().settings.currency)


def percent(ratio: float | Decimal | None, decimals: int = 1) -> str | Markup:
    """Show a ratio as a percentage."""
    return NOTHING if ratio is None else i18n.format_percent(ratio, decimals=decimals)


def size(value: int | None) -> str | Markup:
    """Show a number of bytes in a readable unit."""
    return NOTHING if value is None else i18n.format_bytes(value)


def word(member: Any) -> str | Markup:  # noqa: ANN401 - any member of any vocabulary
    """Show what people call a member of a vocabulary."""
    if isinstance(member, StaffKind):
        return kind_label(member)
    return NOTHING if member is None else i18n.label(member)


def _time(value: datetime, text: str, title: str) -> Markup:
    # Put together by hand, since a page shows hundreds and Markup.format takes half of what a line of a list does.
    shown = f'<time datetime="{value.isoformat()}" title="{escape(title)}">{escape(text)}</time>'
    return Markup(shown)  # noqa: S704 - all that is not markup is escaped
