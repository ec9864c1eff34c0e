"""Asking branches to prove what is not proven, and matching their closed days."""

from collections.abc import Collection
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hq_server.ingest.models import InboxBatch
from hq_server.proof.days import Moment, check_day, due_days
from hq_server.proof.operations import ask
from hq_server.verification.queries import BranchProof
from shared.stamp import Stamp
from sync_protocol.catalog import CATALOG, Bindings, RecordKind


def ask_branches(session: Session, standing: Collection[BranchProof], *, everybody: bool, by: Stamp) -> int:
    """Have branches prove themselves at their next contact: all of them, or those not found equal yet.

    One that was asked already is not asked again. Returns how many were asked.
    """
    asked = 0
    for one in standing:
        if one.asked_at is None and (everybody or not one.equal):
            ask(session, one.branch.number, one.branch.code, by=by)
            asked += 1
    return asked


def moment(session: Session, at: datetime, *, timezone: str) -> Moment:
    """Return now, and which batches of facts are in."""
    facts = [record.name for record in CATALOG.values() if record.kind is RecordKind.FACT]
    batch = InboxBatch
    latest = (
        select(batch.branch_number, func.max(batch.id), func.max(batch.id).filter(batch.removed > 0))
        .where(batch.record_type.in_(facts))
        .group_by(batch.branch_number)
    )
    rows = session.execute(latest).all()
    return Moment(
        at=at,
        today=at.astimezone(ZoneInfo(timezone)).date(),
        through={row[0]: int(row[1]) for row in rows},
        removed={row[0]: int(row[2] or 0) for row in rows},
    )


def check_days(session: Session, bindings: Bindings, at: datetime, *, timezone: str, limit: int) -> int:
    """Match up to `limit` closed days that are due with what HQ holds; return how many."""
    now = moment(session, at, timezone=timezone)
    due = due_days(session, now)[:limit]
    for manifest in due:
        check_day(session, manifest, bindings, now)
    return len(due)
