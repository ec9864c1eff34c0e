"""Reading what is parked, and what of a branch HQ has ever had."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from sqlalchemy import ColumnElement, Select, Table, and_, case, func, select
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import InstrumentedAttribute

from hq_server.parking.errors import ParkedNotFoundError
from hq_server.parking.models import ParkedRecord
from hq_server.parking.vocabulary import ParkedState
from hq_server.replica.models import Tombstone
from shared.db.base import instant_text
from shared.ids import is_id
from sync_protocol.contract.messages import ParkedEntry, ParkedPage

CHUNK: Final = 500
# Of the branch's list; an answer stays far below what a branch reads.
PAGE: Final = 200
Version = tuple[int, int]
One = TypeVar("One", str, int)
_OPEN: Final = ParkedRecord.state == ParkedState.PARKED
# What people look for: to be mended, waiting for another record, asked to be waived, over.
VIEWS: Final[Mapping[str, ColumnElement[bool]]] = {
    "parked": and_(_OPEN, ParkedRecord.waits_id.is_(None)),
    "waits": and_(_OPEN, ParkedRecord.waits_id.is_not(None)),
    "asked": and_(_OPEN, ParkedRecord.asked_by.is_not(None)),
    "settled": ParkedRecord.state != ParkedState.PARKED,
}


@dataclass(frozen=True, slots=True)
class ParkedCount:
    """How many rows of a branch are parked: refused by themselves, and waiting for one that is."""

    refused: int
    waiting: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.refused + self.waiting


def has_parked(session: Session, branch_number: int) -> bool:
    """Tell whether anything of a branch is parked: all that a batch of good rows costs."""
    return session.scalar(select(ParkedRecord.id).where(is_open(branch_number)).limit(1)) is not None


def count_parked(session: Session, branch_number: int) -> ParkedCount:
    """Return how many rows of a branch are parked."""
    waits = func.coalesce(func.sum(case((ParkedRecord.waits_id.is_not(None), 1), else_=0)), 0)
    total, waiting = session.execute(select(func.count(), waits).where(is_open(branch_number))).one()
    return ParkedCount(refused=int(total) - int(waiting), waiting=int(waiting))


def get_parked(session: Session, parked_id: int) -> ParkedRecord:
    """Return one parked record, open or settled; raises ParkedNotFoundError."""
    found = session.get(ParkedRecord, parked_id)
    if found is None:
        raise ParkedNotFoundError
    return found


def list_queue(session: Session, record: ParkedRecord) -> Sequence[ParkedRecord]:
    """Return every open line of the same record in order; only this one where its id cannot be told."""
    if record.record_id is None:
        return [record] if record.is_open else []
    return list_open_lines(session, record.branch_number, record.record_type, [record.record_id])


def list_open_lines(
    session: Session, branch_number: int, record_type: str, ids: Collection[str]
) -> list[ParkedRecord]:
    """Return the open lines of some records in the order of their versions."""
    found: list[ParkedRecord] = []
    for some in chunks(ids):
        mine = (ParkedRecord.record_type == record_type, ParkedRecord.record_id.in_(some))
        found += session.scalars(select(ParkedRecord).where(is_open(branch_number), *mine))
    return sorted(found, key=lambda line: (line.version, line.id))


def list_waiting_for(
    session: Session, branch_number: int, record_type: str, ids: Collection[str]
) -> list[ParkedRecord]:
    """Return the open lines that wait for some records."""
    found: list[ParkedRecord] = []
    for some in chunks(ids):
        found += session.scalars(
            select(ParkedRecord).where(
                is_open(branch_number),
                ParkedRecord.waits_type == record_type,
                ParkedRecord.waits_id.in_(some),
            )
        )
    return found


def select_parked(
    *, view: str, branches: Collection[int] = (), record_type: str | None = None
) -> Select[ParkedRecord]:
    """Select parked records for people, newest first; `view` is one of VIEWS, any other means all there ever were."""
    statement = select(ParkedRecord).order_by(ParkedRecord.id.desc())
    if branches:
        statement = statement.where(ParkedRecord.branch_number.in_(sorted(branches)))
    if record_type:
        statement = statement.where(ParkedRecord.record_type == record_type)
    return statement.where(VIEWS[view]) if view in VIEWS else statement


def count_views(session: Session, *, branches: Collection[int] = ()) -> dict[str, int]:
    """Return how many open lines each view shows."""
    views = [name for name in VIEWS if name != "settled"]
    sums = [func.coalesce(func.sum(case((VIEWS[name], 1), else_=0)), 0) for name in views]
    statement = select(*sums).where(ParkedRecord.state == ParkedState.PARKED)
    if branches:
        statement = statement.where(ParkedRecord.branch_number.in_(sorted(branches)))
    return dict(zip(views, map(int, session.execute(statement).one()), strict=True))


def waits_for(record: ParkedRecord) -> Select[ParkedRecord]:
    """Select the open lines that wait for one record, oldest first."""
    return (
        select(ParkedRecord)
        .where(
            is_open(record.branch_number),
            ParkedRecord.waits_type == record.record_type,
            ParkedRecord.waits_id == record.record_id,
        )
        .order_by(ParkedRecord.id)
    )


def awaited_ids(session: Session, branch_number: int, record_type: str, ids: Collection[str]) -> set[str]:
    """Return which of `ids` have rows waiting for them."""
    mine = (is_open(branch_number), ParkedRecord.waits_type == record_type)
    return _among(session, ParkedRecord.waits_id, mine, ids)


def parked_ids(session: Session, branch_number: int, record_type: str, ids: Collection[str]) -> set[str]:
    """Return which of `ids` have open lines."""
    mine = (is_open(branch_number), ParkedRecord.record_type == record_type)
    return _among(session, ParkedRecord.record_id, mine, ids)


def held_versions(
    session: Session, branch_number: int, table: Table, record_type: str, ids: Collection[str]
) -> dict[str, Version]:
    """Return the newest version HQ has had of each record, removed or not; nothing of those it never had."""
    held: dict[str, Version] = {}
    stone = Tombstone
    # What a refused row calls its id can be anything; PostgreSQL compares only ids with ids.
    for some in chunks([one for one in ids if is_id(one)]):
        rows = select(table.c.id, table.c.row_lineage, table.c.row_change).where(
            table.c.branch_number == branch_number, table.c.id.in_(some)
        )
        stones = select(stone.id, stone.row_lineage, stone.row_change).where(
            stone.branch_number == branch_number, stone.record_type == record_type, stone.id.in_(some)
        )
        for statement in (rows, stones):
            for record_id, lineage, change in session.execute(statement):
                held[record_id] = max(held.get(record_id, (0, 0)), (lineage, change))
    return held


def read_page(session: Session, branch_number: int, *, after: int) -> ParkedPage:
    """Return what is parked of a branch above the id `after`, oldest first, as its node is told."""
    mine = (is_open(branch_number), ParkedRecord.id > after)
    lines = session.scalars(select(ParkedRecord).where(*mine).order_by(ParkedRecord.id).limit(PAGE)).all()
    return ParkedPage(
        total=count_parked(session, branch_number).total,
        entries=[_entry(line) for line in lines],
        next=lines[-1].id if len(lines) == PAGE else None,
    )


def _entry(line: ParkedRecord) -> ParkedEntry:
    return ParkedEntry(
        record=line.record_type,
        id=line.record_id,
        lineage=line.row_lineage,
        change=line.row_change,
        code=line.code,
        reasons=line.reasons,
        parked_at=instant_text(line.parked_at),
    )


def is_open(branch_number: int) -> ColumnElement[bool]:
    """Return the condition for open lines of a branch."""
    return and_(ParkedRecord.branch_number == branch_number, ParkedRecord.state == ParkedState.PARKED)


def chunks(ids: Collection[One]) -> Iterator[list[One]]:
    """Yield ids by as many as one statement takes."""
    listed = sorted(ids)
    for start in range(0, len(listed), CHUNK):
        yield listed[start : start + CHUNK]


def _among(
    session: Session,
    column: InstrumentedAttribute[str | None],
    conditions: Sequence[ColumnElement[bool]],
    ids: Collection[str],
) -> set[str]:
    """Return which of `ids` stand in `column`."""
    if not ids:
        return set()
    # A batch has thousands of ids, and few records of a branch are parked: one statement instead of many.
    statement = select(column).where(*conditions, column.is_not(None)).distinct()
    found = session.scalars(statement.limit(CHUNK + 1)).all()
    if len(found) > CHUNK:
        found = [one for some in chunks(ids) for one in session.scalars(statement.where(column.in_(some)))]
    return {one for one in found if one is not None}.intersection(ids)
