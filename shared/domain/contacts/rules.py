"""Pure decisions about contact people: which channels are closed, and what a birthday looks like."""

import re
from collections.abc import Collection
from datetime import date
from typing import Final

from shared.domain.contacts.vocabulary import Channel, WhyNot
from shared.domain.customers.vocabulary import PreferredChannel

CHANNELS: Final = tuple(one for one in Channel if one is not Channel.ALL)
_BIRTHDAY: Final = re.compile(r"(?:([0-9]{4})-)?([0-9]{1,2})-([0-9]{1,2})")
# Any leap year: the 29th of February is somebody's birthday.
_SOME_LEAP_YEAR: Final = 2000


def closed_channels(
    closed: Collection[str],
    *,
    preferred: PreferredChannel | None = None,
    until: date | None = None,
    today: date | None = None,
) -> tuple[Channel, ...]:
    """Return the channels by which somebody is not to be reached today.

    Nobody who prefers no contact at all is reached by any; `until` is the last day of what is closed.
    """
    if preferred is PreferredChannel.NONE:
        return CHANNELS
    if until is not None and today is not None and until < today:
        return ()
    return CHANNELS if Channel.ALL.value in closed else tuple(one for one in CHANNELS if one.value in closed)


def why_not(
    channel: Channel,
    closed: Collection[str],
    *,
    preferred: PreferredChannel | None = None,
    until: date | None = None,
    today: date | None = None,
) -> WhyNot | None:
    """Return why somebody is not to be reached by a channel today, or None; ALL asks whether any is left."""
    if preferred is PreferredChannel.NONE:
        return WhyNot.NEVER
    shut = closed_channels(closed, preferred=preferred, until=until, today=today)
    if set(shut) == set(CHANNELS):
        return WhyNot.EVERY
    return WhyNot.CHANNEL if channel in shut else None


def normal_closed(given: Collection[str]) -> list[str]:
    """Return closed channels as they are stored: in the list's order, `all` standing for every one of them."""
    if Channel.ALL.value in given or set(given) >= {one.value for one in CHANNELS}:
        return [Channel.ALL.value]
    return [one.value for one in CHANNELS if one.value in given]


def normal_birthday(text: str) -> str | None:
    """Return a birthday as it is stored (1980-03-09, or 03-09 without the year), or None when it cannot be one."""
    found = _BIRTHDAY.fullmatch(text.strip().replace("/", "-").replace(".", "-"))
    if found is None:
        return None
    year, month, day = found.groups()
    try:
        known = date(int(year or _SOME_LEAP_YEAR), int(month), int(day))
    except ValueError:
        return None
    return known.isoformat() if year else known.isoformat()[5:]
