"""Asking for something to be sent once more, taking the next records of it, and ending it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from sqlalchemy.orm import Session

from branch_node.proof.operations import demand
from branch_node.resend import queries
from branch_node.resend.errors import (
    BatchGoneError,
    ResendChoiceError,
    ResendEndedError,
    ResendRangeError,
    ResendReasonError,
)
from branch_node.resend.models import Resend
from branch_node.resend.queries import ENTERED, BatchName
from branch_node.resend.vocabulary import ResendState
from shared.audit.operations import record
from shared.ids import is_id
from shared.stamp import Stamp
from sync_protocol.catalog import Bindings
from sync_protocol.changelog.touching import lock_rows, touch

LEAST_REASON: Final = 3
MOST_REASON: Final = 200
RESENT: Final = "resend"
# Records taken in one transaction, for which their rows are locked.
AT_ONCE: Final = 2_000


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person wants sent once more: a record type or everything, or one batch.

    Of a record type all, or those with `numbers` or `ids`, or those entered on the days of `entered`.
    """

    reason: str
    record_type: str | None = None
    everything: bool = False
    numbers: Sequence[str] = ()
    ids: Sequence[str] = ()
    entered: tuple[date | None, date | None] = (None, None)
    batch: BatchName | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """What a turn brought: the record type, and the changes that are to be sealed now.

    None is `ended` when more is to come; `busy` when the next record is being written by somebody.
    """

    record_type: str
    changes: Sequence[int] = field(default=())
    ended: bool = False
    busy: bool = False


def ask(session: Session, bindings: Bindings, wish: Wish, *, by: Stamp) -> list[Resend]:
    """Have the next cycles send what is wished for once more, after today's records and the backlog.

    Nothing is changed by it, and people go on writing. Raises ResendReasonError, ResendChoiceError, ResendNumberError,
    ResendRangeError and BatchGoneError.
    """
    reason = wish.reason.strip()
    if not LEAST_REASON <= len(reason) <= MOST_REASON:
        raise ResendReasonError(field="reason", least=LEAST_REASON, most=MOST_REASON)
    _check_choice(wish, bindings)
    made = [
        _make(session, bindings, wish, name, reason, by) for name in _record_types(session, wish, bindings)
    ]
    session.add_all(made)
    session.flush()
    for one in made:
        told = {"record": one.record_type, "batch": one.batch, "reason": reason, "records": _count(one)}
        record(session, "resend.asked", subject=("resend", str(one.id)), by=by, details=told)
    return made


def ask_for_hq(
    session: Session, bindings: Bindings, asked: str, record_type: str, reason: str, *, by: Stamp
) -> None:
    """Begin what head office asked for; asking again for the same changes nothing."""
    if record_type not in bindings or not is_id(asked) or queries.list_known_asks(session, [asked]):
        return
    one = Resend(
        record_type=record_type,
        asked_of_hq=asked,
        reason=reason[:MOST_REASON],
        asked_at=by.at,
        asked_by=by.actor,
        rows_sent=0,
    )
    session.add(one)
    session.flush()
    told = {"record": record_type, "reason": one.reason}
    record(session, "resend.asked-by-hq", subject=("resend", str(one.id)), by=by, details=told)


def take(session: Session, bindings: Bindings, *, zone: str, by: Stamp, limit: int) -> Taken | None:
    """Give the next records of what is being sent once more a newer change each; None when there is nothing to do.

    Commits nothing: rows, changes and how far it has come belong to one transaction, so it goes on where it was.
    """
    one = queries.find_current(session, bindings, lock=True)
    if one is None:
        return None
    binding = bindings[one.record_type]
    if one.state is ResendState.WAITING:
        one.state, one.started_at = ResendState.RUNNING, by.at
        one.rows_planned = queries.count_planned(session, binding, one, zone)
    ids = queries.next_ids(session, binding, one, zone, limit)
    if not ids:
        _end(session, one, ResendState.DONE, by=by)
        return Taken(one.record_type, ended=True)
    held = lock_rows(session, binding, ids)
    # In order up to the first that somebody is writing: where it stands is one number.
    turn = ids[: next((at for at, record_id in enumerate(ids) if record_id in held.busy), len(ids))]
    if not turn:
        return Taken(one.record_type, busy=True)
    changed = [record_id for record_id in turn if record_id in held.locked]
    gone = [record_id for record_id in turn if record_id not in held.locked] if one.ids is not None else []
    changes = touch(session, one.record_type, changed=changed, removed=gone)
    one.done_through = turn[-1]
    one.rows_sent += len(changes)
    return Taken(one.record_type, changes)


def stop(session: Session, resend_id: int, *, by: Stamp) -> Resend:
    """Send no more of it; what has gone has gone. Raises ResendEndedError."""
    one = session.get(Resend, resend_id, with_for_update=True)
    if one is None or not one.is_open:
        raise ResendEndedError
    _end(session, one, ResendState.STOPPED, by=by)
    return one


def _end(session: Session, one: Resend, state: ResendState, *, by: Stamp) -> None:
    one.state, one.ended_at, one.ended_by = state, by.at, by.actor
    # What head office holds too many is found by comparing.
    demand(session, [one.record_type], RESENT)
    told = {"record": one.record_type, "records": one.rows_sent}
    record(session, f"resend.{state.value}", subject=("resend", str(one.id)), by=by, details=told)


def _check_choice(wish: Wish, bindings: Bindings) -> None:
    ways = [wish.record_type is not None, wish.everything, wish.batch is not None]
    first, last = wish.entered
    parts = [bool(wish.numbers), bool(wish.ids), first is not None or last is not None]
    if sum(ways) != 1 or sum(parts) > 1 or (any(parts) and wish.record_type is None):
        raise ResendChoiceError(field="record")
    if wish.record_type is not None and wish.record_type not in bindings:
        raise ResendChoiceError(field="record")
    if parts[2]:
        table = bindings[wish.record_type or ""].table
        if first is None or last is None or first > last or ENTERED not in table.c:
            raise ResendRangeError(field="entered_from")


def _record_types(session: Session, wish: Wish, bindings: Bindings) -> Sequence[str]:
    if wish.batch is not None:
        record_type = queries.get_batch(session, wish.batch).record_type
        if record_type not in bindings:
            raise BatchGoneError(batch=str(wish.batch))
        return [record_type]
    return list(bindings) if wish.everything else [wish.record_type or ""]


def _make(
    session: Session, bindings: Bindings, wish: Wish, record_type: str, reason: str, by: Stamp
) -> Resend:
    ids: list[str] | None = None
    if wish.batch is not None:
        ids = queries.ids_in_batch(queries.get_batch(session, wish.batch), wish.batch)
    elif wish.ids:
        ids = sorted(wish.ids)
    elif wish.numbers:
        ids = queries.ids_of_numbers(session, bindings[record_type], wish.numbers)
    return Resend(
        record_type=record_type,
        ids=ids,
        entered_from=wish.entered[0],
        entered_to=wish.entered[1],
        batch=str(wish.batch) if wish.batch is not None else None,
        reason=reason,
        asked_at=by.at,
        asked_by=by.actor,
        rows_sent=0,
    )


def _count(one: Resend) -> int | None:
    return len(one.ids) if one.ids is not None else None
