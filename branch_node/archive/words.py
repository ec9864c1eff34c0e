"""What archive pages call fields, values and events, in the reader's language."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from flask import g
from sqlalchemy.orm import Session

from branch_node.archive.versions import BEGINNING, UNTOLD
from branch_node.customers.queries import find_by_ids
from branch_node.documents.queries import kind_words
from branch_node.managers.queries import list_managers
from shared.audit.models import AuditEntry
from shared.domain.contacts.vocabulary import Channel, ContactRole, ContactStanding, ContactStatus
from shared.domain.customers.vocabulary import (
    CustomerKind,
    CustomerStatus,
    Grade,
    IdentityDocument,
    LifecycleStage,
    MoveOf,
    ParentKind,
    PreferredChannel,
    ServiceLevel,
    ValueTier,
)
from shared.domain.documents.vocabulary import kind_of, paper_word
from shared.domain.offers.vocabulary import OfferStep
from shared.domain.qualification.vocabulary import JudgedAs, QualificationState
from shared.domain.regions import region_name
from shared.domain.units.vocabulary import UnitEventKind
from shared.domain.vocabulary import Vocabulary
from shared.i18n import gettext as _
from shared.i18n import label
from shared.i18n import lazy_gettext as _l
from shared.web.context import reading
from shared.web.oplog.names import field_word as oplog_word
from shared.web.oplog.queries import changes_of

FIELDS: Final = {
    "customer_no": _l("Number"),
    "kind": _l("Kind"),
    "name": _l("Name"),
    "short_name": _l("Short name"),
    "id_type": _l("Document"),
    "id_no": _l("Document number"),
    "mobile": _l("Mobile"),
    "phone": _l("Phone"),
    "email": _l("E-mail"),
    "wechat": _l("WeChat account"),
    "region_code": _l("Region"),
    "address": _l("Address"),
    "grade": _l("Grade"),
    "status": _l("Status"),
    "opened_on": _l("Opened on"),
    "manager_id": _l("Account manager"),
    "preferred_channel": _l("Preferred channel"),
    "tags": _l("Tags"),
    "attributes": _l("Further attributes"),
    "remark": _l("Remark"),
}
CONTACT_VOCABULARIES: Final[Mapping[str, type[Vocabulary]]] = {
    "role": ContactRole,
    "standing": ContactStanding,
    "status": ContactStatus,
    "preferred_channel": PreferredChannel,
    "do_not_contact": Channel,
}
VOCABULARIES: Final[Mapping[str, type[Vocabulary]]] = {
    "kind": CustomerKind,
    "grade": Grade,
    "status": CustomerStatus,
    "id_type": IdentityDocument,
    "preferred_channel": PreferredChannel,
    "service_level": ServiceLevel,
    "lifecycle_stage": LifecycleStage,
    "value_tier": ValueTier,
    "parent_kind": ParentKind,
    "do_not_contact": Channel,
}
# Codes of what hangs on a file, by the list they are of.
CODES: Final[Mapping[str, type[Vocabulary]]] = {
    "unit": UnitEventKind,
    "move": MoveOf,
    MoveOf.STAGE.value: LifecycleStage,
    MoveOf.TIER.value: ValueTier,
    "judged": JudgedAs,
    "grade": Grade,
    "state": QualificationState,
    "offer": OfferStep,
}
EVENTS: Final = {
    BEGINNING: _l("as it stood before the record begins"),
    UNTOLD: _l("blanked by rule, or changed beside the program"),
    "customer.registered": _l("registered"),
    "customer.created": _l("registered"),
    "customer.changed": _l("changed"),
    "customer.merged": _l("merged"),
    "contact.added": _l("registered"),
    "contact.changed": _l("changed"),
}


def code_word(of: str, code: str | None) -> str:
    """Return what one of CODES is called; an unknown one is shown as it is, none as a dash."""
    if code is None:
        return "–"
    member = next((one for one in CODES[of] if one.value == code), None)
    return label(member) if member is not None else code


def field_word(field: str) -> str:
    """Return what a field is called; one that this version does not know by its own name."""
    if kind_of(field):
        return paper_word(field, _papers())
    return str(FIELDS[field]) if field in FIELDS else oplog_word(field)


def fields_word(entry: AuditEntry, without: Collection[str] = ()) -> str:
    """Return which fields an entry of the operation log changed, in words, but for some."""
    return _(", ").join(field_word(name) for name in changes_of(entry) if name not in without)


def _papers() -> dict[str, str]:
    """Return what the kinds of papers are called, asked once a page."""
    if "paper_words" not in g:
        with reading() as session:
            g.paper_words = kind_words(session)
    found: dict[str, str] = g.paper_words
    return found


def value_word(field: str, value: Any, names: Mapping[str, str]) -> str:  # noqa: ANN401 - any JSON value
    """Return a value of a field in the reader's words.

    `names` are what account managers and the groups above are called, by id, as far as the reader may know them.
    """
    if value is None or value in ("", [], {}):
        return "–"
    if isinstance(value, list):
        return _(", ").join(value_word(field, one, names) for one in value)
    if isinstance(value, dict):
        return _(", ").join(f"{name}: {one}" for name, one in sorted(value.items()))
    if field in ("manager_id", "parent_id"):
        unknown = str(value) if field == "manager_id" else _("a customer you do not see")
        return names.get(str(value), unknown)
    if field == "region_code":
        return region_name(value)
    members = {member.value: member for member in VOCABULARIES.get(field, ())}
    return label(members[value]) if value in members else str(value)


def names_of(session: Session, groups: Iterable[str | None]) -> dict[str, str]:
    """Return what account managers are called, and those of some groups that the session sees, by id."""
    people = {manager.id: manager.name for manager in list_managers(session)}
    found = find_by_ids(session, [one for one in groups if one])
    return people | {one.id: f"{one.name} {one.customer_no}" for one in found.values()}


def contact_word(field: str, value: Any) -> str:  # noqa: ANN401 - any JSON value
    """Return a value of a contact person in the reader's words."""
    if value is None or value in ("", []):
        return "–"
    if isinstance(value, list):
        return _(", ").join(contact_word(field, one) for one in value)
    members = {member.value: member for member in CONTACT_VOCABULARIES.get(field, ())}
    return label(members[value]) if value in members else str(value)


def source_word(event: str, via: str, details: Mapping[str, Any]) -> str:
    """Return by which way a version came: a form, an import, the line or the program."""
    if "import" in details:
        return _("by an import")
    if event in (BEGINNING, UNTOLD):
        return ""
    ways = {"web": _("by a form"), "api": _("by a program"), "sync": _("by the line"), "job": _("by a job")}
    return ways.get(via, _("by a command"))
