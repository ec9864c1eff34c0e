"""How an export can stand, and what may be asked of it."""

from enum import StrEnum
from typing import Final

from shared.errors import N_

KIND: Final = "export"


class ExportState(StrEnum):
    """A small export is taken at once; a large one waits for a second person, is made, fetched, and gone."""

    TAKEN = "taken"
    WAITING = "waiting"
    APPROVED = "approved"
    READY = "ready"
    OVER = "over"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


STATE_WORDS: Final = {
    ExportState.TAKEN: (N_("taken at once"), "ok"),
    ExportState.WAITING: (N_("waits for a second person"), "warn"),
    ExportState.APPROVED: (N_("approved, not made yet"), "info"),
    ExportState.READY: (N_("ready to be fetched"), "info"),
    ExportState.OVER: (N_("over, its file is removed"), ""),
    ExportState.REFUSED: (N_("refused"), "bad"),
    ExportState.WITHDRAWN: (N_("withdrawn"), ""),
    ExportState.EXPIRED: (N_("ran out unused"), ""),
}
# Whose row counts as taken out of the node.
MADE: Final = frozenset({ExportState.TAKEN, ExportState.READY, ExportState.OVER})
