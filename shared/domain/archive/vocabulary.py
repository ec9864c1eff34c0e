"""The closed words of the retained archive."""

from shared.domain.vocabulary import Vocabulary
from shared.errors import N_


class EntryKind(Vocabulary):
    """What an entry of the retained archive is; all but a file rest on an earlier entry and on an unlocking of it."""

    FILE = "file", N_("Archived file"), "档案"
    CORRECTION = "correction", N_("Corrected file"), "更正档案"
    NOTE = "note", N_("Note"), "附注"
    REMOVAL = "removal", N_("Taken out"), "已移出"


class UnlockPurpose(Vocabulary):
    """What an entry was unlocked for."""

    CHANGE = "change", N_("Note or correction"), "附注或更正"
    REMOVAL = "removal", N_("Taking it out"), "移出"
