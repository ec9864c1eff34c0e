"""Pure decisions about tracked units: how a number is written, whose a unit was when, what its meter may show."""

import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, Protocol, TypeVar

from shared.domain.units.vocabulary import OWNING, UnitEventKind
from shared.errors import N_

SOLD_TOO_EARLY: Final = N_("It cannot be sold before it was made. Correct one of the two days.")
WARRANTY_TOO_EARLY: Final = N_(
    "The warranty cannot end before the unit was made or sold. Correct one of the days."
)
VIN_LENGTH: Final = 17
_DRESS: Final = re.compile(r"[\s\-_./·\u2010-\u2015]+")
_CHECK_PLACE: Final = 8
_WEIGHTS: Final = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
# Letters that look like figures (I, O, Q) stand in no chassis number.
_LETTERS: Final = dict(zip("ABCDEFGHJKLMNPRSTUVWXYZ", map(int, "12345678123457923456789"), strict=True))


class Happened(Protocol):
    """What the decisions here need to know of an event."""

    @property
    def id(self) -> str: ...  # noqa: D102 - as the column
    @property
    def kind(self) -> UnitEventKind: ...  # noqa: D102
    @property
    def customer_id(self) -> str | None: ...  # noqa: D102
    @property
    def happened_on(self) -> date: ...  # noqa: D102
    @property
    def reading(self) -> int | None: ...  # noqa: D102
    @property
    def corrects_id(self) -> str | None: ...  # noqa: D102


Event = TypeVar("Event", bound=Happened)


def day_problem(made: date | None, sold: date | None, warranty: date | None) -> tuple[str, str] | None:
    """Return which day of a unit cannot be, by its column, and why; None when they can stand together."""
    if made and sold and sold < made:
        return "sold_on", SOLD_TOO_EARLY
    if warranty and (begins := sold or made) and warranty < begins:
        return "warranty_until", WARRANTY_TOO_EARLY
    return None


@dataclass(frozen=True, slots=True)
class Owned:
    """Whose a unit was from a day until before another, None for nobody's; the last one has no end."""

    customer_id: str | None
    from_on: date
    until_on: date | None
    event_id: str


def normal_serial(given: str) -> str:
    """Return a number as it is stored and looked for: capitals of half width, without spaces, dashes and dots."""
    return _DRESS.sub("", unicodedata.normalize("NFKC", given)).upper()


def doubtful_vin(serial: str) -> bool:
    """Tell whether a number as long as a chassis number has a wrong check digit: a hint, for many makers keep none."""
    if len(serial) != VIN_LENGTH:
        return False
    values = [_LETTERS.get(each, int(each) if each in "0123456789" else -1) for each in serial]
    if -1 in values:
        return True
    left = sum(value * weight for value, weight in zip(values, _WEIGHTS, strict=True)) % 11
    return serial[_CHECK_PLACE] != ("X" if left == 10 else str(left))  # noqa: PLR2004 - the check figure ten


def standing(events: Iterable[Event]) -> list[Event]:
    """Return the events that count, in the order of their days: those that no other corrects, nothing taken back."""
    known = list(events)
    corrected = {one.corrects_id for one in known if one.corrects_id}
    counts = [one for one in known if one.id not in corrected and one.kind is not UnitEventKind.VOID]
    return sorted(counts, key=lambda one: (one.happened_on, one.id))


def ownership(events: Iterable[Happened]) -> list[Owned]:
    """Return whose a unit was when: each time ends when the next one begins, so none overlaps and none is missing.

    Of two that begin on one day the later written counts.
    """
    begins = {one.happened_on: one for one in standing(events) if one.kind in OWNING}
    ends: Sequence[date | None] = [*list(begins)[1:], None]
    return [
        Owned(_owner(one), on, until, one.id) for (on, one), until in zip(begins.items(), ends, strict=False)
    ]


def owner_on(history: Collection[Owned], day: date) -> str | None:
    """Return whose a unit was on a day, or None."""
    found = [one for one in history if one.from_on <= day and (one.until_on is None or day < one.until_on)]
    return found[0].customer_id if found else None


def goes_back(events: Iterable[Happened], day: date, reading: int) -> bool:
    """Tell whether a reading is less than one before that day, or more than one after it."""
    read = [(one.happened_on, one.reading) for one in standing(events) if one.reading is not None]
    return any(shown > reading if on <= day else shown < reading for on, shown in read if on != day)


def _owner(event: Happened) -> str | None:
    return event.customer_id if event.kind is UnitEventKind.OWNER else None
