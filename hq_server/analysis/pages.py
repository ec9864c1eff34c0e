"""The consolidated analysis: a table and a chart of the same figures, each cell open to its customers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final
from urllib.parse import urlencode

from flask import Blueprint, render_template, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from hq_server.analysis import asked, drill, queries
from hq_server.analysis.asked import Asked
from hq_server.analysis.grid import Grid, Line, narrow
from hq_server.analysis.vocabulary import Dimension, Measure
from hq_server.branches import web
from shared.domain.customers.vocabulary import CustomerKind, Grade
from shared.files.spreadsheets import Column as SheetColumn
from shared.i18n import format_number, label, translate_error
from shared.i18n import gettext as _
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.context import reading
from shared.web.paging import Page, PageRequest

blueprint = Blueprint("analysis", __name__, template_folder="templates", url_prefix="/analysis")

MOST_SERIES: Final = 8
MOST_BARS: Final = 40


@dataclass(frozen=True)
class Shown:
    """A question, its answer, and how the page draws and links it."""

    asked: Asked
    grid: Grid

    def row_name(self, line: Line) -> str:
        """Return what people call a row."""
        return self.asked.name(self.grid.question.rows, line.key)

    def column_name(self, key: str) -> str:
        """Return the heading of a column; the measure's own name when there is but one."""
        if self.grid.question.columns is None:
            return label(self.grid.question.measure)
        return self.asked.name(self.grid.question.columns, key)

    def about(self) -> web.About:
        """Return what an export's second sheet says; of customers also how many files and how many they are."""
        said, counts = self.asked.about(), self.grid.counts
        if counts is None:
            return said
        numbers = {
            _("Customer files"): format_number(counts.files),
            _("Customers, by branch"): format_number(counts.customers),
            _("Customers in all branches"): format_number(counts.distinct),
        }
        return web.About({**said.lines, **numbers}, said.conditions)

    def open(self, row: str | None = None, column: str | None = None) -> str:
        """Return the address of the customers behind a cell, a row, a column or the whole."""
        cell = narrow(self.grid.question, row=row, column=column if self.grid.question.columns else None)
        # Not url_for: it takes longer than all the rest of a table of a thousand cells.
        return f"{self.base}?{urlencode(asked.address(cell, self.asked.scope), doseq=True)}"

    @cached_property
    def base(self) -> str:
        """Return the address of the customers behind cells, without its query."""
        return url_for("analysis.behind")


@blueprint.get("/")
@requires(Resource.ANALYSIS, Action.READ)
def index() -> str:
    """Show one measure by one or two dimensions, under the filters of the address."""
    with reading(sums=True) as session:
        shown, refusal = _answer(session)
    return render_template(
        "analysis/index.html",
        shown=shown,
        asked=shown.asked,
        grid=shown.grid,
        question=shown.grid.question,
        refusal=refusal,
        refusal_text=translate_error(refusal) if refusal else "",
        stock=shown.grid.question.measure.is_stock,
        product_options=shown.asked.product_options,
        chart=_chart(shown),
        measures=web.choices(Measure),
        dimensions=web.choices(Dimension),
        kinds=web.choices(CustomerKind, unknown=True),
        grades=web.choices(Grade, unknown=True),
        export_query=asked.address(shown.grid.question, shown.asked.scope),
    )


@blueprint.route("/export.xlsx", methods=["GET", "POST"])
@requires(Resource.ANALYSIS, Action.EXPORT)
def export() -> ResponseReturnValue:
    """Answer with the table as a workbook; filters and coverage stand on its second sheet."""
    with reading(sums=True) as session:
        question = asked.read(session)
        shown = Shown(question, queries.answer(session, question.question))
    kind: Any = "money" if shown.grid.question.measure.is_money else "number"
    columns = [
        SheetColumn("row", label(shown.grid.question.rows)),
        *(SheetColumn(key, shown.column_name(key), kind) for key in shown.grid.columns),
    ]
    if shown.grid.question.columns is not None:
        columns.append(SheetColumn("total", _("Total"), kind))
    return web.send_xlsx(
        "analysis",
        title=label(shown.grid.question.measure),
        columns=columns,
        rows=_sheet_rows(shown),
        about=shown.about(),
    )


