"""Reads of the retained archive."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, column, exists, func, or_, select, table
from sqlalchemy.orm import Session, aliased

from branch_node.archive.errors import EntryNotFoundError
from branch_node.archive.models import ArchiveEntry, ArchiveUnlock
from branch_node.customers.models import Customer
from branch_node.erased.models import Erasure
from branch_node.inbound.queries import policy
from shared.audit.keyring import unseal
from shared.audit.sealing import find_keys
from shared.db.base import Id
from shared.domain.archive.keeping import (
    CLOSED_DAYS,
    KEEP_YEARS,
    UNLOCK_MINUTES,
    USUAL_CLOSED_DAYS,
    USUAL_UNLOCK_MINUTES,
)
from shared.domain.archive.vocabulary import EntryKind
from shared.domain.customers.vocabulary import CustomerStatus
from shared.twoperson.models import ProposedAct

FILES: Final = (EntryKind.FILE, EntryKind.CORRECTION)
SORTS: Final = {
    "seq": ArchiveEntry.seq,
    "made_at": ArchiveEntry.made_at,
    "customer_no": ArchiveEntry.customer_no,
}
# Of a slice above this one: only whether a hold is open is asked here, and the database's guards ask it too.
_HOLDS: Final = table("legal_holds", column("customer_id", Id), column("released_at"))


@dataclass(frozen=True, slots=True)
class ArchiveFilter:
    """Which entries are wanted; everything empty means all."""

    text: str = ""
    kind: EntryKind | None = None
    customer_id: str = ""


def get_entry(session: Session, entry_id: str) -> ArchiveEntry:
    """Return one entry; raises EntryNotFoundError."""
    found = session.get(ArchiveEntry, entry_id)
    if found is None:
        raise EntryNotFoundError
    return found


def select_entries(wanted: ArchiveFilter) -> Select[ArchiveEntry, str]:
    """Select entries with the names of their customers."""
    found = select(ArchiveEntry, Customer.name.label("customer_name")).join(
        Customer, Customer.id == ArchiveEntry.customer_id
    )
    conditions: list[ColumnElement[bool]] = []
    if wanted.text:
        conditions.append(
            or_(
                *(
                    each.icontains(wanted.text, autoescape=True)
                    for each in (
                        ArchiveEntry.customer_no,
                        Customer.name,
                        ArchiveEntry.made_by,
                    )
                )
            )
        )
    if wanted.kind is not None:
        conditions.append(ArchiveEntry.kind == wanted.kind)
    if wanted.customer_id:
        conditions.append(ArchiveEntry.customer_id == wanted.customer_id)
    return found.where(*conditions)


def list_about(session: Session, entry: ArchiveEntry) -> Sequence[ArchiveEntry]:
    """Return what was added about an entry later: notes, corrections and its removal."""
    return session.scalars(
        select(ArchiveEntry).where(ArchiveEntry.of_id == entry.id).order_by(ArchiveEntry.seq)
    ).all()


def last_file(session: Session, customer_id: str) -> ArchiveEntry | None:
    """Return the file of a customer that was put there last, or None."""
    return session.scalar(
        select(ArchiveEntry)
        .where(ArchiveEntry.customer_id == customer_id, ArchiveEntry.kind.in_(FILES))
        .order_by(ArchiveEntry.seq.desc())
        .limit(1)
    )


def read_content(session: Session, entry: ArchiveEntry) -> dict[str, Any] | None:
    """Return what an entry holds; None when it was taken out, or nobody can open it since its person was erased."""
    subject = ("customer", entry.customer_id)
    key = find_keys(session, [subject]).get(subject)
    if entry.content is None or key is None:
        return None
    opened = unseal(key, entry.content, ":".join(subject))
    return None if opened is None else dict(json.loads(opened))


def find_open_unlock(session: Session, entry_id: str, now: datetime) -> ArchiveUnlock | None:
    """Return the unlocking of an entry that allows a note or a correction now, or None."""
    return session.scalar(
        select(ArchiveUnlock)
        .where(
            ArchiveUnlock.entry_id == entry_id,
            ArchiveUnlock.closed_at.is_(None),
            ArchiveUnlock.opened_at <= now,
            ArchiveUnlock.until > now,
        )
        .order_by(ArchiveUnlock.until.desc())
        .limit(1)
    )


def list_unlocks(session: Session, entry_id: str) -> list[tuple[ArchiveUnlock, ProposedAct]]:
    """Return every unlocking of an entry there was with the act behind it, the last one first."""
    found = session.execute(
        select(ArchiveUnlock, ProposedAct)
        .join(ProposedAct, ProposedAct.id == ArchiveUnlock.act_id)
        .where(ArchiveUnlock.entry_id == entry_id)
        .order_by(ArchiveUnlock.opened_at.desc(), ArchiveUnlock.id.desc())
    )
    return [(unlock, act) for unlock, act in found]


def list_over(session: Session, now: datetime) -> Sequence[ArchiveUnlock]:
    """Return the unlockings whose time is over and of which the record does not say so yet."""
    return session.scalars(
        select(ArchiveUnlock)
        .where(ArchiveUnlock.closed_at.is_(None), ArchiveUnlock.until <= now)
        .order_by(ArchiveUnlock.id)
    ).all()


def is_held(session: Session, customer_id: str) -> bool:
    """Tell whether a legal hold on a customer is open."""
    open_hold = and_(_HOLDS.c.customer_id == customer_id, _HOLDS.c.released_at.is_(None))
    return bool(session.scalar(select(exists().where(open_hold))))


def unlock_minutes(session: Session, now: datetime) -> int:
    """Return for how long an entry is unlocked."""
    return policy(session, UNLOCK_MINUTES, now=now) or USUAL_UNLOCK_MINUTES


def closed_days(session: Session, now: datetime) -> int:
    """Return so many days after its last change a closed customer's file is put away; 0 puts away none."""
    found = policy(session, CLOSED_DAYS, now=now)
    return USUAL_CLOSED_DAYS if found is None else found


def keep_years(session: Session, now: datetime) -> int | None:
    """Return how many years a file is kept before it may be taken out; None: for ever."""
    return policy(session, KEEP_YEARS, now=now) or None


def list_due(session: Session, now: datetime, days: int, *, limit: int) -> Sequence[str]:
    """Return closed customers whose file is to be put away: unchanged for so many days, and not there as it stands."""
    later = aliased(ArchiveEntry)
    kept = exists().where(
        later.customer_id == Customer.id, later.kind.in_(FILES), later.made_at >= Customer.updated_at
    )
    erased = exists().where(Erasure.customer_id == Customer.id)
    return session.scalars(
        select(Customer.id)
        .where(
            Customer.status == CustomerStatus.CLOSED,
            Customer.updated_at <= now - timedelta(days=days),
            ~kept,
            ~erased,
        )
        .order_by(Customer.updated_at, Customer.id)
        .limit(limit)
    ).all()


def count_entries(session: Session) -> int:
    """Return how many entries the archive has."""
    return session.scalar(select(func.count()).select_from(ArchiveEntry)) or 0
