"""Tables are read whatever program wrote them, and refused with a reason when they cannot be."""

import codecs
import contextlib
import zipfile
from datetime import date, datetime

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl.worksheet.worksheet import Worksheet

from shared.files import errors, workbook
from shared.files.errors import FileError
from shared.files.tables import normalise_heading, open_table


@pytest.fixture
def file(tmp_path):
    def write(content, name="file.csv"):
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return write


@pytest.fixture
def book(tmp_path):
    def write(rows, name="book.xlsx", edit=None):
        made = openpyxl.Workbook()
        sheet = made.active
        assert isinstance(sheet, Worksheet)
        for row in rows:
            sheet.append(row)
        if edit:
            edit(made, sheet)
        made.save(tmp_path / name)
        return tmp_path / name

    return write


def cells(path):
    return [list(row.cells) for row in open_table(path).rows()]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_encoding_and_delimiter_are_found_out(file, encoding, delimiter):
    path = file(f"工号{delimiter}姓名\r\nM1{delimiter}王伟 𠮷\r\n".encode(encoding))

    table = open_table(path)

    assert table.headings == ("工号", "姓名")
    assert [row.cells for row in table.rows()] == [["M1", "王伟 𠮷"]]


def test_rows_carry_the_line_on_which_they_begin(file):
    path = file(b'a,b\n1,"two\nlines"\n\n , \n2,x\n')

    assert [(row.line, list(row.cells)) for row in open_table(path).rows()] == [
        (2, ["1", "two\nlines"]),
        (6, ["2", "x"]),
    ]


def test_a_short_row_is_filled_and_a_long_one_told(file):
    short, long = open_table(file(b"a,b,c\n1\n1,2,3,4\n")).rows()

    assert (list(short.cells), list(short.problems)) == (["1", "", ""], [])
    assert [problem.code for problem in long.problems] == ["row-length"]


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", errors.EmptyFileError),
        (b"\n\n", errors.EmptyFileError),
        (codecs.BOM_UTF8, errors.EmptyFileError),
        (b"a,a\n", errors.DuplicateHeadingError),
        (b"Customer No,customer_no\n", errors.DuplicateHeadingError),
        (b"a,,c\n", errors.MissingHeadingError),
        (b"a,b\n1,\x002\n", errors.NullBytesError),
        ("a,b\n".encode("utf-16-le"), errors.NullBytesError),
        (b"a,b\n\xff\xff\n", errors.EncodingError),
        (b'a,b\n1,"open\n2,3\n', errors.BrokenLineError),
        (b'a,b\n1,"x"y\n', errors.BrokenLineError),
        (b"a\n" + b"x" * 200_000, errors.BrokenLineError),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", errors.OldWorkbookError),
        (b"PK\x03\x04", errors.BrokenWorkbookError),
    ],
)
def test_what_cannot_be_read_is_refused_as_a_whole(file, content, error):
    with pytest.raises(error):
        list(open_table(file(content)).rows())


@given(content=st.binary(max_size=300))
def test_no_bytes_make_the_reader_fail_otherwise(content, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "any.bin"
    path.write_bytes(content)
    with contextlib.suppress(FileError):
        list(open_table(path).rows())


def test_headings_are_compared_without_regard_to_case_width_and_spaces():
    assert normalise_heading(" Customer-No ") == normalise_heading("ＣＵＳＴＯＭＥＲ＿ＮＯ") == "customer_no"


# --- workbooks -----------------------------------------------------------------------------------


def test_cells_of_a_workbook_become_text_that_loses_nothing(book):
    path = book(
        [
            ["no", "amount", "day", "at", "flag"],
            [13800138000, 12.3, date(2024, 1, 5), datetime(2024, 1, 5, 8, 30), True],  # noqa: DTZ001 - as a spreadsheet has it
            ["007", 0.1 + 0.2, None, None, None],
        ]
    )

    assert cells(path) == [
        ["13800138000", "12.3", "2024-01-05", "2024-01-05 08:30:00", "TRUE"],
        ["007", "0.3", "", "", ""],
    ]


def test_formulas_errors_and_rounded_numbers_are_told_cell_by_cell(book):
    def edit(_book, sheet):
        sheet["B5"].data_type = "e"

    path = book([["a", "b"], ["x", "=1+1"], [440101199001011234, "y"], ["1", "2"], ["z", "#N/A"]], edit=edit)

    found = [
        (row.line, problem.column, problem.code)
        for row in open_table(path).rows()
        for problem in row.problems
    ]

    assert found == [(2, 1, "formula"), (3, 0, "number-rounded"), (5, 1, "cell-error")]


def test_text_that_looks_like_xml_of_a_flaw_is_just_text(book):
    path = book([["a"], ['<c r="A1" t="e"><f>1</f>'], [' t="e"']])

    assert [list(row.problems) for row in open_table(path).rows()] == [[], []]


def test_lines_count_from_the_top_of_the_sheet_wherever_the_table_begins(book):
    path = book([[], [], [None, "a", "b"], [None, "1", "=2"]])

    table = open_table(path)
    (row,) = table.rows()

    assert (table.headings, row.line, list(row.cells)) == (("a", "b"), 4, ["1", ""])
    assert [(problem.column, problem.code) for problem in row.problems] == [(1, "formula")]


def test_the_first_visible_sheet_is_read_and_formulas_elsewhere_do_not_matter(book):
    def edit(made, sheet):
        sheet.sheet_state = "hidden"
        other = made.create_sheet("data")
        other.append(["x"])
        other.append(["1"])
        made.active = 1

    assert cells(book([["hidden"], ["=1"]], edit=edit)) == [["1"]]


def test_a_zip_that_is_no_workbook_is_refused(tmp_path):
    path = tmp_path / "x.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "hello")

    with pytest.raises(errors.NotATableError):
        open_table(path)


def _rewrite(path, part, change):
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts[part] = change(parts[part])
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


def test_a_bomb_is_refused_before_it_is_read(book):
    path = _rewrite(book([["a"], ["1"]]), "xl/worksheets/sheet1.xml", lambda xml: xml + b" " * 30_000_000)

    with pytest.raises(errors.TooLargeError):
        open_table(path)


@pytest.mark.parametrize("cell", [b"XFD1048576", b"IW1", b"A9999999", b"ABCD1"])
def test_a_lone_cell_far_away_is_refused(book, cell):
    path = _rewrite(
        book([["a"], ["1"]]), "xl/worksheets/sheet1.xml", lambda xml: xml.replace(b'r="A2"', b'r="%s"' % cell)
    )

    if cell == b"A9999999":
        path = _rewrite(path, "xl/worksheets/sheet1.xml", lambda xml: xml.replace(b'r="A1"', b'r="IV1"'))
    with pytest.raises(errors.TooLargeError):
        open_table(path)


def test_a_damaged_sheet_is_refused(book):
    path = _rewrite(book([["a"], ["1"]]), "xl/worksheets/sheet1.xml", lambda xml: xml[: len(xml) // 2])

    with pytest.raises(FileError):
        cells(path)


def test_a_sheet_full_of_formulas_is_refused_at_once(book, monkeypatch):
    monkeypatch.setattr(workbook, "MAX_FLAWED", 5)

    with pytest.raises(errors.TooManyFormulasError):
        open_table(book([["a"], *(["=1"] for _ in range(6))]))
