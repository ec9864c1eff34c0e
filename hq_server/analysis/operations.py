"""Preparing the sums of the consolidated pages from the replica."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Insert, delete, insert, or_, select, update
from sqlalchemy.orm import Session

from hq_server.analysis import sources
from hq_server.analysis.models import CustomerCell, MoneyCell, Prepared, RecordCount
from hq_server.branches.models import Branch
from hq_server.ingest.models import InboxBatch
from shared.db.base import Base

MARK_AT_ONCE = 500


def prepare_branch(session: Session, branch_number: int, batch_ids: Collection[int], *, at: datetime) -> None:
    """Rebuild one branch's sums from the replica and mark `batch_ids` as taken in.

    A batch that commits meanwhile is not among `batch_ids`, so its branch stays waiting and
    the pages keep summing its rows directly until the next run.
    """
    only = [branch_number]
    dialect = session.get_bind().dialect.name
    for table in (MoneyCell, CustomerCell, RecordCount, Prepared):
        session.execute(delete(table).where(table.branch_number == branch_number))
    session.execute(_fill(MoneyCell, sources.money_rows(only)))
    session.execute(_fill(CustomerCell, sources.customer_rows(only, dialect=dialect)))
    session.execute(_fill(RecordCount, sources.record_rows(only)))
    session.execute(insert(Prepared).values(branch_number=branch_number, at=at))
    _mark(session, batch_ids, at=at)


def _fill(table: type[Base], rows: Any) -> Insert:  # noqa: ANN401 - a select or a union of selects
    return insert(table).from_select([column.name for column in table.__table__.columns], rows)


def _mark(session: Session, batch_ids: Collection[int], *, at: datetime) -> None:
    ids = sorted(batch_ids)
    for start in range(0, len(ids), MARK_AT_ONCE):
        some = ids[start : start + MARK_AT_ONCE]
        session.execute(update(InboxBatch).where(InboxBatch.id.in_(some)).values(indexed_at=at))


def waiting_batches(session: Session, limit: int) -> list[tuple[int, int, str]]:
    """Return (id, branch number, record type) of batches not yet taken in, oldest first."""
    statement = select(InboxBatch.id, InboxBatch.branch_number, InboxBatch.record_type).where(
        InboxBatch.indexed_at.is_(None)
    )
    return [
        (row.id, row.branch_number, row.record_type)
        for row in session.execute(statement.order_by(InboxBatch.id).limit(limit))
    ]


def unprepared_branches(session: Session) -> list[int]:
    """Return the branches that have rows' sums nowhere yet: registered, never prepared, or by an earlier version."""
    prepared = select(Prepared.branch_number)
    earlier = select(CustomerCell.branch_number).where(CustomerCell.customers.is_(None))
    wanted = or_(Branch.number.not_in(prepared), Branch.number.in_(earlier))
    return list(session.scalars(select(Branch.number).where(wanted)))
