"""Our own operation log as others keep it: each branch is shown where it ends and brings that back when it comes again.

Whoever holds head office's database and keys can write a log that is whole in itself, but not the ends branches have.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from hq_server.branches.models import Branch
from hq_server.proof.alarms import OWN_LOG
from hq_server.proof.log_heads import CUT, RESTORED, REWRITTEN
from hq_server.proof.models import LogWitness
from hq_server.runtime import HqIdentity, HqRuntime
from shared.alarms.operations import raise_alarm
from shared.audit.models import AuditEntry, AuditHead
from shared.audit.verification import Head
from shared.db.base import instant_text
from sync_protocol.contract.fields import is_instant
from sync_protocol.contract.keys import (
    LOG_END,
    WrongSignatureError,
    check_message,
    public_key_of,
    sign_message,
)
from sync_protocol.contract.messages import LogEnd, LogFault

BROUGHT: Final = re.compile(r"(\d{1,18}) ([0-9a-f]{64}) (\S{27}) ([A-Za-z0-9+/=]{88})", re.ASCII)
# The event of a restore, which sets a log back with good reason.
RESTORE: Final = "node.restored"


@dataclass(frozen=True, slots=True)
class _End:
    seq: int
    digest: str
    at: datetime


def own_end(session: Session, identity: HqIdentity, *, at: datetime) -> LogEnd | None:
    """Return where our log ends now, signed, to be kept by whom it is shown; None while nothing is written."""
    found = session.execute(select(AuditHead.seq, AuditHead.digest)).one_or_none()
    if found is None or not found.seq:
        return None
    end = LogEnd(seq=found.seq, digest=found.digest, at=instant_text(at), signature="")
    signature = sign_message(identity.private_key, LOG_END, end.signed(identity.hq_id))
    return LogEnd(seq=end.seq, digest=end.digest, at=end.at, signature=signature)


def take_witness(
    session: Session, branch: Branch, brought: str, *, identity: HqIdentity, at: datetime
) -> LogFault | None:
    """Compare the end a branch brings back with our log; one that does not fit raises an alarm and is returned.

    What we have not signed says nothing. A restore of our own explains it: that is returned without an alarm.
    """
    end = _read(brought, identity)
    if end is None:
        return None
    why = None if _fits(session, end) else _why(session, end)
    _note(session, branch, end, why, at=at)
    if why is None:
        return None
    if why != RESTORED:
        about = {"branch": branch.code, "seq": end.seq, "why": why}
        raise_alarm(session, OWN_LOG, ("branch", branch.code), at=at, details=about)
    return LogFault(seq=end.seq, why=why)


def known_heads(runtime: HqRuntime) -> list[Head]:
    """Return the ends of our log that branches have brought back, but for those a restore of ours explains."""
    statement = (
        select(LogWitness.seq, LogWitness.digest, Branch.code)
        .join(Branch, Branch.number == LogWitness.branch_number)
        .where(LogWitness.bad.is_distinct_from(RESTORED))
        .order_by(LogWitness.seq, LogWitness.branch_number)
    )
    with runtime.database.reads() as session:
        return [Head(row.seq, row.digest, row.code) for row in session.execute(statement)]


def _note(session: Session, branch: Branch, end: _End, why: str | None, *, at: datetime) -> None:
    last = _last(session, branch)
    if last is not None and (last.seq, last.digest, last.bad) == (end.seq, end.digest, why):
        return
    if last is None or last.bad is not None:
        last = LogWitness(branch_number=branch.number, number=1 if last is None else last.number + 1)
        session.add(last)
    last.seq, last.digest, last.shown_at, last.brought_at, last.bad = end.seq, end.digest, end.at, at, why


def _read(brought: str, identity: HqIdentity) -> _End | None:
    found = BROUGHT.fullmatch(brought)
    if found is None or not is_instant(found[3]):
        return None
    end = LogEnd(seq=int(found[1]), digest=found[2], at=found[3], signature=found[4])
    try:
        check_message(public_key_of(identity.private_key), LOG_END, end.signed(identity.hq_id), end.signature)
    except WrongSignatureError:
        return None
    return _End(end.seq, end.digest, datetime.fromisoformat(end.at))


def _fits(session: Session, end: _End) -> bool:
    return session.scalar(select(AuditEntry.digest).where(AuditEntry.seq == end.seq)) == end.digest


def _why(session: Session, end: _End) -> str:
    restored = select(AuditEntry.id).where(
        AuditEntry.module == RESTORE.partition(".")[0], AuditEntry.at >= end.at, AuditEntry.event == RESTORE
    )
    if session.scalar(restored.limit(1)) is not None:
        return RESTORED
    last = session.scalar(select(AuditHead.seq)) or 0
    return CUT if last < end.seq else REWRITTEN


def _last(session: Session, branch: Branch) -> LogWitness | None:
    return session.scalars(
        select(LogWitness)
        .where(LogWitness.branch_number == branch.number)
        .order_by(LogWitness.number.desc())
        .limit(1)
    ).first()
