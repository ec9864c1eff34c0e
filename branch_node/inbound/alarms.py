"""What can be wrong with what came down, as alarms for people at the branch."""

from collections.abc import Sequence
from typing import Final

from shared.alarms.vocabulary import AlarmKind, Severity
from shared.errors import N_

NOT_OBEYED: Final = AlarmKind(
    "published-not-obeyed",
    Severity.WARNING,
    N_("Something that head office published cannot be obeyed here"),
    N_(
        "Usually this node's program is older than what was published: upgrade it, and the item is taken in again. "
        "The version before stays in force meanwhile; head office has been told."
    ),
    N_("%(kind)s %(name)s, version %(version)s: %(reason)s"),
)
ALARMS: Final[Sequence[AlarmKind]] = (NOT_OBEYED,)
