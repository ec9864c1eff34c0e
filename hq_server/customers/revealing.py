"""Showing one masked value of a customer or a contact person once: an act with a reason, counted and in the log."""

from datetime import timedelta
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hq_server.branches.models import Branch
from hq_server.customers.queries import get_customer, list_contacts
from shared.audit import operations as audit
from shared.audit.models import AuditEntry
from shared.errors import N_, BranchlineError, Kind
from shared.i18n import lazy_gettext
from shared.stamp import Stamp

EVENT: Final = "customer.revealed"
MOST_A_DAY: Final = 50
SHORTEST_REASON: Final = 4
REASON_LENGTH: Final = 200
FIELDS: Final = {
    "mobile": lazy_gettext("Mobile"),
    "phone": lazy_gettext("Phone"),
    "email": lazy_gettext("E-mail"),
    "wechat": lazy_gettext("WeChat account"),
    "id_no": lazy_gettext("Document number"),
    "address": lazy_gettext("Address"),
}
CONTACT_FIELDS: Final = ("mobile", "phone", "email", "wechat")


class RevealReasonError(BranchlineError):
    """Nobody sees a masked value without naming it and saying what for."""

    code = "reveal-reason"
    kind = Kind.INVALID
    message = N_("Choose a value and write what you need it for, in a few words.")


class TooManyRevealedError(BranchlineError):
    """This person has had as many values shown as a day's work can need."""

    code = "too-many-revealed"
    kind = Kind.TOO_MANY
    message = N_("You have had %(most)s values shown in the last 24 hours. More are not shown today.")


def reveal(
    session: Session, branch: Branch, customer_id: str, field: str, *, reason: str, by: Stamp
) -> str | None:
    """Return one value in full; the session must be the node's own, and who asks must see the customer.

    `field` is one of FIELDS, or what `contact_field` made of one of CONTACT_FIELDS and a contact person.
    Raises RevealReasonError, TooManyRevealedError and CustomerNotFoundError.
    """
    plain = " ".join(reason.split())[:REASON_LENGTH]
    person, _colon, name = field.rpartition(":")
    if name not in (CONTACT_FIELDS if person else FIELDS) or len(plain) < SHORTEST_REASON:
        raise RevealReasonError(field="reason")
    if count_lately(session, by=by) >= MOST_A_DAY:
        raise TooManyRevealedError(field="reason", most=MOST_A_DAY)
    found = get_customer(session, branch, customer_id)
    details = {"field": name, "reason": plain, "branch": branch.code}
    if person:
        asked = next((one for one in list_contacts(session, found) if one.id == person), None)
        if asked is None:
            raise RevealReasonError(field="reason")
        value: str | None = getattr(asked, name)
        details["contact"] = person
    else:
        value = getattr(found, name)
    audit.record(session, EVENT, subject=("customer", customer_id), by=by, details=details)
    return value


def contact_field(contact_id: str, field: str) -> str:
    """Return by what a form names a value of a contact person."""
    return f"{contact_id}:{field}"


def count_lately(session: Session, *, by: Stamp) -> int:
    """Return how many values this person has had shown within a day."""
    entry = AuditEntry
    since = by.at - timedelta(days=1)
    counted = select(func.count()).select_from(entry)
    return session.scalar(counted.where(entry.actor == by.actor, entry.at > since, entry.event == EVENT)) or 0
