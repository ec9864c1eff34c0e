"""Counted groups laid out as a table and a chart of the same figures; pure but for the words."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

from shared.i18n import format_instant
from shared.i18n import gettext as _
from shared.web.oplog.elements import Element
from shared.web.oplog.queries import MOST_GROUPS, Group
from shared.web.oplog.question import Question, address, entries_of, narrow
from shared.web.oplog.words import name_of

MOST_SERIES: Final = 8
MOST_BARS: Final = 40
MOST_COLUMNS: Final = 40


@dataclass(frozen=True, slots=True)
class Table:
    """The answer to a question: keys of rows and columns in their order, and the cells that have entries.

    `left_out` says that there were more groups than are shown. `base` is the address of entries.
    """

    question: Question
    rows: Sequence[str]
    columns: Sequence[str]
    cells: dict[tuple[str, str], Any]
    total: Any
    left_out: bool
    base: str
    name: Callable[[Element, str], str] = name_of

    def row_name(self, key: str) -> str:
        """Return what people call a row."""
        assert self.question.rows is not None
        return self.name(self.question.rows, key)

    def column_name(self, key: str) -> str:
        """Return the heading of a column; the measure's own name when there is but one."""
        if self.question.columns is None:
            return _(self.question.measure.label)
        return self.name(self.question.columns, key)

    def open(self, row: str, column: str = "") -> str:
        """Return the address of the entries behind a cell."""
        question = narrow(self.question, self.question.rows, row)
        if self.question.columns is not None:
            question = narrow(question, self.question.columns, column)
        return f"{self.base}?{urlencode(address(entries_of(question)), doseq=True)}"

    def open_row(self, row: str) -> str:
        """Return the address of the entries behind a row."""
        question = entries_of(narrow(self.question, self.question.rows, row))
        return f"{self.base}?{urlencode(address(question), doseq=True)}"

    def chart(self) -> dict[str, Any] | None:
        """Return the chart; None where the measure is an instant, which has no height."""
        if self.question.measure.is_instant:
            return None
        rows = list(self.rows[:MOST_BARS])
        series = [
            {"name": self.column_name(key), "data": [self.cells.get((row, key), 0) for row in rows]}
            for key in self.columns[:MOST_SERIES]
        ]
        line = self.question.rows is not None and self.question.rows.is_time
        return {
            "kind": "line" if line else "bar",
            "labels": [self.row_name(row) for row in rows],
            "series": series,
            "stacked": len(series) > 1 and not line,
            "decimals": 0,
            "links": [self.open_row(row) for row in rows],
        }

    def texts(self, timezone: str) -> list[list[object]]:
        """Return the rows of a sheet: the name, then its cells."""
        return [
            [self.row_name(row), *(_shown(self.cells.get((row, key)), timezone) for key in self.columns)]
            for row in self.rows
        ]


def lay_out(question: Question, groups: Sequence[Group], *, total: Any, base: str) -> Table:  # noqa: ANN401 - a number or an instant
    """Put groups in order: stretches of time as they follow, everything else by its largest measure first."""
    shown = groups[:MOST_GROUPS]
    cells = {(group.row, group.column): group.value for group in shown}
    rows = _ordered(question.rows, [group.row for group in shown])
    columns = _ordered(question.columns, [group.column for group in shown])[:MOST_COLUMNS]
    return Table(question, rows, columns, cells, total, len(groups) > MOST_GROUPS, base)


def _ordered(element: Element | None, keys: Sequence[str]) -> list[str]:
    # Groups come largest first, so the first place of a key is by its largest cell.
    distinct = list(dict.fromkeys(keys))
    return sorted(distinct) if element is not None and element.is_time else distinct


def _shown(value: Any, timezone: str) -> object:  # noqa: ANN401 - a number or an instant
    return format_instant(value, timezone=timezone, style="second") if isinstance(value, datetime) else value
