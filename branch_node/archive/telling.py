"""What head office is told of the retained archive: where its chain ends and how it stands, never what lies in it."""

from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from branch_node.archive.models import ArchiveEntry, ArchiveHead
from branch_node.archive.queries import FILES
from shared.db.base import instant_text
from shared.domain.archive.chain import GENESIS
from shared.jobs.queries import runs
from shared.jobs.vocabulary import RunOutcome
from sync_protocol.contract.messages import ArchiveReport, LogPlace

# The job that reads the whole archive.
CHECK: Final = "verify-archive"


def archive_report(session: Session) -> ArchiveReport:
    """Return where the chain ends, how many files are kept, and what the last whole check found."""
    head = session.execute(select(ArchiveHead.seq, ArchiveHead.digest)).one_or_none()
    kept = select(func.count()).select_from(ArchiveEntry)
    checked_at, bad = _last_check(session)
    return ArchiveReport(
        seq=head.seq if head else 0,
        digest=head.digest if head else GENESIS,
        files=session.scalar(kept.where(ArchiveEntry.kind.in_(FILES), ArchiveEntry.content.is_not(None)))
        or 0,
        checked_at=checked_at,
        bad=bad,
    )


def archive_place(session: Session, seq: int) -> LogPlace:
    """Return the entry of this number as it stands now; number 0 is where every chain begins."""
    if seq == 0:
        return LogPlace(seq=0, digest=GENESIS)
    digest = session.scalar(select(ArchiveEntry.digest).where(ArchiveEntry.seq == seq))
    return LogPlace(seq=seq, digest=digest or "")


def _last_check(session: Session) -> tuple[str | None, int | None]:
    run = session.scalars(runs(job=CHECK, outcome=RunOutcome.DONE).limit(1)).first()
    if run is None:
        return None, None
    return instant_text(run.started_at), run.counts.get("first_bad")
