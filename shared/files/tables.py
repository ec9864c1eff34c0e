"""Reading a table out of a CSV or XLSX file, row by row, whatever its size."""

import hashlib
import unicodedata
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from shared.errors import N_
from shared.files.errors import DuplicateHeadingError, EmptyFileError, MissingHeadingError, OldWorkbookError

_OLE: Final = b"\xd0\xcf\x11\xe0"
_ZIP: Final = b"PK"
_BLOCK: Final = 1 << 20

FORMULA: Final = N_("This cell is a formula; only values are taken in. Paste it as a value.")
ROUNDED: Final = N_(
    "The spreadsheet has rounded this number of over 15 digits. Format the column as text, enter it again."
)
CELL_ERROR: Final = N_("The spreadsheet shows an error in this cell. Correct it or clear the cell.")
TOO_LONG: Final = N_("This row has more cells than there are headings.")


class CellProblem(NamedTuple):
    """What is wrong with one cell as it stands in the file; `column` is its position, or None for the row."""

    column: int | None
    code: str
    message: str


class Row(NamedTuple):
    """One row: its line in the file, its cells in the order of the headings, and what the reader found wrong.

    There are as many cells as headings. Dates of a workbook are ISO text, numbers plain decimal text.
    """

    line: int
    cells: Sequence[str]
    problems: Sequence[CellProblem] = ()


class Source(Protocol):
    """A file that can be read from its start any number of times."""

    def lines(self) -> Iterator[Row]:
        """Yield every line that is not blank, the headings first, none padded or cut."""
        ...


@dataclass(frozen=True, slots=True)
class Table:
    """A table in a file: its headings as written, and its rows as often as asked."""

    path: Path
    format: str
    encoding: str
    headings: tuple[str, ...]
    source: Source

    def rows(self) -> Iterator[Row]:
        """Yield the rows below the headings; raises FileError where the file cannot be read on."""
        lines = self.source.lines()
        next(lines, None)
        width = len(self.headings)
        for row in lines:
            yield row if len(row.cells) == width and not row.problems else _fit(row, width)

    def count(self) -> int:
        """Return how many rows stand below the headings."""
        return max(sum(1 for _ in self.source.lines()) - 1, 0)


def open_table(path: Path) -> Table:
    """Open the table in `path`, told by its content and not by its name; raises FileError.

    CSV may be UTF-8 with or without BOM, UTF-16 with BOM or GB18030, parted by comma, semicolon
    or tab. Of a workbook the first visible sheet is read.
    """
    from shared.files import delimited, workbook  # noqa: PLC0415 - both need Row and Table from here

    with path.open("rb") as file:
        start = file.read(4)
    if not start:
        raise EmptyFileError
    if start == _OLE:
        raise OldWorkbookError
    if start.startswith(_ZIP) or zipfile.is_zipfile(path):
        source: Source = workbook.Workbook(path)
        return Table(path, "xlsx", "", _headings(source), source)
    text = delimited.Delimited(path)
    return Table(path, "csv", text.encoding, _headings(text), text)


def sha256(path: Path) -> str:
    """Return the file's SHA-256 in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def normalise_heading(text: str) -> str:
    """Return a heading in the form in which headings are compared: `Customer No ` is `customer_no`."""
    folded = unicodedata.normalize("NFKC", text).strip().casefold()
    return "_".join(folded.replace("-", " ").replace("_", " ").split())


def _headings(source: Source) -> tuple[str, ...]:
    first = next(source.lines(), None)
    if first is None:
        raise EmptyFileError
    headings = [cell.strip() for cell in first.cells]
    while headings and not headings[-1]:
        headings.pop()
    seen: set[str] = set()
    for number, heading in enumerate(headings, start=1):
        if not heading:
            raise MissingHeadingError(column=number)
        normal = normalise_heading(heading)
        if normal in seen:
            raise DuplicateHeadingError(heading=heading)
        seen.add(normal)
    return tuple(headings)


def _fit(row: Row, width: int) -> Row:
    """Pad a short row (spreadsheets leave out blank cells at the end of CSV lines); flag a long one."""
    cells = list(row.cells)
    problems = [problem for problem in row.problems if problem.column is None or problem.column < width]
    if any(cell.strip() for cell in cells[width:]) or len(problems) != len(row.problems):
        problems.append(CellProblem(None, "row-length", TOO_LONG))
    cells = cells[:width] + [""] * (width - len(cells))
    return Row(row.line, cells, problems)
