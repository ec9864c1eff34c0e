"""What we write is read back the same, and no spreadsheet program takes it for a formula."""

import io
import re
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.files.spreadsheets import Column, safe_text, write_csv, write_xlsx
from shared.files.tables import open_table
from tests.architecture.sources import modules, name_of
from tests.support.formulas import CORPUS

COLUMNS = (
    Column("name", "Name"),
    Column("count", "Count", "number"),
    Column("amount", "Amount", "money"),
    Column("day", "Day", "date"),
    Column("at", "At", "instant"),
)
ROW = ("=cmd|' /C calc'!A0", 3, -123456, date(2026, 3, 9), datetime(2026, 3, 9, 0, 5, tzinfo=UTC))


def test_a_workbook_shows_types_as_people_expect_and_says_what_it_is_about():
    stream = io.BytesIO()

    written = write_xlsx(
        stream, title="客户/2026", columns=COLUMNS, rows=[ROW, (None,) * 5], about={"As of": "12:00"},
        zone=ZoneInfo("Asia/Shanghai"),
    )  # fmt: skip

    book = openpyxl.load_workbook(stream)
    sheet, about = book.worksheets
    assert written == 2
    assert sheet.title == "客户 2026"
    assert [cell.value for cell in sheet[2]] == [
        "=cmd|' /C calc'!A0", 3, -1234.56, datetime(2026, 3, 9), datetime(2026, 3, 9, 8, 5)  # noqa: DTZ001 - as a spreadsheet has it
    ]  # fmt: skip
    assert sheet["A2"].data_type == "s"
    assert [cell.value for cell in about[2]] == ["As of", "12:00"]


def test_csv_begins_with_the_mark_that_spreadsheets_need_and_escapes_formulas():
    stream = io.BytesIO()

    write_csv(stream, columns=COLUMNS, rows=[ROW])

    assert stream.getvalue().startswith(b"\xef\xbb\xbfName,")
    assert "'=cmd|" in stream.getvalue().decode()
    assert ",3,-1234.56,2026-03-09,2026-03-09 00:05:00" in stream.getvalue().decode()


@pytest.mark.parametrize(
    ("text", "safe"),
    [("=1", "'=1"), ("@x", "'@x"), ("-1,234.5", "-1,234.5"), ("+86 1", "'+86 1"), ("a=1", "a=1")],
)
def test_only_what_a_spreadsheet_would_run_is_escaped(text, safe):
    assert safe_text(text) == safe


@given(
    text=st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0\r\n"), min_size=1).filter(
        lambda t: t.strip() and t[0] != "'"
    )
)
def test_what_csv_escapes_the_reader_takes_back(text, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "safe.csv"
    with path.open("wb") as stream:
        write_csv(stream, columns=[Column("a", "a"), Column("b", "b")], rows=[[text, "x"]])

    (row,) = open_table(path).rows()
    assert row.cells[0] == text


@pytest.mark.parametrize("text", CORPUS[:-1])
def test_a_cell_that_would_be_run_is_escaped_in_every_spelling(text):
    assert safe_text(text) == "'" + text


def test_nothing_but_this_module_writes_tables():
    writers = {
        name_of(path)
        for path in modules()
        if re.search(r"csv\.(?:Dict)?[Ww]riter|xlsxwriter", path.read_text())
    }
    assert writers == {"shared/files/spreadsheets.py"}
