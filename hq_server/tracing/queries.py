"""Following one record of a branch through what HQ keeps of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from hq_server.branches.models import Branch
from hq_server.ingest.models import InboxBatch
from hq_server.parking.models import ParkedRecord
from shared.db.parts import Part, first_of
from shared.domain.wire_words import RECORD_NUMBERS
from sync_protocol.catalog import Binding, Bindings

MOST: Final = 50


@dataclass(frozen=True, slots=True)
class Found:
    """One record with the number asked for: its version, the batch that brought it, and what is parked of it.

    `in_figures_since` is when the analysis and the search took that batch in; None while it waits for them.
    """

    branch: Branch
    record_id: str
    lineage: int
    change: int
    batch: InboxBatch | None
    parked: Sequence[ParkedRecord]

    @property
    def in_figures_since(self) -> datetime | None:
        """When the figures took in the batch that brought it."""
        return self.batch.indexed_at if self.batch else None


@dataclass(frozen=True, slots=True)
class Parked:
    """A record of this number that was refused and never applied."""

    branch: Branch
    entry: ParkedRecord
    batch: InboxBatch | None


def find_records(
    session: Session, bindings: Bindings, record_type: str, number: str, *, branches: Sequence[int] = ()
) -> Part[Found]:
    """Return the first records of any branch that have this number, and how many do."""
    binding = bindings[record_type]
    table = binding.table
    statement: Select[Any] = (
        select(table.c.id, table.c.row_lineage, table.c.row_change, Branch, InboxBatch)
        .join_from(table, Branch, Branch.number == table.c.branch_number)
        .outerjoin(InboxBatch, InboxBatch.id == table.c.batch_id)
        .where(table.c[RECORD_NUMBERS[record_type]] == number)
        .order_by(Branch.code, table.c.id)
    )
    if branches:
        statement = statement.where(table.c.branch_number.in_(branches))
    rows = first_of(session, statement, MOST)
    found = [
        Found(
            branch=row[3],
            record_id=row[0],
            lineage=row[1],
            change=row[2],
            batch=row[4],
            parked=_parked_of(session, binding, row[3].number, row[0]),
        )
        for row in rows
    ]
    return Part(found, rows.total)


def find_refused(
    session: Session, record_type: str, number: str, *, branches: Sequence[int] = ()
) -> Part[Parked]:
    """Return the latest parked rows that carry this number, and how many do."""
    statement = (
        select(ParkedRecord, Branch, InboxBatch)
        .join(Branch, Branch.number == ParkedRecord.branch_number)
        .outerjoin(InboxBatch, InboxBatch.id == ParkedRecord.batch_id)
        # The row is kept as the JSON it came as; a number never needs an escape but for quotes.
        .where(
            ParkedRecord.record_type == record_type,
            ParkedRecord.line.contains(f'"{number}"', autoescape=True),
        )
        .order_by(ParkedRecord.id.desc())
    )
    if branches:
        statement = statement.where(ParkedRecord.branch_number.in_(branches))
    rows = first_of(session, statement, MOST)
    return Part([Parked(branch=row[1], entry=row[0], batch=row[2]) for row in rows], rows.total)


def _parked_of(
    session: Session, binding: Binding, branch_number: int, record_id: str
) -> Sequence[ParkedRecord]:
    return session.scalars(
        select(ParkedRecord)
        .where(
            ParkedRecord.branch_number == branch_number,
            ParkedRecord.record_type == binding.record.name,
            ParkedRecord.record_id == record_id,
        )
        .order_by(ParkedRecord.id.desc())
    ).all()
