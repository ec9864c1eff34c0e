"""What can be wrong with a branch's line and its history, as alarms for people at the branch."""

from collections.abc import Sequence
from typing import Final

from shared.alarms.vocabulary import AlarmKind, Severity
from shared.errors import N_

RECORDS_REFUSED: Final = AlarmKind(
    "records-refused",
    Severity.WARNING,
    N_("Head office refused records of this branch"),
    N_("Open the list of refused records on the sync page and mend each; the next push settles it."),
    N_("%(records)s records are kept aside at head office."),
)
ALARMS: Final[Sequence[AlarmKind]] = (RECORDS_REFUSED,)
