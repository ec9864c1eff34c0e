"""Rows of every record type as a sender may write them: good ones, and ones that are wrong in one column."""

import json
from functools import cache
from typing import Any, Final

from hypothesis import strategies as st

from sync_protocol.catalog import CATALOG
from sync_protocol.contract.checks import RecordCheck
from sync_protocol.contract.fields import (
    INT64,
    Code,
    Day,
    InstantText,
    JsonText,
    Month,
    RecordId,
    Text,
    Whole,
    WireField,
)
from sync_protocol.contract.messages import BatchHeader
from sync_protocol.contract.records import RECORDS

Strategy = st.SearchStrategy[Any]
NODE: Final = "01936d0a-0000-7000-8000-000000000001"
LINEAGE_ID: Final = "01936d0a-0000-7000-8000-000000000002"
# Text that has gone wrong somewhere before: control characters, quotes, separators, combining and wide characters.
SPICE: Final = '\t\n\r\b\f\x1f\x7f"\\/,[]{}\u2028\u00a0e\u0301汉😀null'
ODD_INSTANTS: Final = (
    "2026-01-01T24:00:00.000000Z",
    "2026-01-01T23:59:60.000000Z",
    "2026-02-29T00:00:00.000000Z",
    "2026-1-01T00:00:00.0000000Z",
    "2026-01-01t00:00:00.000000z",
    "2026-01-01 00:00:00.000000Z",
    "2026-01-01T00:00:00.000000+",
    "2026-01-01T00:00:00.00+00Z0",
    "2026-01-01T00:00:00,000000Z",
    "2026-01-01T00:00:00.00000\u0660Z",
    "２０２６-01-01T00:00:00.000000Z",
    "0000-01-01T00:00:00.000000Z",
    "2026-W01-1T00:00:00.000000Z",
    "2026-01-01T00:00:00.-00001Z",
    "2026-01-01T00:00:00+00:00:0",
)
ODD_DAYS: Final = (
    "2026-W01-1",
    "2026-02-30",
    "20260101  ",
    "2026-1-001",
    "2026-001-1",
    "２０２６-01-01",
    "0000-01-01",
    "+026-01-01",
    "2026-01-1 ",
    "2026/01/01",
)
ODD_NUMBERS: Final = (
    -INT64 - 1,
    -INT64,
    INT64 - 1,
    INT64,
    2**31 - 1,
    2**31,
    2**64,
    10**400,
    0,
    -1,
    1.0,
    1.5,
    -0.0,
    1e300,
    True,
    False,
)
ODD_IDS: Final = (
    NODE.upper(),
    NODE.replace("-", ""),
    NODE + "\n",
    "{" + NODE[1:-1] + "}",
    "０" + NODE[1:],
    NODE[:-1] + "g",
    NODE[:-1],
    " " + NODE[1:],
)
ODD_JSON: Final = (
    "",
    "null",
    "[]",
    "{}",
    "[1]",
    '["a",null]',
    '{"a":1.5}',
    '{"a":{"b":1}}',
    '{"a":[1]}',
    '{"a":1e2}',
    '{"a":"\\u0000"}',
    '["\\ud800"]',
    '["a"] x',
    "[" * 5000,
    '["a"',
    "NaN",
    '{"a":NaN}',
    "{'a':1}",
    '["' + "x" * 19_996 + '"]',
    '["' + "x" * 19_997 + '"]',
)


def good_text(least: int, most: int) -> Strategy:
    """Text a column accepts, spiced with characters that are hard to carry."""
    characters = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
    plain = st.text(
        st.one_of(st.sampled_from(SPICE), characters), min_size=least, max_size=min(most, least + 12)
    )
    return st.one_of(
        plain, st.sampled_from(["", "x" * most, "汉" * most, "😀" * most]).filter(lambda t: len(t) >= least)
    )


@cache
def good_value(field: WireField) -> Strategy:
    """Values a column accepts."""
    values = _good(field)
    return st.one_of(st.none(), values) if field.nullable else values


@cache
def _good(field: WireField) -> Strategy:
    return next(make(field) for kind, make in _GOOD.items() if isinstance(field, kind))


def _good_numbers(field: Whole) -> Strategy:
    return st.one_of(st.integers(field.least, field.most), st.sampled_from([field.least, field.most]))


def _json_values(field: JsonText) -> Strategy:
    words = good_text(0, 20)
    if field.is_list:
        return st.lists(words, max_size=3)
    return st.dictionaries(
        words, st.one_of(words, st.integers(-INT64, INT64), st.booleans(), st.none()), max_size=3
    )


