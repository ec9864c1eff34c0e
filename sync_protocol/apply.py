"""Apply a batch to a replica in the caller's transaction: once or many times, the result is the same.

Rows are checked and loaded in bulk. When something is refused, only then are rows looked at one by
one: what marshmallow refuses, or what the database refuses by itself, is handed back to be parked,
and everything else is applied. Rows that name a record which is parked wait with it.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import msgspec
from sqlalchemy import Table, and_, select, text
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import Session

from sync_protocol.contract.checks import RecordCheck
from sync_protocol.contract.evolution import Cut, Reading, cut
from sync_protocol.contract.fields import INT64
from sync_protocol.contract.messages import BatchHeader
from sync_protocol.contract.payload import Batch
from sync_protocol.loading import RowVersion, load_rows

ID_POSITION: Final = 1
CHUNK: Final = 500
LONGEST_REFUSED_ID: Final = 80
INVALID: Final = "invalid"
DATABASE: Final = "database"
WAITS: Final = "waits"


@dataclass(frozen=True, slots=True)
class Wait:
    """The record a row names in `column` and must wait for."""

    column: str
    record: str
    record_id: str

    @property
    def reasons(self) -> dict[str, list[str]]:
        """Return it as reasons by column."""
        return {self.column: [f"waits for {self.record} {self.record_id}, which is parked"]}


# From typed rows and the ids refused beside them: which rows must wait, by id.
Hold = Callable[[Sequence[Any], Collection[str]], Mapping[str, Wait]]


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that cannot be applied: its own line, which record it is when that can be told, and why."""

    line: bytes
    change: int | None
    record_id: str | None
    code: str
    reasons: dict[str, list[str]]
    wait: Wait | None = None


