"""Turning counted rows into a table of rows, columns, totals, shares and changes; pure."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

from hq_server.analysis.months import shift, span
from hq_server.analysis.vocabulary import NOT_KNOWN, Dimension, Measure


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: one measure by one or two dimensions, over months and within filters (empty = all).

    `months` are the first and last month, both included; `currency` matters to money alone.
    """

    measure: Measure
    rows: Dimension
    columns: Dimension | None
    months: tuple[str, str]
    currency: str
    branches: frozenset[int] = frozenset()
    products: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()
    grades: frozenset[str] = frozenset()

    @property
    def month_before(self) -> str:
        """The month before the last one asked for; the change is measured against it."""
        return shift(self.months[1], -1)


@dataclass(frozen=True, slots=True)
class Fact:
    """One counted row: the keys of its row and column, the month it belongs to, and how much."""

    row: str
    column: str
    month: str
    amount: int


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the table: its cells by column key, their total, and how its last month compares."""

    key: str
    cells: dict[str, int]
    total: int
    share: Fraction | None
    last: int
    before: int

    @property
    def change(self) -> Fraction | None:
        """Growth of the last month over the month before, or None where there was nothing before."""
        return Fraction(self.last - self.before, abs(self.before)) if self.before else None


@dataclass(frozen=True, slots=True)
class Counts:
    """How many files and how many customers there are; `shared` were counted once more than they are.

    Each branch counts its own customers; one that several branches serve is counted at each.
    """

    files: int = 0
    customers: int = 0
    shared: int = 0

    @property
    def distinct(self) -> int:
        """How many customers there are in all branches together."""
        return self.customers - self.shared

    @property
    def differ(self) -> bool:
        """Whether there are more files than customers."""
        return self.files != self.distinct

    def __add__(self, other: "Counts") -> "Counts":
        """Return both together."""
        return Counts(self.files + other.files, self.customers + other.customers, self.shared + other.shared)


@dataclass(frozen=True, slots=True)
class Grid:
    """The answer to a question, with the same totals whichever way one adds."""

    question: Question
    columns: Sequence[str]
    lines: Sequence[Line]
    column_totals: dict[str, int]
    total: int
    last: int
    before: int
    undated: int = 0
    counts: Counts | None = None

    @property
    def change(self) -> Fraction | None:
        """Growth of the whole in the last month over the month before."""
        return Fraction(self.last - self.before, abs(self.before)) if self.before else None


@dataclass
class _Sums:
    cells: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    last: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    before: dict[str, int] = field(default_factory=lambda: defaultdict(int))


def flow_grid(question: Question, facts: Iterable[Fact], *, undated: int = 0) -> Grid:
    """Lay out amounts that add up over months: money, bill lines, new customers."""
    first, last = question.months
    sums = _Sums()
    for fact in facts:
        if first <= fact.month <= last:
            sums.cells[fact.row, fact.column] += fact.amount
        _compare(question, sums, fact.row, fact.month, fact.amount)
    return _lay_out(question, sums, total=sum(sums.cells.values()), undated=undated)


def stock_grid(question: Question, facts: Iterable[Fact], *, undated: int = 0) -> Grid:
    """Lay out customers on file at a month's end; `facts` say how many were opened in which month.

    By month each month shows its end, and the total is that of the last month, for a stock does
    not add up over time. Without the month as a dimension every cell is at the end of the last month.
    """
    first, last = question.months
    before = question.month_before
    by_month = Dimension.MONTH in {question.rows, question.columns}
    months = span(first, last)
    sums = _Sums()
    total = last_all = before_all = 0
    for fact in facts:
        if fact.month > last:
            continue
        total += fact.amount
        last_all += fact.amount
        before_all += fact.amount if fact.month <= before else 0
        if not by_month:
            sums.cells[fact.row, fact.column] += fact.amount
            sums.last[fact.row] += fact.amount
            sums.before[fact.row] += fact.amount if fact.month <= before else 0
            continue
        for month in months:
            if fact.month <= month:
                row = month if question.rows is Dimension.MONTH else fact.row
                column = month if question.columns is Dimension.MONTH else fact.column
                sums.cells[row, column] += fact.amount
        _compare_stock(question, sums, fact, months)
    return _lay_out(
        question, sums, total=total, stock=by_month, whole=(last_all, before_all), undated=undated
    )


def _compare(question: Question, sums: _Sums, row: str, month: str, amount: int) -> None:
    """Add to what a row's last month and the month before it came to."""
    if question.rows is Dimension.MONTH:
        sums.last[month] += amount
        sums.before[shift(month, 1)] += amount
        return
    if month == question.months[1]:
        sums.last[row] += amount
    elif month == question.month_before:
        sums.before[row] += amount


