"""Entries that wait for the commit of their transaction: numbered, chained and written as the last thing before it.

The lock on the chain's head is the last one a transaction takes, and it is held for the length of a commit only:
whoever works long holds nobody up, and two transactions cannot wait for each other.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import column, event, select, table, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session, SessionTransaction

from shared.audit.acting import UNKNOWN, who_acts
from shared.audit.capture import RowChange, changes_of, joined
from shared.audit.chain import FIELDS, GENESIS, link
from shared.audit.keyring import LogKeys
from shared.audit.models import AuditHead, json_text
from shared.audit.plain import plain
from shared.audit.sealing import FORGOTTEN, Sealer, Subject
from shared.audit.vocabulary import LogAction, LogOutcome, action_of, module_of, outcome_of
from shared.db.base import Id, Instant, instant_text
from shared.db.scope import ScopedSession
from shared.ids import new_id
from shared.stamp import Stamp, Via

WAITING: Final = "branchline_log"
CHANGES: Final = "branchline_log_changes"
IDS: Final = frozenset({"id", "actor_id", "manager_id"})
MOST_WAITING: Final = 20_000
ACTOR_LENGTH: Final = 80
TERMINAL_LENGTH: Final = 60
# The table as raw text: what is hashed and what is stored are the same characters.
RAW: Final = table(
    "audit_entries",
    *(column(name, Id if name in IDS else None) for name in FIELDS if name != "at"),
    column("at", Instant),
    column("digest"),
)
INSERT: Final = (
    f"INSERT INTO audit_entries ({', '.join(FIELDS)}, digest) VALUES ({', '.join('?' * (len(FIELDS) + 1))})"  # noqa: S608 - our own columns
)
PAST: Final = {LogAction.CREATE: "created", LogAction.CHANGE: "changed", LogAction.DELETE: "deleted"}


@dataclass(slots=True)
class Draft:
    """One entry without its place in the chain; `personal` is still to be sealed, for the one it is `about`."""

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
    personal: dict[str, Any] = field(default_factory=dict)
    about: Subject | None = None

    @property
    def subject(self) -> tuple[str, str]:
        """What it tells of."""
        return (self.subject_type or "", self.subject_id or "")

    @property
    def sealed_for(self) -> Subject:
        """Whose key seals its personal values."""
        return self.about or self.subject

    def another(self, subject_id: str, change: RowChange) -> "Draft":
        """Return the entry of another row, by the same person for the same reason; a file has many."""
        told, personal = change.told()
        return Draft(
            self.at,
            self.actor,
            self.actor_id,
            self.manager_id,
            self.via,
            self.terminal,
            self.action,
            self.event,
            self.module,
            self.outcome,
            self.subject_type,
            subject_id,
            self.details,
            told,
            personal,
            change.about,
        )


def make_draft(
    event: str,
    subject: tuple[str, str] | None,
    by: Stamp,
    details: dict[str, Any],
    action: LogAction | None = None,
    outcome: LogOutcome | None = None,
) -> Draft:
    """Return an entry that says who, when, from where and what."""
    return Draft(
        at=by.at,
        actor=plain(by.actor)[:ACTOR_LENGTH],
        actor_id=by.actor_id,
        manager_id=by.manager_id,
        via=by.via.value,
        terminal=plain(by.terminal)[:TERMINAL_LENGTH],
        action=(action or action_of(event)).value,
        event=event,
        module=module_of(event),
        outcome=(outcome or outcome_of(event)).value,
        subject_type=subject[0] if subject else None,
        subject_id=subject[1] if subject else None,
        details=details,
    )


def draft_of(change: RowChange, by: Stamp, details: dict[str, Any] | None = None) -> Draft:
    """Return the entry that tells what was done to one row and by whom."""
    event = f"{change.noun}.{PAST[change.action]}"
    draft = make_draft(event, (change.noun, change.subject_id), by, details or {}, change.action)
    tell(draft, change)
    return draft


def tell(draft: Draft, change: RowChange) -> None:
    """Put what was and what is into an entry."""
    draft.changes, draft.personal = change.told()
    draft.about = change.about


def add_draft(session: Session, draft: Draft) -> None:
    """Have an entry written when the session commits; undone with the savepoint it stands in."""
    _wait(session, WAITING, draft)


def add_drafts(session: Session, drafts: Iterable[Draft]) -> None:
    """Have many entries written as `add_draft` has one."""
    savepoint = session.get_nested_transaction()
    session.info.setdefault(WAITING, []).extend((savepoint, draft) for draft in drafts)


def write_when_many(session: Session) -> None:
    """Write what waits when it is too much to keep in memory; the chain's head is held from here to the commit."""
    if len(session.info.get(WAITING, ())) >= MOST_WAITING and session.get_nested_transaction() is None:
        write_drafts(session, drafts_of(session))
        session.info.pop(WAITING)