@dataclass(frozen=True, slots=True)
class Applied:
    """What came of a batch: change number by id of rows applied (even where a newer one stayed), and the refused.

    `carried` are the values of columns not known here, with their change number, by id.
    """

    changes: Mapping[str, int]
    refused: Sequence[Refused]
    carried: Mapping[str, tuple[int, list[Any]]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Origin:
    """Which record type rows are of, and the lineage of their versions."""

    record: str
    lineage: int
    fresh: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """Where rows go: the replica table and the tombstones beside it, and whose rows they are at this node."""

    table: Table
    tombstones: Table
    branch_number: int
    batch_id: int


def apply_batch(
    session: Session, target: Target, batch: Batch, reading: Reading, *, hold: Hold | None = None
) -> Applied:
    """Apply `batch`; rows older than what the replica holds change nothing, rows that `hold` names wait.

    Errors of the database that are not about the content of a row (full disk, lost connection)
    are raised, and nothing of the batch may then be committed.
    """
    _remove(session, target, batch.header)
    origin = Origin(batch.header.record, batch.header.lineage, fresh=batch.header.fresh)
    return apply_block(session, target, batch.block, reading, origin, hold=hold)


def apply_block(
    session: Session,
    target: Target,
    block: bytes,
    reading: Reading,
    origin: Origin,
    *,
    hold: Hold | None = None,
) -> Applied:
    """Apply rows, one a line, as `apply_batch` does; for rows that were parked and are tried again.

    What is refused is handed back as it was sent, in whichever version.
    """
    shortened = None if reading.width is None else cut(block, reading.width)
    rows, refused = _split(shortened.block if shortened else block, reading.check)
    sent = _newest_of_each(rows)
    check, rows = reading.current, _without_removed(session, target, origin, reading.lengthened(sent))
    version = RowVersion(
        branch_number=target.branch_number,
        lineage=origin.lineage,
        batch_id=target.batch_id,
        fresh=origin.fresh,
    )
    if hold is None:
        refused.extend(_load(session, target.table, check, rows, version))
    else:
        rows = _load_holding(session, target.table, check, rows, version, hold, refused)
    out = {one.record_id for one in refused}
    return Applied(
        changes={row.id: row.change for row in rows if row.id not in out},
        refused=_as_sent(refused, reading, sent, shortened) if refused else refused,
        carried=shortened.rest if shortened else {},
    )


def _as_sent(
    refused: Sequence[Refused], reading: Reading, sent: Sequence[Any], shortened: Cut | None
) -> list[Refused]:
    """Return refused rows with the lines that were sent, where they were lengthened or cut to be read."""
    if shortened is not None:
        return [replace(one, line=shortened.whole.get(one.line, one.line)) for one in refused]
    if not reading.steps:
        return list(refused)
    lines = {row.id: reading.check.write_lines([row]) for row in sent}
    return [replace(one, line=lines.get(one.record_id or "", one.line)) for one in refused]


def _load_holding(
    session: Session,
    table: Table,
    check: RecordCheck,
    rows: list[Any],
    version: RowVersion,
    hold: Hold,
    refused: list[Refused],
) -> list[Any]:
    """Load the rows that need not wait and return them; what is refused or waits is added to `refused`.

    What the database refuses may be named by rows beside it: then they wait too, and the others are loaded again.
    """
    out = {one.record_id for one in refused if one.record_id is not None}
    waiting = dict(hold(rows, out))
    while True:
        going = [row for row in rows if row.id not in waiting] if waiting else rows
        with session.begin_nested() as savepoint:
            denied = _load(session, table, check, going, version)
            gone = {one.record_id for one in denied if one.record_id is not None}
            followed = bool(gone and hold(going, gone).keys() - gone)
            if followed:
                savepoint.rollback()
        if not followed:
            break
        # Asked again now that none of these rows is in: one that names a row that waits has to wait as well.
        waiting |= {row_id: wait for row_id, wait in hold(going, gone).items() if row_id not in gone}
    refused.extend(denied)
    refused.extend(_wait(check, row, waiting[row.id]) for row in rows if row.id in waiting)
    return going


def _wait(check: RecordCheck, row: Any, wait: Wait) -> Refused:  # noqa: ANN401 - a generated row type
    line = check.write_lines([row])
    return Refused(line, row.change, row.id, WAITS, wait.reasons, wait)


def _split(block: bytes, check: RecordCheck) -> tuple[list[Any], list[Refused]]:
    """Part a block into the typed rows that pass the check and the lines that are refused."""
    if not block:
        return [], []
    accepted = check.accepts_block(block)
    if accepted is not None:
        return accepted, []
    rows: list[Any] = []
    refused: list[Refused] = []
    for line in block.split(b"\n"):
        reasons = check.refuse_line(line)
        if reasons is None:
            rows.append(check.read_line(line))
        else:
            refused.append(_refuse(line, INVALID, reasons))
    return rows, refused


def _newest_of_each(rows: list[Any]) -> list[Any]:
    """Leave out rows followed by a newer one of the same record; one upsert cannot take both."""
    if len({row.id for row in rows}) == len(rows):
        return rows
    newest: dict[str, Any] = {}
    for row in rows:
        held = newest.get(row.id)
        if held is None or held.change < row.change:
            newest[row.id] = row
    return list(newest.values())


def _load(
    session: Session,
    table: Table,
    check: RecordCheck,
    rows: list[Any],
    version: RowVersion,
    *,
    searching: bool = False,
) -> list[Refused]:
    """Load rows in one go; when the database refuses one, halve until it stands alone."""
    if not rows:
        return []
    try:
        with session.begin_nested():
            load_rows(session, table, check, rows, version, searching=searching)
    except (IntegrityError, DataError) as error:
        if len(rows) == 1:
            reason = str(error.orig).splitlines()[0]
            return [_refuse(check.write_lines(rows), DATABASE, {"row": [reason]})]
        middle = len(rows) // 2
        return [
            *_load(session, table, check, rows[:middle], version, searching=True),
            *_load(session, table, check, rows[middle:], version, searching=True),
        ]
    return []


def _remove(session: Session, target: Target, header: BatchHeader) -> None:
    """Remove what the branch removed, and remember it, so that a late copy does not bring it back."""
    if not header.removed:
        return
    values = [
        {
            "branch": target.branch_number,
            "record": header.record,
            "id": record_id,
            "lineage": header.lineage,
            "change": change,
            "batch": target.batch_id,
        }
        for change, record_id in header.removed
    ]
    tombstones, table = target.tombstones.name, target.table.name
    session.execute(
        text(
            f"INSERT INTO {tombstones} (branch_number, record_type, id, row_lineage, row_change, batch_id) "  # noqa: S608 - names of our own tables
            "VALUES (:branch, :record, :id, :lineage, :change, :batch) "
            "ON CONFLICT (branch_number, record_type, id) DO UPDATE SET row_lineage = excluded.row_lineage, "
            "row_change = excluded.row_change, batch_id = excluded.batch_id "
            f"WHERE (excluded.row_lineage, excluded.row_change) > ({tombstones}.row_lineage, {tombstones}.row_change)"
        ),
        values,
    )
    session.execute(
        text(
            f"DELETE FROM {table} WHERE branch_number = :branch AND id = :id "  # noqa: S608 - names of our own tables
            "AND (row_lineage, row_change) < (:lineage, :change)"
        ),
        [{key: value[key] for key in ("branch", "id", "lineage", "change")} for value in values],
    )


def _without_removed(session: Session, target: Target, origin: Origin, rows: list[Any]) -> list[Any]:
    """Leave out rows whose record was removed by a newer change; only a late or repeated row can be such."""
    stones = target.tombstones
    mine = and_(stones.c.branch_number == target.branch_number, stones.c.record_type == origin.record)
    if session.execute(select(stones.c.id).where(mine).limit(1)).first() is None:
        return rows
    removed: dict[str, tuple[int, int]] = {}
    for start in range(0, len(rows), CHUNK):
        ids = [row.id for row in rows[start : start + CHUNK]]
        found = select(stones.c.id, stones.c.row_lineage, stones.c.row_change).where(
            mine, stones.c.id.in_(ids)
        )
        removed.update({row.id: (row.row_lineage, row.row_change) for row in session.execute(found)})
    return [row for row in rows if removed.get(row.id, (0, 0)) < (origin.lineage, row.change)]


def _refuse(line: bytes, code: str, reasons: dict[str, list[str]]) -> Refused:
    change, record_id = None, None
    try:
        values: Any = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        values = None
    if isinstance(values, list) and len(values) > ID_POSITION:
        change = values[0] if type(values[0]) is int and 0 < values[0] < INT64 else None
        record_id = _as_id(values[ID_POSITION])
    return Refused(line=line, change=change, record_id=record_id, code=code, reasons=reasons)


def _as_id(value: Any) -> str | None:  # noqa: ANN401 - any JSON value
    """Return what may name a record in a receipt and in HQ's tables; a refused row can hold anything there."""
    if isinstance(value, str) and len(value) <= LONGEST_REFUSED_ID and "\0" not in value:
        return value
    return None
