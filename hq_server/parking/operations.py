"""Keeping refused rows in order, settling them, and taking them in after all."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any, Final

import msgspec
from sqlalchemy import Table
from sqlalchemy.orm import Session

from hq_server.branches.models import Branch
from hq_server.parking import queries
from hq_server.parking.alarms import RECORDS_PARKED
from hq_server.parking.models import ParkedRecord
from hq_server.parking.queries import Version
from hq_server.parking.vocabulary import ParkedState
from hq_server.parking.waiting import Waiting
from hq_server.replica.models import Tombstone
from shared.alarms.operations import clear_alarm, raise_alarm
from shared.alarms.queries import find_open
from shared.alarms.vocabulary import SYSTEM
from sync_protocol.apply import Applied, Origin, Refused, Target, apply_block
from sync_protocol.catalog import CATALOG, Binding, Bindings
from sync_protocol.contract.evolution import UnreadableSchemaError

ID_POSITION: Final = 1


@dataclass(frozen=True, slots=True)
class Arrival:
    """A batch that has been applied: whose, of which record type and version, with what it removed."""

    branch_number: int
    batch_id: int
    record: str
    schema: int
    lineage: int
    removed: Mapping[str, int]
    at: datetime


@dataclass(slots=True)
class Retried:
    """What came of trying parked lines again: lines taken in, and the batches they came in."""

    taken: int = 0
    batches: set[int] = field(default_factory=set)
    settled: set[tuple[str, str]] = field(default_factory=set)

    def add(self, other: "Retried") -> None:
        """Count what another try brought."""
        self.taken += other.taken
        self.batches |= other.batches
        self.settled |= other.settled


def settle_arrival(
    session: Session, arrival: Arrival, applied: Applied, waiting: Waiting, bindings: Bindings
) -> Retried:
    """Keep what a batch had refused, and settle earlier refusals by what it brought.

    A newer version that was applied replaces the parked ones of its record; rows that waited for it
    are taken in. Costs nothing while nothing of the branch is or was parked.
    """
    if not (waiting.any_parked or applied.refused):
        return Retried()
    _keep(session, arrival, applied.refused, bindings)
    result = Retried()
    if waiting.any_parked:
        versions = {
            one: (arrival.lineage, change)
            for changes in (applied.changes, arrival.removed)
            for one, change in changes.items()
        }
        supersede(session, arrival.branch_number, arrival.record, versions, at=arrival.at)
        result = release(
            session, arrival.branch_number, {arrival.record: versions.keys()}, bindings, at=arrival.at
        )
    tell(session, arrival.branch_number, at=arrival.at, again=bool(applied.refused))
    return result


def supersede(
    session: Session, branch_number: int, record: str, versions: Mapping[str, Version], *, at: datetime
) -> None:
    """Settle the parked lines that are no newer than the versions now applied."""
    ids = queries.parked_ids(session, branch_number, record, versions.keys())
    for line in queries.list_open_lines(session, branch_number, record, ids):
        if line.row_change is None or line.version <= versions[str(line.record_id)]:
            line.settle(ParkedState.SUPERSEDED, at=at, by=SYSTEM)


def release(
    session: Session,
    branch_number: int,
    settled: Mapping[str, Collection[str]],
    bindings: Bindings,
    *,
    at: datetime,
    by: str = SYSTEM,
) -> Retried:
    """Take in the rows that waited for these records (ids by type), and those that waited for them in turn."""
    result = Retried()
    while settled:
        lines: list[ParkedRecord] = []
        for record, ids in settled.items():
            awaited = queries.awaited_ids(session, branch_number, record, ids)
            lines += queries.list_waiting_for(session, branch_number, record, awaited)
        if not lines:
            break
        tried = retry(session, lines, bindings, at=at, by=by)
        result.add(tried)
        settled = _by_type(tried.settled)
    return result


def retry(
    session: Session, lines: Iterable[ParkedRecord], bindings: Bindings, *, at: datetime, by: str
) -> Retried:
    """Check lines of one branch again with today's rules and take in those that keep them, oldest version first.

    What is still refused stays, with today's reasons; older lines of a record that went in are settled.
    """
    result = Retried()
    by_type: dict[str, list[ParkedRecord]] = {}
    for line in lines:
        by_type.setdefault(line.record_type, []).append(line)
    session.flush()
    for record in (name for name in CATALOG if name in by_type):
        tried = _retry_type(session, by_type[record], bindings[record], bindings, at=at, by=by)
        result.add(tried)
    return result


def tell(session: Session, branch_number: int, *, at: datetime, again: bool) -> None:
    """Bring the alarm about a branch's parked records up to date; `again`: there are new ones."""
    session.flush()
    counted = queries.count_parked(session, branch_number)
    about = ("branch", session.get_one(Branch, branch_number).code)
    details = {"records": counted.refused, "waiting": counted.waiting}
    if not counted.total:
        clear_alarm(session, RECORDS_PARKED, about, at=at)
    elif again:
        raise_alarm(session, RECORDS_PARKED, about, at=at, details=details)
    else:
        alarm = find_open(session, RECORDS_PARKED, about)
        if alarm is not None:
            alarm.details = details


