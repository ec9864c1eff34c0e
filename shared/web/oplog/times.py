"""Local hours, days, weeks and months of an instant as text, on both databases, also where clocks are put forward."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, String, case, cast, func, literal_column

from shared.audit.models import AuditEntry
from shared.db.base import INSTANT_LENGTH, instant_text
from shared.web.oplog.elements import Element

_POSTGRESQL: Final = {
    Element.HOUR: 'YYYY-MM-DD"T"HH24',
    Element.DAY: "YYYY-MM-DD",
    Element.WEEK: "YYYY-MM-DD",
    Element.MONTH: "YYYY-MM",
}
_SQLITE: Final = {
    Element.HOUR: "%Y-%m-%dT%H",
    Element.DAY: "%Y-%m-%d",
    Element.WEEK: "%Y-%m-%d",
    Element.MONTH: "%Y-%m",
}
_STEP: Final = timedelta(minutes=15)


def begin_of(day: date, zone: ZoneInfo) -> datetime:
    """Return the instant at which a local day begins."""
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)


def stretch_of(
    element: Element, *, dialect: str, zone: ZoneInfo, first: datetime, last: datetime
) -> ColumnElement[str]:
    """Return the local stretch of time an entry stands in, as text that sorts: 2026-11-22T08, 2026-11-22, 2026-11.

    A week is told by its Monday. Exact for entries from `first` to `last`.
    """
    if dialect == "postgresql":
        local: ColumnElement[Any] = func.timezone(zone.key, AuditEntry.at)
        if element is Element.WEEK:
            local = func.date_trunc("week", local)
        return func.to_char(local, _POSTGRESQL[element])
    moves = _offsets(zone, first, last)
    texts = [(until, _sqlite(element, offset)) for until, offset in moves]
    if len(texts) == 1:
        return texts[0][1]
    at = cast(AuditEntry.at, String(INSTANT_LENGTH))
    return case(*((at < instant_text(until), text) for until, text in texts[:-1]), else_=texts[-1][1])


def _sqlite(element: Element, offset: int) -> ColumnElement[str]:
    # Cut to whole seconds first: SQLite rounds half a millisecond up, into the next hour.
    at = func.substr(AuditEntry.at, 1, 19, type_=String())
    moves = [f"{offset:+d} seconds", *(["weekday 0", "-6 days"] if element is Element.WEEK else [])]
    # Literals, not parameters: grouping by an expression needs the very same one twice.
    words: list[ColumnElement[str]] = [
        literal_column(f"'{word}'") for word in (_SQLITE[element].replace(":", "\\:"), *moves)
    ]
    return func.strftime(words[0], at, *words[1:], type_=String())


def _offsets(zone: ZoneInfo, first: datetime, last: datetime) -> list[tuple[datetime, int]]:
    """Return (until, seconds from UTC) for each stretch of time with one offset of the zone."""
    found: list[tuple[datetime, int]] = []
    at, offset = first, _offset(first, zone)
    while at < last:
        following = min(at + timedelta(days=1), last)
        now = _offset(following, zone)
        if now != offset:
            while _offset(at, zone) == offset:
                at += _STEP
            found.append((at, offset))
            offset = _offset(at, zone)
            continue
        at = following
    return [*found, (last, offset)]


def _offset(at: datetime, zone: ZoneInfo) -> int:
    moved = at.astimezone(zone).utcoffset()
    return int(moved.total_seconds()) if moved else 0
