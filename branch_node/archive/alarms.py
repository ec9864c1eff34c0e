"""What can be wrong with the retained archive, as an alarm for people at the branch."""

from collections.abc import Sequence
from typing import Final

from shared.alarms.vocabulary import AlarmKind, Severity
from shared.errors import N_

ARCHIVE_BROKEN: Final = AlarmKind(
    "archive-broken",
    Severity.CRITICAL,
    N_("The retained archive is not as it was written"),
    N_(
        "Somebody changed the database behind the program. Take a copy of the node's directory as evidence, run "
        "`branch-node verify-archive` to see the first bad entry, and compare with the last backup."
    ),
    N_("The first bad entry is number %(seq)s (%(why)s)."),
)
ALARMS: Final[Sequence[AlarmKind]] = (ARCHIVE_BROKEN,)