def drafts_of(session: Session) -> list[Draft]:
    """Return the entries that wait for this session's commit, in the order they came."""
    return [draft for _savepoint, draft in session.info.get(WAITING, ())]


def write_drafts(session: Session, drafts: Sequence[Draft]) -> None:
    """Give entries their numbers and digests and write them; holds the chain's head until the transaction ends."""
    seq, digest = _locked_head(session)
    sealer = Sealer(session)
    _leave_out_forgotten(session, drafts)
    sealer.prepare(draft.sealed_for for draft in drafts if draft.personal)
    rows = []
    for row in _rows(drafts, seq, sealer):
        digest = link(digest, row)
        rows.append((*row, digest))
    seq += len(rows)
    _insert(session, rows)
    keys = LogKeys.of(session)
    mac = keys.mac(seq, digest) if keys else None
    session.execute(update(AuditHead).values(seq=seq, digest=digest, mac=mac))


def _leave_out_forgotten(session: Session, drafts: Sequence[Draft]) -> None:
    # Sealed now, they would get a new key: what an erasure overwrites is a change like any other.
    forgotten = {subject for _savepoint, subject in session.info.get(FORGOTTEN, ())}
    for draft in drafts:
        if forgotten and draft.sealed_for in forgotten:
            draft.personal = {}


def _rows(drafts: Sequence[Draft], seq: int, sealer: Sealer) -> Iterator[list[Any]]:
    """Yield the raw values of entries in the order of FIELDS; what many have in common is made once."""
    at, details = None, None
    at_text = details_text = ""
    for draft in drafts:
        seq += 1
        if draft.at is not at:
            at, at_text = draft.at, instant_text(draft.at)
        if draft.details is not details:
            details, details_text = draft.details, json_text(draft.details)
        yield [
            seq,
            new_id(),
            at_text,
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
            details_text,
            None if draft.changes is None else json_text(draft.changes),
            sealer.seal(draft.sealed_for, draft.personal, entry=draft.subject),
        ]


def _insert(session: Session, rows: Sequence[tuple[Any, ...]]) -> None:
    # By the driver: what was hashed is what is stored, and nothing is converted on its way.
    connection = session.connection()
    mark = "?" if connection.dialect.name == "sqlite" else "%s"
    connection.exec_driver_sql(INSERT.replace("?", mark), [*rows])


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


def _with_changes(session: Session) -> list[Draft]:
    """Return the entries of this transaction: what was recorded, with the values, and what nobody recorded."""
    drafts = drafts_of(session)
    found = joined(session.info.get(CHANGES, ()))
    if not found:
        return drafts
    open_ = {draft.subject: draft for draft in reversed(drafts) if draft.changes is None}
    by = None
    for change in found:
        if not any(before != after for before, after in change.pairs.values()):
            continue
        draft = open_.get((change.noun, change.subject_id))
        if draft is not None:
            tell(draft, change)
            continue
        by = by or who_acts()
        drafts.append(draft_of(change, _as(drafts, by)))
    return drafts


def _as(drafts: Sequence[Draft], by: Stamp) -> Stamp:
    """Return who did it: who is named by the other entries of the transaction, where no entry point said so."""
    if by.actor != UNKNOWN or not drafts:
        return by
    other = drafts[0]
    return Stamp(other.at, other.actor, Via(other.via), other.terminal, other.actor_id, other.manager_id)


def _wait(session: Session, where: str, what: Draft | RowChange) -> None:
    session.info.setdefault(where, []).append((session.get_nested_transaction(), what))


@event.listens_for(ScopedSession, "after_flush")
def _after_flush(session: Session, _context: object) -> None:
    for change in changes_of(session):
        _wait(session, CHANGES, change)


@event.listens_for(ScopedSession, "before_commit")
def _before_commit(session: Session) -> None:
    # Also called at the end of a savepoint: then the entries wait on.
    if session.get_nested_transaction() is not None:
        return
    session.flush()
    drafts = _with_changes(session)
    session.info.pop(CHANGES, None)
    session.info.pop(WAITING, None)
    if drafts:
        write_drafts(session, drafts)


@event.listens_for(ScopedSession, "after_soft_rollback")
def _forget_undone(session: Session, undone: SessionTransaction) -> None:
    for where in (WAITING, CHANGES, FORGOTTEN):
        if session.info.get(where):
            session.info[where] = [each for each in session.info[where] if not _stands_in(each[0], undone)]


@event.listens_for(ScopedSession, "after_transaction_end")
def _forget_all(session: Session, ended: SessionTransaction) -> None:
    if ended.parent is None:
        for where in (WAITING, CHANGES, FORGOTTEN):
            session.info.pop(where, None)


def _stands_in(savepoint: SessionTransaction | None, undone: SessionTransaction) -> bool:
    while savepoint is not None:
        if savepoint is undone:
            return True
        savepoint = savepoint.parent
    return False
