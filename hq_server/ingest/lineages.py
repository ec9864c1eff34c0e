"""Histories of branches: which one counts, opening the next, and giving a restored branch back what it lost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Select, and_, exists, or_, select
from sqlalchemy.orm import Session

from hq_server.branches.alarms import LINEAGE_OPENED
from hq_server.branches.models import Branch, BranchLineage
from hq_server.carrying.models import CarriedValues
from hq_server.carrying.queries import proven_versions, versions_of, with_carried
from hq_server.feed.queries import state_for
from hq_server.gate.errors import SyncRefusedError
from hq_server.gate.slots import next_push_after
from hq_server.ingest.backups import list_backed_up
from hq_server.ingest.models import ChainPosition, InboxBatch
from hq_server.parking.models import ParkedRecord
from hq_server.parking.newest import line_of, newest_refused
from hq_server.parking.queries import chunks, count_parked, is_open
from hq_server.proof.models import DayCheck, Proof, ResendAsk
from hq_server.proof.queries import list_asked, list_recounted, list_resend_asks
from hq_server.replica.models import Tombstone
from shared.alarms.operations import raise_alarm
from shared.audit.operations import record
from shared.db.base import instant_text
from shared.ids import is_id
from shared.stamp import Stamp
from sync_protocol.catalog import Binding, Bindings
from sync_protocol.contract.codes import Problem
from sync_protocol.contract.messages import (
    ChainPage,
    ChannelState,
    LineageRequest,
    RecoveryPage,
    ResendAsked,
    StateAnswer,
)
from sync_protocol.wire import wire_row

CHAIN_PAGE: Final = 500
RECOVERY_PAGE: Final = 500
# Of refused lines, which can be of any length: an answer stays far below what a branch reads.
REFUSED_LINE: Final = 256 * 1024
REFUSED_BYTES: Final = 512 * 1024
FIRST: Final = "first"


@dataclass(frozen=True, slots=True)
class Point:
    """A place in a channel's chain; (0, 0) is before its beginning."""

    channel: str
    lineage: int
    batch_no: int


def current_lineage(session: Session, branch_number: int) -> tuple[int, str] | None:
    """Return number and id of the history a branch is in, or None before its first batch."""
    opened = session.scalar(
        select(BranchLineage)
        .where(BranchLineage.branch_number == branch_number)
        .order_by(BranchLineage.lineage.desc())
        .limit(1)
    )
    if opened is not None:
        return opened.lineage, opened.lineage_id
    begun = session.scalar(select(ChainPosition).where(ChainPosition.branch_number == branch_number).limit(1))
    return (begun.lineage, begun.lineage_id) if begun else None


def state_of(
    session: Session, branch: Branch, hq_id: str, now: datetime, *, bindings: Bindings
) -> StateAnswer:
    """Return where HQ stands in each channel of a branch, and in which history."""
    positions = session.scalars(
        select(ChainPosition).where(ChainPosition.branch_number == branch.number)
    ).all()
    current = current_lineage(session, branch.number)
    backed_up = list_backed_up(session, branch.number)
    parked, carried, asked, recounted, resend = _what_there_is(session, branch.number)
    return StateAnswer(
        branch=branch.code,
        hq=hq_id,
        at=instant_text(now),
        channels={
            row.channel: ChannelState(
                lineage=row.lineage,
                batch_no=row.batch_no,
                digest=row.digest,
                backed_up_through=backed_up.get(row.channel),
            )
            for row in positions
        },
        push_interval_s=branch.push_interval_s,
        next_push_after_s=next_push_after(session, branch, now),
        reads=dict(proven_versions(session, branch.number, bindings) if carried else versions_of(bindings)),
        lineage=current[0] if current else None,
        lineage_id=current[1] if current else None,
        parked=count_parked(session, branch.number).total if parked else 0,
        verify=list_asked(session, branch.number) if asked else [],
        recount=list_recounted(session, branch.number) if recounted else [],
        resend=[
            ResendAsked(id=one.id, record=one.record_type, reason=one.reason, by=one.asked_by)
            for one in (list_resend_asks(session, branch.number) if resend else ())
        ],
        feed=state_for(session, branch.number),
    )


