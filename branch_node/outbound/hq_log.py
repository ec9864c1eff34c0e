"""Keeping the ends of head office's operation log that it shows us, and bringing the last of them back to it.

Head office cannot change what lies here: one that cut or rewrote its log finds an end that does not fit, and so do we.
"""

import logging
from datetime import datetime
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from branch_node.outbound import queries
from branch_node.outbound.alarms import HQ_LOG
from branch_node.outbound.models import HqLogEnd, Membership
from branch_node.runtime import BranchRuntime
from shared.alarms.operations import raise_alarm
from shared.db.base import instant_text
from sync_protocol.contract.fields import is_instant
from sync_protocol.contract.keys import LOG_END, WrongSignatureError, check_message
from sync_protocol.contract.messages import LogEnd, StateAnswer

log = logging.getLogger(__name__)
KEPT: Final = 16
CUT: Final = "cut"
REWRITTEN: Final = "rewritten"
RESTORED: Final = "restored"
WORD: Final = 20


def to_bring(runtime: BranchRuntime) -> str:
    """Return the end we were shown last as it is brought back; nothing when there is none of this head office."""
    with runtime.database.reads() as session:
        last = _last(session, queries.get_membership(session))
        return "" if last is None else f"{last.seq} {last.digest} {instant_text(last.at)} {last.signature}"


def keep(runtime: BranchRuntime, state: StateAnswer) -> None:
    """Keep the end head office shows now; one before the last, or that it says does not fit, raises an alarm."""
    shown = state.log
    if shown is None:
        return
    with runtime.database.reads() as session:
        member = queries.get_membership(session)
        last = _last(session, member)
        if last is not None and (last.seq, last.digest) == (shown.seq, shown.digest):
            return
    if not _is_signed(shown, member):
        log.warning("the end of head office's log is not signed by it")
        return
    with runtime.database.sessions.begin() as session:
        _keep(session, member, shown, state, at=runtime.clock.now())


def list_ends(session: Session) -> list[HqLogEnd]:
    """Return the ends that are kept, the first first."""
    return list(session.scalars(select(HqLogEnd).order_by(HqLogEnd.number)))


def _keep(session: Session, member: Membership, shown: LogEnd, state: StateAnswer, *, at: datetime) -> None:
    last = _last(session, member)
    why = _wrong(last, shown, state)
    if last is not None and why is not None:
        last.bad = why
        if why != RESTORED:
            about = {"branch": member.branch_code, "seq": last.seq, "why": why}
            raise_alarm(session, HQ_LOG, queries.subject_of(session, member), at=at, details=about)
    number = (session.scalar(select(HqLogEnd.number).order_by(HqLogEnd.number.desc()).limit(1)) or 0) + 1
    session.add(
        HqLogEnd(
            number=number,
            hq_id=member.hq_id,
            seq=shown.seq,
            digest=shown.digest,
            at=datetime.fromisoformat(shown.at),
            signature=shown.signature,
        )
    )
    session.execute(delete(HqLogEnd).where(HqLogEnd.number <= number - KEPT, HqLogEnd.bad.is_(None)))


def _wrong(last: HqLogEnd | None, shown: LogEnd, state: StateAnswer) -> str | None:
    """Return what became of the end we were shown last, by head office's word or by what it shows now."""
    if last is None:
        return None
    if state.log_fault is not None and state.log_fault.seq == last.seq:
        return state.log_fault.why[:WORD]
    if shown.seq < last.seq:
        return CUT
    return REWRITTEN if shown.seq == last.seq and shown.digest != last.digest else None


def _last(session: Session, member: Membership) -> HqLogEnd | None:
    statement = select(HqLogEnd).where(HqLogEnd.hq_id == member.hq_id)
    return session.scalars(statement.order_by(HqLogEnd.number.desc()).limit(1)).first()


def _is_signed(shown: LogEnd, member: Membership) -> bool:
    try:
        check_message(member.hq_public_key, LOG_END, shown.signed(member.hq_id), shown.signature)
    except WrongSignatureError:
        return False
    return is_instant(shown.at)
