"""Cells to values: exact, or refused with a reason, and never anything else."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from branch_node.imports import parsers
from branch_node.imports.parsers import CellError
from shared.domain.customers.vocabulary import CustomerKind, Grade

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 3, 18, 4, 0, tzinfo=UTC)
ALL: dict[str, Callable[[str], Any]] = {
    "text": parsers.text(20),
    "multiline": parsers.text(20, multiline=True),
    "word": parsers.word(Grade),
    "amount": parsers.amount,
    "currency": parsers.currency,
    "months": parsers.months,
    "phone": parsers.phone,
    "email": parsers.email,
    "region": parsers.region,
    "tags": parsers.tags,
    "day": parsers.day,
    "past_day": parsers.past_day(date(2026, 3, 18)),
    "period": parsers.period,
    "instant": parsers.instant(SHANGHAI),
    "past_instant": parsers.past_instant(SHANGHAI, NOW),
}
# As the reader hands them over: not blank, trimmed.
CELLS = st.one_of(
    st.text(min_size=1),
    st.from_regex(r"[0-9０-９+\-=@.,/:年月日T ]{1,24}", fullmatch=True),
    st.from_regex(r"\d{4}-\d{1,2}-\d{1,2}( \d{1,2}:\d{2}(:\d{2})?)?", fullmatch=True),
).map(str.strip).filter(bool)  # fmt: skip


@pytest.mark.parametrize("name", ALL)
@given(cell=CELLS)
def test_a_parser_gives_a_value_or_a_reason_and_nothing_else(name, cell):
    try:
        value = ALL[name](cell)
    except CellError as refused:
        value = refused.code and str(refused)
    assert value not in (None, "")


@given(minor=st.integers(min_value=-(10**14), max_value=10**14), grouped=st.booleans())
def test_an_amount_is_exact_to_the_last_coin(minor, grouped):
    sign, digits = ("-" if minor < 0 else ""), abs(minor)
    major, coins = divmod(digits, 100)
    written = f"{sign}{major:,}.{coins:02}" if grouped else f"{sign}{major}.{coins:02}"

    assert parsers.to_minor(parsers.amount(written), "CNY") == minor


@pytest.mark.parametrize(
    "cell",
    ["NaN", "inf", "1e3", "1.234", "1,23", "12,34.00", "1.2.3", "¥5", "(5.00)", "5-", "--5", "0x10", "1 000",
     "５.001", ".5", "5."],
)  # fmt: skip
def test_what_is_not_plainly_an_amount_is_refused(cell):
    with pytest.raises(CellError) as refused:
        parsers.amount(cell)
    assert refused.value.code == "not-a-number"


def test_full_width_digits_are_digits():
    assert parsers.amount("１，２３４．５０") == Decimal("1234.50")
    assert parsers.day("２０２６-０３-０９") == date(2026, 3, 9)
    assert parsers.phone("１３８００１３８０００") == "13800138000"


def test_a_currency_without_that_coin_refuses_it():
    assert parsers.to_minor(Decimal("100.00"), "JPY") == 100
    with pytest.raises(CellError):
        parsers.to_minor(Decimal("100.50"), "JPY")


@given(day=st.dates(min_value=date(1900, 1, 1), max_value=date(2199, 12, 31)))
def test_a_day_is_read_in_every_way_it_is_written(day):
    for written in (
        day.isoformat(),
        f"{day.year}/{day.month}/{day.day}",
        f"{day.year}{day.month:02}{day.day:02}",
        f"{day.year}年{day.month}月{day.day}日",
        f"{day} 00:00:00",
    ):
        assert parsers.day(written) == day


@pytest.mark.parametrize(
    "cell",
    [
        "2026-02-30",
        "2026-13-01",
        "26-01-01",
        "2026.1.1",
        "03/09/2026",
        "45296",
        "20261301",
        "2026310",
        "2026-1/1",
        "今天",
    ],
)
def test_what_is_not_a_day_is_refused(cell):
    with pytest.raises(CellError) as refused:
        parsers.day(cell)
    assert refused.value.code == "bad-date"


@pytest.mark.parametrize(
    ("cell", "month"),
    [
        ("2026-03", "2026-03"),
        ("2026年3月", "2026-03"),
        ("2026-03-01", "2026-03"),
        ("2026-03-01 00:00:00", "2026-03"),
    ],
)
def test_a_period_is_a_month(cell, month):
    assert parsers.period(cell) == month


@pytest.mark.parametrize("cell", ["2026-13", "2026-00", "2026-3", "2026-03-02", "March", "2026", "202603"])
def test_what_is_not_a_month_is_refused(cell):
    with pytest.raises(CellError):
        parsers.period(cell)


@pytest.mark.parametrize(
    "cell", ["2026-03-09 08:05", "2026/3/9 8:05:00", "2026-03-09T00:05:00Z", "2026年3月9日 08:05",
     "2026-03-09T08:05:00+0800"]
)  # fmt: skip
def test_an_instant_without_offset_is_on_the_clock_of_the_node(cell):
    assert parsers.instant(SHANGHAI)(cell) == datetime(2026, 3, 9, 0, 5, tzinfo=UTC)


def test_the_future_is_refused_where_it_cannot_be():
    with pytest.raises(CellError, match="future"):
        ALL["past_day"]("2026-03-19")
    with pytest.raises(CellError, match="future"):
        ALL["past_instant"]("2026-03-18 12:01")
    assert ALL["past_instant"]("2026-03-18") == datetime(2026, 3, 17, 16, 0, tzinfo=UTC)


@pytest.mark.parametrize("cell", ["=1+1", "@SUM(A1)", "+cmd|x", "-2+3+cmd"])
def test_text_that_a_spreadsheet_would_run_is_refused(cell):
    with pytest.raises(CellError) as refused:
        parsers.text(50)(cell)
    assert refused.value.code == "formula"


@pytest.mark.parametrize("cell", ["-", "-12", "+86 138", "a=b", "1+1"])
def test_harmless_signs_pass(cell):
    assert parsers.text(50)(cell) == cell


@pytest.mark.parametrize("cell", ["a\x00b", "a\u200bb", "a\u202eb", "\ufeffa", "a\ufffdb", "a\x7fb"])
def test_invisible_characters_are_refused(cell):
    with pytest.raises(CellError) as refused:
        parsers.text(50)(cell)
    assert refused.value.code == "hidden-character"


def test_names_are_composed_so_that_equal_names_are_equal():
    assert parsers.text(10)("Ame\u0301lie") == "Amélie"


@pytest.mark.parametrize(
    ("cell", "member"), [("group", "group"), ("集团客户", "group"), ("Individual Customer", "individual")]
)
def test_words_are_known_by_code_english_and_chinese(cell, member):
    assert parsers.word(CustomerKind)(cell) == member


def test_months_are_never_negative():
    assert (parsers.months("0"), parsers.months("12.0"), parsers.months("-0")) == (0, 12, 0)
    with pytest.raises(CellError) as refused:
        parsers.months("-3")
    assert refused.value.code == "negative"
