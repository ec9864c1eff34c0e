"""Every version of a customer's file, or of a contact person, made again from what the operation log says was and is.

Nothing is kept a second time. Personal values are opened with the customer's key; once that is forgotten, or a term
has blanked a class of them, no version shows them any more.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from branch_node.customers.models import Contact, Customer
from shared.audit.capture import NO_VALUE, TOLD_ELSEWHERE, plain_value
from shared.audit.models import AuditEntry
from shared.audit.sealing import read_all_sealed
from shared.audit.vocabulary import LogAction
from shared.db.base import Base
from shared.db.personal import FieldClass, class_of
from shared.domain.calendar import local_day
from shared.errors import N_, BranchlineError, Kind

BEGINNING: Final = "beginning"
UNTOLD: Final = "untold"
BLANKED: Final = "customer.blanked"
State = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Tracked:
    """What has versions: by which name the log tells of it, its columns, and of which class of data each is."""

    name: str
    columns: tuple[str, ...]
    classes: Mapping[str, FieldClass | None]


def _tracked(name: str, model: type[Customer | Contact], left: Collection[str]) -> Tracked:
    columns = {column.name: class_of(column) for column in Base.metadata.tables[model.__tablename__].columns}
    return Tracked(name, tuple(one for one in columns if one not in TOLD_ELSEWHERE | set(left)), columns)


CUSTOMER: Final = _tracked("customer", Customer, {"id"})
CONTACT: Final = _tracked("contact", Contact, {"id", "customer_id"})
COLUMNS: Final = CUSTOMER.columns


class VersionNotFoundError(BranchlineError):
    """The customer's file has no version of this number."""

    code = "version-not-found"
    kind = Kind.NOT_FOUND
    message = N_("There is no such version of this file.")


@dataclass(frozen=True, slots=True)
class Change:
    """What a version changed in one field; an unknown value was erased or cannot be opened."""

    field: str
    before: Any
    after: Any
    known: bool = True


@dataclass(slots=True)
class Version:
    """A customer's file as it stood after one change; `no` counts from 1, `hidden` are fields nobody can know."""

    no: int
    at: datetime
    by: str
    event: str
    via: str
    changes: tuple[Change, ...]
    state: State
    hidden: frozenset[str] = frozenset()
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Span:
    """Since when a field has had a value, who gave it, and in which version."""

    no: int
    since: datetime
    by: str
    value: Any
    known: bool


def plain_row(row: Customer | Contact, of: Tracked = CUSTOMER) -> State:
    """Return a file as the log spells values; what is empty is None."""
    values = {name: plain_value(getattr(row, name)) for name in of.columns}
    return {name: None if value in NO_VALUE else value for name, value in values.items()}


def versions_of(session: Session, row: Customer | Contact, of: Tracked = CUSTOMER) -> list[Version]:
    """Return all versions of a customer's file or a contact person, the first first; the last is what stands.

    The session has to see the whole log of it: a part would tell another story.
    """
    entries = _entries(session, of.name, row.id)
    # A term blanks what it blanks of the customer as a whole, and tells it there.
    blanked = entries if isinstance(row, Customer) else _entries(session, CUSTOMER.name, row.customer_id)
    opened = read_all_sealed(session, entries)
    told = [
        (entry, _changes(entry, values, of))
        for entry, values in zip(entries, opened, strict=True)
        if entry.changes
    ]
    return [*_replay(row, told, _gone_before(blanked, of), of)]


def _entries(session: Session, name: str, row_id: str) -> Sequence[AuditEntry]:
    wanted = select(AuditEntry).where(AuditEntry.subject_type == name, AuditEntry.subject_id == row_id)
    return session.scalars(wanted.order_by(AuditEntry.seq)).all()


def version_no(versions: Sequence[Version], no: int) -> Version:
    """Return one version by its number; raises VersionNotFoundError."""
    found = next((one for one in versions if one.no == no), None)
    if found is None:
        raise VersionNotFoundError
    return found


def version_on(versions: Sequence[Version], day: date, timezone: str) -> Version | None:
    """Return the version that stood at the end of a day, or None before the first."""
    return next((one for one in reversed(versions) if local_day(one.at, timezone) <= day), None)


