"""The check at speed and marshmallow's check accept and refuse the same rows."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync_protocol.contract.records import RECORDS
from tests.contract.wire_rows import (
    ODD_DAYS,
    ODD_IDS,
    ODD_INSTANTS,
    ODD_JSON,
    RECORD_TYPES,
    as_line,
    example_row,
    good_rows,
    spoilt_rows,
)

# Where text spells this out, rows are looked at one by one: PostgreSQL cannot store what it might stand for.
NUL_SPELT = b"\\u0000"


def _verdicts(check, line):
    return check.accepts_block(line) is not None, check.refuse_line(line) is None


@pytest.mark.parametrize("kind", RECORD_TYPES, ids=str)
@given(data=st.data(), escaped=st.booleans())
@settings(max_examples=30)
def test_a_good_row_is_accepted_by_both_and_read_the_same(kind, data, escaped):
    check = RECORDS[kind]
    line = as_line(data.draw(good_rows(check)), escaped=escaped)

    assert _verdicts(check, line) == (True, True)
    assert check.accepts_block(line) == [check.read_line(line)]


@given(spoilt=spoilt_rows(), escaped=st.booleans())
@settings(max_examples=800)
def test_a_row_changed_in_one_column_gets_the_same_verdict_from_both(spoilt, escaped):
    check, row = spoilt
    line = as_line(row, escaped=escaped)

    at_speed, by_marshmallow = _verdicts(check, line)

    assert at_speed == (by_marshmallow and NUL_SPELT not in line)
    if at_speed:
        assert check.accepts_block(line) == [check.read_line(line)]
    if by_marshmallow:
        assert check.read_line(line) is not None


@given(rows=st.lists(spoilt_rows(), min_size=1, max_size=6))
@settings(max_examples=60)
def test_a_block_is_taken_at_speed_exactly_when_each_of_its_rows_is_acceptable(rows):
    check = rows[0][0]
    lines = [as_line(row) for one, row in rows if one is check]

    assert (check.accepts_block(b"\n".join(lines)) is not None) == all(
        check.refuse_line(line) is None and NUL_SPELT not in line for line in lines
    )


@pytest.mark.parametrize(
    ("record", "column", "values"),
    [
        ("customer", "created_at", ODD_INSTANTS),
        ("customer", "opened_on", ODD_DAYS),
        ("customer", "manager_id", ODD_IDS),
        (
            "bill_line",
            "period",
            ("2026-13", "2026-00", "2026-1 ", "２０２６-10", "2026-10\n", "202610", "2026/10"),
        ),
        ("bill_line", "amount_minor", (1.0, 1.5, True, False, "1", 2**63, -(2**63) - 1, 10**400, None, [1])),
        ("bill_line", "kind", ("Charge", "charge ", "", "应收", 1, None)),
        ("customer", "name", ("", "x" * 121, "a\0b", None, 1, ["x"])),
        ("customer", "remark", ("x" * 501, "😀" * 501, True)),
        (
            "customer",
            "tags",
            (*(one for one in ODD_JSON if one not in {"[]", '["' + "x" * 19_996 + '"]'}), ["vip"]),
        ),
        ("work_log", "change", (0, -1, 2**63, True, 1.0, "1", None)),
        ("customer_month", "visits", (-1, True, 0.0, 2**31)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_forms_that_look_right_and_are_not_are_refused_by_both_with_a_reason(record, column, values):
    check = RECORDS[record, 1]
    for value in values:
        line = as_line(example_row(record, **{column: value}))
        assert check.accepts_block(line) is None, value
        reasons = check.refuse_line(line)
        assert reasons is not None, value
        assert set(reasons) <= {column, "row"}, value


@pytest.mark.parametrize(
    "block",
    [
        b"",
        b"\n",
        b"[]",
        b"null",
        b"{}",
        b"[1,",
        b'{"change":1}',
        b"\xff\xfe",
        b"[" * 100_000,
        b"NaN",
        b"[NaN]",
        b"[1]]",
    ],
)
@pytest.mark.parametrize("kind", RECORD_TYPES, ids=str)
def test_what_is_no_row_is_refused_by_both(kind, block):
    assert _verdicts(RECORDS[kind], block) == (False, False)


def test_a_row_too_long_or_too_short_is_refused_by_both():
    row = example_row("manager")
    for changed in (row[:-1], [*row, None], [*row, "x"]):
        assert _verdicts(RECORDS["manager", 1], as_line(changed)) == (False, False)


@pytest.mark.parametrize("form", [b"%s\n\n%s", b"%s %s\n", b"%s%s\n", b"\n%s\n%s", b"%s\n%s\n", b"%s\n%s,"])
def test_one_line_is_one_row_so_no_row_can_hide_or_be_miscounted(form):
    check = RECORDS["manager", 1]
    line = as_line(example_row("manager"))

    assert check.accepts_block(form % (line, line)) is None


def test_a_row_broken_over_two_lines_is_no_row():
    check = RECORDS["manager", 1]
    first, rest = as_line(example_row("manager")).split(b",", 1)

    assert check.accepts_block(first + b",\n" + rest) is None


@given(data=st.data(), kind=st.sampled_from(RECORD_TYPES))
@settings(max_examples=40)
def test_rows_written_again_mean_the_same_and_hold_no_spaces_or_needless_escapes(data, kind):
    check = RECORDS[kind]
    row = data.draw(good_rows(check))
    typed = check.accepts_block(
        as_line(row).replace(b",", b" , ") if b'"' not in as_line(row) else as_line(row)
    )
    assert typed is not None

    written = check.write_lines(typed)

    assert check.accepts_block(written) == typed
    assert b"\n" not in written