@blueprint.get("/customers")
@requires(Resource.ANALYSIS, Action.READ)
def behind() -> str:
    """List the customers behind a cell; what they add up to is the cell."""
    wanted = PageRequest.from_query(("share",), default="share", sizes=(50, 25, 100, 200))
    with reading(sums=True) as session:
        question = asked.read(session)
        found = drill.customers_behind(
            session, question.question, offset=(wanted.number - 1) * wanted.size, limit=wanted.size
        )
    return render_template(
        "analysis/behind.html",
        asked=question,
        question=question.question,
        drill=found,
        page=Page(found.rows, found.count, wanted),
        back=url_for("analysis.index", **asked.address(question.question, question.scope)),
        export_query=asked.address(question.question, question.scope),
    )


@blueprint.route("/customers.xlsx", methods=["GET", "POST"])
@requires(Resource.ANALYSIS, Action.EXPORT)
def export_behind() -> ResponseReturnValue:
    """Answer with the customers behind a cell as a workbook."""
    with reading(sums=True) as session:
        question = asked.read(session)
        found = drill.customers_behind(session, question.question, offset=0, limit=web.MOST_EXPORTED + 1)
    kind: Any = "money" if question.question.measure.is_money else "number"
    return web.send_xlsx(
        "analysis-customers",
        title=_("Customers"),
        columns=[
            SheetColumn("branch", _("Branch")),
            SheetColumn("customer_no", _("Number")),
            SheetColumn("name", _("Customer name"), personal="person"),
            SheetColumn("kind", _("Kind")),
            SheetColumn("grade", _("Grade")),
            SheetColumn("opened_on", _("Opened on"), "date"),
            SheetColumn("amount", label(question.question.measure), kind),
        ],
        rows=(
            (
                question.scope.name(one.branch_number),
                one.customer_no,
                one.name,
                question.name(Dimension.KIND, one.kind or ""),
                question.name(Dimension.GRADE, one.grade or ""),
                one.opened_on,
                one.amount,
            )
            for one in found.rows
        ),
        about=question.about(),
    )


def _answer(session: Session) -> tuple[Shown, queries.NotByProductError | None]:
    """Answer the question; one that has no answer is told with the reason beside an empty table."""
    question = asked.read(session)
    try:
        return Shown(question, queries.answer(session, question.question)), None
    except queries.NotByProductError as refusal:
        return Shown(question, Grid(question.question, [""], [], {}, 0, 0, 0)), refusal


def _chart(shown: Shown) -> dict[str, Any]:
    """Return the chart of the table: its rows along the axis, its largest columns as series.

    With months as columns the months go along the axis, for time runs from left to right.
    """
    grid, question = shown.grid, shown.grid.question
    lines, columns = grid.lines[:MOST_BARS], list(grid.columns)
    scale = 100 if question.measure.is_money else 1
    money = {"unit": question.currency, "decimals": 2} if question.measure.is_money else {"decimals": 0}
    kind = "line" if Dimension.MONTH in {question.rows, question.columns} else "bar"
    if question.columns is Dimension.MONTH:
        top = sorted(lines, key=lambda line: -abs(line.total))[:MOST_SERIES]
        series = [
            {"name": shown.row_name(line), "data": [line.cells.get(key, 0) / scale for key in columns]}
            for line in top
        ]
        links = [shown.open(column=key) for key in columns]
        return {"kind": kind, "labels": columns, "series": series, "links": links, **money}
    largest = sorted(columns, key=lambda key: -abs(grid.column_totals.get(key, 0)))[:MOST_SERIES]
    series = [
        {"name": shown.column_name(key), "data": [line.cells.get(key, 0) / scale for line in lines]}
        for key in largest
    ]
    return {
        "kind": kind,
        "labels": [shown.row_name(line) for line in lines],
        "series": series,
        "stacked": len(series) > 1 and kind == "bar",
        "links": [shown.open(row=line.key) for line in lines],
        **money,
    }


def _sheet_rows(shown: Shown) -> Iterator[Sequence[object]]:
    grid = shown.grid
    two = grid.question.columns is not None
    for line in grid.lines:
        cells = [line.cells.get(key, 0) for key in grid.columns]
        yield [shown.row_name(line), *cells, *([line.total] if two else [])]
    totals = [grid.column_totals.get(key, 0) for key in grid.columns]
    yield [_("Total"), *totals, *([grid.total] if two else [])]
