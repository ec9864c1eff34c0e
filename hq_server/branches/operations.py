"""Registering branches, and pinning the key of the node that joins as one."""

import re
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from hq_server.branches import queries
from hq_server.branches.alarms import DUPLICATE_NODE
from hq_server.branches.errors import (
    AlreadyJoinedError,
    BranchCodeError,
    BranchNameError,
    EnrolmentRefusedError,
)
from hq_server.branches.models import Branch, BranchKey, BranchNode, EnrolmentCode
from shared.alarms.operations import clear_alarm
from shared.audit.operations import record
from shared.auth.passwords import hash_code, new_code
from shared.ids import is_id
from shared.stamp import Stamp
from sync_protocol.contract.keys import ENROLMENT, WrongSignatureError, check_message, decode_key, key_id
from sync_protocol.contract.messages import EnrolmentRequest

CODE_VALID_FOR: Final = timedelta(hours=24)
LONGEST_NAME: Final = 80
_CODE = re.compile(r"[A-Za-z0-9_-]{1,20}")


def enrol_branch(
    session: Session, code: str, name: str, *, push_interval_s: int, by: Stamp, again: bool = False
) -> tuple[Branch, str]:
    """Register a branch and return it with a one-time code; asking again before it joins gives a new code.

    With `again` a branch that has joined gets one too: the node that shows it takes the place of the present one.
    Raises BranchCodeError, BranchNameError and AlreadyJoinedError.
    """
    if not _CODE.fullmatch(code):
        raise BranchCodeError(field="code")
    if not 0 < len(name.strip()) <= LONGEST_NAME:
        raise BranchNameError(field="name")
    branch = session.scalar(select(Branch).where(Branch.code == code))
    if branch is None:
        branch = Branch(
            code=code, name=name.strip(), enrolled_at=by.at, pending=0, push_interval_s=push_interval_s
        )
        session.add(branch)
        session.flush()
    elif branch.node_id is not None and not again:
        raise AlreadyJoinedError(branch=code)
    branch.name = name.strip()
    session.execute(
        delete(EnrolmentCode).where(
            EnrolmentCode.branch_number == branch.number, EnrolmentCode.used_at.is_(None)
        )
    )
    one_time = new_code()
    session.add(
        EnrolmentCode(
            code_hash=hash_code(one_time),
            branch_number=branch.number,
            created_at=by.at,
            expires_at=by.at + CODE_VALID_FOR,
            again=branch.node_id is not None,
        )
    )
    event = "branch.enrolled" if branch.node_id is None else "branch.enrolled-again"
    record(session, event, subject=("branch", code), by=by, details={"name": branch.name})
    return branch, one_time


def accept_node(session: Session, request: EnrolmentRequest, *, by: Stamp) -> Branch:
    """Pin the key of a node that shows a valid one-time code; a repeat by the same node gets the same answer.

    A node that takes the place of another ends that one's keys.
    Raises EnrolmentRefusedError, without telling which part was wrong.
    """
    public_key = _proven_key(request)
    found = session.get(EnrolmentCode, hash_code(request.code), with_for_update=True)
    if found is None:
        raise EnrolmentRefusedError
    branch = session.get_one(Branch, found.branch_number)
    pinned = key_id(public_key)
    if found.used_at is not None:
        # The answer to the first request may have been lost on the way.
        if branch.node_id == request.node and _is_pinned(session, branch, pinned):
            return branch
        raise EnrolmentRefusedError
    meant = request.branch in {None, branch.code} and found.expires_at > by.at
    if not meant or not _may_join(session, branch, request.node, pinned, again=found.again):
        raise EnrolmentRefusedError
    if branch.node_id is not None:
        _end_present_node(session, branch, request.node, pinned, by=by)
    found.used_at = by.at
    branch.node_id, branch.joined_at = request.node, by.at
    _saw(branch, at=by.at, address=by.terminal)
    if session.get(BranchKey, pinned) is None:
        key = BranchKey(key_id=pinned, branch_number=branch.number, public_key=public_key, pinned_at=by.at)
        session.add(key)
    record(
        session,
        "branch.rejoined" if found.again else "branch.joined",
        subject=("branch", branch.code),
        by=by,
        details={"node": request.node, "key": pinned},
    )
    return branch


def _may_join(session: Session, branch: Branch, node: str, pinned: str, *, again: bool) -> bool:
    """Tell whether neither node nor key is another branch's; a revoked key never comes back."""
    if branch.node_id is None:
        return not _known(session, node, pinned)
    if not again:
        return False
    owner = queries.find_node_owner(session, node)
    free = session.get(BranchKey, pinned) is None
    return owner in {None, branch.number} and (free or _is_pinned(session, branch, pinned))


def _is_pinned(session: Session, branch: Branch, pinned: str) -> bool:
    key = session.get(BranchKey, pinned)
    return key is not None and key.branch_number == branch.number and key.revoked_at is None


def _end_present_node(session: Session, branch: Branch, node: str, pinned: str, *, by: Stamp) -> None:
    """Refuse the node that spoke for the branch so far; batches it sealed are still taken from the new one."""
    assert branch.node_id is not None
    session.execute(
        update(BranchKey)
        .where(
            BranchKey.branch_number == branch.number,
            BranchKey.key_id != pinned,
            BranchKey.revoked_at.is_(None),
        )
        .values(revoked_at=by.at)
    )
    if node != branch.node_id:
        returning = session.get(BranchNode, node)
        if returning is not None:
            session.delete(returning)
        session.add(BranchNode(node_id=branch.node_id, branch_number=branch.number, replaced_at=by.at))
    # The new node may know nothing of the contacts of the old one.
    branch.contact_id = branch.contacts_before = branch.contender_id = branch.contender_at = None
    clear_alarm(session, DUPLICATE_NODE, ("branch", branch.code), at=by.at)


def _known(session: Session, node: str, pinned: str) -> bool:
    """Tell whether this node or this key has joined as a branch before."""
    return queries.find_node_owner(session, node) is not None or session.get(BranchKey, pinned) is not None


def note_contact(branch: Branch, *, pending: int, cycle_ms: int, by: Stamp) -> None:
    """Write down that a branch was heard, and what it said of itself.

    When it holds nothing that is not acknowledged, HQ has everything as of now.
    """
    _saw(branch, at=by.at, address=by.terminal)
    branch.pending = pending
    branch.last_cycle_ms = cycle_ms
    if pending == 0:
        branch.data_as_of = by.at


def _saw(branch: Branch, *, at: datetime, address: str) -> None:
    branch.last_seen_at = at
    branch.last_address = address


def _proven_key(request: EnrolmentRequest) -> bytes:
    """Return the key the node proved to hold; raises EnrolmentRefusedError."""
    try:
        public_key = decode_key(request.public_key)
        claim = {"code": request.code, "node": request.node, "public_key": request.public_key}
        check_message(public_key, ENROLMENT, claim, request.proof)
    except (WrongSignatureError, ValueError):
        raise EnrolmentRefusedError from None
    if not is_id(request.node):
        raise EnrolmentRefusedError
    return public_key
