"""Comparing where branches' operation logs end with where they ended before."""

from datetime import datetime
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hq_server.branches.alarms import NODE_REPLACED
from hq_server.branches.models import Branch, BranchLineage
from hq_server.proof.alarms import BRANCH_LOG
from hq_server.proof.models import LogHead
from shared.alarms.models import Alarm
from shared.alarms.operations import raise_alarm
from sync_protocol.contract.messages import LogAnswer, LogPlace, LogReport

CUT: Final = "cut"
REWRITTEN: Final = "rewritten"
RESTORED: Final = "restored"


def take_report(session: Session, branch: Branch, report: LogReport, *, at: datetime) -> LogAnswer:
    """Keep where a branch's log ends; asks first for the entry we kept last, and raises an alarm when it changed.

    The log of a branch that was restored may go back: it has said so, or opened a new history, and both are alarms.
    """
    lineage = _lineage(session, branch)
    last = find_head(session, branch)
    if last is not None and last.lineage == lineage:
        if report.known is None or report.known.seq != last.seq:
            return LogAnswer(ask=last.seq, kept=LogPlace(seq=last.seq, digest=last.digest))
        changed = report.known.digest != last.digest or report.head.seq < last.seq
        if changed and _was_restored(session, branch, since=last.told_at):
            last.bad = RESTORED
        elif changed:
            last.bad = CUT if report.head.seq < last.seq else REWRITTEN
            about = {"branch": branch.code, "seq": last.seq, "why": last.bad}
            raise_alarm(session, BRANCH_LOG, ("branch", branch.code), at=at, details=about)
    if last is None or last.lineage != lineage or last.bad is not None:
        number = last.number + 1 if last is not None else 1
        last = LogHead(branch_number=branch.number, number=number, lineage=lineage)
        session.add(last)
    last.seq, last.digest, last.told_at = report.head.seq, report.head.digest, at
    return LogAnswer()


def find_head(session: Session, branch: Branch) -> LogHead | None:
    """Return what a branch told last of where its log ends."""
    return session.scalars(
        select(LogHead).where(LogHead.branch_number == branch.number).order_by(LogHead.number.desc()).limit(1)
    ).first()


def _was_restored(session: Session, branch: Branch, *, since: datetime) -> bool:
    """Tell whether the node said meanwhile that it was restored from a backup, which is an alarm of its own."""
    told = select(Alarm.id).where(
        Alarm.code == NODE_REPLACED.code, Alarm.subject_id == branch.code, Alarm.last_at >= since
    )
    return session.scalar(told.limit(1)) is not None


def _lineage(session: Session, branch: Branch) -> int:
    opened = select(func.max(BranchLineage.lineage)).where(BranchLineage.branch_number == branch.number)
    return session.scalar(opened) or 1
