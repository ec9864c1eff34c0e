"""Reading the first visible sheet of an XLSX workbook, guarded against bombs, formulas and lost digits."""

import re
import zipfile
import zlib
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path, PurePosixPath
from typing import IO, Final, NamedTuple

from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    SheetTypeEnum,
    SheetVisibleEnum,
)

from shared.files.errors import (
    BrokenWorkbookError,
    EmptyFileError,
    NotATableError,
    TooLargeError,
    TooManyFormulasError,
)
from shared.files.pieces import can_part, pieces
from shared.files.tables import CELL_ERROR, FORMULA, ROUNDED, CellProblem, Row

MAX_UNPACKED: Final = 1_000_000_000
MAX_RATIO: Final = 400
MAX_PARTS: Final = 2_000
MAX_COLUMNS: Final = 256
MAX_CELLS: Final = 10_000_000
MAX_FLAWED: Final = 10_000
_BLOCK: Final = 1 << 20
_SMALL_PART: Final = 1 << 20
_EXACT: Final = 1e15
_CELL: Final = re.compile(rb"""<(?:\w+:)?c\s[^<>]*?\br=["']([A-Z]{1,3})(\d{1,7})["']""")
_WIDE: Final = re.compile(rb"""<(?:\w+:)?c\s[^<>]*?\br=["'][A-Z]{4}""")
_FLAW: Final = re.compile(rb"""<(?:\w+:)?f[\s/>]|<(?:\w+:)?c\s[^<>]*?\bt=["']e["']""")
_FILLED: Final = re.compile(
    rb"""<(?:\w+:)?c\s[^<>]*?\br=["']([A-Z]{1,3})\d{1,7}["'](?:[^<>]*[^<>/])?>(?!\s*</)"""
)
_FORMULA_TAG: Final = re.compile(rb"<(?:\w+:)?f")
_SHEET: Final = re.compile(r"""<(?:\w+:)?sheet\s[^>]*>""")
_RELATION: Final = re.compile(r"<(?:\w+:)?Relationship\s[^>]*>")

Flaws = dict[tuple[int, int], CellProblem]
Value = int | float | str | bool | time | date | datetime | timedelta


class Seen(NamedTuple):
    """What was seen of a sheet: its flawed cells, its first column with anything in it, whether it can be parted."""

    flaws: Flaws
    left: int
    parts: bool


