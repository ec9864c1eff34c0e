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
SET_BACK: Final = AlarmKind(
    "database-set-back",
    Severity.WARNING,
    N_("This node's database was set back, and a new history has begun"),
    N_(
        "What head office still held was put back by itself. Open the recovered records on the sync page and decide "
        "those that were changed on both sides; then close this."
    ),
    N_(
        "History %(lineage)s; %(rows)s records came back from head office, %(batches)s batches are sent anew."
    ),
)
HQ_LOST: Final = AlarmKind(
    "hq-lost-batches",
    Severity.WARNING,
    N_("Head office had lost batches of this branch"),
    N_("Nothing needs doing: they are being sent again."),
    N_("%(batches)s batches were offered again."),
)
HQ_SET_BACK: Final = AlarmKind(
    "hq-older-than-told",
    Severity.WARNING,
    N_("Head office was restored from a backup older than the one it had told of"),
    N_(
        "Nothing needs doing: the batches it misses are not kept here any more, so every record is being sent again. "
        "Head office should find out what became of its later backups."
    ),
    N_("History %(lineage)s; first missing: %(why)s."),
)
COPY_REFUSED: Final = AlarmKind(
    "refused-as-copy",
    Severity.CRITICAL,
    N_("Head office refuses this node: another one speaks as this branch"),
    N_(
        "One of the two is a copy. Switch the wrong one off; if this is the right one, ask head office to let it take "
        "over. Nothing entered here is lost: it waits, and can be exported with `branch-node export-unsent`."
    ),
)
RECORD_TOO_LARGE: Final = AlarmKind(
    "record-too-large",
    Severity.CRITICAL,
    N_("A record is too large to be sent to head office"),
    N_(
        "Open the record and shorten it: texts, tags, attributes. It goes with the next push then; all other records "
        "go meanwhile."
    ),
    N_("Record %(number)s takes %(size)s MB; %(most)s MB can be sent."),
)
_ROTATE: Final = N_("Run `branch-node rotate-key`; work goes on meanwhile, and nothing else is needed.")
_AGE: Final = N_("Key %(key)s is %(days)s days old.")
KEY_OLD: Final = AlarmKind(
    "key-old", Severity.WARNING, N_("This node's key is to be replaced within weeks"), _ROTATE, _AGE
)
KEY_TOO_OLD: Final = AlarmKind(
    "key-too-old", Severity.CRITICAL, N_("This node's key is older than a year"), _ROTATE, _AGE
)
NODE_OLD: Final = AlarmKind(
    "node-outdated",
    Severity.WARNING,
    N_("This node is two versions behind head office"),
    N_("Install the present version on this node: head office's next one will not read what this one sends."),
    N_("Record types in their oldest readable version: %(records)s."),
)
VERSION_REFUSED: Final = AlarmKind(
    "version-refused",
    Severity.CRITICAL,
    N_("Head office does not read the version this node sends"),
    N_(
        "Bring the older of the two up to date, this node or head office. Nothing is lost: what is sealed waits and "
        "goes as it is, and what is not sealed yet goes after it."
    ),
    N_("Head office said: %(detail)s"),
)
RECORDS_WAIT: Final = AlarmKind(
    "records-unknown-there",
    Severity.WARNING,
    N_("Head office does not know some kinds of records yet"),
    N_(
        "Nothing needs doing here: they wait and go once head office is upgraded, and everything else goes meanwhile."
    ),
    N_("Kinds of records that wait: %(records)s."),
)
HQ_LOG: Final = AlarmKind(
    "hq-log-differs",
    Severity.CRITICAL,
    N_("The operation log of head office is not the one it showed this branch"),
    N_(
        "It was cut or written anew. `branch-node hq-log-ends` prints what head office had signed: give it to whoever "
        "examines head office, and close this with a note when it is settled."
    ),
    N_("Entry %(seq)s, as shown to branch %(branch)s: %(why)s."),
)
ALARMS: Final[Sequence[AlarmKind]] = (
    HQ_LOG,
    NODE_OLD,
    VERSION_REFUSED,
    RECORDS_WAIT,
    RECORDS_REFUSED,
    SET_BACK,
    HQ_LOST,
    HQ_SET_BACK,
    COPY_REFUSED,
    RECORD_TOO_LARGE,
    KEY_OLD,
    KEY_TOO_OLD,
)
