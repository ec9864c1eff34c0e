"""Writing the retained archive: only ever by adding; what changes an earlier entry's meaning needs it unlocked."""

from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from branch_node.archive import snapshot
from branch_node.archive.errors import (
    ArchiveReasonError,
    EntryLockedError,
    NoKeyError,
    NoteTextError,
    NothingNewError,
    TakenOutError,
)
from branch_node.archive.models import REASON_LENGTH, ArchiveEntry, ArchiveHead, ArchiveUnlock
from branch_node.archive.queries import FILES, find_open_unlock, get_entry, last_file, read_content
from branch_node.customers.models import Customer
from branch_node.customers.queries import CustomerNotFoundError
from branch_node.erased.queries import refuse_if_erased
from shared.audit.keyring import LogKeys
from shared.audit.operations import record
from shared.audit.sealing import Sealer
from shared.domain.archive.chain import GENESIS, content_digest
from shared.domain.archive.vocabulary import EntryKind, UnlockPurpose
from shared.ids import new_id
from shared.stamp import Stamp

SUBJECT: Final = "archive_entry"
LEAST_REASON: Final = 3
LONGEST_NOTE: Final = 2_000


def put_in(
    session: Session, customer_id: str, *, reason: str, by: Stamp, by_rule: bool = False
) -> ArchiveEntry:
    """Put a customer's file as it stands into the retained archive; a file already there stays beside it.

    `by_rule`: the reason is the program's own word, which tells of nobody.
    Raises CustomerNotFoundError, CustomerErasedError, ArchiveReasonError, NothingNewError and NoKeyError.
    """
    said = check_reason(reason)
    customer = _hold(session, customer_id)
    before = last_file(session, customer.id)
    # Numbered before the file is read: what comes later has a higher id (`outgrown`).
    entry = _new(customer, EntryKind.FILE, by, reason=said if by_rule else "")
    content = snapshot.take(session, customer, by.at)
    if before is not None and before.made_at >= customer.updated_at:
        lies_there = read_content(session, before)
        if lies_there is None or snapshot.is_same(lies_there, content):
            raise NothingNewError
    _append(session, entry, {**content, "reason": "" if by_rule else said})
    details = {"entry": entry.id, "number": entry.seq}
    record(session, "archive.entered", subject=("customer", customer.id), by=by, details=details)
    return entry


def correct(session: Session, entry_id: str, *, reason: str, by: Stamp) -> ArchiveEntry:
    """Put the customer's present file beside an unlocked entry, to count in its place; the entry itself stays.

    Raises EntryNotFoundError, EntryLockedError, TakenOutError, ArchiveReasonError, CustomerErasedError and NoKeyError.
    """
    said = check_reason(reason)
    entry, unlock = _unlocked(session, entry_id, by.at)
    customer = _hold(session, entry.customer_id)
    added = _new(customer, EntryKind.CORRECTION, by, about=entry, unlock=unlock)
    _append(session, added, {**snapshot.take(session, customer, by.at), "reason": said})
    _note(session, added, entry, by)
    return added


def annotate(session: Session, entry_id: str, *, text: str, by: Stamp) -> ArchiveEntry:
    """Add a note to an unlocked entry.

    Raises EntryNotFoundError, EntryLockedError, TakenOutError, NoteTextError, CustomerErasedError and NoKeyError.
    """
    said = text.strip()
    if not 0 < len(said) <= LONGEST_NOTE:
        raise NoteTextError(field="text", most=LONGEST_NOTE)
    entry, unlock = _unlocked(session, entry_id, by.at)
    customer = _hold(session, entry.customer_id)
    added = _new(customer, EntryKind.NOTE, by, about=entry, unlock=unlock)
    _append(session, added, {"format": snapshot.FORMAT, "note": said})
    _note(session, added, entry, by)
    return added


def take_out(session: Session, entry: ArchiveEntry, unlock: ArchiveUnlock, *, by: Stamp) -> None:
    """Destroy the content of an entry and leave a chained entry that says so; two people have decided it."""
    customer = session.get_one(Customer, entry.customer_id)
    entry.content = None
    session.flush()
    removal = _new(customer, EntryKind.REMOVAL, by, about=entry, unlock=unlock)
    _append(session, removal, None)
    close(session, unlock, by=by)
    details = {"entry": entry.id, "number": entry.seq}
    record(session, "archive.removed", subject=("customer", customer.id), by=by, details=details)


