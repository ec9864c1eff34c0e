"""Writes of the receivers: one is added, loaded with what is there, and removed."""

import re
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from branch_node.receivers import queries
from branch_node.receivers.errors import ReceiverNameError, RecordsUnknownError
from branch_node.receivers.models import FirstLoad, Receiver
from shared.audit.operations import record
from shared.db.scope import FIRST, NAME_LENGTH, receiver_of
from shared.stamp import Stamp
from sync_protocol.catalog import Binding, Bindings
from sync_protocol.changelog.models import Change, OutboxBatch
from sync_protocol.changelog.touching import lock_rows, touch
from sync_protocol.changelog.triggers import capture_for

# Rows put into the change log in one transaction: people's writes wait no longer than for these.
LOAD_CHUNK: Final = 5_000
# A first load stops here until what it put in has been sealed: the change log need not hold a table twice.
LOAD_AHEAD: Final = 20_000
DROP_CHUNK: Final = 20_000
_NAME: Final = re.compile(rf"[a-z][a-z0-9-]{{0,{NAME_LENGTH - 1}}}")


def check_name(name: str) -> str:
    """Return a receiver's name; raises ReceiverNameError."""
    if name == FIRST or not _NAME.fullmatch(name):
        raise ReceiverNameError(name=name)
    return name


def check_records(records: Collection[str], bindings: Bindings) -> list[str]:
    """Return record types in the order of the catalog, each once; raises RecordsUnknownError."""
    unknown = sorted(set(records) - set(bindings))
    if unknown or not records:
        raise RecordsUnknownError(records=", ".join(unknown) or "-", known=", ".join(bindings))
    return [name for name in bindings if name in records]


def add_receiver(
    session: Session, name: str, records: Sequence[str], bindings: Bindings, *, by: Stamp
) -> Receiver:
    """Capture every change of `records` for this receiver from here on, and plan the load of what is there already.

    On PostgreSQL it waits for writers at work and holds up new ones until the transaction ends: so each row is
    captured or stands in its table when the load begins. `session` must be the receiver's own.
    """
    found = session.get(Receiver, name)
    if found is None:
        found = Receiver(name=name, records=[], joined_at=by.at)
        session.add(found)
    known = set() if found.left_at is not None else set(found.records)
    found.records, found.joined_at = list(records), by.at
    found.left_at = found.cleared_at = found.not_before = None
    session.flush()
    _capture_anew(session, bindings)
    _forget_other_types(session, records)
    session.execute(delete(FirstLoad).where(FirstLoad.record_type.not_in(known & set(records))))
    session.add_all(FirstLoad(record_type=one) for one in records if one not in known)
    record(session, "receiver.added", subject=("receiver", name), by=by, details={"records": list(records)})
    return found


def load_chunk(session: Session, binding: Binding, load: FirstLoad, *, at: datetime) -> int:
    """Put the next rows of a first load into the change log, in the order of their ids; return how many.

    A row that is changed or removed afterwards has a change of its own, and is sent as it then stands. None when all
    is in, and when the next row is being written by somebody: it is left for the next time.
    """
    key = binding.table.c.id
    rest = select(key).order_by(key).limit(LOAD_CHUNK)
    if load.through is not None:
        rest = rest.where(key > load.through)
    ids = session.scalars(rest).all()
    held = lock_rows(session, binding, ids)
    turn = ids[: next((place for place, one in enumerate(ids) if one in held.busy), len(ids))]
    touch(session, binding.record.name, changed=[one for one in turn if one in held.locked])
    load.through = turn[-1] if turn else load.through
    load.done_at = None if ids else at
    return len(turn)


def room_ahead(session: Session, binding: Binding) -> bool:
    """Whether more of a first load may be put into the change log before what is there has gone."""
    some = (
        select(Change.id)
        .where(Change.record_type == binding.record.name, Change.batch_id.is_(None))
        .limit(LOAD_AHEAD)
        .subquery()
    )
    return (session.scalar(select(func.count()).select_from(some)) or 0) < LOAD_AHEAD


def remove_receiver(session: Session, name: str, bindings: Bindings, *, undelivered: int, by: Stamp) -> None:
    """Capture nothing more for a receiver; its chain and receipts stay. Raises ReceiverUnknownError.

    What it has not received is given up: `undelivered` changes, which goes on record.
    """
    found = queries.get_receiver(session, name)
    found.left_at = by.at
    session.flush()
    _capture_anew(session, bindings)
    details = {"records": found.records, "undelivered": undelivered}
    record(session, "receiver.removed", subject=("receiver", name), by=by, details=details)


def drop_changes(session: Session, *, above: int) -> int | None:
    """Remove the next of the changes captured for a receiver that was removed; return where to go on, None at the end.

    `above` is where the last call stopped, so that nothing is looked at twice.
    """
    first = session.scalar(select(func.min(Change.id)).where(Change.id > above))
    if first is None:
        return None
    beyond = first + DROP_CHUNK
    gone = delete(Change).where(Change.id >= first, Change.id < beyond)
    session.execute(gone.execution_options(synchronize_session=False))
    return beyond - 1


def forget_delivered(session: Session, name: str, *, at: datetime) -> None:
    """Give up the bytes of what a removed receiver has taken; nothing is left to be cleared then.

    What it may have got although its receipt was lost stays, as does the chain: should it be joined again, both
    sides find the place where they were.
    """
    forget = update(OutboxBatch).where(OutboxBatch.acknowledged_at.is_not(None)).values(payload=None)
    session.execute(forget.execution_options(synchronize_session=False))
    session.execute(delete(FirstLoad))
    session.get_one(Receiver, name).cleared_at = at


def note_wait(session: Session, until: datetime | None) -> None:
    """Remember when the session's receiver may be tried again; None is at the next turn."""
    found = session.get(Receiver, receiver_of(session))
    if found is not None:
        found.not_before = until


def _forget_other_types(session: Session, records: Sequence[str]) -> None:
    """Remove what waits of record types the session's receiver does not get any more: nobody would seal it."""
    waits = delete(Change).where(Change.record_type.not_in(records), Change.batch_id.is_(None))
    session.execute(waits.execution_options(synchronize_session=False))


def _capture_anew(session: Session, bindings: Bindings) -> None:
    connection = session.connection()
    capture_for(connection, bindings, queries.takers(connection))
