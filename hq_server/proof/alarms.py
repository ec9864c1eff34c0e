"""What a comparison can show that no repair mends by itself."""

from collections.abc import Sequence
from typing import Final

from shared.alarms.vocabulary import AlarmKind, Severity
from shared.errors import N_

DIVERGENCE: Final = AlarmKind(
    "divergence",
    Severity.CRITICAL,
    N_("Head office and a branch hold different rows"),
    N_(
        "Three repairs did not help, or too many rows would have been removed. Open the proof page: it names the "
        "rows. Look for what changes them at head office or at the branch, then verify again."
    ),
    N_("%(record)s of branch %(branch)s: %(rows)s rows."),
)
CONTROL_DIFFERS: Final = AlarmKind(
    "control-differs",
    Severity.CRITICAL,
    N_("The sums of a batch are not those of its rows"),
    N_(
        "The branch sealed a batch whose control totals do not fit its own rows. Its database may be damaged: have "
        "it checked there, and compare the totals of the month with the branch."
    ),
    N_("Batch %(batch_no)s of branch %(branch)s: told %(told)s, found %(found)s."),
)
BRANCH_LOG: Final = AlarmKind(
    "branch-log-broken",
    Severity.CRITICAL,
    N_("The operation log of a branch is not the one head office knew"),
    N_(
        "It was cut or written anew after the branch had told where it ended. Keep a copy of the branch's directory as "
        "evidence, run `branch-node verify-log` there, and close this with a note when it is settled."
    ),
    N_("Entry %(seq)s of branch %(branch)s: %(why)s."),
)
BRANCH_ARCHIVE: Final = AlarmKind(
    "branch-archive-broken",
    Severity.CRITICAL,
    N_("The retained archive of a branch is not the one head office knew"),
    N_(
        "It was cut or written anew after the branch had told where it ended, or the branch's own check found an entry "
        "that is not as it was written. Keep a copy of the branch's directory as evidence, run `branch-node "
        "verify-archive` there, and close this with a note when it is settled."
    ),
    N_("Entry %(seq)s of branch %(branch)s: %(why)s."),
)
OWN_LOG: Final = AlarmKind(
    "own-log-differs",
    Severity.CRITICAL,
    N_("The operation log of head office is not the one it showed to a branch"),
    N_(
        "It was cut or written anew after the branch had been shown where it ended. Keep a copy of head office's "
        "directory and database as evidence, run `hq-server verify-log`, and close this with a note when it is settled."
    ),
    N_("Entry %(seq)s, as branch %(branch)s was shown it: %(why)s."),
)
ALARMS: Final[Sequence[AlarmKind]] = (DIVERGENCE, CONTROL_DIFFERS, BRANCH_LOG, BRANCH_ARCHIVE, OWN_LOG)
