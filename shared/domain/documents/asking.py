"""What a kind of papers asks for besides its file, as head office publishes it with the kind."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from shared.domain.documents.vocabulary import is_sensitive
from shared.errors import N_

VALID_UNTIL: Final = "valid_until"
NO_END: Final = "no_end"
NUMBER: Final = "number"
DATED_ON: Final = "dated_on"
# In the order in which pages name them.
ASKS: Final[Mapping[str, str]] = {
    VALID_UNTIL: N_("valid until"),
    NO_END: N_("without an end"),
    NUMBER: N_("number"),
    DATED_ON: N_("date"),
}
NOT_ASKED: Final = N_(
    "A kind of papers may ask for a last day, a number and a date, or have no end; not both."
)
ASKS_NUMBER: Final = N_("Kinds of identity papers ask for no number: it stands in the profile.")
MISSING: Final = N_("Papers of this kind need this.")
HAS_NO_END: Final = N_("Papers of this kind have no end; leave it empty.")


def problem_of(kind: str, asks: object) -> str | None:
    """Return what is wrong with what a kind asks for, as a msgid, or None."""
    if not isinstance(asks, list) or not all(one in ASKS for one in asks if isinstance(one, str)):
        return NOT_ASKED
    if not all(isinstance(one, str) for one in asks) or {VALID_UNTIL, NO_END} <= set(asks):
        return NOT_ASKED
    return ASKS_NUMBER if NUMBER in asks and is_sensitive(kind) else None


def lacking(asks: Sequence[str], values: Mapping[str, Any]) -> dict[str, str]:
    """Return by field what is wrong with what is said of a paper whose kind asks for this, as msgids."""
    found = {field: MISSING for field in asks if field != NO_END and not values.get(field)}
    return found | ({VALID_UNTIL: HAS_NO_END} if NO_END in asks and values.get(VALID_UNTIL) else {})
