"""What a column of a file is, and what a kind of file is made of."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Table

from branch_node.imports import parsers
from branch_node.imports.coded import Known, coded, coded_list
from branch_node.imports.parsers import CellError, Parser
from shared.domain.published.vocabulary import CodeTable
from shared.errors import N_

# Of a unit since when it is its owner's: no column of the table, but the day of the event written beside it.
SINCE: Final = "since"
ATTRIBUTE: Final = "attributes."
MAX_ATTRIBUTE: Final = 200


@dataclass(frozen=True, slots=True)
class Context:
    """What parsers need to know of the node and the moment."""

    zone: ZoneInfo
    now: datetime
    currency: str
    codes: Known = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a file: its headings, how a cell is read, and where the value goes.

    `refers` names the table in which the cell's number is looked up; `target` then takes the id found.
    `template` columns stand in the template, in this order; the others may be added.
    """

    name: str
    chinese: str
    help: str
    parser: Callable[[Context], Parser]
    required: bool = False
    template: bool = True
    aliases: tuple[str, ...] = ()
    target: str = ""
    refers: Table | None = field(default=None, compare=False)

    @property
    def stored_as(self) -> str:
        """The column of the table that takes the value."""
        return self.target or self.name


Values = dict[str, Any]
# Completes and checks a new record: (values to be stored, context) -> nothing; raises ColumnError.
Rule = Callable[[Values, Context], None]
# Looks at a record as it will stand; raises ColumnError.
Check = Callable[[Values], None]


class ColumnError(CellError):
    """A rule over several columns is broken; `column` is the one to look at."""

    def __init__(self, message: str, code: str, *, column: str, **params: object) -> None:
        """Name the column beside the problem."""
        super().__init__(message, code, **params)
        self.column = column


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of file. A fact is never updated; `update_by` lists the columns that may find a state.

    `rule` completes a new record; each of `checks` must hold of a record as it will stand, new or with one of the
    columns named beside it changed.
    """

    name: str
    label: str
    record_type: str
    table: Table
    key: str
    columns: tuple[Column, ...]
    defaults: Mapping[str, object]
    rule: Rule
    update_by: tuple[str, ...] = ()
    checks: tuple[tuple[tuple[str, ...], Check], ...] = ()

    @property
    def is_fact(self) -> bool:
        """Whether its records are facts, which are only ever added."""
        return not self.update_by

    @property
    def template(self) -> list[str]:
        """The headings of the template, in order."""
        return [column.name for column in self.columns if column.template]

    def column(self, name: str) -> Column | None:
        """Return the column called `name`; `attributes.x` makes one where the table has attributes."""
        for column in self.columns:
            if column.name == name:
                return column
        label = name.removeprefix(ATTRIBUTE)
        if name.startswith(ATTRIBUTE) and 0 < len(label) <= 40 and "attributes" in self.table.c:  # noqa: PLR2004 - a name
            return Column(name, label, N_("Kept as it is"), plain_text(MAX_ATTRIBUTE), template=False)
        return None


def plain_text(limit: int) -> Callable[[Context], Parser]:
    """Return what parses text of at most so many characters."""
    return lambda _: parsers.text(limit)


def text_of(table: Table, name: str, *, multiline: bool = False) -> Callable[[Context], Parser]:
    """Return what parses text as long as a column of a table takes."""
    limit = getattr(table.c[name].type, "length", None) or MAX_ATTRIBUTE
    return lambda _: parsers.text(limit, multiline=multiline)


def coded_text(
    table: Table, name: str, codes: CodeTable, *, several: Parser | None = None
) -> Callable[[Context], Parser]:
    """Return what parses one code of a table that head office publishes, or several."""
    one = text_of(table, name) if several is None else fixed(several)
    read = coded if several is None else coded_list
    return lambda context: read(one(context), codes, context.codes)


def fixed(parser: Parser) -> Callable[[Context], Parser]:
    """Return what parses alike at every node."""
    return lambda _: parser


def past_day(context: Context) -> Parser:
    """Return a parser of days up to today."""
    return parsers.past_day(context.now.astimezone(context.zone).date())


def instant(context: Context) -> Parser:
    """Return a parser of times on the clock of the branch."""
    return parsers.instant(context.zone)


def any_instant(context: Context) -> Parser:
    """Return a parser of times, a day alone meaning its midnight."""
    return parsers.instant(context.zone, day_alone=True)


def past_instant(context: Context) -> Parser:
    """Return a parser of times up to now."""
    return parsers.past_instant(context.zone, context.now)


def created_columns() -> tuple[Column, ...]:
    """Return the columns of who entered a record first, and when."""
    return (
        Column("created_at", "创建时间", N_("When it was first entered, if known"), past_instant,
               template=False),
        Column(
            "created_by", "创建人", N_("Who first entered it, if known"), plain_text(80), template=False,
            aliases=("entered_by", "录入人"),
        ),
    )  # fmt: skip


def updated_columns() -> tuple[Column, ...]:
    """Return the columns of who changed a record last, and when."""
    return (
        Column(
            "updated_at", "更新时间", N_("When it was last changed, if known"), past_instant, template=False
        ),
        Column("updated_by", "更新人", N_("Who last changed it, if known"), plain_text(80), template=False),
    )
