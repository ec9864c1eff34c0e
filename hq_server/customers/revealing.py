"""Showing one masked value of a customer once: an act with a reason, counted and in the operation log."""

from datetime import timedelta
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hq_server.branches.models import Branch
from hq_server.customers.queries import get_customer
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

    Raises RevealReasonError, TooManyRevealedError and CustomerNotFoundError.
    """
    plain = " ".join(reason.split())[:REASON_LENGTH]
    if field not in FIELDS or len(plain) < SHORTEST_REASON:
        raise RevealReasonError(field="reason")
    if count_lately(session, by=by) >= MOST_A_DAY:
        raise TooManyRevealedError(field="reason", most=MOST_A_DAY)
    value: str | None = getattr(get_customer(session, branch, customer_id), field)
    details = {"field": field, "reason": plain, "branch": branch.code}
    audit.record(session, EVENT, subject=("customer", customer_id), by=by, details=details)
    return value


def count_lately(session: Session, *, by: Stamp) -> int:
    """Return how many values this person has had shown within a day."""
    entry = AuditEntry
    since = by.at - timedelta(days=1)
    counted = select(func.count()).select_from(entry)
    return session.scalar(counted.where(entry.actor == by.actor, entry.at > since, entry.event == EVENT)) or 0