_GOOD: Final[dict[type[WireField], Any]] = {
    RecordId: lambda _field: st.uuids().map(str),
    Month: lambda _field: st.dates().map(lambda day: f"{day.year:04}-{day.month:02}"),
    Text: lambda field: good_text(field.least, field.most),
    Code: lambda field: st.sampled_from(field.codes),
    Whole: _good_numbers,
    Day: lambda _field: st.dates().map(lambda day: day.isoformat()),
    InstantText: lambda _field: st.datetimes().map(lambda at: at.isoformat(timespec="microseconds") + "Z"),
    JsonText: lambda field: _json_values(field).map(lambda value: json.dumps(value, ensure_ascii=False)),
}
_PLAIN: Final[dict[type[WireField], Any]] = {
    RecordId: lambda _field: NODE,
    Month: lambda _field: "2026-10",
    Text: lambda field: "客" * max(field.least, 1),
    Code: lambda field: field.codes[0],
    Whole: lambda _field: 7,
    Day: lambda _field: "2026-10-31",
    InstantText: lambda _field: "2026-10-31T08:00:00.123456Z",
    JsonText: lambda field: '["vip"]' if field.is_list else '{"level":"gold"}',
}


def good_rows(check: RecordCheck) -> Strategy:
    """Whole rows that a check accepts, as lists of JSON values."""
    return st.tuples(*(good_value(field) for field in check.fields.values())).map(list)


@cache
def odd_value(field: WireField) -> Strategy:
    """Values that a column accepts or not, most of them just beside what it accepts."""
    limits = st.just("")
    if isinstance(field, Text):
        edges = [field.least - 1, field.least, field.most - 1, field.most, field.most + 1]
        limits = st.sampled_from([letter * edge for edge in edges if edge >= 0 for letter in "x汉😀"])
    return st.one_of(
        st.sampled_from((*ODD_NUMBERS, *ODD_INSTANTS, *ODD_DAYS, *ODD_IDS, *ODD_JSON)),
        st.sampled_from(
            [None, [], {}, [1], {"a": 1}, "", "\0", "a\0b", "\ud800", "x\udc00", "Ａ", "active ", "ACTIVE"]
        ),
        st.floats(allow_nan=False, allow_infinity=False),
        limits,
        st.text(max_size=40),
        _almost(field),
    )


def _almost(field: WireField) -> Strategy:
    """Accepted text with one character changed."""

    def change(value: Any, at: int, character: str) -> Any:
        if not isinstance(value, str) or not value:
            return value
        at %= len(value)
        return value[:at] + character + value[at + 1 :]

    return st.builds(change, _good(field), st.integers(0, 100), st.sampled_from("0159+-:.,ZTWz tAa９\n\0é"))


RECORD_TYPES: Final = sorted(RECORDS)


COLUMNS: Final = [(kind, at) for kind in RECORD_TYPES for at in range(len(RECORDS[kind].columns))]


@st.composite
def spoilt_rows(draw: st.DrawFn) -> tuple[RecordCheck, list[Any]]:
    """A record type and a plain row of it with one column replaced."""
    kind, at = draw(st.sampled_from(COLUMNS))
    check, row = RECORDS[kind], example_row(kind[0])
    row[at] = draw(odd_value(check.fields[check.columns[at]]))
    return check, row


def as_line(values: Any, *, escaped: bool = True) -> bytes:
    """Return a row as a line; `escaped` writes all but ASCII as JSON escapes, as some senders do."""
    text = json.dumps(values, ensure_ascii=escaped, separators=(",", ":"))
    return text.encode(errors="surrogatepass")


def example_row(record: str, **changes: Any) -> list[Any]:
    """Return one plain, good row of the newest version of a record type."""
    return row_of(CATALOG[record].check, **changes)


def row_of(check: RecordCheck, **changes: Any) -> list[Any]:
    """Return one plain, good row of a version of a record type."""
    assert set(changes) <= set(check.columns), changes
    plain = {name: _plain(field) for name, field in check.fields.items()}
    return list((plain | changes).values())


def _plain(field: WireField) -> Any:
    return next(make(field) for kind, make in _PLAIN.items() if isinstance(field, kind))


def header_for(record: str, rows: int, **changes: Any) -> BatchHeader:
    """Return the header of a first batch of one record type."""
    kind = CATALOG[record]
    values: dict[str, Any] = {
        "protocol": 1,
        "branch": "B001",
        "node": NODE,
        "lineage": 1,
        "lineage_id": LINEAGE_ID,
        "channel": kind.channel,
        "batch_no": 1,
        "prev_digest": "",
        "record": record,
        "schema": kind.version,
        "columns": list(kind.check.columns),
        "rows": rows,
        "removed": [],
        "control": {},
        "sealed_at": "2026-11-20T04:00:00.000000Z",
        "fresh": True,
    }
    return BatchHeader(**(values | changes))
