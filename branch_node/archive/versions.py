"""Every version of a customer's file, told by the operation log: what it says was and is makes each version again.

Nothing is kept a second time. Personal values are opened with the customer's key; once that is forgotten, or a term
has blanked a class of them, no version shows them any more.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import inspect, select
from sqlalchemy.orm import Session

from branch_node.customers.models import Customer
from shared.audit.capture import NO_VALUE, TOLD_ELSEWHERE, plain_value
from shared.audit.models import AuditEntry
from shared.audit.sealing import read_all_sealed
from shared.audit.vocabulary import LogAction
from shared.db.personal import class_of
from shared.domain.calendar import local_day
from shared.errors import N_, BranchlineError, Kind

BEGINNING: Final = "beginning"
UNTOLD: Final = "untold"
BLANKED: Final = "customer.blanked"
COLUMNS: Final = tuple(
    column.name for column in inspect(Customer).columns if column.name not in TOLD_ELSEWHERE | {"id"}
)
_CLASS: Final = {column.name: class_of(column) for column in inspect(Customer).columns}
State = dict[str, Any]


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


def plain_row(customer: Customer) -> State:
    """Return a customer's file as the log spells values; what is empty is None."""
    values = {name: plain_value(getattr(customer, name)) for name in COLUMNS}
    return {name: None if value in NO_VALUE else value for name, value in values.items()}


def versions_of(session: Session, customer: Customer) -> list[Version]:
    """Return all versions of a customer's file, the first one first; the last one is the file as it stands.

    The session has to see the whole log of the customer: a part of it would tell another story.
    """
    entries = session.scalars(
        select(AuditEntry)
        .where(AuditEntry.subject_type == "customer", AuditEntry.subject_id == customer.id)
        .order_by(AuditEntry.seq)
    ).all()
    opened = read_all_sealed(session, entries)
    told = [
        (entry, _changes(entry, values))
        for entry, values in zip(entries, opened, strict=True)
        if entry.changes
    ]
    return [*_replay(customer, told, _gone_before(entries))]


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
    for version in versions:
        known = {change.field: change.known for change in version.changes}
        for name in COLUMNS:
            if name in known or (version is versions[0] and version.state.get(name) is not None):
                seen = known.get(name, True) and name not in version.hidden
                span = Span(version.no, version.at, version.by, version.state.get(name), seen)
                found.setdefault(name, []).insert(0, span)
    return {name: found[name] for name in COLUMNS if name in found}


def differences(first: Version, second: Version) -> list[Change]:
    """Return what differs between two versions, field by field."""
    return [
        Change(name, first.state.get(name), second.state.get(name), name not in first.hidden | second.hidden)
        for name in COLUMNS
        if first.state.get(name) != second.state.get(name) or name in first.hidden ^ second.hidden
    ]


def _changes(entry: AuditEntry, opened: Mapping[str, Any] | None) -> tuple[Change, ...]:
    found = []
    for name, told in (entry.changes or {}).items():
        if name not in COLUMNS:
            continue
        pair = told if isinstance(told, list) else (opened or {}).get(name)
        before, after = (None if value in NO_VALUE else value for value in pair or (None, None))
        found.append(Change(name, before, after, known=pair is not None))
    return tuple(sorted(found, key=lambda change: COLUMNS.index(change.field)))


def _gone_before(entries: Sequence[AuditEntry]) -> dict[str, int]:
    """Return up to which entry a term has blanked each field: what it held before is shown to nobody."""
    gone: dict[str, int] = {}
    for entry in entries:
        classes = set(entry.details.get("classes", ())) if entry.event == BLANKED else set()
        gone |= {
            name: entry.seq for name, kind in _CLASS.items() if kind is not None and kind.value in classes
        }
    return gone


def _replay(
    customer: Customer,
    told: Sequence[tuple[AuditEntry, tuple[Change, ...]]],
    gone: Mapping[str, int],
) -> Iterator[Version]:
    now = plain_row(customer)
    state, hidden, number = _beginning(now, told, gone), frozenset(gone), 1
    if not told or told[0][0].action is not LogAction.CREATE:
        yield Version(number, customer.created_at, customer.created_by, BEGINNING, "", (), state, hidden)
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
        for name in COLUMNS
        if state.get(name) != now[name]
    )
    if beside and told:
        yield Version(number, customer.updated_at, customer.updated_by, UNTOLD, "", beside, now)


def _beginning(
    now: State, told: Sequence[tuple[AuditEntry, tuple[Change, ...]]], gone: Mapping[str, int]
) -> State:
    """Return what the log's first change found: the first before of each field, or else what never changed."""
    first: State = {}
    for _entry, changes in told:
        for change in changes:
            first.setdefault(change.field, change.before if change.field not in gone else None)
    created = bool(told) and told[0][0].action is LogAction.CREATE
    return {name: first.get(name, None if created else now[name]) for name in COLUMNS}


def _unless_gone(change: Change, seq: int, gone: Mapping[str, int]) -> Change:
    if gone.get(change.field, 0) <= seq:
        return change
    return Change(change.field, None, None, known=False)
