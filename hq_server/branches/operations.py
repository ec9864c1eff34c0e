"""Registering branches, and pinning the key of the node that joins as one."""

import re
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from hq_server.branches.errors import (
    AlreadyJoinedError,
    BranchCodeError,
    BranchNameError,
    EnrolmentRefusedError,
)
from hq_server.branches.models import Branch, BranchKey, EnrolmentCode
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
    session: Session, code: str, name: str, *, push_interval_s: int, by: Stamp
) -> tuple[Branch, str]:
    """Register a branch and return it with a one-time code; asking again before it joins gives a new code.

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
    elif branch.node_id is not None:
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
        )
    )
    record(session, "branch.enrolled", subject=("branch", code), by=by, details={"name": branch.name})
    return branch, one_time


def accept_node(session: Session, request: EnrolmentRequest, *, by: Stamp) -> Branch:
    """Pin the key of a node that shows a valid one-time code; a repeat by the same node gets the same answer.

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
        if branch.node_id == request.node and session.get(BranchKey, pinned) is not None:
            return branch
        raise EnrolmentRefusedError
    if found.expires_at <= by.at or branch.node_id is not None or _known(session, request.node, pinned):
        raise EnrolmentRefusedError
    found.used_at = by.at
    branch.node_id, branch.joined_at = request.node, by.at
    _saw(branch, at=by.at, address=by.terminal)
    session.add(BranchKey(key_id=pinned, branch_number=branch.number, public_key=public_key, pinned_at=by.at))
    record(
        session,
        "branch.joined",
        subject=("branch", branch.code),
        by=by,
        details={"node": request.node, "key": pinned},
    )
    return branch


def _known(session: Session, node: str, pinned: str) -> bool:
    """Tell whether this node or this key has joined as a branch before."""
    joined = session.scalar(select(Branch.number).where(Branch.node_id == node))
    return joined is not None or session.get(BranchKey, pinned) is not None


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
