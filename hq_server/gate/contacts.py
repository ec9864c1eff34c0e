"""Which node speaks as a branch: a copy of it is refused from its first contact after the original's.

A node tells with each contact which contacts it had begun before. HQ's last one must be among
them. A node restored by the `restore` command says that it replaces the earlier one, which is then refused.
"""

from collections.abc import Sequence
from enum import Enum

from sqlalchemy.orm import Session

from hq_server.branches.alarms import DUPLICATE_NODE, NODE_REPLACED
from hq_server.branches.models import Branch
from hq_server.gate.errors import NoContenderError
from shared.alarms.operations import clear_alarm, raise_alarm
from shared.audit.operations import record
from shared.stamp import Stamp
from sync_protocol.contract.signing import REPLACES


class Contact(Enum):
    """What HQ makes of a contact."""

    ACCEPTED = "accepted"
    LATE = "late"
    DUPLICATE = "duplicate"


def take_contact(
    session: Session, branch: Branch, contact: str, before: Sequence[str], *, by: Stamp
) -> Contact:
    """Accept a contact as the branch's, or tell that it is an old request on its way or a copy's."""
    last = branch.contact_id
    if last is None or last == contact or last in before:
        _accept(branch, contact, before)
        return Contact.ACCEPTED
    if contact in (branch.contacts_before or ()):
        return Contact.LATE
    about = ("branch", branch.code)
    if REPLACES in before:
        details = {"address": by.terminal}
        raise_alarm(session, NODE_REPLACED, about, at=by.at, details=details)
        record(session, "branch.node-replaced", subject=about, by=by, details=details)
        _accept(branch, contact, before)
        return Contact.ACCEPTED
    branch.contender_id, branch.contender_at = contact, by.at
    details = {"address": by.terminal, "holder": branch.last_address or "-"}
    raise_alarm(session, DUPLICATE_NODE, about, at=by.at, details=details)
    return Contact.DUPLICATE


def let_contender_speak(session: Session, branch: Branch, *, by: Stamp) -> None:
    """Take the refused node for the branch from now on; the one that spoke so far is refused instead.

    Raises NoContenderError when no node is refused.
    """
    if branch.contender_id is None:
        raise NoContenderError(branch=branch.code)
    about = ("branch", branch.code)
    branch.contact_id, branch.contacts_before = branch.contender_id, []
    branch.contender_id, branch.contender_at = None, None
    clear_alarm(session, DUPLICATE_NODE, about, at=by.at)
    record(session, "branch.contender-accepted", subject=about, by=by)


def _accept(branch: Branch, contact: str, before: Sequence[str]) -> None:
    branch.contact_id = contact
    branch.contacts_before = [one for one in before if one != REPLACES]
