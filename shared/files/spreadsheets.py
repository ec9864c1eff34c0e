"""Writing tables for people: XLSX and CSV that no spreadsheet program takes for formulas."""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from enum import Enum
from typing import IO, Final, Literal

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from shared.files.formulas import begins_formula
from shared.i18n import gettext as _

Kind = Literal["text", "number", "money", "date", "instant"]
Personal = Literal["", "person", "contact"]
LAST_ROW: Final = 1_048_575
_LONGEST_TEXT: Final = 32_767
_SHEET_NAME: Final = 31
# A spreadsheet takes 255 characters, its own codes included.
_LONGEST_FOOTER: Final = 220
_PLAIN_NUMBER: Final = re.compile(r"[+-]?\d[\d,]*(\.\d+)?")
_FORMATS: Final[Mapping[Kind, str]] = {
    "text": "@",
    "number": "#,##0.##",
    "money": "#,##0.00",
    "date": "yyyy-mm-dd",
    "instant": "yyyy-mm-dd hh:mm:ss",
}
_WIDTHS: Final[Mapping[Kind, int]] = {"text": 20, "number": 12, "money": 14, "date": 12, "instant": 20}


@dataclass(frozen=True, slots=True)
class Column:
    """One column of an export: `money` takes integer minor units of two digits, `instant` aware datetimes.

    `personal` says what it tells of people: who they are (`person`) or how to reach them (`contact`, which is masked
    unless asked for in full). An export with such a column is controlled (shared.web.exports).
    """

    name: str
    label: str
    kind: Kind = "text"
    personal: Personal = ""


@dataclass(frozen=True, slots=True)
class Mark:
    """What tells of a file where it came from: its number behind every row, the rest on paper and in its properties."""

    heading: str
    number: str
    author: str
    text: str


class SheetFullError(ValueError):
    """More rows than a worksheet can hold; export CSV, or narrow the filter."""


def write_xlsx(
    stream: IO[bytes],
    *,
    title: str,
    columns: Sequence[Column],
    rows: Iterable[Sequence[object]],
    about: Mapping[str, str],
    zone: tzinfo = UTC,
    mark: Mark | None = None,
) -> int:
    """Write `rows` (values in the order of `columns`) and return how many; memory stays flat.

    `about` becomes a second sheet of names and texts: filters, as-of time, branches covered.
    Text is written as text whatever it looks like. Instants are shown on the clock of `zone`.
    """
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    columns, rows = _marked(columns, rows, mark)
    written = 0
    with xlsxwriter.Workbook(stream, options) as book:
        heading = book.add_format({"bold": True, "bottom": 1})
        formats = [book.add_format({"num_format": _FORMATS[column.kind]}) for column in columns]
        sheet = book.add_worksheet(_sheet_name(title))
        sheet.freeze_panes(1, 0)
        if mark is not None:
            book.set_properties(
                {"title": title, "author": mark.author, "comments": mark.text, "keywords": mark.number}
            )
            sheet.set_footer(f"&L{mark.text.replace('&', '&&')[:_LONGEST_FOOTER]}&R&P / &N")
        for position, column in enumerate(columns):
            sheet.set_column(position, position, _WIDTHS[column.kind])
            sheet.write_string(0, position, column.label, heading)
        for written, row in enumerate(rows, start=1):
            if written > LAST_ROW:
                raise SheetFullError
            for position, (column, value) in enumerate(zip(columns, row, strict=True)):
                _write_cell(sheet, (written, position), column.kind, value, formats[position], zone)
        _write_about(book.add_worksheet(_about_name(title)), title, about, heading)
    return written


def write_csv(
    stream: IO[bytes],
    *,
    columns: Sequence[Column],
    rows: Iterable[Sequence[object]],
    zone: tzinfo = UTC,
    mark: Mark | None = None,
) -> int:
    """Write `rows` as UTF-8 with BOM, which spreadsheet programs read rightly, and return how many."""
    columns, rows = _marked(columns, rows, mark)
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="", write_through=True)
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([safe_text(column.label) for column in columns])
    written = 0
    for row in rows:
        writer.writerow(
            [_csv_text(column.kind, value, zone) for column, value in zip(columns, row, strict=True)]
        )
        written += 1
    text.flush()
    text.detach()
    return written


def _marked(
    columns: Sequence[Column], rows: Iterable[Sequence[object]], mark: Mark | None
) -> tuple[Sequence[Column], Iterable[Sequence[object]]]:
    """Return the table with the mark behind every row: a part of it that is copied elsewhere is known again."""
    if mark is None:
        return columns, rows
    return [*columns, Column("export_no", mark.heading)], ([*row, mark.number] for row in rows)


def safe_text(text: str) -> str:
    """Put an apostrophe before text that a spreadsheet would run as a formula; numbers stay numbers.

    Our own reader takes the apostrophe off again.
    """
    if begins_formula(text) and not _PLAIN_NUMBER.fullmatch(text):
        return "'" + text
    return text


def _write_cell(
    sheet: Worksheet, at: tuple[int, int], kind: Kind, value: object, look: Format, zone: tzinfo
) -> None:
    if value is None or value == "":
        return
    if kind == "money" and isinstance(value, int):
        sheet.write_number(*at, float(Decimal(value).scaleb(-2)), look)
    elif kind == "number" and isinstance(value, int | float | Decimal):
        sheet.write_number(*at, float(value), look)
    elif kind == "instant" and isinstance(value, datetime):
        sheet.write_datetime(*at, value.astimezone(zone).replace(tzinfo=None), look)
    elif kind == "date" and isinstance(value, date):
        sheet.write_datetime(*at, datetime(value.year, value.month, value.day), look)  # noqa: DTZ001 - a day has no zone
    else:
        sheet.write_string(*at, _text(value)[:_LONGEST_TEXT], look)


def _csv_text(kind: Kind, value: object, zone: tzinfo) -> str:
    if value is None:
        return ""
    if kind == "money" and isinstance(value, int):
        return str(Decimal(value).scaleb(-2))
    if isinstance(value, datetime):
        return value.astimezone(zone).isoformat(sep=" ", timespec="seconds")
    return safe_text(_text(value))


def _text(value: object) -> str:
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, list | tuple):
        return ";".join(map(str, value))
    return str(value)


def _write_about(sheet: Worksheet, title: str, about: Mapping[str, str], heading: Format) -> None:
    sheet.set_column(0, 0, 24)
    sheet.set_column(1, 1, 80)
    sheet.write_string(0, 0, title[:_LONGEST_TEXT], heading)
    for line, (name, text) in enumerate(about.items(), start=1):
        sheet.write_string(line, 0, name)
        sheet.write_string(line, 1, text[:_LONGEST_TEXT])


def _sheet_name(title: str) -> str:
    """Return `title` as a sheet may be called: 31 characters at most, none with a meaning of its own."""
    plain = re.sub(r"[\[\]:*?/\\\x00-\x1f]", " ", title).strip("' ")[:_SHEET_NAME].rstrip("' ")
    return plain or "Data"


def _about_name(title: str) -> str:
    name = _sheet_name(_("About"))
    return name if name.casefold() != _sheet_name(title).casefold() else f"{name} 2"
