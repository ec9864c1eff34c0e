"""What the alarms say of parked records."""

from collections.abc import Sequence
from typing import Final

from shared.alarms.vocabulary import AlarmKind, Severity
from shared.errors import N_

RECORDS_PARKED: Final = AlarmKind(
    "records-parked",
    Severity.WARNING,
    N_("Records of a branch are parked"),
    N_(
        "Open the parked records of the branch: each tells what is wrong. The branch mends them, and its next push "
        "settles them; after an upgrade of head office, have them checked again."
    ),
    N_("%(records)s refused, %(waiting)s waiting for another record."),
)
ALARMS: Final[Sequence[AlarmKind]] = (RECORDS_PARKED,)
