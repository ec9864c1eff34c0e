"""What can be wrong with the machine a node runs on, as an alarm."""

from collections.abc import Sequence
from typing import Final

from shared.alarms.vocabulary import AlarmKind, Severity
from shared.errors import N_

DISK_FULL: Final = AlarmKind(
    "disk-full",
    Severity.CRITICAL,
    N_("The disk is full: this node is read-only"),
    N_(
        "Make room on the disk of the node's directory (old backups and exports first), or give it a larger one. "
        "Nothing was lost; within a minute after that everything works again by itself."
    ),
    N_("%(free_mb)s MB are free."),
)
LOG_BROKEN: Final = AlarmKind(
    "log-broken",
    Severity.CRITICAL,
    N_("The operation log of this node is not as it was written"),
    N_(
        "Somebody changed the database behind the program. Take a copy of the node's directory as evidence, run "
        "`verify-log` to see the first bad entry, compare with the last backup, and tell head office."
    ),
    N_("The first bad entry is number %(seq)s (%(why)s)."),
)
JOBS_STOPPED: Final = AlarmKind(
    "jobs-stopped",
    Severity.CRITICAL,
    N_("Nothing runs the jobs of this node"),
    N_(
        "Nothing is sent, received, backed up or watched, so other alarms may be missing. Restart the service of this "
        "node; where pages and jobs are two services, the one that runs `jobs`. It is over by itself once jobs run."
    ),
    N_("The first job that was not run was due at %(due_at)s."),
)
GUESSING: Final = AlarmKind(
    "guessing",
    Severity.WARNING,
    N_("Somebody tries passwords or one-time codes again and again"),
    N_(
        "The security page shows from where and for which accounts, the operation log has every try. Tries are slowed "
        "down and nobody is locked out. Ask the person; if it is not they, find the machine."
    ),
    N_("%(tries)s wrong tries in a row, the last within the hour; counted: %(counters)s."),
)
RESTORED_BY_ONE: Final = AlarmKind(
    "restored-by-one",
    Severity.CRITICAL,
    N_("This node was restored by one person alone"),
    N_(
        "Find out who did it, and whether the backup is the right one. An administrator says here what was found, and "
        "another one agrees; where there is only one, make somebody else administrator first."
    ),
    N_("By %(user)s at %(terminal)s, from %(file)s as of %(made_at)s: %(why)s"),
)
ALARMS: Final[Sequence[AlarmKind]] = (DISK_FULL, LOG_BROKEN, JOBS_STOPPED, GUESSING, RESTORED_BY_ONE)
