"""A question to the operation log; pure."""

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from shared.web.oplog.elements import Element, Measure

# In an address, for entries that have none of an element.
NONE = "-"


@dataclass(frozen=True, slots=True)
class Question:
    """Which entries, and how they are counted; `values` narrows by elements, empty means all.

    `days` are the first and last day on the node's clock, both included, None is open; `hour` (2026-11-22T08) is
    the one hour of a cell that was opened. Without `rows` nothing is grouped.
    """

    days: tuple[date | None, date | None] = (None, None)
    hour: str = ""
    values: Mapping[Element, frozenset[str]] = field(default_factory=dict)
    rows: Element | None = None
    columns: Element | None = None
    measure: Measure = Measure.ENTRIES

    def wanted(self, element: Element) -> frozenset[str]:
        """Return the values an element is narrowed to, empty for all."""
        return self.values.get(element, frozenset())


def narrow(question: Question, element: Element | None, key: str) -> Question:
    """Return the question for the entries of one group."""
    if element is None:
        return question
    if element is Element.HOUR:
        day = date.fromisoformat(key[:10])
        return replace(question, hour=key, days=_within(question.days, day, day))
    if element.is_time:
        return replace(question, days=_within(question.days, *_span(element, key)))
    return replace(question, values={**question.values, element: frozenset({key or NONE})})


def address(question: Question) -> dict[str, str | list[str]]:
    """Return the question as the query of an address."""
    first, last = question.days
    listed = {element.value: sorted(values) for element, values in question.values.items() if values}
    return {
        "from": first.isoformat() if first else "",
        "to": last.isoformat() if last else "",
        **({"hour": question.hour} if question.hour else {}),
        **listed,
        **({"rows": question.rows.value} if question.rows else {}),
        **({"cols": question.columns.value} if question.columns else {}),
        **({"measure": question.measure.value} if question.rows else {}),
    }


def entries_of(question: Question) -> Question:
    """Return the question for the entries alone, ungrouped."""
    return replace(question, rows=None, columns=None, measure=Measure.ENTRIES)


def _span(element: Element, key: str) -> tuple[date, date]:
    if element is Element.MONTH:
        year, month = int(key[:4]), int(key[5:7])
        return date(year, month, 1), date(year, month, monthrange(year, month)[1])
    first = date.fromisoformat(key)
    return first, first + timedelta(days=6) if element is Element.WEEK else first


def _within(
    days: tuple[date | None, date | None], first: date, last: date
) -> tuple[date | None, date | None]:
    return max(first, days[0] or first), min(last, days[1] or last)
