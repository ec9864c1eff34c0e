"""Keeping what a branch has counted."""

from datetime import datetime

from sqlalchemy.orm import Session

from hq_server.branches.models import Branch
from hq_server.gate.errors import SyncRefusedError
from hq_server.upkeep.models import UpkeepCount
from sync_protocol.contract.codes import Problem
from sync_protocol.contract.fields import is_instant
from sync_protocol.contract.messages import UpkeepReport


def take_counts(session: Session, branch: Branch, report: UpkeepReport, *, at: datetime) -> None:
    """Keep a branch's count in place of the one before; raises SyncRefusedError for numbers that cannot be true."""
    if not is_instant(report.at) or not report.is_plausible():
        raise SyncRefusedError(Problem.MALFORMED, "counts of stale and contradictory fields that cannot be")
    kept = session.get(UpkeepCount, branch.number) or UpkeepCount(branch_number=branch.number)
    kept.counted_at, kept.told_at = min(datetime.fromisoformat(report.at), at), at
    kept.customers, kept.flagged = report.customers, report.flagged
    kept.stale, kept.conflicting = report.stale, report.conflicting
    kept.complete = report.complete
    kept.fields, kept.conflicts = dict(report.fields), dict(report.conflicts)
    session.add(kept)
