"""Reading CSV: which encoding, which delimiter, then row by row in flat memory."""

import codecs
import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from shared.files.errors import BrokenLineError, EncodingError, NullBytesError
from shared.files.formulas import begins_formula
from shared.files.tables import Row

_BLOCK: Final = 1 << 20
_DELIMITERS: Final = ",;\t"
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# A cell longer than this is a quotation mark gone astray; the longest text we store has 2,000 characters.
_LONGEST_CELL: Final = 131_072


class Delimited:
    """A text file of cells parted by comma, semicolon or tab; raises FileError when it is not one."""

    def __init__(self, path: Path) -> None:
        """Find out encoding and delimiter; the whole file is decoded once, so no surprise comes later."""
        self.path = path
        self.encoding = _encoding(path)
        with self._open() as file:
            self.delimiter = _delimiter(file)

    def lines(self) -> Iterator[Row]:
        """Yield every line that is not blank, the headings first."""
        with self._open() as file:
            reader = csv.reader(file, delimiter=self.delimiter, strict=True)
            line = 1
            try:
                for cells in reader:
                    if any(cells) and any(cell.strip() for cell in cells):
                        yield Row(line, _unescaped(cells))
                    line = reader.line_num + 1
            except csv.Error as error:
                raise BrokenLineError(line=line) from error

    def _open(self) -> io.TextIOWrapper:
        return self.path.open(encoding=self.encoding, newline="")


def _unescaped(cells: list[str]) -> list[str]:
    """Take off the apostrophe that our own files put before what a spreadsheet would run as a formula."""
    for index, cell in enumerate(cells):
        if cell[:1] == "'" and begins_formula(cell[1:]):
            cells[index] = cell[1:]
    return cells


def _encoding(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(4)
    marked = next((name for mark, name in _MARKS if start.startswith(mark)), None)
    for name in [marked] if marked else ["utf-8", "gb18030"]:
        if _decodes(path, name):
            return name
    raise EncodingError


def _decodes(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    with path.open("rb") as file:
        try:
            while block := file.read(_BLOCK):
                if "\0" in decoder.decode(block):
                    raise NullBytesError
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


def _delimiter(file: io.TextIOWrapper) -> str:
    """Return the delimiter seen most often in the first line that is not blank, quoted text left out."""
    for line in iter(lambda: file.readline(_LONGEST_CELL), ""):
        if line.strip():
            bare = "".join(line.split('"')[::2])
            return max(_DELIMITERS, key=bare.count)
    return ","
