"""What can be wrong with terms of personal data and with answers about it, as alarms for people at the branch."""

from collections.abc import Sequence
from typing import Final

from shared.alarms.vocabulary import AlarmKind, Severity
from shared.errors import N_

CLOCK_IN_DOUBT: Final = AlarmKind(
    "retention-clock",
    Severity.WARNING,
    N_("Personal data past its term is kept: the clock is in doubt"),
    N_(
        "Nothing is blanked before head office has confirmed the time: see whether the line is down, and set this "
        "node's clock. The next night does what was due."
    ),
    N_("Last contact %(contact)s; head office's clock is %(ahead)s seconds ahead of ours."),
)
REQUEST_DUE: Final = AlarmKind(
    "personal-request-due",
    Severity.WARNING,
    N_("A person waits for an answer about their data, and its day is near or over"),
    N_("Open the requests, and answer or refuse each with its reason; the law sets the day."),
    N_("%(requests)s open; the first was or is due on %(first)s."),
)
ALARMS: Final[Sequence[AlarmKind]] = (CLOCK_IN_DOUBT, REQUEST_DUE)
