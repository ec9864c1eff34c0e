"""Counting entries of SQLite: it groups by sorting, which takes longer than reading all that is sorted.

So it hands over what entries are counted by, as one text for each stretch of time, and they are counted here. One
stretch at a time bounds the memory and lets other requests in between.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import repeat
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import ColumnElement, Select, String, cast, func
from sqlalchemy.orm import Session

from shared.audit.models import AuditEntry
from shared.web.oplog.elements import Element, Measure
from shared.web.oplog.times import begin_of

AT_ONCE: Final = timedelta(days=30)
# More statements than this cost more than having the database say in which stretch an entry stands.
MOST_STRETCHES: Final = 800
Key = tuple[str, ...]
_texts: Final = msgspec.json.Decoder(list[str]).decode


@dataclass(frozen=True, slots=True)
class Stretch:
    """Entries from `begins` on and before `ends`; `key` where they are counted by this very stretch of time."""

    begins: datetime
    ends: datetime
    key: str = ""


@dataclass(frozen=True, slots=True)
class Counts:
    """The measure of each group, and of all their entries together."""

    groups: Mapping[Key, Any]
    total: Any


def stretches(begins: datetime, ends: datetime) -> list[Stretch]:
    """Return the stretches in which entries of some time are read."""
    found = []
    while begins < ends:
        following = min(begins + AT_ONCE, ends)
        found.append(Stretch(begins, following))
        begins = following
    return found


def stretches_of(element: Element, begins: datetime, ends: datetime, zone: ZoneInfo) -> list[Stretch] | None:
    """Return the local days, weeks or months of some time; None where there are too many, or hours are asked for."""
    if element not in {Element.DAY, Element.WEEK, Element.MONTH}:
        return None
    found: list[Stretch] = []
    day = _first_of(element, begins.astimezone(zone).date())
    while (since := begin_of(day, zone)) < ends:
        following = _first_of(
            element, day + timedelta(days={Element.DAY: 1, Element.WEEK: 7}.get(element, 31))
        )
        until = min(begin_of(following, zone), ends)
        key = f"{day:%Y-%m}" if element is Element.MONTH else day.isoformat()
        found.append(Stretch(max(since, begins), until, key))
        day = following
        if len(found) > MOST_STRETCHES:
            return None
    return found


def count_here(
    session: Session,
    statement: Select[Any],
    keys: Sequence[ColumnElement[str] | None],
    measure: Measure,
    read: Iterable[Stretch],
) -> Counts:
    """Return the measure of each group of the entries that `statement` selects, whatever their time.

    Entries are grouped by `keys`; None among them stands for the stretch of time itself.
    """
    what = _counted(measure)
    asked = [*keys, *([] if what is None else [what])]
    parts = (_parts(session, statement, asked, stretch) for stretch in read)
    if measure is Measure.ENTRIES:
        found: Counter[Key] = Counter()
        for part in parts:
            found.update(zip(*part, strict=True))
        return Counts(found, found.total())
    if measure.is_instant:
        return _ends(parts, last=measure is Measure.LAST)
    distinct: set[Key] = set()
    for part in parts:
        distinct.update(zip(*part, strict=True))
    return Counts(Counter(one[:-1] for one in distinct), len({one[-1] for one in distinct}))


def _parts(
    session: Session, statement: Select[Any], asked: Sequence[ColumnElement[str] | None], stretch: Stretch
) -> list[Iterable[str]]:
    """Return what the entries of one stretch are counted by, one list for each thing asked."""
    columns = [func.json_group_array(column) for column in asked if column is not None]
    within = statement.where(AuditEntry.at >= stretch.begins, AuditEntry.at < stretch.ends)
    number, *texts = session.execute(within.with_only_columns(func.count(), *columns)).one()
    lists = iter(texts)
    return [repeat(stretch.key, number) if column is None else _texts(next(lists)) for column in asked]


def _ends(parts: Iterable[Sequence[Iterable[str]]], *, last: bool) -> Counts:
    found: dict[Key, str] = {}
    for part in parts:
        for *names, at in zip(*part, strict=True):
            key = tuple(names)
            known = found.get(key)
            if known is None or (at > known) is last:
                found[key] = at
    instants = {key: datetime.fromisoformat(at) for key, at in found.items()}
    return Counts(instants, (max if last else min)(instants.values(), default=None))


def _counted(measure: Measure) -> ColumnElement[str] | None:
    """Return what stands beside the keys of an entry; nothing where entries themselves are counted."""
    same = func.coalesce(AuditEntry.subject_type, "") + "/" + func.coalesce(AuditEntry.subject_id, "")
    at = cast(AuditEntry.at, String)
    beside: Mapping[Measure, Any] = {
        Measure.OPERATORS: AuditEntry.actor,
        Measure.OBJECTS: same,
        Measure.FIRST: at,
        Measure.LAST: at,
    }
    return beside.get(measure)


def _first_of(element: Element, day: date) -> date:
    if element is Element.MONTH:
        return day.replace(day=1)
    return day - timedelta(days=day.weekday()) if element is Element.WEEK else day
