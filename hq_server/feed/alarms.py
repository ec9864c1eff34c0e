"""What can be wrong with branches that follow the feed, as alarms for people at HQ."""

from collections.abc import Sequence
from typing import Final

from shared.alarms.vocabulary import AlarmKind, Severity
from shared.errors import N_

FEED_REFUSED: Final = AlarmKind(
    "feed-refused",
    Severity.WARNING,
    N_("A branch cannot obey what head office published"),
    N_(
        "Open the item on the page of published items: it says why. Usually the branch's program is older than the "
        "item; upgrade it, or publish a version it can read. The version before stays in force there."
    ),
    N_("%(items)s items; the first reason: %(reason)s"),
)
FEED_BEHIND: Final = AlarmKind(
    "feed-behind",
    Severity.WARNING,
    N_("A branch is heard from but has not applied what head office published"),
    N_(
        "Look at the branch's sync page for the trouble with its last cycle. A program too old to know "
        "published items has to be upgraded."
    ),
    N_("%(items)s items wait there, the oldest for %(hours)s hours."),
)
ORDER_REFUSED: Final = AlarmKind(
    "order-refused",
    Severity.WARNING,
    N_("A branch refused an order about personal data"),
    N_(
        "Open Legal holds: below the list stands the order with the branch's reason. It is not tried again; what has "
        "to happen has to be ordered anew, or settled with the branch. Close this alarm then."
    ),
    N_("The reason: %(reason)s"),
)
FEED_HELD: Final = AlarmKind(
    "feed-held",
    Severity.WARNING,
    N_("A table of kinds of papers was not published at its time"),
    N_(
        "It leaves out kinds that rules or complete files have come to count since it was written. Open its draft: "
        "keep the kinds, or publish it and say that it is meant."
    ),
    N_("Left out and counted: %(kinds)s."),
)
ALARMS: Final[Sequence[AlarmKind]] = (FEED_REFUSED, FEED_BEHIND, FEED_HELD, ORDER_REFUSED)