def _keep(session: Session, arrival: Arrival, refused: Sequence[Refused], bindings: Bindings) -> None:
    """Park refused rows; one older than what HQ has had of its record is settled at once."""
    ids = [one.record_id for one in refused if one.record_id is not None]
    table = bindings[arrival.record].table
    held = queries.held_versions(session, arrival.branch_number, table, arrival.record, ids)
    for refusal in refused:
        line = _parked(refusal, arrival)
        if refusal.change is not None and line.version <= held.get(refusal.record_id or "", (0, 0)):
            line.settle(ParkedState.SUPERSEDED, at=arrival.at, by=SYSTEM)
        session.add(line)
    session.flush()


def _parked(refusal: Refused, arrival: Arrival) -> ParkedRecord:
    return ParkedRecord(
        branch_number=arrival.branch_number,
        batch_id=arrival.batch_id,
        record_type=arrival.record,
        schema_version=arrival.schema,
        record_id=refusal.record_id,
        row_lineage=arrival.lineage,
        row_change=refusal.change,
        # PostgreSQL cannot store NUL; its JSON escape stays readable.
        line=refusal.line.decode(errors="backslashreplace").replace("\0", "\\u0000"),
        code=refusal.code,
        reasons=dict(refusal.reasons),
        waits_type=refusal.wait.record if refusal.wait else None,
        waits_id=refusal.wait.record_id if refusal.wait else None,
        state=ParkedState.PARKED,
        parked_at=arrival.at,
    )


def _retry_type(
    session: Session,
    lines: list[ParkedRecord],
    binding: Binding,
    bindings: Bindings,
    *,
    at: datetime,
    by: str,
) -> Retried:
    record, branch_number = binding.record, lines[0].branch_number
    hold = Waiting(session, branch_number, record, bindings).hold
    result, in_now = Retried(), []
    for turn in _turns(lines):
        for group in _groups(turn):
            in_now += _retry_group(session, group, binding, hold)
        session.flush()
    held = queries.held_versions(
        session, branch_number, binding.table, record.name, [str(line.record_id) for line in in_now]
    )
    for line in in_now:
        # One that went in and was followed by a newer line of its record went in all the same.
        line.settle(ParkedState.REPLAYED, at=at, by=by)
        result.batches.add(line.batch_id)
    result.taken = len(in_now)
    result.settled = {(record.name, str(line.record_id)) for line in in_now}
    session.flush()
    supersede(session, branch_number, record.name, held, at=at)
    return result


def _turns(lines: list[ParkedRecord]) -> Iterator[list[ParkedRecord]]:
    """Part lines so that each turn has one of each record, the oldest versions in the first."""
    turns: list[list[ParkedRecord]] = []
    seen: dict[str, int] = {}
    for line in sorted(lines, key=lambda one: (one.version, one.id)):
        key = line.record_id or f"line {line.id}"
        turn = seen[key] = seen.get(key, -1) + 1
        if turn == len(turns):
            turns.append([])
        turns[turn].append(line)
    yield from turns


def _groups(turn: list[ParkedRecord]) -> Iterator[list[ParkedRecord]]:
    """Part lines by what they share on their way in: schema, lineage and batch."""

    def shared(line: ParkedRecord) -> tuple[int, int, int]:
        return line.schema_version, line.row_lineage, line.batch_id

    for _same, group in groupby(sorted(turn, key=shared), key=shared):
        yield list(group)


def _retry_group(
    session: Session,
    group: list[ParkedRecord],
    binding: Binding,
    hold: Any,  # noqa: ANN401
) -> list[ParkedRecord]:
    """Apply lines that came in one batch; return those that are in now, the others keep today's reasons."""
    first, record = group[0], binding.record
    try:
        reading = record.reading(first.schema_version)
    except UnreadableSchemaError:
        return []
    target = Target(binding.table, _tombstones(), first.branch_number, first.batch_id)
    block = b"\n".join(line.line.encode() for line in group)
    applied = apply_block(session, target, block, reading, Origin(record.name, first.row_lineage), hold=hold)
    by_id = {one.record_id: one for one in applied.refused if one.record_id is not None}
    by_line = {one.line: one for one in applied.refused if one.record_id is None}
    in_now = []
    for line in group:
        refused = by_id.get(line.record_id) if line.record_id else by_line.get(line.line.encode())
        if refused is None:
            line.record_id = line.record_id or _id_in(line.line)
            in_now.append(line)
        else:
            wait = refused.wait
            line.refuse(refused.code, dict(refused.reasons), (wait.record, wait.record_id) if wait else None)
    return in_now


def _id_in(line: str) -> str:
    return str(msgspec.json.decode(line)[ID_POSITION])


def _by_type(keys: Collection[tuple[str, str]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for record, record_id in keys:
        found.setdefault(record, set()).add(record_id)
    return found


def _tombstones() -> Table:
    table = Tombstone.__table__
    assert isinstance(table, Table)
    return table