def _what_there_is(session: Session, branch_number: int) -> Sequence[bool]:
    """Return at once whether a branch has parked rows, carried values, and is asked to prove, recount and resend.

    Most have none of it, and then none of it is looked up.
    """
    found = session.execute(
        select(
            exists().where(is_open(branch_number)),
            exists().where(CarriedValues.branch_number == branch_number),
            exists().where(Proof.branch_number == branch_number, Proof.asked_at.is_not(None)),
            exists().where(DayCheck.branch_number == branch_number, DayCheck.complete.is_(False)),
            exists().where(ResendAsk.branch_number == branch_number, ResendAsk.ended_at.is_(None)),
        )
    ).one()
    return [bool(one) for one in found]


def read_chain(session: Session, branch_number: int, channel: str, *, below: int | None) -> ChainPage:
    """Return the batches HQ holds of one channel, newest first; `below` is the `older` of the page before."""
    mine = [InboxBatch.branch_number == branch_number, InboxBatch.channel == channel]
    if below is not None:
        mine.append(InboxBatch.id < below)
    rows = session.execute(
        select(InboxBatch.id, InboxBatch.lineage, InboxBatch.batch_no, InboxBatch.digest)
        .where(*mine)
        .order_by(InboxBatch.id.desc())
        .limit(CHAIN_PAGE)
    ).all()
    older = int(rows[-1].id) if len(rows) == CHAIN_PAGE else None
    entries = [(row.lineage, row.batch_no, row.digest) for row in rows]
    return ChainPage(channel=channel, entries=entries, older=older)


def read_recovery(
    session: Session, branch_number: int, binding: Binding, *, after: Point, above: str, schema: int
) -> RecoveryPage:
    """Return rows, refused lines and removals of one record type that came in its channel after `after`.

    They go by id, from `above`. Rows are of version `schema`; of a later one than ours they are as long as ours, or
    as they were carried. What is refused was the branch's last word all the same, and goes back to it too.
    """
    later_than_ours = schema > binding.record.version
    binding = binding.at_version(min(schema, binding.record.version))
    name, table = binding.record.name, binding.table
    later = select(InboxBatch.id).where(
        InboxBatch.branch_number == branch_number,
        InboxBatch.record_type == name,
        InboxBatch.channel == after.channel,
        _after(after),
    )
    mine = [table.c.branch_number == branch_number, table.c.batch_id.in_(later)]
    if above:
        mine.append(table.c.id > above)
    line = wire_row(binding, table.c.row_change, session.get_bind().dialect.name)
    lines = session.scalars(select(line).where(*mine).order_by(table.c.id).limit(RECOVERY_PAGE)).all()
    rows: list[list[Any]] = [msgspec.json.decode(text) for text in lines]
    if later_than_ours:
        rows = with_carried(session, branch_number, name, rows, schema=schema)
    refused, more = _refused(session, branch_number, binding, later, above=above, schema=schema)
    ends = [str(rows[-1][1])] if len(rows) == RECOVERY_PAGE else []
    ends += [refused[-1][0]] if more else []
    if ends:
        end = min(ends)
        return RecoveryPage(
            record=name,
            rows=[row for row in rows if row[1] <= end],
            refused=[line for record_id, line in refused if record_id <= end],
            removed=[],
            next=end,
        )
    stones = session.execute(
        select(Tombstone.row_change, Tombstone.id).where(
            Tombstone.branch_number == branch_number,
            Tombstone.record_type == name,
            Tombstone.batch_id.in_(later),
            ~select(table.c.id).where(mine[0], table.c.id == Tombstone.id).exists(),
        )
    )
    return RecoveryPage(
        record=name,
        rows=rows,
        refused=[line for _id, line in refused],
        removed=[(stone.row_change, stone.id) for stone in stones],
    )


