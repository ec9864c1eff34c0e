"""The two acts of two people: unlocking an entry for a while, and taking one out for good."""

from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, func, literal_column, select, type_coerce
from sqlalchemy.orm import Session

from branch_node.archive import operations, queries
from branch_node.archive.errors import (
    ArchiveHeldError,
    EntryUnlockedError,
    KeptForEverError,
    NotAFileError,
    NotDueError,
    TakenOutError,
)
from branch_node.archive.models import ArchiveEntry, ArchiveUnlock
from shared.db.base import Instant
from shared.domain.archive.vocabulary import UnlockPurpose
from shared.errors import N_
from shared.ids import new_id
from shared.rights.vocabulary import Action, Resource
from shared.stamp import Stamp
from shared.twoperson.models import ProposedAct
from shared.twoperson.operations import propose
from shared.twoperson.vocabulary import ActKind

UNLOCK: Final = "archive-unlock"
REMOVAL: Final = "archive-removal"
REMOVAL_MINUTES: Final = 5


def ask_unlock(session: Session, entry_id: str, *, reason: str, by: Stamp) -> ProposedAct:
    """Ask a second person to open an entry for a note or a correction, for as long as head office allows.

    Raises EntryNotFoundError, NotAFileError, TakenOutError, EntryUnlockedError, ActReasonError and ActProposedError.
    """
    entry = _file(session, entry_id)
    if queries.find_open_unlock(session, entry.id, by.at) is not None:
        raise EntryUnlockedError
    minutes = queries.unlock_minutes(session, by.at)
    payload: dict[str, Any] = {**_named(entry), "minutes": minutes}
    return propose(
        session, UNLOCK_KIND, (operations.SUBJECT, entry.id), payload=payload, reason=reason, by=by
    )


def ask_removal(session: Session, entry_id: str, *, reason: str, by: Stamp) -> ProposedAct:
    """Ask a second person to let an entry's content be destroyed, once it was kept as long as the rule asks for.

    Raises EntryNotFoundError, what `check_removable` raises, ActReasonError and ActProposedError.
    """
    entry = _file(session, entry_id)
    check_removable(session, entry, by.at)
    return propose(
        session, REMOVAL_KIND, (operations.SUBJECT, entry.id), payload=_named(entry), reason=reason, by=by
    )


def check_removable(session: Session, entry: ArchiveEntry, now: datetime) -> None:
    """Let nothing be taken out before its time or under a hold.

    Raises KeptForEverError, NotDueError and ArchiveHeldError.
    """
    years = queries.keep_years(session, now)
    if years is None:
        raise KeptForEverError
    day = operations.due_day(entry, years)
    if now.date() < day:
        raise NotDueError(years=years, day=day.isoformat())
    if queries.is_held(session, entry.customer_id):
        raise ArchiveHeldError


def _file(session: Session, entry_id: str) -> ArchiveEntry:
    entry = queries.get_entry(session, entry_id)
    if entry.kind not in queries.FILES:
        raise NotAFileError
    if entry.content is None:
        raise TakenOutError
    return entry


def _named(entry: ArchiveEntry) -> dict[str, Any]:
    return {
        "entry": entry.id,
        "number": entry.seq,
        "customer": entry.customer_id,
        "customer_no": entry.customer_no,
        "digest": entry.digest,
    }


def _open(
    session: Session, act: ProposedAct, purpose: UnlockPurpose, minutes: int, by: Stamp
) -> ArchiveUnlock:
    # The guard of the database looks for the approved act.
    session.flush()
    unlock = ArchiveUnlock(
        id=new_id(),
        entry_id=act.payload["entry"],
        purpose=purpose,
        act_id=act.id,
        asked_by=act.proposed_by,
        approved_by=by.actor,
        minutes=minutes,
        opened_at=by.at,
        until=by.at + timedelta(minutes=minutes),
        clock_at=_database_clock(session),
    )
    session.add(unlock)
    session.flush()
    return unlock


def _database_clock(session: Session) -> datetime:
    """Return the database's own time, as it says it itself."""
    clock: ColumnElement[Any] = func.clock_timestamp()
    if session.get_bind().dialect.name == "sqlite":
        clock = literal_column("strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')")
    return session.scalars(select(type_coerce(clock, Instant()))).one()


def _execute_unlock(session: Session, act: ProposedAct, by: Stamp) -> None:
    entry = _file(session, act.payload["entry"])
    if queries.find_open_unlock(session, entry.id, by.at) is not None:
        raise EntryUnlockedError
    _open(session, act, UnlockPurpose.CHANGE, act.payload["minutes"], by)


def _execute_removal(session: Session, act: ProposedAct, by: Stamp) -> None:
    entry = _file(session, act.payload["entry"])
    # A hold may have been placed, or the rule changed, since it was asked for.
    check_removable(session, entry, by.at)
    unlock = _open(session, act, UnlockPurpose.REMOVAL, REMOVAL_MINUTES, by)
    operations.take_out(session, entry, unlock, by=by)


def _drop(_session: Session, _act: ProposedAct, _by: Stamp) -> None:
    """Nothing was left by asking: the entry stayed locked."""


def _facts(act: ProposedAct) -> list[tuple[str, object]]:
    facts: list[tuple[str, object]] = [
        (N_("Archive entry"), act.payload["number"]),
        (N_("Customer number"), act.payload["customer_no"]),
    ]
    if "minutes" in act.payload:
        facts.append((N_("Minutes"), act.payload["minutes"]))
    return facts


UNLOCK_KIND: Final = ActKind(
    UNLOCK,
    N_("Unlock an entry of the retained archive"),
    Resource.ARCHIVE,
    Action.APPROVE,
    _execute_unlock,
    _drop,
    facts=_facts,
)
REMOVAL_KIND: Final = ActKind(
    REMOVAL,
    N_("Take an entry out of the retained archive"),
    Resource.ARCHIVE,
    Action.APPROVE,
    _execute_removal,
    _drop,
    facts=_facts,
)
