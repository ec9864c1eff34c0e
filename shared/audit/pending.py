"""Entries that wait for the commit of their transaction: numbered, chained and written as the last thing before it.

The lock on the chain's head is the last one a transaction takes, and it is held for the length of a commit only:
whoever works long holds nobody up, and two transactions cannot wait for each other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import column, event, insert, select, table, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session, SessionTransaction

from shared.audit.chain import FIELDS, GENESIS, link
from shared.audit.keyring import LogKeys
from shared.audit.models import AuditHead, json_text
from shared.db.base import Id, Instant, instant_text
from shared.db.scope import ScopedSession
from shared.ids import new_id

WAITING: Final = "branchline_log"
IDS: Final = frozenset({"id", "actor_id", "manager_id"})
# The table as raw text: what is hashed and what is stored are the same characters.
RAW: Final = table(
    "audit_entries",
    *(column(name, Id if name in IDS else None) for name in FIELDS if name != "at"),
    column("at", Instant),
    column("digest"),
)


@dataclass(slots=True)
class Draft:
    """One entry without its place in the chain."""

    at: datetime
    actor: str
    actor_id: str | None
    manager_id: str | None
    via: str
    terminal: str
    action: str
    event: str
    module: str
    outcome: str
    subject_type: str | None
    subject_id: str | None
    details: dict[str, Any]
    changes: dict[str, Any] | None = None
    sealed: str | None = None


def add_draft(session: Session, draft: Draft) -> None:
    """Have an entry written when the session commits; undone with the savepoint it stands in."""
    drafts = session.info.setdefault(WAITING, [])
    drafts.append((session.get_nested_transaction(), draft))


def drafts_of(session: Session) -> list[Draft]:
    """Return the entries that wait for this session's commit, in the order they came."""
    return [draft for _savepoint, draft in session.info.get(WAITING, ())]


def write_drafts(session: Session, drafts: Sequence[Draft]) -> None:
    """Give entries their numbers and digests and write them; holds the chain's head until the transaction ends."""
    head = _locked_head(session)
    seq, digest = head
    rows = []
    for draft in drafts:
        seq += 1
        row = _row(draft, seq)
        digest = link(digest, [*row[:2], instant_text(draft.at), *row[3:]])
        rows.append(dict(zip(FIELDS, row, strict=True), digest=digest))
    session.connection().execute(insert(RAW), rows)
    keys = LogKeys.of(session)
    mac = keys.mac(seq, digest) if keys else None
    session.execute(update(AuditHead).values(seq=seq, digest=digest, mac=mac))


def _row(draft: Draft, seq: int) -> list[Any]:
    return [
        seq,
        new_id(),
        draft.at,
        draft.actor,
        draft.actor_id,
        draft.manager_id,
        draft.via,
        draft.terminal,
        draft.action,
        draft.event,
        draft.module,
        draft.outcome,
        draft.subject_type,
        draft.subject_id,
        json_text(draft.details),
        None if draft.changes is None else json_text(draft.changes),
        draft.sealed,
    ]


def _locked_head(session: Session) -> tuple[int, str]:
    statement = select(AuditHead.seq, AuditHead.digest).with_for_update()
    found = session.execute(statement).one_or_none()
    if found is None:
        # The very first entry of a node: whoever comes second waits here and then finds the row.
        insert_once = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
        first = insert_once(AuditHead).values(id=1, seq=0, digest=GENESIS)
        session.execute(first.on_conflict_do_nothing())
        found = session.execute(statement).one()
    return found.seq, found.digest


@event.listens_for(ScopedSession, "before_commit")
def _before_commit(session: Session) -> None:
    # Also called at the end of a savepoint: then the entries wait on.
    if session.get_nested_transaction() is not None:
        return
    session.flush()
    drafts = drafts_of(session)
    if drafts:
        session.info[WAITING] = []
        write_drafts(session, drafts)


@event.listens_for(ScopedSession, "after_soft_rollback")
def _forget_undone(session: Session, undone: SessionTransaction) -> None:
    drafts = session.info.get(WAITING)
    if drafts:
        session.info[WAITING] = [each for each in drafts if not _stands_in(each[0], undone)]


@event.listens_for(ScopedSession, "after_transaction_end")
def _forget_all(session: Session, ended: SessionTransaction) -> None:
    if ended.parent is None:
        session.info.pop(WAITING, None)


def _stands_in(savepoint: SessionTransaction | None, undone: SessionTransaction) -> bool:
    while savepoint is not None:
        if savepoint is undone:
            return True
        savepoint = savepoint.parent
    return False
