"""What can be wrong with stored documents, as an alarm for people at the branch."""

from collections.abc import Sequence
from typing import Final

from shared.alarms.vocabulary import AlarmKind, Severity
from shared.errors import N_

DOCUMENTS_DAMAGED: Final = AlarmKind(
    "documents-damaged",
    Severity.CRITICAL,
    N_("Documents are not as they were stored"),
    N_(
        "Nobody is shown them. Look after the disk, and fetch the documents from the last backup that has them whole; "
        "then add each as a new version."
    ),
    N_("%(count)s documents are damaged, the first is %(document)s."),
)
ALARMS: Final[Sequence[AlarmKind]] = (DOCUMENTS_DAMAGED,)
