"""What can be wrong with the store of batches, as alarms for people at the branch."""

from collections.abc import Sequence
from typing import Final

from shared.alarms.vocabulary import AlarmKind, Severity
from shared.errors import N_

_CURE: Final = N_(
    "Nothing is dropped: what head office has not taken in, or has not backed up, stays here. See whether the line is "
    "down, and ask head office when it last made a backup; then the store empties by itself. Otherwise raise "
    "outbox_cap_mb."
)
_WORDS: Final = N_("%(percent)s %% of %(cap_mb)s MB; %(waiting)s changes wait to go.")
OUTBOX_FILLING: Final = AlarmKind(
    "outbox-filling", Severity.WARNING, N_("The store of what was sent fills up"), _CURE, _WORDS
)
OUTBOX_FULL: Final = AlarmKind(
    "outbox-full", Severity.CRITICAL, N_("The store of what was sent is almost at its cap"), _CURE, _WORDS
)
ALARMS: Final[Sequence[AlarmKind]] = (OUTBOX_FILLING, OUTBOX_FULL)