def spans_of(versions: Sequence[Version]) -> dict[str, list[Span]]:
    """Return of each field that ever held anything which values it had since when, the present one first."""
    found: dict[str, list[Span]] = {}
    columns = tuple(versions[-1].state) if versions else ()
    for version in versions:
        known = {change.field: change.known for change in version.changes}
        for name in columns:
            if name in known or (version is versions[0] and version.state.get(name) is not None):
                seen = known.get(name, True) and name not in version.hidden
                span = Span(version.no, version.at, version.by, version.state.get(name), seen)
                found.setdefault(name, []).insert(0, span)
    return {name: found[name] for name in columns if name in found}


def differences(first: Version, second: Version) -> list[Change]:
    """Return what differs between two versions, field by field."""
    return [
        Change(name, first.state.get(name), second.state.get(name), name not in first.hidden | second.hidden)
        for name in first.state
        if first.state.get(name) != second.state.get(name) or name in first.hidden ^ second.hidden
    ]


def _changes(entry: AuditEntry, opened: Mapping[str, Any] | None, of: Tracked) -> tuple[Change, ...]:
    found = []
    for name, told in (entry.changes or {}).items():
        if name not in of.columns:
            continue
        pair = told if isinstance(told, list) else (opened or {}).get(name)
        before, after = (None if value in NO_VALUE else value for value in pair or (None, None))
        found.append(Change(name, before, after, known=pair is not None))
    return tuple(sorted(found, key=lambda change: of.columns.index(change.field)))


def _gone_before(entries: Sequence[AuditEntry], of: Tracked) -> dict[str, int]:
    """Return up to which entry a term has blanked each field: what it held before is shown to nobody."""
    gone: dict[str, int] = {}
    for entry in entries:
        classes = set(entry.details.get("classes", ())) if entry.event == BLANKED else set()
        gone |= {
            name: entry.seq for name, kind in of.classes.items() if kind is not None and kind.value in classes
        }
    return gone


def _replay(
    row: Customer | Contact,
    told: Sequence[tuple[AuditEntry, tuple[Change, ...]]],
    gone: Mapping[str, int],
    of: Tracked,
) -> Iterator[Version]:
    now = plain_row(row, of)
    state, hidden, number = _beginning(now, told, gone), frozenset(gone), 1
    if not told or told[0][0].action is not LogAction.CREATE:
        yield Version(number, row.created_at, row.created_by, BEGINNING, "", (), state, hidden)
        number += 1
    unknown: set[str] = set()
    for entry, changes in told:
        shown = tuple(_unless_gone(change, entry.seq, gone) for change in changes)
        state = state | {change.field: change.after for change in shown}
        unknown -= {change.field for change in shown if change.known}
        unknown |= {change.field for change in shown if not change.known}
        hidden = frozenset(unknown | {name for name, seq in gone.items() if seq > entry.seq})
        yield Version(
            number, entry.at, entry.actor, entry.event, entry.via, shown, state, hidden, entry.details
        )
        number += 1
    # What was written past the session, as a term's blanking, stands as a version of its own.
    beside = tuple(
        Change(name, state.get(name), now[name], name not in hidden)
        for name in of.columns
        if state.get(name) != now[name]
    )
    if beside and told:
        yield Version(number, row.updated_at, row.updated_by, UNTOLD, "", beside, now)


def _beginning(
    now: State, told: Sequence[tuple[AuditEntry, tuple[Change, ...]]], gone: Mapping[str, int]
) -> State:
    """Return what the log's first change found: the first before of each field, or else what never changed."""
    first: State = {}
    for _entry, changes in told:
        for change in changes:
            first.setdefault(change.field, change.before if change.field not in gone else None)
    created = bool(told) and told[0][0].action is LogAction.CREATE
    return {name: first.get(name, None if created else now[name]) for name in now}


def _unless_gone(change: Change, seq: int, gone: Mapping[str, int]) -> Change:
    if gone.get(change.field, 0) <= seq:
        return change
    return Change(change.field, None, None, known=False)