def _refused(
    session: Session, branch_number: int, binding: Binding, later: Select[int], *, above: str, schema: int
) -> tuple[list[tuple[str, str]], bool]:
    """Return id and line of the refused rows that came in `later`, by id from `above`; and if there are more."""
    newest = newest_refused(session, branch_number, binding)
    came = {parked.batch_id for parked in newest.values()}
    ours = {one for some in chunks(came) for one in session.scalars(later.where(InboxBatch.id.in_(some)))}
    page: list[tuple[str, str]] = []
    size = 0
    for record_id in sorted(one for one in newest if is_id(one) and one > above):
        parked = newest[record_id]
        line = _as_asked(parked, binding, schema)
        if parked.batch_id not in ours or len(line) > REFUSED_LINE:
            continue
        if len(page) == RECOVERY_PAGE or (page and size + len(line) > REFUSED_BYTES):
            return page, True
        page.append((record_id, line.decode()))
        size += len(line)
    return page, False


def _as_asked(parked: ParkedRecord, binding: Binding, schema: int) -> bytes:
    """Return a refused line in the version asked for; one we do not know ourselves is given as it came."""
    return parked.line.encode() if parked.schema_version == schema else line_of(parked, binding)


def open_lineage(session: Session, branch: Branch, number: int, asked: LineageRequest, *, by: Stamp) -> None:
    """Begin a new history of a branch; asking again for the same one changes nothing.

    Raises SyncRefusedError when it does not follow the one we hold, or forks at a batch we do not hold.
    """
    current = current_lineage(session, branch.number)
    if current == (number, asked.lineage_id):
        return
    if current is not None and number <= current[0]:
        raise SyncRefusedError(Problem.FORK, f"lineage {number} does not follow {current[0]}")
    for channel, point in asked.forked_at.items():
        if not _holds(session, branch.number, channel, point):
            raise SyncRefusedError(Problem.GAP, f"batch {point[1]} of {channel} is not held here")
    _remember(session, branch.number, number, asked, at=by.at)
    for position in session.scalars(
        select(ChainPosition).where(ChainPosition.branch_number == branch.number).with_for_update()
    ):
        position.lineage, position.lineage_id = number, asked.lineage_id
        position.batch_no, position.digest = 0, ""
    if current is not None:
        about, told = ("branch", branch.code), {"lineage": number, "reason": asked.reason}
        raise_alarm(session, LINEAGE_OPENED, about, at=by.at, details=told)
        record(
            session,
            "branch.lineage-opened",
            subject=about,
            by=by,
            details={**told, "forked_at": _plain(asked.forked_at)},
        )


def remember_first(
    session: Session, branch_number: int, lineage: int, lineage_id: str, *, at: datetime
) -> None:
    """Write down the history a branch's very first batch begins."""
    begun = LineageRequest(lineage_id=lineage_id, reason=FIRST, forked_at={})
    _remember(session, branch_number, lineage, begun, at=at)


def _remember(
    session: Session, branch_number: int, lineage: int, asked: LineageRequest, *, at: datetime
) -> None:
    session.add(
        BranchLineage(
            branch_number=branch_number,
            lineage=lineage,
            lineage_id=asked.lineage_id,
            reason=asked.reason,
            forked_at=_plain(asked.forked_at),
            opened_at=at,
        )
    )


def _plain(forked_at: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
    return {channel: list(point) for channel, point in forked_at.items()}


def _holds(session: Session, branch_number: int, channel: str, point: tuple[int, int, str]) -> bool:
    lineage, batch_no, digest = point
    held = session.scalar(
        select(InboxBatch.digest).where(
            InboxBatch.branch_number == branch_number,
            InboxBatch.channel == channel,
            InboxBatch.lineage == lineage,
            InboxBatch.batch_no == batch_no,
        )
    )
    return held == digest


def _after(point: Point) -> ColumnElement[bool]:
    return or_(
        InboxBatch.lineage > point.lineage,
        and_(InboxBatch.lineage == point.lineage, InboxBatch.batch_no > point.batch_no),
    )