def lock(session: Session, entry_id: str, *, by: Stamp) -> None:
    """Lock an entry again before its time is over. Raises EntryNotFoundError and EntryLockedError."""
    entry = get_entry(session, entry_id)
    unlock = find_open_unlock(session, entry.id, by.at)
    if unlock is None:
        raise EntryLockedError
    close(session, unlock, by=by)


def close(session: Session, unlock: ArchiveUnlock, *, by: Stamp) -> None:
    """Say that an unlocking is over."""
    unlock.closed_at, unlock.closed_by = by.at, by.actor
    session.flush()


def check_reason(reason: str) -> str:
    """Return a reason without blanks around it; raises ArchiveReasonError."""
    said = reason.strip()
    if not LEAST_REASON <= len(said) <= REASON_LENGTH:
        raise ArchiveReasonError(field="reason", least=LEAST_REASON, most=REASON_LENGTH)
    return said


def due_day(entry: ArchiveEntry, years: int) -> date:
    """Return the day from which an entry may be taken out."""
    day = entry.made_at.date()
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return day.replace(year=day.year + years, day=28)


def locked_head(session: Session) -> ArchiveHead:
    """Return where the archive's chain ends, held until the transaction is over."""
    wanted = select(ArchiveHead).with_for_update().execution_options(populate_existing=True)
    found = session.scalar(wanted)
    if found is None:
        # The very first entry of a node: whoever comes second waits here and then finds the row.
        insert_once = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
        first = insert_once(ArchiveHead).values(id=1, seq=0, digest=GENESIS)
        session.execute(first.on_conflict_do_nothing())
        found = session.scalars(wanted).one()
    return found


def head_mac(keys: LogKeys, seq: int, digest: str) -> str:
    """Return what only a holder of the node's log key can say about where this chain ends."""
    return keys.mac(seq, f"archive:{digest}")


def _hold(session: Session, customer_id: str) -> Customer:
    # Nobody changes or erases the customer while the file is read, nor makes the key that it is sealed with.
    customer = session.scalar(
        select(Customer)
        .where(Customer.id == customer_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if customer is None:
        raise CustomerNotFoundError
    refuse_if_erased(session, customer.id)
    return customer


def _unlocked(session: Session, entry_id: str, now: datetime) -> tuple[ArchiveEntry, ArchiveUnlock]:
    entry = get_entry(session, entry_id)
    unlock = find_open_unlock(session, entry.id, now)
    if unlock is None or unlock.purpose is not UnlockPurpose.CHANGE or entry.kind not in FILES:
        raise EntryLockedError
    if entry.content is None:
        raise TakenOutError
    return entry, unlock


def _new(
    customer: Customer,
    kind: EntryKind,
    by: Stamp,
    *,
    reason: str = "",
    about: ArchiveEntry | None = None,
    unlock: ArchiveUnlock | None = None,
) -> ArchiveEntry:
    return ArchiveEntry(
        id=new_id(),
        kind=kind,
        customer_id=customer.id,
        customer_no=customer.customer_no,
        made_at=by.at,
        made_by=by.actor[:80],
        reason=reason,
        of_id=about.id if about else None,
        unlock_id=unlock.id if unlock else None,
    )


def _append(session: Session, entry: ArchiveEntry, content: dict[str, Any] | None) -> None:
    """Seal the content, give the entry its place in the chain and move the chain's end."""
    head = locked_head(session)
    entry.content = None if content is None else _sealed(session, entry.customer_id, content)
    entry.content_digest = content_digest(entry.content or "")
    entry.seq = head.seq + 1
    entry.digest = entry.linked(head.digest)
    session.add(entry)
    head.seq, head.digest = entry.seq, entry.digest
    keys = LogKeys.of(session)
    head.mac = head_mac(keys, entry.seq, entry.digest) if keys else None
    session.flush()


def _sealed(session: Session, customer_id: str, content: dict[str, Any]) -> str:
    subject = ("customer", customer_id)
    sealer = Sealer(session)
    sealer.prepare([subject])
    sealed = sealer.seal(subject, content, entry=subject)
    if sealed is None:
        raise NoKeyError
    return sealed


def _note(session: Session, added: ArchiveEntry, entry: ArchiveEntry, by: Stamp) -> None:
    details = {
        "entry": entry.id,
        "number": entry.seq,
        "added": added.id,
        "kind": added.kind.value,
        "unlock": added.unlock_id,
    }
    record(session, "archive.changed", subject=("customer", entry.customer_id), by=by, details=details)
