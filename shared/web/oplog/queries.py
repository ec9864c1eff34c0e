"""Asking the operation log: entries, counts by one or two elements, and the story of one record or one field."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from heapq import nlargest
from operator import itemgetter
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, String, cast, exists, func, or_, select, true
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import InstrumentedAttribute

from shared.audit.models import AuditEntry, AuditHead
from shared.auth.models import User
from shared.db.parts import Part, first_of
from shared.errors import N_, BranchlineError, Kind
from shared.ids import is_id
from shared.web.oplog.counting import count_here, stretches, stretches_of
from shared.web.oplog.elements import Element, Measure
from shared.web.oplog.question import NONE, Question
from shared.web.oplog.sight import LogSight
from shared.web.oplog.times import begin_of, stretch_of

# Cells of a table people can read, and one too many to say that there are more.
MOST_GROUPS: Final = 2_000
COLUMNS: Final[Mapping[Element, InstrumentedAttribute[Any]]] = {
    Element.ACTOR: AuditEntry.actor,
    Element.ACTION: AuditEntry.action,
    Element.MODULE: AuditEntry.module,
    Element.OBJECT: AuditEntry.subject_type,
    Element.SUBJECT: AuditEntry.subject_id,
    Element.TERMINAL: AuditEntry.terminal,
    Element.VIA: AuditEntry.via,
    Element.OUTCOME: AuditEntry.outcome,
    Element.MANAGER: AuditEntry.manager_id,
}


class EntryNotFoundError(BranchlineError):
    """There is no such entry, or not for this person."""

    code = "log-entry-not-found"
    kind = Kind.NOT_FOUND
    message = N_("There is no such entry in the operation log, or it is not yours to see.")


@dataclass(frozen=True, slots=True)
class Group:
    """One cell: the keys of its row and column, and its measure; None where the log has no entry."""

    row: str
    column: str
    value: Any


@dataclass(frozen=True, slots=True)
class Counted:
    """The groups of a question, largest first, and the measure of all its entries together."""

    groups: Sequence[Group]
    total: Any


@dataclass(frozen=True, slots=True)
class Change:
    """One value of a field: what it was, what it became, and the entry that says so."""

    entry: AuditEntry
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Log:
    """The operation log as one person sees it, on the clock of the node."""

    session: Session
    sight: LogSight
    zone: ZoneInfo

    def entries(self, question: Question) -> Select[AuditEntry]:
        """Return the statement of the entries a question is about, latest first."""
        latest = (AuditEntry.at.desc(), AuditEntry.seq.desc())
        return select(AuditEntry).where(*self._conditions(question)).order_by(*latest)

    def count(self, question: Question) -> Counted:
        """Return the measure of each group that has an entry, largest first, and of all entries together.

        There are at most so many groups that one more says there are more.
        """
        if question.rows is None:
            return Counted([], None)
        elements = [question.rows, *([question.columns] if question.columns else [])]
        statement = select(AuditEntry.seq).select_from(AuditEntry)
        fields = self._fields()
        if Element.STAFF_KIND in elements:
            statement = statement.outerjoin(User, User.id == AuditEntry.actor_id)
        if Element.FIELD in elements:
            statement = statement.join(fields, true())
        keys = [
            fields.c[0] if element is Element.FIELD else self._key(element, question) for element in elements
        ]
        of_sqlite = self.session.get_bind().dialect.name == "sqlite"
        counting = self._count_here if of_sqlite else self._count_there
        counted = counting(question, elements, statement, keys)
        # An entry has many fields or none.
        total = self._total(question) if Element.FIELD in elements else counted.total
        return Counted(counted.groups, total)

    def _count_here(
        self, question: Question, elements: Sequence[Element], statement: Select[Any], keys: Sequence[Any]
    ) -> Counted:
        begins, ends = self._bounds(question)
        read, places = stretches(begins, ends), [*keys]
        for place, element in enumerate(elements):
            of_time = stretches_of(element, begins, ends, self.zone)
            if of_time is not None:
                read, places[place] = of_time, None
                break
        narrowed = statement.where(*self._conditions(question, timed=False))
        counts = count_here(self.session, narrowed, places, question.measure, read)
        largest = nlargest(MOST_GROUPS + 1, counts.groups.items(), key=itemgetter(1))
        return Counted([_group((*key, value)) for key, value in largest], counts.total)

    def _count_there(
        self, question: Question, elements: Sequence[Element], statement: Select[Any], keys: Sequence[Any]
    ) -> Counted:
        named = [key.label(f"key_{place}") for place, key in enumerate(keys)]
        narrowed = statement.where(*self._conditions(question))
        value = _measure(question.measure)
        grouped = narrowed.with_only_columns(*named, value)
        rows = self.session.execute(grouped.group_by(*named).order_by(value.desc()).limit(MOST_GROUPS + 1))
        groups = [_group(row) for row in rows]
        adds_up = question.measure is Measure.ENTRIES and Element.FIELD not in elements
        if adds_up and len(groups) <= MOST_GROUPS:
            return Counted(groups, sum(group.value for group in groups))
        return Counted(groups, None if Element.FIELD in elements else self._total(question))

    def _total(self, question: Question) -> Any:  # noqa: ANN401 - a number or an instant
        """Return the measure of all entries a question is about."""
        return self.session.scalar(select(_measure(question.measure)).where(*self._conditions(question)))

    def get(self, entry_id: str) -> AuditEntry:
        """Return one entry; raises EntryNotFoundError for what this person may not see too."""
        found = self.session.scalar(select(AuditEntry).where(AuditEntry.id == entry_id, *self._seen()))
        if found is None or self.sight.counts_only:
            raise EntryNotFoundError
        return found

    def beside(self, entry: AuditEntry) -> tuple[AuditEntry | None, AuditEntry | None]:
        """Return the entries of the same record before and after one."""
        mine = (
            AuditEntry.subject_type == entry.subject_type,
            AuditEntry.subject_id == entry.subject_id,
            *self._seen(),
        )
        before = select(AuditEntry).where(*mine, AuditEntry.seq < entry.seq).order_by(AuditEntry.seq.desc())
        after = select(AuditEntry).where(*mine, AuditEntry.seq > entry.seq).order_by(AuditEntry.seq)
        return self.session.scalar(before.limit(1)), self.session.scalar(after.limit(1))

    def digest_before(self, entry: AuditEntry) -> str | None:
        """Return the digest the entry's own goes on from; None for the first."""
        return self.session.scalar(select(AuditEntry.digest).where(AuditEntry.seq == entry.seq - 1))

    def head(self) -> int:
        """Return the number of the newest entry."""
        return self.session.scalar(select(AuditHead.seq)) or 0

    def story_of(self, subject: tuple[str, str], field: str, *, limit: int) -> Part[Change]:
        """Return who changed one field of a record, from what to what, latest first."""
        statement = (
            select(AuditEntry)
            .where(AuditEntry.subject_type == subject[0], AuditEntry.subject_id == subject[1])
            .where(*self._seen(), *self._with_field(frozenset({field})))
            .order_by(AuditEntry.seq.desc())
        )
        found = first_of(self.session, statement, limit)
        return Part([Change(entry, *pair_of(entry, field)) for entry in found], found.total)

    def occurring(self, element: Element, *, limit: int = 100) -> list[str]:
        """Return values an element has anywhere in the log, in their order.

        From one to the next along its index: a few look-ups, however long the log is.
        """
        column: InstrumentedAttribute[str] = COLUMNS[element]
        # Without what else an entry has to meet, which would have each look-up read on to the first that does.
        least = select(func.min(column))
        found: list[str] = []
        following = self.session.scalar(least)
        while following is not None and len(found) < limit:
            found.append(following)
            following = self.session.scalar(least.where(column > following))
        return self.sight.shown(found) if element is Element.MODULE else found

    def _seen(self) -> list[ColumnElement[bool]]:
        return self.sight.conditions(lambda: self.occurring(Element.MODULE))

    def _conditions(self, question: Question, *, timed: bool = True) -> list[ColumnElement[bool]]:
        conditions = [*self._seen(), *(self._within(question) if timed else [])]
        if question.hour:
            conditions.append(self._key(Element.HOUR, question) == question.hour)
        for element, values in question.values.items():
            if values:
                conditions += self._one_of(element, values)
        return conditions

    def _within(self, question: Question) -> list[ColumnElement[bool]]:
        first, last = question.days
        conditions: list[ColumnElement[bool]] = []
        if first is not None:
            conditions.append(AuditEntry.at >= begin_of(first, self.zone))
        if last is not None:
            conditions.append(AuditEntry.at < begin_of(last + timedelta(days=1), self.zone))
        return conditions

    def _one_of(self, element: Element, values: frozenset[str]) -> list[ColumnElement[bool]]:
        if element is Element.FIELD:
            return self._with_field(values)
        if element is Element.STAFF_KIND:
            return [_of_kinds(values)]
        column = COLUMNS[element]
        given = [value for value in values if value != NONE]
        if element is Element.MANAGER:
            given = [value for value in given if is_id(value)]
        some: list[ColumnElement[bool]] = [column.in_(given)]
        if NONE in values:
            some.append(column.is_(None))
            if element is Element.TERMINAL:
                some.append(column == "")
        return [or_(*some)]

    def _with_field(self, names: frozenset[str]) -> list[ColumnElement[bool]]:
        field = self._fields()
        key: ColumnElement[Any] = field.c[0]
        return [
            AuditEntry.changes.is_not(None),
            exists(select(1).select_from(field).where(key.in_(sorted(names)))),
        ]

    def _fields(self) -> Any:  # noqa: ANN401 - a table-valued function of the dialect
        """Return the names of an entry's changed fields as a table beside it."""
        if self.session.get_bind().dialect.name == "postgresql":
            text = cast(AuditEntry.changes, JSONB)
            return func.jsonb_object_keys(text).table_valued("key", name="fields").render_derived()
        return func.json_each(AuditEntry.changes).table_valued("key", name="fields")

    def _key(self, element: Element, question: Question) -> ColumnElement[str]:
        if element is Element.STAFF_KIND:
            return func.coalesce(cast(User.kind, String), "")
        if not element.is_time:
            return func.coalesce(cast(COLUMNS[element], String), "")
        dialect = self.session.get_bind().dialect.name
        first, last = self._bounds(question)
        return stretch_of(element, dialect=dialect, zone=self.zone, first=first, last=last)

    def _bounds(self, question: Question) -> tuple[datetime, datetime]:
        """Return from when to when entries of a question may be, for the offsets of the clock between."""
        begins, ends = question.days
        oldest = begin_of(begins, self.zone) if begins else self._end(func.min(AuditEntry.at))
        newest = begin_of(ends + timedelta(days=1), self.zone) if ends else self._end(func.max(AuditEntry.at))
        return oldest, newest if ends else max(oldest, newest) + timedelta(days=1)

    def _end(self, which: ColumnElement[datetime]) -> datetime:
        return self.session.scalar(select(which)) or begin_of(date(2026, 1, 1), self.zone)


