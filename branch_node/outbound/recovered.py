"""Rows that HQ had received and a node set back no longer holds: fetched, put back, or shown to a person.

A row that nothing here contradicts is put back as it was, also one HQ has refused: to be mended it has to be
here. Where both sides changed a record, both versions are kept and a person chooses; until then this
branch's stands, since the branch owns its data.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Row, delete, func, insert, literal, or_, select, update
from sqlalchemy.exc import StatementError
from sqlalchemy.orm import Session

from branch_node.erased.models import Erasure
from branch_node.erasure.putting_back import blanked_line, carry_out_told
from branch_node.outbound.client import After, HqClient
from branch_node.outbound.models import RecoveredRow
from branch_node.runtime import BranchRuntime
from shared.audit.operations import record
from shared.errors import N_, BranchlineError, Kind
from shared.ids import is_id
from shared.stamp import Stamp
from sync_protocol.catalog import BACKLOG, Binding, Bindings
from sync_protocol.changelog.models import SET_ASIDE, Change
from sync_protocol.wire import row_values, wire_row

log = logging.getLogger(__name__)
PAGE: Final = 200
OFFERED, RESTORED, SAME, CONFLICT = "offered", "restored", "same", "conflict"
TOOK_HQ, KEPT_OURS = "took-hq", "kept-ours"
STATES: Final = (CONFLICT, RESTORED, SAME, TOOK_HQ, KEPT_OURS, OFFERED)


class NotRecoveredError(BranchlineError):
    """There is no such recovered record."""

    code = "not-recovered"
    kind = Kind.NOT_FOUND
    message = N_("No such record came back from head office.")


class NotAConflictError(BranchlineError):
    """This record is decided already."""

    code = "not-a-conflict"
    kind = Kind.CONFLICT
    message = N_("This record has been decided already.")


class CannotTakeError(BranchlineError):
    """Head office's version cannot be put in place."""

    code = "cannot-take-version"
    kind = Kind.CONFLICT
    message = N_("Head office's version cannot be put in place here: %(reason)s")


def fetch_recovered(
    runtime: BranchRuntime, client: HqClient, lineage: int, common: Mapping[str, tuple[int, int, str]]
) -> int:
    """Fetch what HQ received after the common points and keep it as offered; return how many records.

    What an earlier attempt fetched for the same lineage is replaced.
    """
    with runtime.database.sessions.begin() as session:
        session.execute(delete(RecoveredRow).where(RecoveredRow.lineage == lineage))
    fetched = 0
    for name, binding in runtime.bindings.items():
        for channel in (binding.record.channel, BACKLOG):
            lineage_held, batch_held, _digest = common[channel]
            after = After(channel, lineage_held, batch_held)
            fetched += _fetch(runtime, client, lineage, name, after)
    return fetched


def _fetch(runtime: BranchRuntime, client: HqClient, lineage: int, name: str, after: After) -> int:
    """Keep what HQ received of one record type in one channel, as offered; return how many records."""
    schema = runtime.bindings[name].record.version
    fetched = 0
    above: str | None = ""
    while above is not None:
        page = client.recovery(name, after, above, schema=schema)
        offered: dict[str, str | None] = {str(row[1]): msgspec.json.encode(row).decode() for row in page.rows}
        offered |= {record_id: None for _change, record_id in page.removed}
        refused = _rows_in(page.refused, runtime.bindings[name])
        with runtime.database.sessions.begin() as session:
            fetched += _keep(session, lineage, name, offered, refused)
        above = page.next
    return fetched


def put_back(runtime: BranchRuntime, lineage: int) -> None:
    """Put offered rows back where nothing contradicts them; must run before anything more is sealed."""
    with runtime.database.reads() as session:
        waiting = set(
            session.scalars(
                select(RecoveredRow.record_type)
                .where(RecoveredRow.lineage == lineage, RecoveredRow.state == OFFERED)
                .distinct()
            )
        )
    for name in (one for one in runtime.bindings if one in waiting):
        while True:
            with runtime.database.sessions.begin() as session:
                offered = session.scalars(
                    select(RecoveredRow)
                    .where(
                        RecoveredRow.lineage == lineage,
                        RecoveredRow.record_type == name,
                        RecoveredRow.state == OFFERED,
                    )
                    .order_by(RecoveredRow.record_id)
                    .limit(PAGE)
                ).all()
                for row in offered:
                    row.state = _put_back_one(session, runtime.bindings[name], row)
                    row.settled_at = runtime.clock.now() if row.state != CONFLICT else None
            if not offered:
                break


