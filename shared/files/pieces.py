"""The rows of a workbook's sheet as small workbooks of their own, so that what reads them never holds the whole.

The reader proper (calamine) holds every cell of a sheet and every shared text. Given some hundred rows at a time, with
the texts these name and the workbook's own styles, it reads the same from each as it would from the whole.
"""

import io
import re
import tempfile
import zipfile
from array import array
from collections.abc import Generator, Iterator, Mapping
from contextlib import ExitStack
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import IO, Final

from shared.files.errors import BrokenWorkbookError, TooLargeError

BLOCK: Final = 1 << 20
# A cell of 32,767 characters, or a row of 256 of them, is shorter.
LONGEST: Final = 32
# Texts that lie together are found by the place of the first.
TOGETHER: Final = 64
_KEPT: Final = 128
_TEXTS: Final = "xl/sharedStrings.xml"
# What every piece takes along.
_AROUND: Final = (
    "[Content_Types].xml",
    "_rels/.rels",
    "xl/workbook.xml",
    "xl/_rels/workbook.xml.rels",
    "xl/styles.xml",
)
_AROUND_MOST: Final = 1 << 20
_ROW: Final = re.compile(rb"<(?:\w+:)?row[\s/>]")
_END: Final = re.compile(rb"</(?:\w+:)?sheetData\s*>")
_SI: Final = re.compile(rb"<(?:\w+:)?si[\s/>]")
_ITEM: Final = re.compile(rb"<(?:\w+:)?si(?:\s[^<>]*)?(?:/>|>.*?</(?:\w+:)?si\s*>)", re.DOTALL)
_NAMES_TEXT: Final = re.compile(rb"""<(?:\w+:)?c\s[^<>]*?\st\s*=\s*["']s["'][^<>]*(?<!/)>\s*<(?!/)""")
_KIND_TEXT: Final = (b' t="s"', b" t='s'")
_TEXT_CELL: Final = re.compile(rb"""(\st=["']s["'][^<>]*>\s*<(?:\w+:)?v[^<>]*>)(\d*)(?=\s*<)""")


def aligned(file: IO[bytes], begins: re.Pattern[bytes], mostly: bytes) -> Iterator[bytes]:
    """Yield XML in blocks that never cut an element in two, by what it begins with and mostly is written as."""
    rest = b""
    while block := file.read(BLOCK):
        text = rest + block
        cut = text.rfind(mostly)
        if cut <= 0:
            cut = max((found.start() for found in begins.finditer(text)), default=0)
        if cut:
            yield text[:cut]
        elif len(text) > LONGEST * BLOCK:
            raise TooLargeError
        rest = text[cut:]
    yield rest


class SharedTexts:
    """The texts that cells name by number: in a temporary file as far as asked for, the place of one in 64 held."""

    def __init__(self, archive: zipfile.ZipFile, file: IO[bytes]) -> None:
        """Take them from the workbook into a file; one without has none."""
        self._file, self._items = file, _items(archive)
        self._places = array("Q", [0])
        self._together = lru_cache(_KEPT)(self._read)

    def __getitem__(self, number: int) -> bytes:
        """Return one text as the workbook writes it."""
        place = number // TOGETHER
        while place + 1 >= len(self._places):
            self._take()
        texts = self._together(place)
        if number % TOGETHER >= len(texts):
            raise BrokenWorkbookError
        return texts[number % TOGETHER]

    def close(self) -> None:
        """Let go of the workbook."""
        self._items.close()

    def _take(self) -> None:
        more = b"".join(islice(self._items, TOGETHER))
        if not more:
            raise BrokenWorkbookError
        self._file.seek(self._places[-1])
        self._file.write(more)
        self._places.append(self._file.tell())

    def _read(self, place: int) -> list[bytes]:
        start, end = self._places[place], self._places[place + 1]
        self._file.seek(start)
        return _ITEM.findall(self._file.read(end - start))


def _items(archive: zipfile.ZipFile) -> Generator[bytes, None, None]:
    if _TEXTS in archive.namelist():
        with archive.open(_TEXTS) as file:
            for block in aligned(file, _SI, b"<si>"):
                yield from _ITEM.findall(block)


def can_part(archive: zipfile.ZipFile) -> bool:
    """Return whether pieces can be made: what each takes along is small, and the texts can be told apart."""
    known = {name.casefold(): name for name in (_TEXTS, *_AROUND)}
    sizes = {part.filename: part.file_size for part in archive.infolist()}
    if any(known.get(name.casefold(), name) != name for name in sizes):
        return False
    if any(sizes.get(name, 0) > _AROUND_MOST for name in _AROUND):
        return False
    if _TEXTS not in sizes:
        return True
    with archive.open(_TEXTS) as file:
        end = b""
        while block := file.read(BLOCK):
            if b"<!" in end + block:
                return False
            end = block[-1:]
    return True


def pieces(path: Path, sheet: str) -> Iterator[IO[bytes]]:
    """Yield the rows of a sheet, named by its part, as small workbooks from the first row to the last."""
    begun = False
    with ExitStack() as opened:
        archive = opened.enter_context(zipfile.ZipFile(path))
        around: dict[str, bytes] = {
            name: archive.read(name) for name in _AROUND if name in archive.namelist()
        }
        texts = SharedTexts(archive, opened.enter_context(tempfile.TemporaryFile()))
        opened.callback(texts.close)
        for text in aligned(opened.enter_context(archive.open(sheet)), _ROW, b"<row "):
            first = _ROW.search(text)
            if first is None:
                continue
            begun = True
            end = _END.search(text, first.start())
            yield _piece(sheet, text[first.start() : end.start() if end else len(text)], texts, around)
            if end:
                return
    if begun:
        raise BrokenWorkbookError


def _piece(sheet: str, rows: bytes, texts: SharedTexts, around: Mapping[str, bytes]) -> IO[bytes]:
    parted = _TEXT_CELL.split(rows)
    numbers = parted[2::3]
    if len(numbers) != sum(map(rows.count, _KIND_TEXT)) and len(numbers) != len(_NAMES_TEXT.findall(rows)):
        raise BrokenWorkbookError  # a cell would be given another's text
    named = [number for number in dict.fromkeys(numbers) if number]
    anew = {b"": b"", **{number: b"%d" % place for place, number in enumerate(named)}}
    parted[2::3] = [anew[number] for number in numbers]
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as made:
        for name, content in around.items():
            made.writestr(name, content)
        made.writestr(sheet, b"<worksheet><sheetData>%b</sheetData></worksheet>" % b"".join(parted))
        made.writestr(_TEXTS, b"<sst>%b</sst>" % b"".join(texts[int(number)] for number in named))
    stream.seek(0)
    return stream
