"""Comparing where branches' operation logs and retained archives end with where they ended before."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, TypeVar

import msgspec
from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from hq_server.branches.alarms import NODE_REPLACED
from hq_server.branches.models import Branch, BranchLineage
from hq_server.proof.alarms import BRANCH_ARCHIVE, BRANCH_LOG
from hq_server.proof.models import ArchiveEnd, LogHead
from shared.alarms.models import Alarm
from shared.alarms.operations import raise_alarm
from shared.alarms.vocabulary import AlarmKind
from sync_protocol.contract.fields import is_instant
from sync_protocol.contract.messages import ArchiveReport, LogAnswer, LogPlace, LogReport

CUT: Final = "cut"
REWRITTEN: Final = "rewritten"
RESTORED: Final = "restored"
# The branch's own check of its archive found an entry that is not as it was written.
BROKEN: Final = "broken"
Row = TypeVar("Row", LogHead, ArchiveEnd)


def take_report(session: Session, branch: Branch, report: LogReport, *, at: datetime) -> LogAnswer:
    """Keep where a branch's log and archive end; asks first for the entries kept last, and tells of one that changed.

    The log of a branch that was restored may go back: it has said so, or opened a new history, and both are alarms.
    """
    last = find_head(session, branch)
    kept = LogPlace(seq=last.seq, digest=last.digest) if last is not None else None
    ask, row = _follow(session, branch, LogHead, BRANCH_LOG, last, report.head, report.known, at)
    answer = LogAnswer(ask=ask, kept=kept)
    if row is not None:
        session.add(row)
    if report.archive is None:
        return answer
    return msgspec.structs.replace(
        answer, ask_archive=_take_archive(session, branch, report.archive, report.archive_known, at)
    )


def find_head(session: Session, branch: Branch) -> LogHead | None:
    """Return what a branch told last of where its log ends."""
    return session.scalars(_last(LogHead, branch)).first()


def find_archive(session: Session, branch: Branch) -> ArchiveEnd | None:
    """Return what a branch told last of its retained archive."""
    return session.scalars(_last(ArchiveEnd, branch)).first()


def list_broken_archives(session: Session, branch: Branch) -> Sequence[ArchiveEnd]:
    """Return the ends of a branch's archive that no longer stood there at the next telling, the latest first."""
    wanted = select(ArchiveEnd).where(
        ArchiveEnd.branch_number == branch.number, ArchiveEnd.bad.in_((CUT, REWRITTEN))
    )
    return session.scalars(wanted.order_by(ArchiveEnd.number.desc())).all()


def _take_archive(
    session: Session, branch: Branch, told: ArchiveReport, known: LogPlace | None, at: datetime
) -> int | None:
    head = LogPlace(seq=told.seq, digest=told.digest)
    last = find_archive(session, branch)
    ask, row = _follow(session, branch, ArchiveEnd, BRANCH_ARCHIVE, last, head, known, at)
    if row is None:
        return ask
    row.files = told.files
    row.checked_at = _instant(told.checked_at)
    if told.bad is not None and row.bad_entry is None:
        about = {"branch": branch.code, "seq": told.bad, "why": BROKEN}
        raise_alarm(session, BRANCH_ARCHIVE, ("branch", branch.code), at=at, details=about)
    row.bad_entry = told.bad
    session.add(row)
    return None


def _follow(
    session: Session,
    branch: Branch,
    kind: type[Row],
    alarm: AlarmKind,
    last: Row | None,
    head: LogPlace,
    known: LogPlace | None,
    at: datetime,
) -> tuple[int | None, Row | None]:
    """Return the row that says where a chain ends now, or the entry to compare first; tells what does not fit."""
    lineage = _lineage(session, branch)
    if last is not None and last.lineage == lineage:
        if (last.seq, last.digest) == (head.seq, head.digest):
            last.told_at = at
            return None, last
        if known is None or known.seq != last.seq:
            return last.seq, None
        last.bad = _what_became(session, branch, last, head, known)
        if last.bad not in {None, RESTORED}:
            about = {"branch": branch.code, "seq": last.seq, "why": last.bad}
            raise_alarm(session, alarm, ("branch", branch.code), at=at, details=about)
    row = last
    if row is None or row.lineage != lineage or row.bad is not None:
        number = last.number + 1 if last is not None else 1
        row = kind(branch_number=branch.number, number=number, lineage=lineage)
    row.seq, row.digest, row.told_at = head.seq, head.digest, at
    return None, row


def _what_became(
    session: Session, branch: Branch, last: LogHead | ArchiveEnd, head: LogPlace, known: LogPlace
) -> str | None:
    if known.digest == last.digest and head.seq >= last.seq:
        return None
    if _was_restored(session, branch, since=last.told_at):
        return RESTORED
    return CUT if head.seq < last.seq else REWRITTEN


def _was_restored(session: Session, branch: Branch, *, since: datetime) -> bool:
    """Tell whether the node said meanwhile that it was restored from a backup, which is an alarm of its own."""
    told = select(Alarm.id).where(
        Alarm.code == NODE_REPLACED.code, Alarm.subject_id == branch.code, Alarm.last_at >= since
    )
    return session.scalar(told.limit(1)) is not None


def _lineage(session: Session, branch: Branch) -> int:
    opened = select(func.max(BranchLineage.lineage)).where(BranchLineage.branch_number == branch.number)
    return session.scalar(opened) or 1


def _last(kind: type[Row], branch: Branch) -> Select[Row]:
    return select(kind).where(kind.branch_number == branch.number).order_by(kind.number.desc()).limit(1)


def _instant(told: str | None) -> datetime | None:
    return datetime.fromisoformat(told) if told is not None and is_instant(told) else None