def list_undecided(session: Session, record_type: str) -> set[str]:
    """Return the records that wait for a person: until then neither side's version is held against the other's."""
    return set(
        session.scalars(
            select(RecoveredRow.record_id).where(
                RecoveredRow.record_type == record_type, RecoveredRow.state.in_((CONFLICT, OFFERED))
            )
        )
    )


def list_all_undecided(session: Session) -> dict[str, set[str]]:
    """Return the same of every record type that has any."""
    found: dict[str, set[str]] = {}
    waiting = select(RecoveredRow.record_type, RecoveredRow.record_id)
    for name, record_id in session.execute(waiting.where(RecoveredRow.state.in_((CONFLICT, OFFERED)))):
        found.setdefault(name, set()).add(record_id)
    return found


def count_states(session: Session) -> dict[str, int]:
    """Return how many recovered records stand in each state."""
    rows = session.execute(select(RecoveredRow.state, func.count()).group_by(RecoveredRow.state))
    return {str(row[0]): int(row[1]) for row in rows}


def get_recovered(session: Session, lineage: int, record_type: str, record_id: str) -> RecoveredRow:
    """Return one recovered record; raises NotRecoveredError."""
    found = session.get(RecoveredRow, (lineage, record_type, record_id), with_for_update=True)
    if found is None:
        raise NotRecoveredError
    return found


def take_hq(session: Session, bindings: Bindings, found: RecoveredRow, *, by: Stamp) -> None:
    """Put HQ's version in the place of ours; raises NotAConflictError and CannotTakeError."""
    _check_open(found)
    binding = bindings[found.record_type]
    try:
        with session.begin_nested():
            _write(session, binding, found)
    except StatementError as error:
        raise CannotTakeError(reason=str(error.orig).splitlines()[0]) from error
    _settle(session, found, TOOK_HQ, by=by)


def keep_ours(session: Session, found: RecoveredRow, *, by: Stamp) -> None:
    """Leave our version as it is; HQ has it or gets it. Raises NotAConflictError."""
    _check_open(found)
    _settle(session, found, KEPT_OURS, by=by)


def versions(session: Session, binding: Binding, found: RecoveredRow) -> list[tuple[str, Any, Any]]:
    """Return (column, ours, HQ's) of every column in which the two differ; None throughout where removed."""
    ours = _our_values(session, binding, found.record_id)
    theirs = msgspec.json.decode(found.line)[1:] if found.line else None
    return _differing(binding, ours, theirs)


def known_values(session: Session, binding: Binding, found: RecoveredRow) -> dict[str, Any]:
    """Return a recovered record's values by column: HQ's, or ours where HQ knows it as removed."""
    values = (
        msgspec.json.decode(found.line)[1:]
        if found.line
        else _our_values(session, binding, found.record_id) or [None] * len(binding.record.columns)
    )
    # An older HQ tells fewer columns.
    return dict(zip(binding.record.columns, values, strict=False))


def _rows_in(lines: Sequence[str], binding: Binding) -> dict[str, str]:
    """Return by id the refused lines that our columns can take; the next barrier tells that others are not here."""
    found: dict[str, str] = {}
    for line in lines:
        try:
            row = msgspec.json.decode(line)
            values = row_values(binding, row)
        except (ValueError, TypeError, LookupError, RecursionError):
            values = {}
        if is_id(str(values.get("id"))):
            found[values["id"]] = line
        else:
            log.warning("a refused row cannot be put back", extra={"record": binding.record.name})
    return found


def _keep(
    session: Session,
    lineage: int,
    name: str,
    offered: Mapping[str, str | None],
    refused: Mapping[str, str],
) -> int:
    """Keep what HQ offers and return how many records are new; a refused line is newer than the row HQ holds."""
    lines = {**offered, **refused}
    known = _known(session, lineage, name, sorted(lines))
    for record_id in known & refused.keys():
        session.get_one(RecoveredRow, (lineage, name, record_id)).line = refused[record_id]
    new = [
        {"lineage": lineage, "record_type": name, "record_id": record_id, "line": line, "state": OFFERED}
        for record_id, line in lines.items()
        if record_id not in known
    ]
    if new:
        session.execute(insert(RecoveredRow), new)
    return len(new)