def _compare_stock(question: Question, sums: _Sums, fact: Fact, months: Sequence[str]) -> None:
    if question.rows is Dimension.MONTH:
        for month in months:
            sums.last[month] += fact.amount if fact.month <= month else 0
            sums.before[month] += fact.amount if fact.month < month else 0
        return
    sums.last[fact.row] += fact.amount
    sums.before[fact.row] += fact.amount if fact.month <= question.month_before else 0


def _lay_out(
    question: Question,
    sums: _Sums,
    *,
    total: int,
    stock: bool = False,
    whole: tuple[int, int] | None = None,
    undated: int = 0,
) -> Grid:
    row_keys, column_keys = _keys(question, sums)
    column_totals = {key: sum(sums.cells.get((row, key), 0) for row in row_keys) for key in column_keys}
    if stock and question.rows is Dimension.MONTH and row_keys:
        column_totals = {key: sums.cells.get((row_keys[-1], key), 0) for key in column_keys}
    lines = []
    for row in row_keys:
        cells = {key: sums.cells[row, key] for key in column_keys if (row, key) in sums.cells}
        row_total = sum(cells.values())
        if stock and question.columns is Dimension.MONTH:
            row_total = cells.get(column_keys[-1], 0)
        shares = total and not (stock and question.rows is Dimension.MONTH)
        share = Fraction(row_total, total) if shares else None
        lines.append(Line(row, cells, row_total, share, sums.last[row], sums.before[row]))
    last, before = whole or (_whole(question, sums))
    return Grid(question, column_keys, lines, column_totals, total, last, before, undated)


def _keys(question: Question, sums: _Sums) -> tuple[list[str], list[str]]:
    months = span(*question.months)
    rows = sorted({row for row, _ in sums.cells}, key=_order)
    columns = sorted({column for _, column in sums.cells}, key=_order)
    if question.rows is Dimension.MONTH:
        rows = months
    if question.columns is Dimension.MONTH:
        columns = months
    return rows, columns or [""]


def _whole(question: Question, sums: _Sums) -> tuple[int, int]:
    if question.rows is Dimension.MONTH:
        return sums.last[question.months[1]], sums.before[question.months[1]]
    return sum(sums.last.values()), sum(sums.before.values())


def _order(key: str) -> tuple[bool, int, str]:
    """Order branch numbers as numbers, words as words, and "not known" last."""
    return key == NOT_KNOWN, int(key) if key.isdecimal() else 0, key


def narrow(question: Question, *, row: str | None = None, column: str | None = None) -> Question:
    """Return the question of one cell, row or column: its keys become filters, everything else stays."""
    for dimension, key in ((question.rows, row), (question.columns, column)):
        if dimension is not None and key is not None:
            question = _narrow_by(question, dimension, key)
    return question


def _narrow_by(question: Question, dimension: Dimension, key: str) -> Question:
    match dimension:
        case Dimension.BRANCH:
            return replace(question, branches=frozenset({int(key)}))
        case Dimension.MONTH:
            return replace(question, months=(key, key))
        case Dimension.PRODUCT:
            return replace(question, products=frozenset({key}))
        case Dimension.KIND:
            return replace(question, kinds=frozenset({key}))
        case Dimension.GRADE:
            return replace(question, grades=frozenset({key}))
