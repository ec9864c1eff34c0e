"""Taking an export, asking a second person for one, making and fetching what was approved."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from shared.audit.operations import record
from shared.auth.models import User
from shared.exports import queries
from shared.exports.acts import export_kind
from shared.exports.errors import (
    ExportAskedError,
    ExportCapError,
    ExportChangedError,
    ExportEmptyError,
    ExportOverError,
    ExportReasonError,
    NotAskerError,
)
from shared.exports.models import REASON_LENGTH, Export
from shared.exports.rules import ExportRules
from shared.exports.vocabulary import ExportState
from shared.stamp import Stamp
from shared.twoperson import operations as two_people

LEAST_REASON: Final = 3
# Rows may have come since the approval: so many in a hundred are let through.
MORE_ROWS: Final = 10
HIDDEN: Final = "…"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody wants out of the node: all that an approval binds."""

    resource: str
    title: str
    address: str
    form: str
    conditions: Mapping[str, str]
    columns: Sequence[str]
    masked: Sequence[str]
    whole: bool
    reason: str
    searched: str = ""
    """What was typed into the search box, which may be somebody's number: the register does not keep it."""


@dataclass(frozen=True, slots=True)
class Made:
    """The file that came of it."""

    rows: int
    digest: str
    size: int


def check_reason(reason: str) -> str:
    """Return a reason as it is kept; raises ExportReasonError."""
    said = reason.strip()
    if not LEAST_REASON <= len(said) <= REASON_LENGTH:
        raise ExportReasonError(field="reason", least=LEAST_REASON, most=REASON_LENGTH)
    return said


def take(
    session: Session,
    number: str,
    wanted: Wanted,
    made: Made,
    *,
    rules: ExportRules,
    since: datetime,
    by: Stamp,
) -> Export:
    """Enter an export that is handed out at once. Raises ExportCapError and ExportEmptyError."""
    _check_cap(session, made.rows, rules=rules, since=since, by=by)
    told = {name: HIDDEN if text == wanted.searched else text for name, text in wanted.conditions.items()}
    kept = replace(wanted, address=wanted.address.partition("?")[0], conditions=told)
    export = _enter(number, kept, made.rows, ExportState.TAKEN, by=by)
    export.made_at, export.digest, export.size, export.fetches = by.at, made.digest, made.size, 1
    session.add(export)
    session.flush()
    _record_made(session, export, by=by)
    return export


def ask(
    session: Session,
    number: str,
    wanted: Wanted,
    made: Made,
    *,
    rules: ExportRules,
    since: datetime,
    by: Stamp,
) -> Export:
    """Ask a second person for an export larger than one may take alone; what was counted for it is not kept.

    Raises ExportCapError, ExportEmptyError, ExportAskedError and what proposing raises.
    """
    _check_cap(session, made.rows, rules=rules, since=since, by=by)
    present = queries.find_waiting(session, _account(by), wanted.address, whole=wanted.whole)
    if present is not None:
        raise ExportAskedError(number=present.number)
    export = _enter(number, wanted, made.rows, ExportState.WAITING, by=by)
    export.most_fetches = rules.fetches
    session.add(export)
    session.flush()
    payload = {**_told(export), "hours": int(rules.lifetime / timedelta(hours=1)), "fetches": rules.fetches}
    two_people.propose(
        session, export_kind(), ("export", export.id), payload=payload, reason=wanted.reason, by=by
    )
    return export


def check_ticket(
    session: Session, export_id: str, wanted: Wanted, *, by: Stamp, lock: bool = False
) -> Export:
    """Return the approved export that is to be made now.

    Raises ExportNotFoundError, NotAskerError and ExportOverError; ExportChangedError where it is not what was approved.
    """
    export = _own(session, export_id, by=by, lock=lock)
    if export.state is not ExportState.APPROVED or not export.is_open(by.at):
        raise ExportOverError
    if (wanted.address, wanted.form, wanted.whole) != (export.address, export.form, export.whole):
        raise ExportChangedError
    return export


def make(
    session: Session,
    export_id: str,
    wanted: Wanted,
    made: Made,
    *,
    rules: ExportRules,
    since: datetime,
    by: Stamp,
) -> Export:
    """Enter the file of an approved export, made and handed out for the first time.

    Raises as `check_ticket` does, ExportCapError, and ExportChangedError where many more rows have come since.
    """
    export = check_ticket(session, export_id, wanted, by=by, lock=True)
    if made.rows * 100 > export.rows * (100 + MORE_ROWS):
        raise ExportChangedError
    _check_cap(session, made.rows, rules=rules, since=since, by=by)
    export.state, export.made_at = ExportState.READY, by.at
    export.rows, export.digest, export.size, export.fetches = made.rows, made.digest, made.size, 1
    _record_made(session, export, by=by)
    if not export.is_open(by.at):
        export.state = ExportState.OVER
    return export


