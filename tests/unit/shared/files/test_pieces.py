"""A workbook is read some rows at a time, and just as it would be read whole."""

import subprocess
import sys
import zipfile
from datetime import datetime

import pytest
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st

from shared.files import pieces, workbook
from shared.files.errors import BrokenWorkbookError
from shared.files.tables import open_table

CELLS = st.one_of(
    st.none(),
    st.sampled_from(
        ["王伟", "a", " b ", ' t="s"> ', "<row r='1'>", "&amp;", "</c>", "<si>", "007", "x" * 300]
    ),
    st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "Zs"]), max_size=20),
    st.integers(-(10**12), 10**17),
    st.booleans(),
    st.datetimes(datetime(1901, 1, 1), datetime(2090, 1, 1)).map(lambda at: at.replace(microsecond=0)),  # noqa: DTZ001 - as a spreadsheet has it
)
READ = """
import sys
from pathlib import Path
from shared.files import pieces, workbook
from shared.files.tables import open_table
pieces.BLOCK = workbook._BLOCK = 1 << 16
assert open_table(Path(sys.argv[1])).count() == int(sys.argv[2])
told = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
print(int(told["VmHWM"].split()[0]) / 1024)
"""


def written(path, rows, *, shared=True, top=0, left=0):
    with xlsxwriter.Workbook(path, {"constant_memory": not shared, "strings_to_numbers": False}) as book:
        day = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        sheet = book.add_worksheet()
        for line, row in enumerate(rows, start=top):
            for column, value in enumerate(row, start=left):
                if isinstance(value, datetime):
                    sheet.write_datetime(line, column, value, day)
                elif isinstance(value, str):
                    sheet.write_string(line, column, value)
                else:
                    sheet.write(line, column, value)
    return path


def read(path):
    table = open_table(path)
    return table.headings, [(row.line, list(row.cells), list(row.problems)) for row in table.rows()]


def edited(path, part, change):
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    assert change(parts[part]) != parts[part]
    parts[part] = change(parts[part])
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


SHEET, TEXTS = "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml"


@given(
    rows=st.lists(st.lists(CELLS, min_size=3, max_size=3), max_size=30),
    shared=st.booleans(),
    place=st.tuples(st.integers(0, 3), st.integers(0, 3)),
    block=st.integers(150, 3000),
)
def test_a_workbook_reads_the_same_in_pieces_as_at_once(rows, shared, place, block, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "parted.xlsx"
    written(path, [["a", "b", "c"], *rows], shared=shared, top=place[0], left=place[1])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workbook, "can_part", lambda _archive: False)
        at_once = read(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "BLOCK", block)
        patch.setattr(pieces, "LONGEST", 100)
        patch.setattr(pieces, "TOGETHER", 3)
        patch.setattr(workbook.Workbook, "_at_once", None)
        assert read(path) == at_once


@pytest.mark.parametrize("shared", [True, False], ids=["shared", "inline"])
def test_memory_does_not_grow_with_the_rows_of_a_workbook(shared, tmp_path):
    peaks = []
    for rows in (2_000, 12_000):
        path = written(
            tmp_path / "large.xlsx",
            [["no", *"abcdefghi"], *([f"C{n:08}", *(f"{n}-{m}" for m in range(9))] for n in range(rows))],
            shared=shared,
        )
        done = subprocess.run(
            [sys.executable, "-c", READ, str(path), str(rows)], check=True, stdout=subprocess.PIPE, text=True
        )
        peaks.append(float(done.stdout))

    assert peaks[1] < peaks[0] * 1.3


@pytest.mark.parametrize(
    "change",
    [
        lambda xml: xml.replace(b"<row ", b"<!-- a comment --><row "),
        lambda xml: xml.replace(b'<c r="A2"', b"<c"),
        lambda xml: xml.replace(b"<c ", b"<x:c ").replace(b"</c>", b"</x:c>"),
    ],
    ids=["comment", "no place", "prefix"],
)
def test_a_sheet_that_cannot_be_parted_surely_is_read_at_once(change, tmp_path, monkeypatch):
    path = edited(written(tmp_path / "odd.xlsx", [["a", "b"], ["1", "王"]]), SHEET, change)
    monkeypatch.setattr(workbook, "pieces", None)

    assert read(path) == (("a", "b"), [(2, ["1", "王"], [])])


@pytest.mark.parametrize(
    ("part", "change"),
    [
        (SHEET, lambda xml: xml[: xml.rindex(b"</row>") + 6]),
        (SHEET, lambda xml: xml.replace(b"<v>3</v>", b"<v>9</v>")),
        (SHEET, lambda xml: xml.replace(b"<v>3</v>", b"<z/><v>3</v>")),
        (TEXTS, lambda xml: xml[: xml.rindex(b"<si>")]),
    ],
    ids=["cut off", "no such text", "text told oddly", "texts cut off"],
)
def test_a_workbook_whose_texts_or_rows_are_missing_is_refused(part, change, tmp_path):
    path = edited(written(tmp_path / "cut.xlsx", [["a", "b"], ["1", "王"]]), part, change)

    with pytest.raises(BrokenWorkbookError):
        read(path)


def test_rich_text_and_texts_that_many_rows_share_are_read(tmp_path):
    path = tmp_path / "rich.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["a"])
        bold = book.add_format({"bold": True})
        sheet.write_rich_string(1, 0, "王", bold, "伟")
        for line in range(2, 300):
            sheet.write_string(line, 0, "same" if line % 2 else f"own {line}")

    table = open_table(path)

    assert [row.cells[0] for row in table.rows()] == [
        "王伟", *("same" if line % 2 else f"own {line}" for line in range(2, 300))
    ]  # fmt: skip