def _known(session: Session, lineage: int, name: str, ids: Sequence[str]) -> set[str]:
    """Return which records were offered before, on another page or in another channel."""
    mine = (RecoveredRow.lineage == lineage, RecoveredRow.record_type == name)
    return {
        one
        for start in range(0, len(ids), PAGE)
        for one in session.scalars(
            select(RecoveredRow.record_id).where(*mine, RecoveredRow.record_id.in_(ids[start : start + PAGE]))
        )
    }


def _put_back_one(session: Session, binding: Binding, row: RecoveredRow) -> str:
    """Put one row back and return its new state."""
    erased = _put_back_erased(session, binding, row)
    if erased is not None:
        return erased
    ours = _our_values(session, binding, row.record_id)
    theirs = msgspec.json.decode(row.line)[1:] if row.line else None
    if not _differing(binding, ours, theirs):
        return SAME
    if _changed_here(session, binding, row.record_id):
        return CONFLICT
    try:
        with session.begin_nested():
            _write(session, binding, row)
    except StatementError:
        # Its number was given to another record meanwhile, it is a fact that may not go, or holds what no column takes.
        return CONFLICT
    return RESTORED


def _put_back_erased(session: Session, binding: Binding, row: RecoveredRow) -> str | None:
    """Put back what is about an erased customer, blank and unasked; None when it is about nobody erased.

    An erasure is carried out: it comes before all that it made blank.
    """
    if row.line is None:
        return None
    if binding.table.name == Erasure.__tablename__:
        values = row_values(binding, msgspec.json.decode(row.line))
        return RESTORED if carry_out_told(session, values) else SAME
    blank = blanked_line(session, binding, row.line)
    if blank is None:
        return None
    row.line = blank
    _write(session, binding, row)
    return RESTORED


def _differing(
    binding: Binding, ours: Sequence[Any] | None, theirs: Sequence[Any] | None
) -> list[tuple[str, Any, Any]]:
    """Compare two versions as values: the two databases may space the same JSON differently."""
    nothing = [None] * len(binding.record.columns)
    mine, hers = ([0, *(one or nothing)] for one in (ours, theirs))
    left, right = row_values(binding, mine), row_values(binding, hers)
    # Columns HQ did not know yet are not told, and differ in nothing.
    return [
        (name, left[name], right[name]) for name in left.keys() & right.keys() if left[name] != right[name]
    ]


def _changed_here(session: Session, binding: Binding, record_id: str) -> bool:
    """Whether the record was changed here since the common point: those changes are not sealed yet."""
    return (
        session.scalar(
            select(Change.id)
            .where(
                Change.record_type == binding.record.name,
                Change.record_id == record_id,
                or_(Change.batch_id.is_(None), Change.batch_id == SET_ASIDE),
            )
            .limit(1)
        )
        is not None
    )


def _write(session: Session, binding: Binding, row: RecoveredRow) -> None:
    """Make our row what HQ holds; the triggers capture it like any other change."""
    table = binding.table
    here = table.c.id == row.record_id
    if row.line is None:
        session.execute(delete(table).where(here))
        return
    values = row_values(binding, msgspec.json.decode(row.line))
    if session.scalar(select(func.count()).select_from(table).where(here)):
        session.execute(update(table).where(here).values(values))
    else:
        session.execute(insert(table).values(values))


def _our_values(session: Session, binding: Binding, record_id: str) -> list[Any] | None:
    line = wire_row(binding, literal(0), session.get_bind().dialect.name)
    found: Row[Any] | None = session.execute(select(line).where(binding.table.c.id == record_id)).first()
    values: list[Any] = msgspec.json.decode(found[0]) if found is not None else []
    return values[1:] or None


def _check_open(found: RecoveredRow) -> None:
    if found.state != CONFLICT:
        raise NotAConflictError


def _settle(session: Session, found: RecoveredRow, state: str, *, by: Stamp) -> None:
    found.state, found.settled_at, found.settled_by = state, by.at, by.actor
    details = {"record": found.record_type, "lineage": found.lineage}
    record(
        session, f"recovered.{state}", subject=(found.record_type, found.record_id), by=by, details=details
    )
