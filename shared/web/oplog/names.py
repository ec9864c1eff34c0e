"""What people call the fields and details of entries whose names stand in the operation log alone."""

from collections.abc import Mapping
from typing import Final

from shared.domain.wire_words import COLUMN_NAMES, column_name
from shared.errors import N_
from shared.i18n import gettext as _

# Columns of logged tables that do not travel; those that do are named in `shared.domain.wire_words`.
FIELDS: Final[Mapping[str, str]] = {
    "act_id": N_("Request for a second person"),
    "after": N_("After"),
    "answer": N_("Answer"),
    "approved_by": N_("Approved by"),
    "asked_by": N_("Who asks"),
    "before": N_("Before"),
    "chosen": N_("Chosen"),
    "cleared_at": N_("Cleared at"),
    "clock_at": N_("By the node's clock"),
    "closed_at": N_("Closed at"),
    "closed_by": N_("Closed by"),
    "contact_id": N_("Contact of the node"),
    "contacts_before": N_("Contacts before"),
    "contender_at": N_("Second node seen at"),
    "contender_id": N_("Second node"),
    "customers": N_("Customers"),
    "data_as_of": N_("As of"),
    "digest": N_("Digest"),
    "ended_by": N_("Ended by"),
    "entry_id": N_("Entry"),
    "from_id": N_("Handed over by"),
    "identity": N_("How we know who asks"),
    "import_id": N_("Import"),
    "item_id": N_("Published item"),
    "last_address": N_("Last address"),
    "last_cycle_ms": N_("Last cycle, milliseconds"),
    "last_day": N_("Last day"),
    "last_seen_at": N_("Last seen"),
    "loser_id": N_("File merged away"),
    "minutes": N_("Minutes"),
    "moved": N_("What was moved"),
    "moved_on": N_("Moved on"),
    "not_before": N_("Not before"),
    "opened_at": N_("Opened at"),
    "pending": N_("Pending"),
    "proposed_at": N_("Asked at"),
    "proposed_by": N_("Asked for by"),
    "proposed_by_id": N_("Asked for by (account)"),
    "purpose": N_("Purpose"),
    "push_interval_s": N_("Seconds between pushes"),
    "records": N_("Records"),
    "seq": N_("No."),
    "shares": N_("Shares"),
    "signed_from_at": N_("Signed by who hands over at"),
    "signed_from_by": N_("Signed by who hands over"),
    "signed_from_paper": N_("Where the signed paper lies"),
    "signed_to_at": N_("Signed by who takes over at"),
    "signed_to_by": N_("Signed by who takes over"),
    "status_before": N_("Status before"),
    "stood": N_("What stood before"),
    "survivor_id": N_("File that stays"),
    "through_batch": N_("Through batch"),
    "to_id": N_("Handed over to"),
    "undone_at": N_("Undone at"),
    "undone_by": N_("Undone by"),
    "until": N_("Until"),
    "dated_on": N_("Date of the document"),
    "retire_reason": N_("Why it was retired"),
    "retired_by": N_("Retired by"),
    "valid_until": N_("Valid until"),
    "versions": N_("Number of versions"),
    "what": N_("What"),
}
# What entries tell besides the fields that changed.
DETAILS: Final[Mapping[str, str]] = {
    "emergency": N_("Without a second person"),
    "made_at": N_("Backup of"),
    "refused_before": N_("Refused tries before"),
    "second": N_("Who agreed"),
    "actor": N_("Operator"),
    "batches": N_("Sent batches"),
    "by": N_("Who was refused"),
    "codes_left": N_("Recovery codes left"),
    "columns": N_("Columns"),
    "conditions": N_("Conditions"),
    "corrects": N_("Corrects"),
    "counts": N_("What is counted"),
    "created": N_("Created"),
    "entries": N_("Entries"),
    "failures": N_("Wrong tries"),
    "file": N_("File"),
    "folder": N_("Folder"),
    "form": N_("Kind of file"),
    "no": N_("Version"),
    "size": N_("Bytes"),
    "from": N_("From"),
    "hq": N_("Head office"),
    "import": N_("Import"),
    "key": N_("Key"),
    "manager": N_("Account manager"),
    "masked": N_("Masked columns"),
    "method": N_("Way of asking"),
    "node": N_("Node"),
    "page": N_("Page"),
    "path": N_("Address of the page"),
    "read": N_("Read"),
    "refused": N_("Refused"),
    "repeated": N_("Times"),
    "revisions": N_("Steps of the database"),
    "rows": N_("Rows"),
    "sessions": N_("Sessions"),
    "sha256": N_("SHA-256 of the file"),
    "terminal": N_("Terminal"),
    "to": N_("To"),
    "unchanged": N_("Unchanged"),
    "updated": N_("Changed"),
    "whole": N_("Contact data in full"),
}


def field_word(field: str) -> str:
    """Return what people call a field that changed; an unknown one by its own name."""
    return _(FIELDS[field]) if field in FIELDS and field not in COLUMN_NAMES else column_name(field)


def detail_word(name: str) -> str:
    """Return what people call something an entry tells besides; an unknown one by its own name."""
    return _(DETAILS[name]) if name in DETAILS else field_word(name)