class Workbook:
    """The first visible sheet of an XLSX file; raises FileError when it is broken or too large."""

    def __init__(self, path: Path) -> None:
        """Check the whole archive once; what passes here cannot blow up the reader."""
        self.path = path
        try:
            with zipfile.ZipFile(path) as archive:
                _check_archive(archive)
                self._part = _sheet_part(archive)
                self._seen = _scan_sheet(archive, self._part)
                self._in_pieces = self._seen.parts and can_part(archive)
        except (
            zipfile.BadZipFile,
            zlib.error,
            EOFError,
            NotImplementedError,
            RuntimeError,
            OSError,
        ) as error:
            raise BrokenWorkbookError from error

    def lines(self) -> Iterator[Row]:
        """Yield every row that is not blank, the headings first; cells left of the headings are dropped."""
        try:
            flawed_rows = {row for row, _ in self._seen.flaws}
            for line, values in self._in_parts() if self._in_pieces else self._at_once():
                cells = [value if isinstance(value, str) else _text(value) for value in values]
                problems = [
                    CellProblem(index, "number-rounded", ROUNDED)
                    for index, value in enumerate(values)
                    if isinstance(value, float) and abs(value) >= _EXACT
                ]
                if line in flawed_rows:
                    problems += self._flaws_of(line, len(cells))
                if problems or any(cell.strip() for cell in cells):
                    yield Row(line, cells, problems)
        except (CalamineError, zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise BrokenWorkbookError from error

    def _in_parts(self) -> Iterator[tuple[int, list[Value]]]:
        """Yield each row with its line, some hundred rows held at a time."""
        last = 0
        for piece in pieces(self.path, self._part):
            with piece, CalamineWorkbook.from_filelike(piece) as book:
                sheet = _first_sheet(book)
                if sheet.start is None:
                    continue
                top, left = sheet.start
                if top < last:  # a row that is written in two places
                    raise BrokenWorkbookError
                blank: list[Value] = [""] * (left - self._seen.left)
                for last, values in enumerate(sheet.to_python(), start=top + 1):
                    yield last, blank + values

    def _at_once(self) -> Iterator[tuple[int, list[Value]]]:
        """Yield each row with its line, the whole sheet held: of one that cannot be parted surely."""
        with CalamineWorkbook.from_path(self.path) as book:
            sheet = _first_sheet(book)
            left = sheet.start[1] if sheet.start else 0
            blank: list[Value] = [""] * (left - self._seen.left)
            for line, values in enumerate(sheet.iter_rows(), start=1):
                yield line, blank + values

    def _flaws_of(self, line: int, width: int) -> list[CellProblem]:
        found = []
        for column in range(max(width, MAX_COLUMNS)):
            flaw = self._seen.flaws.get((line, column + self._seen.left))
            if flaw:
                found.append(flaw._replace(column=column))
        return found


def _text(value: object) -> str:
    """Return a cell's value as a person sees it: 15 digits, ISO dates."""
    match value:
        case bool():
            return "TRUE" if value else "FALSE"
        case float():
            return f"{value:.15g}" if abs(value) < _EXACT else f"{value:.0f}"
        case datetime():
            return value.isoformat(sep=" ", timespec="seconds")
        case date() | time():
            return value.isoformat()
        case timedelta():
            return str(value)
        case _:
            return str(value)


def _first_sheet(book: CalamineWorkbook) -> CalamineSheet:
    for position, sheet in enumerate(book.sheets_metadata):
        if sheet.typ is SheetTypeEnum.WorkSheet and sheet.visible is SheetVisibleEnum.Visible:
            return book.get_sheet_by_index(position)
    raise EmptyFileError


def _check_archive(archive: zipfile.ZipFile) -> None:
    """Refuse what unpacks to too much; sizes are measured, for the directory of a hostile archive lies."""
    parts = archive.infolist()
    names = {part.filename for part in parts}
    if "xl/workbook.xml" not in names:
        raise NotATableError
    if len(parts) > MAX_PARTS or len(names) != len(parts):
        raise TooLargeError
    unpacked = 0
    for part in parts:
        if part.file_size > max(part.compress_size, 4096) * MAX_RATIO:
            raise TooLargeError
        if not part.filename.endswith((".xml", ".rels")):
            continue
        with archive.open(part) as file:
            while block := file.read(_BLOCK):
                unpacked += len(block)
                if unpacked > MAX_UNPACKED:
                    raise TooLargeError


def _sheet_part(archive: zipfile.ZipFile) -> str:
    """Return the name of the part that holds the first visible sheet."""
    targets = {
        _attribute(relation, "Id"): _attribute(relation, "Target")
        for relation in _RELATION.findall(_small(archive, "xl/_rels/workbook.xml.rels"))
    }
    for sheet in _SHEET.findall(_small(archive, "xl/workbook.xml")):
        target = targets.get(_attribute(sheet, r"\w+:id"), "")
        if _attribute(sheet, "state") in {"", "visible"} and "worksheets/" in target:
            name = target.lstrip("/") if target.startswith("/") else str(PurePosixPath("xl") / target)
            if name in archive.namelist():
                return name
    raise BrokenWorkbookError


def _small(archive: zipfile.ZipFile, name: str) -> str:
    if name not in archive.namelist():
        raise BrokenWorkbookError
    with archive.open(name) as file:
        text = file.read(_SMALL_PART).decode("utf-8", "replace")
    if "<!DOCTYPE" in text:
        raise BrokenWorkbookError
    return text


def _attribute(tag: str, name: str) -> str:
    found = re.search(rf"""\s{name}=["']([^"']*)["']""", tag)
    return found[1] if found else ""


def _scan_sheet(archive: zipfile.ZipFile, name: str) -> Seen:
    """Return the cells that are formulas or errors, which the reader would pass off as values or blanks.

    A sheet is not parted that has comments or the like, cells without a place, or rows out of order; nor one that
    is written with a prefix.
    """
    flaws: Flaws = {}
    columns: set[bytes] = set()
    last_row, left, parts = 0, MAX_COLUMNS, True
    with archive.open(name) as file:
        for text in _cell_aligned(file):
            if _WIDE.search(text):
                raise TooLargeError
            found = _CELL.findall(text)
            columns.update(letters for letters, _ in found)
            rows = [last_row, *(int(row) for _, row in found)]
            parts = (
                parts
                and b"<!" not in text
                and text.count(b"<c ") == len(found)
                and b"<c>" not in text
                and rows == sorted(rows)
            )
            last_row = max(rows)
            if left:
                left = min(left, *map(_column, _FILLED.findall(text)), MAX_COLUMNS)
            _add_flaws(text, flaws)
    width = max((_column(letters) for letters in columns), default=-1) + 1
    if width > MAX_COLUMNS or width * last_row > MAX_CELLS:
        raise TooLargeError
    return Seen(flaws, left, parts)


def _cell_aligned(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the sheet's XML in blocks that never cut a cell in two."""
    rest = b""
    while block := file.read(_BLOCK):
        text = rest + block
        cut = max(text.rfind(b"<c "), text.rfind(b":c "))
        if cut <= 0:
            rest = text
            if len(rest) > 8 * _BLOCK:
                raise TooLargeError
            continue
        cut = text.rfind(b"<", 0, cut + 1)
        yield text[:cut]
        rest = text[cut:]
    yield rest


def _add_flaws(text: bytes, flaws: Flaws) -> None:
    for hit in _FLAW.finditer(text):
        formula = _FORMULA_TAG.match(hit[0]) is not None
        before = max(text.rfind(b"<c ", 0, hit.start()), text.rfind(b":c ", 0, hit.start()))
        start = text.rfind(b"<", 0, before + 1) if formula else hit.start()
        cell = _CELL.match(text, start) if start >= 0 else None
        if cell is None:  # a cell that does not say where it stands
            raise BrokenWorkbookError
        problem = (
            CellProblem(None, "formula", FORMULA) if formula else CellProblem(None, "cell-error", CELL_ERROR)
        )
        flaws.setdefault((int(cell[2]), _column(cell[1])), problem)
        if len(flaws) > MAX_FLAWED:
            raise TooManyFormulasError(limit=MAX_FLAWED)


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number - 1
