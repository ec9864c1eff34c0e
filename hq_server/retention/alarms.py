"""What can be wrong with HQ's backups, as an alarm for people."""

from collections.abc import Sequence
from typing import Final

from shared.alarms.vocabulary import AlarmKind, Severity
from shared.errors import N_

NO_BACKUP: Final = AlarmKind(
    "no-backup",
    Severity.CRITICAL,
    N_("Head office has not been backed up"),
    N_(
        "Run `hq-server backup FILE` and see why the timer that should do it did not. Until then branches keep "
        "everything they have sent since the last backup, and their stores fill up."
    ),
    N_("The last backup was made %(last)s; one is due every %(days)s days."),
)
ALARMS: Final[Sequence[AlarmKind]] = (NO_BACKUP,)
