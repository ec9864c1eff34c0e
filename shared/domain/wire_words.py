"""What people call the records and columns that travel, and why one was refused, in the reader's language."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from shared.errors import N_
from shared.i18n import gettext as _

# In the order they travel.
RECORD_NAMES: Final[Mapping[str, str]] = {
    "manager": N_("Account managers"),
    "department": N_("Departments"),
    "staff": N_("People"),
    "customer": N_("Customers"),
    "contact": N_("Contact people"),
    "qualification": N_("Qualifications"),
    "unit": N_("Tracked units"),
    "bill_line": N_("Bill lines"),
    "work_log": N_("Work logs"),
    "unit_event": N_("What happened with units"),
    "offer_answer": N_("Answers to offers"),
    "question_answer": N_("Answers to questions"),
    "customer_month": N_("Customer months"),
    "operation_month": N_("Months of operations"),
    "day_close": N_("Closed days"),
    "legal_hold": N_("Legal holds"),
    "customer_identity": N_("Identities of customers"),
    "personal_request": N_("Requests about personal data"),
    "erasure": N_("Erasures"),
}
# The number by which people know a record of each type.
RECORD_NUMBERS: Final[Mapping[str, str]] = {
    "customer": "customer_no",
    "contact": "contact_no",
    "manager": "manager_no",
    "department": "code",
    "staff": "username",
    "unit": "serial_no",
    "bill_line": "bill_no",
    "work_log": "log_no",
}
COLUMN_NAMES: Final[Mapping[str, str]] = {
    "id": N_("Id"),
    "customer_no": N_("Customer number"),
    "manager_no": N_("Staff number"),
    "bill_no": N_("Bill number"),
    "log_no": N_("Log number"),
    "kind": N_("Kind"),
    "name": N_("Name"),
    "short_name": N_("Short name"),
    "id_type": N_("Identity document"),
    "id_no": N_("Document number"),
    "mobile": N_("Mobile"),
    "phone": N_("Phone"),
    "email": N_("E-mail"),
    "wechat": N_("WeChat account"),
    "region_code": N_("Region code"),
    "address": N_("Address"),
    "grade": N_("Grade"),
    "status": N_("Status"),
    "opened_on": N_("Opened on"),
    "manager_id": N_("Account manager"),
    "customer_id": N_("Customer"),
    "preferred_channel": N_("Preferred channel"),
    "tags": N_("Tags"),
    "attributes": N_("Attributes"),
    "remark": N_("Remark"),
    "created_at": N_("Made at"),
    "created_by": N_("Made by"),
    "updated_at": N_("Changed at"),
    "updated_by": N_("Changed by"),
    "post": N_("Post"),
    "level": N_("Level"),
    "department": N_("Department"),
    "code": N_("Code"),
    "parent_id": N_("The one above"),
    "position": N_("Order"),
    "head_id": N_("Head of department"),
    "retired_at": N_("Retired at"),
    "username": N_("User name"),
    "duties": N_("Duties"),
    "department_id": N_("Department"),
    "state": N_("State"),
    "occasion": N_("Occasion"),
    "outcome": N_("Outcome"),
    "score": N_("Score"),
    "lines": N_("Lines"),
    "rules_version": N_("Version of the rules"),
    "next_review_on": N_("Next review"),
    "judged_at": N_("Judged"),
    "judged_by": N_("Judged by"),
    "decided_at": N_("Decided"),
    "decided_by": N_("Decided by"),
    "reason": N_("Reason"),
    "placed_at": N_("Placed at"),
    "placed_by": N_("Placed by"),
    "ends_on": N_("Last day"),
    "order_id": N_("Order of head office"),
    "released_at": N_("Released at"),
    "released_by": N_("Released by"),
    "release_reason": N_("Why it was released"),
    "erased_at": N_("Erased at"),
    "erased_by": N_("Erased by"),
    "waiting": N_("Batches to be purged"),
    "complete_at": N_("Complete at"),
    "received_on": N_("Received on"),
    "due_on": N_("Due on"),
    "identity_id": N_("The same as"),
    "merged_at": N_("Merged at"),
    "merged_by": N_("Merged by"),
    "parent_kind": N_("Kind of member"),
    "group_no": N_("Group number"),
    "service_level": N_("Service level"),
    "do_not_contact_until": N_("Channels closed until"),
    "lifecycle_stage": N_("Life-cycle stage"),
    "value_tier": N_("Value tier"),
    "legacy_no": N_("Legacy number"),
    "contact_no": N_("Contact number"),
    "title": N_("Job title"),
    "role": N_("Role"),
    "standing": N_("Standing"),
    "do_not_contact": N_("Channels closed"),
    "birthday": N_("Birthday"),
    "product": N_("Product"),
    "period": N_("Month"),
    "month": N_("Month"),
    "amount_minor": N_("Amount, minor units"),
    "currency": N_("Currency"),
    "booked_on": N_("Booked on"),
    "corrects_id": N_("Corrects"),
    "started_at": N_("Start"),
    "ended_at": N_("End"),
    "place": N_("Place"),
    "text": N_("Text"),
    "sign_ins": N_("Sign-ins"),
    "days_worked": N_("Days worked"),
    "visits": N_("Visits"),
    "work_logs": N_("Work logs"),
    "files_changed": N_("Customer files changed"),
    "exports": N_("Exports"),
    "entered_at": N_("Entered at"),
    "serial_no": N_("Serial number"),
    "model": N_("Model"),
    "reading_unit": N_("Meter counts"),
    "made_on": N_("Made on"),
    "sold_on": N_("Sold on"),
    "warranty_until": N_("Warranty until"),
    "owner_id": N_("Owner"),
    "unit_id": N_("Unit"),
    "happened_on": N_("Happened on"),
    "reading": N_("Meter reading"),
    "reading_reason": N_("Why it reads less"),
    "cost_minor": N_("Cost, minor units"),
    "done_by": N_("Done by"),
    "recall_no": N_("Recall"),
    "offer_code": N_("Offer"),
    "step": N_("What became of it"),
    "person_id": N_("Who answered"),
    "question_code": N_("Question"),
    "question_version": N_("Version of the question"),
    "indicator": N_("Indicator"),
    "choice": N_("Choice"),
    "way": N_("How they were asked"),
    "answered_on": N_("Answered on"),
    "note": N_("Note"),
    "row": N_("The row"),
    # Columns that never travel, as the operation log tells of them.
    "data_range": N_("Data range"),
    "branches": N_("Branches"),
    "password_hash": N_("Password"),
    "code_hash": N_("One-time code"),
    "code_expires_at": N_("One-time code runs out"),
    "language": N_("Language"),
    "last_sign_in_at": N_("Last sign-in"),
    "disabled_at": N_("Disabled"),
    "user_id": N_("Account"),
    "shared_at": N_("Shared"),
    "shared_by": N_("Shared by"),
    "began_at": N_("Began"),
    "ends_at": N_("Ends"),
    "version": N_("Version"),
    "body": N_("Content"),
    "withdrawn": N_("Withdrawn"),
    "publish_at": N_("Publish at"),
    "published_at": N_("Published"),
    "published_by": N_("Published by"),
    "meant": N_("Left out on purpose"),
    "expires_at": N_("Runs out"),
    "made_at": N_("Made"),
    "made_by": N_("Made by"),
    "number": N_("Number"),
    "enrolled_at": N_("Registered"),
    "joined_at": N_("Joined"),
    "left_at": N_("Left"),
    "node_id": N_("Node"),
    "record_types": N_("Records"),
}
_DATABASE: Final = N_("The database refused this row. %(reason)s")
# The wire contract's reasons are English sentences with values in them (sync_protocol.contract.fields).
_REASONS: Final[Sequence[tuple[re.Pattern[str], str]]] = tuple(
    (re.compile(pattern), sentence)
    for pattern, sentence in (
        (r"must be text", N_("must be text")),
        (r"must not contain NUL", N_("must not contain the NUL character")),
        (
            r"must have (?P<least>\d+) to (?P<most>\d+) characters, has (?P<has>\d+)",
            N_("must have %(least)s to %(most)s characters; it has %(has)s"),
        ),
        (r"must be a UUID in lower case", N_("must be a record id (UUID, lower case)")),
        (r"must be a month as YYYY-MM", N_("must be a month such as 2026-11")),
        (r"must be one of (?P<codes>.+)", N_("must be one of: %(codes)s")),
        (r"must be a whole number", N_("must be a whole number")),
        (r"must be from (?P<least>-?\d+) to (?P<most>\d+)", N_("must be a whole number within the limits")),
        (r"must be a day as YYYY-MM-DD", N_("must be a day of the calendar such as 2026-11-18")),
        (r"must be an instant as .+", N_("must be an instant in UTC with microseconds")),
        (
            r"must be JSON text of at most (?P<most>\d+) characters",
            N_("must be JSON of at most %(most)s characters"),
        ),
        (r"must be the text of a JSON list", N_("must be a JSON list")),
        (r"must be the text of a JSON object", N_("must be a JSON object")),
        (r"Field may not be null\.", N_("must not be empty")),
        (r"Missing data for required field\.", N_("is missing")),
        (r"is not JSON", N_("cannot be read")),
        (r"must be a list of (?P<count>\d+) values", N_("must be a list of %(count)s values")),
        (r"waits for \w+ \S+, which is parked", N_("what it names is refused itself; they go in together")),
    )
)


def explain(code: str, reasons: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return (column in words, what is wrong with it) for each reason a row was refused for."""
    found = []
    for column, sentences in reasons.items():
        for sentence in sentences if isinstance(sentences, list | tuple) else [sentences]:
            text = str(sentence)
            told = _(_DATABASE, reason=text) if code == "database" else translate_reason(text)
            found.append((column_name(column), told))
    return found


def translate_reason(reason: str) -> str:
    """Return one reason of the wire contract in the reader's language; an unknown one as it is."""
    for pattern, sentence in _REASONS:
        match = pattern.fullmatch(reason)
        if match:
            return _(sentence, **match.groupdict())
    return reason


def column_name(column: str) -> str:
    """Return what people call a wire column; an unknown one by its own name."""
    return _(COLUMN_NAMES[column]) if column in COLUMN_NAMES else column
