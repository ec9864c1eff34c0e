"""Whether a backup is due, and giving up receipts nobody asks for any more."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import String, cast, func, select, update
from sqlalchemy.orm import Session

from hq_server.branches.models import Branch
from hq_server.ingest.backups import last_backup_at
from hq_server.ingest.models import InboxBatch
from hq_server.retention.alarms import NO_BACKUP
from shared.alarms.operations import clear_alarm, raise_alarm
from shared.audit.operations import record
from shared.db.base import instant_text
from shared.stamp import Stamp

SUBJECT: Final = ("hq", "backup")
AT_ONCE: Final = 2_000
EMPTY: Final = "{}"


def watch_backups(session: Session, *, days: int, at: datetime) -> bool:
    """Raise the alarm when no backup was made for `days` while there is something to lose; else clear it."""
    last = last_backup_at(session)
    since = last or session.scalar(select(func.min(Branch.joined_at)))
    if since is None or at - since <= timedelta(days=days):
        clear_alarm(session, NO_BACKUP, SUBJECT, at=at)
        return False
    told = {"last": instant_text(last) if last else "-", "days": days}
    raise_alarm(session, NO_BACKUP, SUBJECT, at=at, details=told)
    return True


def trim_receipts(session: Session, *, before: datetime) -> int:
    """Empty the oldest receipts given before an instant, some at a time; the entries stay. Returns how many."""
    old = (
        select(InboxBatch.id)
        .where(InboxBatch.received_at < before, cast(InboxBatch.receipt, String) != EMPTY)
        .order_by(InboxBatch.id)
        .limit(AT_ONCE)
    )
    result = session.execute(
        update(InboxBatch)
        .where(InboxBatch.id.in_(old.scalar_subquery()))
        .values(receipt={}, control={})
        .execution_options(synchronize_session=False)
    )
    return int(result.rowcount)  # type: ignore[attr-defined]


def note_trimmed(session: Session, *, receipts: int, before: datetime, by: Stamp) -> None:
    """Put on record what was purged."""
    told = {"receipts": receipts, "before": instant_text(before)}
    record(session, "inbox.purged", subject=("hq", "inbox"), by=by, details=told)
