"""What an entry of the operation log can be asked, grouped and counted by."""

from typing import Final

from shared.errors import N_
from shared.rights.vocabulary import Word


class Element(Word):
    """One element of an entry; its code is its name in an address."""

    ACTOR = ("actor", N_("Operator"))
    STAFF_KIND = ("kind", N_("Kind of staff"))
    ACTION = ("action", N_("Action"))
    MODULE = ("module", N_("Module"))
    OBJECT = ("object", N_("Kind of record"))
    SUBJECT = ("subject", N_("Record"))
    FIELD = ("field", N_("Field changed"))
    TERMINAL = ("terminal", N_("Terminal"))
    VIA = ("via", N_("Door"))
    OUTCOME = ("outcome", N_("Outcome"))
    MANAGER = ("manager", N_("Account manager"))
    HOUR = ("hour", N_("Hour"))
    DAY = ("day", N_("Day"))
    WEEK = ("week", N_("Week"))
    MONTH = ("month", N_("Month"))

    @property
    def is_time(self) -> bool:
        """Whether it is a stretch of time: those stand in their own order and along the axis of a chart."""
        return self in TIMES


class Measure(Word):
    """What is counted of the entries of a group."""

    ENTRIES = ("entries", N_("Entries"))
    OPERATORS = ("operators", N_("Different operators"))
    OBJECTS = ("objects", N_("Different records"))
    FIRST = ("first", N_("First entry"))
    LAST = ("last", N_("Last entry"))

    @property
    def is_instant(self) -> bool:
        """Whether it tells when, and not how many."""
        return self in {Measure.FIRST, Measure.LAST}


TIMES: Final = frozenset({Element.HOUR, Element.DAY, Element.WEEK, Element.MONTH})
# Elements that an address narrows by a list of values; stretches of time become the first and the last day.
LISTED: Final = tuple(one for one in Element if one not in TIMES)
