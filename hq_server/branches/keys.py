"""Keys of branches: the next one announced by the present one, the overlap of both, and revoking."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from hq_server.branches.errors import KeyNotFoundError, KeyTakenError
from hq_server.branches.models import Branch, BranchKey
from shared.audit.operations import record
from shared.stamp import Stamp
from sync_protocol.contract.keys import key_id

# The key before is taken so long after the next was announced, at most.
OVERLAP: Final = timedelta(hours=24)
# And so long after the next was used for the first time: what is on its way still arrives.
AFTER_FIRST_USE: Final = timedelta(hours=1)
LEAST_PREFIX: Final = 8


def pin_next(session: Session, branch: Branch, public_key: bytes, *, signed_by: str, by: Stamp) -> datetime:
    """Take a key beside the one that announced it; return until when that one is still taken, at most.

    Announcing it again changes nothing. A key announced earlier and never used is dropped: it was given up.
    Raises KeyTakenError for a key that was pinned before, here or elsewhere.
    """
    pinned = key_id(public_key)
    present = session.get_one(BranchKey, signed_by)
    known = session.get(BranchKey, pinned)
    if known is not None:
        mine = known.branch_number == branch.number and known.revoked_at is None
        if not mine or present.valid_until is None:
            raise KeyTakenError
        return present.valid_until
    session.execute(
        update(BranchKey)
        .where(
            BranchKey.branch_number == branch.number,
            BranchKey.key_id != signed_by,
            BranchKey.first_used_at.is_(None),
            BranchKey.revoked_at.is_(None),
        )
        .values(revoked_at=by.at)
    )
    present.valid_until = by.at + OVERLAP
    session.add(BranchKey(key_id=pinned, branch_number=branch.number, public_key=public_key, pinned_at=by.at))
    told = {"key": pinned, "announced_by": signed_by}
    record(session, "branch.key-announced", subject=("branch", branch.code), by=by, details=told)
    return present.valid_until


def note_used(session: Session, used: str, *, at: datetime) -> None:
    """Write down the first request under a key; it ends the overlap with the keys before it."""
    first = session.execute(
        update(BranchKey)
        .where(BranchKey.key_id == used, BranchKey.first_used_at.is_(None))
        .values(first_used_at=at)
        .execution_options(synchronize_session=False)
    )
    if not first.rowcount:  # type: ignore[attr-defined]
        return
    key = session.get_one(BranchKey, used)
    end = at + AFTER_FIRST_USE
    session.execute(
        update(BranchKey)
        .where(
            BranchKey.branch_number == key.branch_number,
            BranchKey.key_id != used,
            BranchKey.pinned_at <= key.pinned_at,
            or_(BranchKey.valid_until.is_(None), BranchKey.valid_until > end),
        )
        .values(valid_until=end)
        .execution_options(synchronize_session=False)
    )


def revoke(session: Session, branch: Branch, *, key: str | None, by: Stamp) -> list[str]:
    """Refuse a branch's requests from the next one on; return the ids of the keys revoked.

    `key` narrows to one by the first digits of its id, as people compare them. Raises KeyNotFoundError when
    there is none to revoke.
    """
    wanted = (key or "").replace(" ", "").lower()
    mine = select(BranchKey).where(BranchKey.branch_number == branch.number, BranchKey.revoked_at.is_(None))
    found = [one for one in session.scalars(mine) if one.key_id.startswith(wanted)]
    if not found or (key is not None and (len(wanted) < LEAST_PREFIX or len(found) > 1)):
        raise KeyNotFoundError(branch=branch.code)
    for one in found:
        one.revoked_at = by.at
    ids = sorted(one.key_id for one in found)
    record(session, "branch.keys-revoked", subject=("branch", branch.code), by=by, details={"keys": ids})
    return ids
