"""What head office may fix about archives: which fields make a file complete, and the times of the retained archive."""

from collections.abc import Mapping
from typing import Final

from shared.domain.documents.vocabulary import PAPER
from shared.errors import N_

COMPLETE_INDIVIDUAL: Final = "archive-complete-individual"
COMPLETE_GROUP: Final = "archive-complete-group"
COMPLETE_DOUBLE: Final = "archive-complete-double"
UNLOCK_MINUTES: Final = "archive-unlock-minutes"
CLOSED_DAYS: Final = "archive-closed-days"
KEEP_YEARS: Final = "archive-keep-years"

USUAL_UNLOCK_MINUTES: Final = 30
LEAST_UNLOCK_MINUTES: Final = 5
MOST_UNLOCK_MINUTES: Final = 240
USUAL_CLOSED_DAYS: Final = 30
MOST_CLOSED_DAYS: Final = 3_650
MOST_YEARS: Final = 100

# The fields that can count towards a complete file, in the order pages name them.
FIELD_WORDS: Final[Mapping[str, str]] = {
    "short_name": N_("Short name"),
    "id_no": N_("Document number"),
    "mobile": N_("Mobile"),
    "phone": N_("Phone"),
    "email": N_("E-mail"),
    "wechat": N_("WeChat account"),
    "region_code": N_("Region"),
    "address": N_("Address"),
    "grade": N_("Grade"),
    "opened_on": N_("Opened on"),
    "manager_id": N_("Account manager"),
    "preferred_channel": N_("Preferred channel"),
    "tags": N_("Tags"),
}

# Papers that can count as well, and those of kinds that head office publishes: there when the customer has a document
# of that kind that is in force.
PAPER_WORDS: Final[Mapping[str, str]] = {
    f"{PAPER}contract": N_("Contract in force"),
    f"{PAPER}licence": N_("Licence in force"),
    f"{PAPER}identity": N_("Identity paper in force"),
}
COUNTED_WORDS: Final[Mapping[str, str]] = {**FIELD_WORDS, **PAPER_WORDS}
