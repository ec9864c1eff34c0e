"""What a later version of a record may be, and how a sender learns that its own ends."""

from datetime import UTC, datetime

import msgspec
import pytest

from sync_protocol.contract.evolution import (
    OLDER,
    UnreadableSchemaError,
    cut,
    readable,
    reading,
    respelt,
)
from sync_protocol.contract.records import RECORDS
from sync_protocol.contract.versions import SUPERSEDED, ending_headers
from tests.contract.wire_rows import as_line, row_of
from tests.support.later_versions import LAST, NEXT, NOW, SCHEMAS

LATER = sorted((name, version) for name, version in SCHEMAS if (name, version + 1) in SCHEMAS)


@pytest.mark.parametrize(("name", "version"), LATER)
def test_a_later_version_begins_with_the_columns_of_the_one_before(name, version):
    before, after = SCHEMAS[name, version], SCHEMAS[name, version + 1]

    assert after.columns[: len(before.columns)] == before.columns
    assert len(after.columns) > len(before.columns)


@pytest.mark.parametrize(("name", "version"), LATER)
def test_the_values_an_upcaster_adds_are_good_in_the_later_version(name, version):
    check = SCHEMAS[name, version]
    row = check.read_line(as_line(row_of(check)))
    made = reading(SCHEMAS, name, version + 1, sent=version, columns=check.columns).lengthened([row])

    assert SCHEMAS[name, version + 1].refuse_line(SCHEMAS[name, version + 1].write_lines(made)) is None


def test_a_node_reads_its_own_version_and_two_before():
    assert readable(SCHEMAS, "customer", LAST) == tuple(range(max(1, LAST - OLDER), LAST + 1))
    assert readable(SCHEMAS, "customer", 1) == (1,)


def test_other_columns_than_a_version_has_are_not_read():
    columns = SCHEMAS["customer", NOW].columns
    for sent, told in (
        (NOW, columns[:-1]),
        (NOW, (*columns, "care")),
        (NEXT, columns[::-1]),
        (LAST + 5, ("care", *columns)),
        (LAST + 5, (*columns, "care", "care")),
    ):
        with pytest.raises(UnreadableSchemaError):
            reading(SCHEMAS, "customer", NOW, sent=sent, columns=told)


def test_a_later_version_is_cut_to_what_is_known_and_nothing_of_it_is_lost():
    rows = [row_of(SCHEMAS["customer", LAST], change=change) for change in (5, 7)]
    lines = [as_line(row) for row in rows]
    known = SCHEMAS["customer", NOW]

    found = cut(b"\n".join(lines), len(known.columns))

    assert known.accepts_block(found.block) is not None
    assert [found.whole[line] for line in found.block.split(b"\n")] == lines
    assert found.rest == {rows[0][1]: (7, rows[0][len(known.columns) :])}, "of one record the newest"


@pytest.mark.parametrize("line", [b"nonsense", b"{}", b"[1,2]", b"[]", b'[null,null,"x"]', b"[" * 5000])
def test_what_is_no_row_stays_as_it_is(line):
    assert cut(line, 3).block == line or line == b'[null,null,"x"]'
    assert respelt(SCHEMAS, "customer", line, sent=NOW, wanted=LAST) == line


def test_a_refused_line_is_respelt_without_being_checked():
    row = row_of(SCHEMAS["customer", NOW], customer_no="")
    later = msgspec.json.decode(respelt(SCHEMAS, "customer", as_line(row), sent=NOW, wanted=LAST))
    assert later == [*row, "low", None]
    assert (
        msgspec.json.decode(respelt(SCHEMAS, "customer", msgspec.json.encode(later), sent=LAST, wanted=NOW))
        == row
    )


def test_the_sender_of_a_version_that_ends_is_told_since_when_and_until_when():
    told = ending_headers("customer", 1, {("customer", 1): datetime(2026, 11, 22, tzinfo=UTC)})
    assert told == {"Deprecation": "@1795305600", "Sunset": "Tue, 21 Nov 2028 00:00:00 GMT"}
    assert ending_headers("customer", 99) == {}


def test_every_version_that_was_followed_by_another_says_since_when():
    followed = {(name, version) for name, version in RECORDS if (name, version + 1) in RECORDS}
    assert followed == set(SUPERSEDED)