def fetch(session: Session, export_id: str, *, by: Stamp) -> Export:
    """Count one more fetching of a file. Raises ExportNotFoundError, NotAskerError and ExportOverError."""
    export = _own(session, export_id, by=by)
    if export.state is not ExportState.READY or not export.is_open(by.at):
        raise ExportOverError
    export.fetches += 1
    if not export.is_open(by.at):
        export.state = ExportState.OVER
    return export


def withdraw(session: Session, export_id: str, act_id: str, *, by: Stamp) -> None:
    """Take back an export one has asked for. Raises ExportNotFoundError, NotAskerError and ActOverError."""
    _own(session, export_id, by=by)
    two_people.withdraw(session, export_kind(), act_id, by=by)


def end_late(session: Session, *, by: Stamp) -> list[str]:
    """End every export whose time is over, and return which; their files are to be removed."""
    late = session.scalars(
        select(Export)
        .where(
            or_(Export.state == ExportState.APPROVED, Export.state == ExportState.READY),
            Export.expires_at <= by.at,
        )
        .order_by(Export.id)
        .with_for_update()
    ).all()
    for export in late:
        _end(session, export, by=by)
    return [export.id for export in late]


def end_made(session: Session, *, by: Stamp) -> int:
    """End every export whose file still lies here: somebody who was erased may stand in it. Returns how many.

    The files go with the next run of the job; asked for again, an export holds nothing of who was erased.
    """
    lying = session.scalars(
        select(Export).where(Export.state == ExportState.READY).order_by(Export.id).with_for_update()
    ).all()
    for export in lying:
        _end(session, export, by=by)
    return len(lying)


def _end(session: Session, export: Export, *, by: Stamp) -> None:
    export.state = ExportState.OVER if export.state is ExportState.READY else ExportState.EXPIRED
    told = {"number": export.number, "fetches": export.fetches}
    record(session, "export.expired", subject=("export", export.id), by=by, details=told)


def _own(session: Session, export_id: str, *, by: Stamp, lock: bool = True) -> Export:
    found = queries.get_export(session, export_id)
    # Two fetches at the same moment: the second waits here, and then finds what the first left.
    if lock:
        session.refresh(found, with_for_update=True)
    if found.asked_by_id != by.actor_id:
        raise NotAskerError
    return found


def _check_cap(session: Session, rows: int, *, rules: ExportRules, since: datetime, by: Stamp) -> None:
    if rows == 0:
        raise ExportEmptyError
    # Two exports at the same moment: the second waits here, and then finds what the first took.
    session.get(User, _account(by), with_for_update=True)
    left = max(0, rules.a_day - queries.rows_taken(session, _account(by), since=since))
    if rows > left:
        raise ExportCapError(most=rules.a_day, left=left, rows=rows)


def _account(by: Stamp) -> str:
    if by.actor_id is None:
        raise NotAskerError
    return by.actor_id


def _enter(number: str, wanted: Wanted, rows: int, state: ExportState, *, by: Stamp) -> Export:
    return Export(
        number=number,
        asked_at=by.at,
        asked_by=by.actor,
        asked_by_id=_account(by),
        resource=wanted.resource,
        title=wanted.title[:200],
        address=wanted.address,
        form=wanted.form,
        reason=wanted.reason,
        conditions=dict(wanted.conditions),
        columns=list(wanted.columns),
        masked=list(wanted.masked),
        whole=wanted.whole,
        rows=rows,
        state=state,
    )


def _told(export: Export) -> dict[str, Any]:
    return {
        "number": export.number,
        "title": export.title,
        "reason": export.reason,
        "address": export.address,
        "form": export.form,
        "conditions": export.conditions,
        "columns": export.columns,
        "masked": export.masked,
        "rows": export.rows,
        "whole": export.whole,
    }


def _record_made(session: Session, export: Export, *, by: Stamp) -> None:
    told = {
        "number": export.number,
        "of": export.resource,
        "rows": export.rows,
        "reason": export.reason,
        "digest": export.digest,
        "whole": export.whole,
    }
    record(session, "export.created", subject=("export", export.id), by=by, details=told)