def pair_of(entry: AuditEntry, field: str) -> tuple[Any, Any]:
    """Return what a field was and became; (None, None) where the values are sealed or the entry says nothing of it."""
    pair = changes_of(entry).get(field)
    return (pair[0], pair[1]) if isinstance(pair, list) and len(pair) == 2 else (None, None)  # noqa: PLR2004 - a pair


def changes_of(entry: AuditEntry) -> Mapping[str, Any]:
    """Return the changed fields of an entry; those of before 2026-11 stand in its details."""
    if entry.changes is not None:
        return entry.changes
    found = entry.details.get("changed")
    return found if isinstance(found, Mapping) else {}


def _measure(measure: Measure) -> ColumnElement[Any]:
    same = func.coalesce(AuditEntry.subject_type, "") + "/" + func.coalesce(AuditEntry.subject_id, "")
    measures: Mapping[Measure, ColumnElement[Any]] = {
        Measure.ENTRIES: func.count(),
        Measure.OPERATORS: func.count(AuditEntry.actor.distinct()),
        Measure.OBJECTS: func.count(same.distinct()),
        Measure.FIRST: func.min(AuditEntry.at),
        Measure.LAST: func.max(AuditEntry.at),
    }
    return measures[measure]


def _of_kinds(kinds: frozenset[str]) -> ColumnElement[bool]:
    given = [kind for kind in kinds if kind != NONE]
    people = select(User.id).where(cast(User.kind, String).in_(given))
    some: list[ColumnElement[bool]] = [AuditEntry.actor_id.in_(people)]
    if NONE in kinds:
        some.append(AuditEntry.actor_id.is_(None))
    return or_(*some)


def _group(row: Sequence[Any]) -> Group:
    return Group(str(row[0]), str(row[1]) if len(row) > 2 else "", row[-1])  # noqa: PLR2004 - two keys and a value
