"""What people call what stands in the operation log, in the reader's language."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from flask import url_for

from shared.audit.models import AuditEntry
from shared.audit.vocabulary import LogAction, LogOutcome
from shared.domain.customers.vocabulary import (
    CustomerKind,
    CustomerStatus,
    Grade,
    IdentityDocument,
    PreferredChannel,
)
from shared.domain.regions.lookup import region_name
from shared.domain.vocabulary import Vocabulary
from shared.domain.wire_words import RECORD_NAMES
from shared.errors import N_
from shared.i18n import format_instant, label
from shared.i18n import gettext as _
from shared.rights.vocabulary import StaffKind
from shared.web.context import NOBODY
from shared.web.kinds import kind_label
from shared.web.oplog.elements import Element
from shared.web.oplog.names import detail_word, field_word
from shared.web.oplog.queries import changes_of

Links = Mapping[str, Callable[[str], str]]
SEALED: Final = "sealed"
MASK: Final = "••••••"
VIAS: Final = {
    "web": N_("page"),
    "command": N_("command"),
    "job": N_("job"),
    "sync": N_("sync"),
    "api": N_("interface"),
}
OBJECTS: Final = {
    **RECORD_NAMES,
    "branch": N_("Branches"),
    "user": N_("Users"),
    "bulk": N_("Bulk acts"),
    "interface": N_("Interfaces"),
    "import": N_("Imports"),
    "job": N_("Jobs"),
    "alarm": N_("Alarms"),
    "parked": N_("Parked records"),
    "published": N_("Published items"),
    "receiver": N_("Receivers"),
    "resend": N_("Sent once more"),
    "hq": N_("Head office"),
    "record": N_("Records"),
    "log_view": N_("Views of the operation log"),
    "list_view": N_("Views of lists"),
    "two_person_act": N_("Acts of two people"),
}
# Modules that are not called after a record.
MODULES: Final = {
    "sign_in": N_("Signing in"),
    "sign_out": N_("Signing out"),
    "second_step": N_("Second step"),
    "log": N_("Operation log"),
    "operation_month": N_("Statistics of operations"),
    "sync": N_("Sync"),
    "node": N_("Node"),
    "outbox": N_("Sent batches"),
    "inbox": N_("Batches taken in"),
    "proof": N_("Proof"),
    "access": N_("Access"),
    "request": N_("Page requests"),
    "setup": N_("Setting up"),
    "recovered": N_("Versions in conflict"),
    "customer_share": N_("Sharing of customers"),
    "customer_serving": N_("Service desk"),
    "export": N_("Exports of personal data"),
    "personal_data": N_("Personal data"),
    "personal_request": N_("Personal data"),
    "hold": N_("Legal holds"),
    "feed_version": N_("Published items"),
    "two_person": N_("Acts of two people"),
    "feed": N_("Published items"),
    "service_desk": N_("Service desk"),
    "order": N_("Orders of head office"),
    "region": N_("Regions"),
    "archive": N_("Retained archive"),
    "duplicate": N_("Duplicates"),
    "merge": N_("Duplicates"),
    "handover": N_("Hand-overs of customers"),
    "document": N_("Documents of customers"),
}
VALUES: Final[Mapping[str, type[Vocabulary]]] = {
    "grade": Grade,
    "status": CustomerStatus,
    "id_type": IdentityDocument,
    "preferred_channel": PreferredChannel,
}


def name_of(element: Element, key: str) -> str:
    """Return what people call one value of an element."""
    if not key or key == "-":
        return _("none")
    known: Mapping[Element, Callable[[str], str]] = {
        Element.ACTION: action_word,
        Element.OUTCOME: outcome_word,
        Element.VIA: via_word,
        Element.OBJECT: object_word,
        Element.MODULE: object_word,
        Element.FIELD: field_word,
        Element.ACTOR: actor_word,
        Element.STAFF_KIND: _kind_word,
        Element.HOUR: lambda text: f"{text[:10]} {text[11:]}:00",
        Element.WEEK: lambda text: _("week of %(day)s", day=text),
    }
    return known[element](key) if element in known else key


def outcome_word(code: str) -> str:
    """Return the word for how an act ended."""
    return _word(LogOutcome, code)


def actor_word(name: str) -> str:
    """Return who did it: a name as it is, a word for who had not proven who they are."""
    return _("not signed in") if name == NOBODY else name


def via_word(code: str) -> str:
    """Return the word for the door an act came through."""
    return _(VIAS[code]) if code in VIAS else code


def action_word(code: str) -> str:
    """Return the word for a kind of act."""
    return _word(LogAction, code)


def object_word(code: str) -> str:
    """Return the word for a kind of record, or a module, which is named after one."""
    name = code.replace("-", "_")
    word = OBJECTS.get(name) or MODULES.get(name)
    return _(word) if word else code


def value_word(field: str, value: Any, *, timezone: str, kind: str = "") -> str:  # noqa: ANN401 - any JSON value
    """Return one value of a field as people read it."""
    if value is None or value in ("", [], {}):
        return "–"
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list):
        return _(", ").join(map(str, value))
    if isinstance(value, dict):
        return _(", ").join(f"{detail_word(name)}: {inner}" for name, inner in value.items())
    if field == "region_code":
        return region_name(str(value)) or str(value)
    vocabulary = CustomerKind if (kind, field) == ("customer", "kind") else VALUES.get(field)
    member = vocabulary.meant_by(str(value)) if vocabulary and kind in {"customer", ""} else None
    return label(member) if member else _instant_word(str(value), timezone)


def fields_word(entry: AuditEntry) -> str:
    """Return which fields an entry changed, in words."""
    return _(", ").join(field_word(field) for field in changes_of(entry))


def subject_url(links: Links, entry: AuditEntry) -> str | None:
    """Return the address of the record an entry is about, or None where it has no page."""
    make = links.get(entry.subject_type or "")
    return make(entry.subject_id) if make and entry.subject_id else None


def field_url(subject_type: str, subject_id: str, field: str) -> str:
    """Return the address of the story of one field of a record."""
    return url_for("oplog.field", subject_type=subject_type, subject_id=subject_id, field=field)


def _word(vocabulary: type[LogAction] | type[LogOutcome], code: str) -> str:
    found = next((member for member in vocabulary if member.value == code), None)
    return _(found.label) if found else code


def _kind_word(code: str) -> str:
    found = StaffKind.with_code(code)
    return str(kind_label(found)) if found else code


def _instant_word(text: str, timezone: str) -> str:
    if len(text) == len("2026-11-22T08:00:00.000000Z") and text.endswith("Z") and text[10] == "T":
        try:
            return format_instant(datetime.fromisoformat(text), timezone=timezone)
        except ValueError:
            return text
    return text
