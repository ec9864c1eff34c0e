"""What can be wrong with a branch's identity or history, as alarms for people at HQ."""

from collections.abc import Sequence
from typing import Final

from shared.alarms.vocabulary import AlarmKind, Severity
from shared.errors import N_

DUPLICATE_NODE: Final = AlarmKind(
    "duplicate-node",
    Severity.CRITICAL,
    N_("Two nodes speak as one branch"),
    N_(
        "One of them is a copy and is refused. If the right one is refused, open the branch's page and let it "
        "take over; switch the other off. What was entered at the copy can be exported there."
    ),
    N_("Refused %(address)s; the node that keeps working was last heard from %(holder)s."),
)
NODE_REPLACED: Final = AlarmKind(
    "node-replaced",
    Severity.WARNING,
    N_("A branch's node was restored from a backup"),
    N_("Nothing needs doing if the branch restored its node; otherwise revoke its key."),
    N_("It spoke from %(address)s and takes the place of the earlier node."),
)
LINEAGE_OPENED: Final = AlarmKind(
    "lineage-opened",
    Severity.WARNING,
    N_("A branch began a new history"),
    N_(
        "Its database had been set back. It got back what head office held; the branch decides what both had changed."
    ),
    N_("History %(lineage)s was opened; the reason given is %(reason)s."),
)
HQ_BEHIND: Final = AlarmKind(
    "hq-behind",
    Severity.WARNING,
    N_("Head office had lost batches of a branch"),
    N_(
        "Nothing needs doing: the branch sent them again. Close this when head office was restored on purpose."
    ),
    N_("%(batches)s batches were offered again."),
)
FORK_DETECTED: Final = AlarmKind(
    "fork-detected",
    Severity.CRITICAL,
    N_("A branch sent other content under a known batch number"),
    N_(
        "Nothing of it was applied. The branch opens a new history at its next contact; "
        "if this comes again, look for a copy of the node."
    ),
    N_("Channel %(channel)s, batch %(batch_no)s: %(detail)s"),
)
VERSION_UNREAD: Final = AlarmKind(
    "version-unread",
    Severity.CRITICAL,
    N_("A branch sends a version that is not read here"),
    N_(
        "Bring the older of the two up to date, the branch's node or head office. The branch keeps everything and "
        "goes on by itself then; other branches and record types are not held up."
    ),
    N_("Record type %(record)s, version %(version)s: %(detail)s"),
)
ALARMS: Final[Sequence[AlarmKind]] = (
    VERSION_UNREAD,
    DUPLICATE_NODE,
    NODE_REPLACED,
    LINEAGE_OPENED,
    HQ_BEHIND,
    FORK_DETECTED,
)
