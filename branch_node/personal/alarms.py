"""What can be wrong with keeping personal data for its term, as alarms for people at the branch."""

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
ALARMS: Final[Sequence[AlarmKind]] = (CLOCK_IN_DOUBT,)
