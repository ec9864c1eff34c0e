"""Everything that happened with a customer on one line, the latest first, a page at a time and never read whole."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Exists,
    Select,
    Text,
    and_,
    exists,
    func,
    literal,
    or_,
    select,
    tuple_,
    type_coerce,
)
from sqlalchemy.orm import InstrumentedAttribute, Session

from branch_node.billing.models import BillLine
from branch_node.customers.models import Contact, CustomerMove
from branch_node.customers.moves import COLUMNS
from branch_node.documents.models import Document
from branch_node.identity.queries import files_of
from branch_node.managers.models import Manager
from branch_node.offers import queries as offers
from branch_node.offers.models import OfferAnswer
from branch_node.questions import queries as questions
from branch_node.questions.models import QuestionAnswer
from branch_node.units import queries as units
from branch_node.units.models import Unit, UnitEvent
from branch_node.worklogs.models import WorkLog
from branch_node.worklogs.queries import stands
from shared.audit.models import AuditEntry
from shared.audit.vocabulary import LogAction
from shared.domain.calendar import day_bounds, local_day
from shared.domain.vocabulary import Vocabulary
from shared.domain.worklogs.vocabulary import WorkLogKind
from shared.errors import N_
from shared.ids import is_id
from shared.rights.vocabulary import Action, Resource

PAGE: Final = 50


class EntryKind(Vocabulary):
    """What kind of thing happened."""

    WORK = ("work", N_("Work logs"), "工作日志")
    MONEY = ("money", N_("Bill lines"), "账单明细")
    UNIT = ("unit", N_("Tracked units"), "设备")
    OFFER = ("offer", N_("Answers to offers"), "优惠反馈")
    ANSWER = ("answer", N_("Answers to questions"), "问题回答")
    MOVE = ("move", N_("Moves"), "变动记录")
    CHANGE = ("change", N_("Changes"), "变更")
    PERSON = ("person", N_("Changes of contact people"), "联系人变更")
    DOCUMENT = ("document", N_("Documents"), "资料")


class Topic(Vocabulary):
    """What somebody who looks after the customer asks the line for; each entry stands under exactly one."""

    CONTACT = ("contact", N_("Contacts made"), "联系")
    VISIT = ("visit", N_("Visits made"), "走访")
    SERVICE = ("service", N_("Services"), "服务")
    MONEY = ("money", N_("Money"), "账款")
    DOCUMENT = ("document", N_("Documents"), "资料")
    CHANGE = ("change", N_("Changes"), "变更")


_KINDS_OF: Final[Mapping[Topic, tuple[EntryKind, ...]]] = {
    Topic.CONTACT: (EntryKind.WORK, EntryKind.OFFER, EntryKind.ANSWER),
    Topic.VISIT: (EntryKind.WORK,),
    Topic.SERVICE: (EntryKind.WORK, EntryKind.UNIT),
    Topic.MONEY: (EntryKind.MONEY,),
    Topic.DOCUMENT: (EntryKind.DOCUMENT,),
    Topic.CHANGE: (EntryKind.CHANGE, EntryKind.PERSON, EntryKind.MOVE),
}
_APART: Final = {Topic.VISIT: WorkLogKind.VISIT, Topic.SERVICE: WorkLogKind.SERVICE}
# Beside the customer's own, what stands on the line is shown as far as its own pages are open to who looks.
OPENS: Final = {
    EntryKind.WORK: (Resource.WORK_LOG, Action.READ),
    EntryKind.MONEY: (Resource.BILL_LINE, Action.READ),
    EntryKind.UNIT: (Resource.UNIT, Action.READ),
    EntryKind.PERSON: (Resource.CONTACT, Action.READ),
    EntryKind.DOCUMENT: (Resource.DOCUMENT, Action.READ),
}
# Who looked, took out or printed stands in the operation log; here it would bury what happened.
_LOOKING: Final = (LogAction.VIEW, LogAction.EXPORT, LogAction.PRINT)


@dataclass(frozen=True, slots=True)
class Place:
    """A place on the line: the page after it begins with what is older."""

    at: datetime
    kind: str
    id: str

    @property
    def text(self) -> str:
        """The place as an address has it."""
        return f"{self.at.astimezone(UTC).isoformat()}_{self.kind}_{self.id}"

    @classmethod
    def of(cls, text: str) -> "Place | None":
        """Return the place that an address names, or None."""
        at, _bar, rest = text.partition("_")
        kind, _bar, record_id = rest.partition("_")
        try:
            found = cls(datetime.fromisoformat(at).astimezone(UTC), kind, record_id)
        except (ValueError, OverflowError):
            return None
        # The days before and after are asked for too, on any clock.
        there = date.min.year < found.at.year < date.max.year
        return found if there and is_id(record_id) else None


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened; `row` is the work log, bill line, move or log entry.

    `who` is its account manager, the unit's serial number, or what the contact person or document is called. Of a
    change `apart` are the columns that a move of that instant tells of, beside it.
    """

    place: Place
    row: Any
    who: str | None = None
    apart: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Line:
    """The line of one person: the sessions to read with, and their files; what contact people are called is asked once.

    `log` reads the operation log, when it has to see more of it than who looks.
    """

    session: Session
    log: Session
    files: Sequence[str]
    zone: str
    named: dict[EntryKind, dict[str, dict[str, str | None]]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is asked of one file, and which kinds of work (none: all)."""

    line: Line
    file: str
    works: frozenset[WorkLogKind]


@dataclass(frozen=True, slots=True)
class _Told:
    """A statement for one kind of one file, without its order, and how a row of it becomes an entry."""

    session: Session
    wanted: Select[*tuple[Any, ...]]
    at: InstrumentedAttribute[Any]
    key: InstrumentedAttribute[Any]
    entry: Callable[[Any], Entry]


def line_of(session: Session, customer_id: str, *, timezone: str, log: Session | None = None) -> Line:
    """Return the line of a customer; what was merged into the customer counts as theirs."""
    return Line(session, log or session, files_of(session, customer_id), timezone)


def list_entries(
    line: Line,
    *,
    kinds: Collection[EntryKind] = tuple(EntryKind),
    topics: Collection[Topic] = (),
    before: Place | None,
    limit: int = PAGE,
) -> tuple[list[Entry], Place | None]:
    """Return what happened before a place, latest first, of these kinds, and where the next page begins.

    Each kind gives at most a page of each file, by its index: what a customer has of it in all does not matter.
    """
    found: list[Entry] = []
    for kind, told in _each(line, kinds, topics):
        older = (_older_day if kind in _DAYS else _older)(kind, told.at, told.key, before, line.zone)
        ordered = told.wanted.where(*older).order_by(told.at.desc(), told.key.desc()).limit(limit + 1)
        found += [told.entry(row) for row in told.session.execute(ordered)]
    found.sort(key=lambda entry: (entry.place.at, entry.place.kind, entry.place.id), reverse=True)
    shown = found[:limit]
    return shown, shown[-1].place if len(found) > limit else None


def count_topics(line: Line, *, kinds: Collection[EntryKind] = tuple(EntryKind)) -> dict[Topic, int]:
    """Return how many entries of these kinds the line has under each topic, by the statements it is made of."""
    counts = dict.fromkeys(Topic, 0)
    for kind, told in _each(line, kinds, ()):
        by = [WorkLog.kind] if kind is EntryKind.WORK else []
        counted = told.wanted.with_only_columns(func.count(), *by, maintain_column_froms=True).group_by(*by)
        for count, *of in told.session.execute(counted):
            counts[_topic(kind, *of)] += count
    return counts


def _topic(kind: EntryKind, work: WorkLogKind | None = None) -> Topic:
    """Return under which topic entries of a kind stand."""
    apart = (topic for topic, of in _APART.items() if of is work)
    return next(apart, next(topic for topic, of in _KINDS_OF.items() if kind in of))


def _each(
    line: Line, kinds: Collection[EntryKind], topics: Collection[Topic]
) -> Iterable[tuple[EntryKind, _Told]]:
    """Return the statement of each kind that is asked for, of each of the person's files."""
    of_topics = {kind for topic in topics for kind in _KINDS_OF[topic]}
    works = _works(topics)
    for kind, read in _READERS.items():
        if kind in kinds and (not topics or kind in of_topics):
            for file in line.files:
                if (told := read(_Asked(line, file, works))) is not None:
                    yield kind, told


def _works(topics: Collection[Topic]) -> frozenset[WorkLogKind]:
    """Return the kinds of work under some topics: what is neither a visit nor a service was speaking to somebody."""
    spoken = set(WorkLogKind) - set(_APART.values()) if Topic.CONTACT in topics else set()
    return frozenset(spoken | {work for topic, work in _APART.items() if topic in topics})


def _work(asked: _Asked) -> _Told:
    # Not joined: who counts the entries of ten years does not look up the name of each.
    name = select(Manager.name).where(Manager.id == WorkLog.manager_id).scalar_subquery()
    wanted = select(WorkLog, name).where(WorkLog.customer_id == asked.file, stands())
    if asked.works:
        wanted = wanted.where(WorkLog.kind.in_(sorted(asked.works)))
    return _Told(
        asked.line.session,
        wanted,
        WorkLog.started_at,
        WorkLog.id,
        lambda row: Entry(Place(row[0].started_at, EntryKind.WORK.value, row[0].id), row[0], row[1]),
    )


def _units(asked: _Asked) -> _Told:
    wanted = (
        select(UnitEvent, Unit.serial_no)
        .join(Unit, Unit.id == UnitEvent.unit_id)
        .where(UnitEvent.customer_id == asked.file, units.stands())
    )
    return _dayed(asked, EntryKind.UNIT, wanted, UnitEvent.happened_on, UnitEvent.id)


def _days_of(
    kind: EntryKind, on: InstrumentedAttribute[date], *conditions: ColumnElement[bool]
) -> Callable[[_Asked], _Told]:
    """Return the reader of a table whose rows have a day and name the customer."""
    model: Any = on.class_

    def read(asked: _Asked) -> _Told:
        wanted = select(model).where(model.customer_id == asked.file, *conditions)
        return _dayed(asked, kind, wanted, on, model.id)

    return read


def _dayed(
    asked: _Asked,
    kind: EntryKind,
    wanted: Select[*tuple[Any, ...]],
    on: InstrumentedAttribute[date],
    key: InstrumentedAttribute[str],
) -> _Told:
    """Return what has a day and no time: it stands at the midnight the day begins with."""

    def entry(row: Any) -> Entry:  # noqa: ANN401 - the record, and what it is told by
        at = _midnight(getattr(row[0], on.key), asked.line.zone)
        return Entry(Place(at, kind.value, row[0].id), *row)

    return _Told(asked.line.session, wanted, on, key, entry)


def _changes(asked: _Asked) -> _Told:
    told = _logged(asked, EntryKind.CHANGE, "customer", {asked.file: None})
    moved = [_moved(asked.file).where(CustomerMove.what == what) for what in COLUMNS]

    def entry(row: Any) -> Entry:  # noqa: ANN401 - the entry, and whether a move of each kind stands beside it
        apart = {column for column, beside in zip(COLUMNS.values(), row[1:], strict=True) if beside}
        return replace(told.entry(row), apart=frozenset(apart))

    return replace(told, wanted=told.wanted.where(_no_move(asked.file)).add_columns(*moved), entry=entry)


def _moved(file: str) -> Exists:
    return exists().where(CustomerMove.customer_id == file, CustomerMove.made_at == AuditEntry.at)


def _no_move(file: str) -> ColumnElement[bool]:
    """Hold unless stage or tier alone were changed by a move written at that instant, which stands there itself."""
    changes = type_coerce(AuditEntry.changes, Text)
    others = func.replace(changes, '"lifecycle_stage":', "")
    others = func.replace(others, '"value_tier":', "")
    return or_(changes.is_(None), others.like('%":%'), ~_moved(file))


def _people(asked: _Asked) -> _Told | None:
    return _of_these(asked, EntryKind.PERSON, "contact", Contact)


def _documents(asked: _Asked) -> _Told | None:
    return _of_these(asked, EntryKind.DOCUMENT, "document", Document)


def _of_these(
    asked: _Asked, kind: EntryKind, subject: str, model: type[Contact] | type[Document]
) -> _Told | None:
    """Return what the log tells of the rows that who looks may see."""
    if kind not in asked.line.named:
        named: dict[str, dict[str, str | None]] = {}
        wanted = select(model.customer_id, model.id, model.name).where(
            model.customer_id.in_(asked.line.files)
        )
        for file, row_id, name in asked.line.session.execute(wanted):
            named.setdefault(file, {})[row_id] = name
        asked.line.named[kind] = named
    names = asked.line.named[kind].get(asked.file)
    return _logged(asked, kind, subject, names) if names else None


def _logged(asked: _Asked, kind: EntryKind, subject: str, names: Mapping[str, str | None]) -> _Told:
    wanted = select(AuditEntry).where(
        AuditEntry.subject_type == subject,
        AuditEntry.subject_id.in_(sorted(names)),
        AuditEntry.action.not_in(_LOOKING),
    )
    return _Told(
        asked.line.log,
        wanted,
        AuditEntry.at,
        AuditEntry.id,
        lambda row: Entry(Place(row[0].at, kind.value, str(row[0].id)), row[0], names[row[0].subject_id]),
    )


_READERS: Final[Mapping[EntryKind, Callable[[_Asked], _Told | None]]] = {
    EntryKind.WORK: _work,
    EntryKind.MONEY: _days_of(EntryKind.MONEY, BillLine.booked_on),
    EntryKind.MOVE: _days_of(EntryKind.MOVE, CustomerMove.moved_on),
    EntryKind.UNIT: _units,
    EntryKind.OFFER: _days_of(EntryKind.OFFER, OfferAnswer.happened_on, offers.stands()),
    EntryKind.ANSWER: _days_of(EntryKind.ANSWER, QuestionAnswer.answered_on, questions.stands()),
    EntryKind.CHANGE: _changes,
    EntryKind.PERSON: _people,
    EntryKind.DOCUMENT: _documents,
}
_DAYS: Final = frozenset({EntryKind.MONEY, EntryKind.MOVE, EntryKind.UNIT, EntryKind.OFFER, EntryKind.ANSWER})


def _older(
    kind: EntryKind,
    at: InstrumentedAttribute[datetime],
    key: InstrumentedAttribute[Any],
    before: Place | None,
    _zone: str,
) -> Sequence[ColumnElement[bool]]:
    """Return what leaves the older entries of a kind: at one instant kinds stand in the order of their codes."""
    if before is None:
        return ()
    if kind.value == before.kind:
        return (tuple_(at, key) < tuple_(literal(before.at, at.type), literal(before.id, key.type)),)
    return (at <= before.at if kind.value < before.kind else at < before.at,)


def _older_day(
    kind: EntryKind,
    on: InstrumentedAttribute[date],
    key: InstrumentedAttribute[Any],
    before: Place | None,
    zone: str,
) -> Sequence[ColumnElement[bool]]:
    """Return the same of a kind that has days: they stand at the midnight they begin with."""
    if before is None:
        return ()
    day = local_day(before.at, zone)
    if before.at > _midnight(day, zone) or kind.value < before.kind:
        return (on <= day,)
    if kind.value > before.kind:
        return (on < day,)
    return (or_(on < day, and_(on == day, key < literal(before.id, key.type))),)


def _midnight(day: date, zone: str) -> datetime:
    return day_bounds(day, zone)[0]
