"""A row has one digest, on SQLite and on PostgreSQL, at the branch and at HQ."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.orm import Session

from hq_server.bindings import BINDINGS as HQ
from hq_server.tables import APP
from shared.db.engine import Database
from shared.db.migrations import upgrade
from sync_protocol.apply import Target, apply_batch
from sync_protocol.catalog import CATALOG
from sync_protocol.contract.payload import build_payload, parse_payload
from sync_protocol.reconcile import (
    BucketDigests,
    Selection,
    TableDigest,
    bucket_of,
    digest_buckets,
    line_digest,
    list_digests,
)
from tests.contract.wire_rows import NODE, as_line, example_row, good_rows, header_for, odd_value
from tests.support.databases import DIALECTS, DatabaseFactory


@pytest.fixture(scope="module")
def databases(database_factory: DatabaseFactory) -> Iterator[list[Database]]:
    """HQ's tables on both kinds of database."""
    made = [Database(database_factory.create(dialect)) for dialect in DIALECTS]
    for database in made:
        upgrade(database, APP)
    yield made
    for database in made:
        database.dispose()
        database_factory.drop(database.url)


def _apply(session: Session, record: str, rows: list[list[object]], *, fresh: bool, escaped: bool) -> None:
    binding = HQ[record]
    block = b"\n".join(as_line(row, escaped=escaped) for row in rows)
    batch = parse_payload(build_payload(header_for(record, len(rows), fresh=fresh), block))
    reading = binding.record.reading(binding.record.version)
    applied = apply_batch(session, Target(binding.table, TOMBSTONES, 1, 1), batch, reading)
    assert applied.refused == []


TOMBSTONES = HQ["customer"].table.metadata.tables["replica_tombstones"]


@pytest.mark.parametrize("record", CATALOG)
@given(data=st.data())
@settings(max_examples=25, suppress_health_check=list(HealthCheck))
def test_any_rows_a_branch_may_send_have_equal_digests_on_both_databases(databases, record, data):
    rows = data.draw(
        st.lists(good_rows(CATALOG[record].check), min_size=1, max_size=8, unique_by=lambda row: row[1])
    )
    fresh, escaped = data.draw(st.booleans()), data.draw(st.booleans())
    selection = Selection(HQ[record])

    found: list[BucketDigests] = []
    named: list[dict[str, dict[str, str]]] = []
    for database in databases:
        with database.sessions() as session:
            _apply(session, record, rows, fresh=fresh, escaped=escaped)
            found.append(digest_buckets(session, selection))
            named.append(list_digests(session, selection, {bucket_of(row[1]) for row in rows}))
            session.rollback()

    assert found[0] == found[1]
    assert named[0] == named[1]
    lines = {row[1]: as_line(row, escaped=escaped) for row in rows}
    assert {key: digest for bucket in named[0].values() for key, digest in bucket.items()} == {
        key: f"{line_digest(CATALOG[record].check, line):032x}" for key, line in lines.items()
    }
    assert found[0].total() == TableDigest(len(rows), _sum_of(named[0]))


def _sum_of(named: dict[str, dict[str, str]]) -> str:
    digests = (int(digest, 16) for bucket in named.values() for digest in bucket.values())
    return f"{sum(digests) % 2**128:032x}"


@pytest.mark.parametrize("record", CATALOG)
def test_a_digest_changes_with_every_column_but_the_change_number(record):
    check, row = CATALOG[record].check, example_row(record)
    digests = {line_digest(check, as_line(row))}
    for at, value in enumerate(row):
        changed = [*row]
        changed[at] = f"{value}x" if isinstance(value, str) else value + 1
        digests.add(line_digest(check, as_line(changed)))
    assert len(digests) == len(row)


@pytest.mark.parametrize("record", CATALOG)
@given(data=st.data())
@settings(max_examples=25)
def test_a_row_that_no_check_accepts_has_a_digest_too_and_it_is_that_of_its_own_line(record, data):
    check, row = CATALOG[record].check, example_row(record)
    at = data.draw(st.integers(2, len(row) - 1))
    row[at] = data.draw(odd_value(check.fields[check.columns[at]]))

    line = as_line(row)

    assert line_digest(check, line) == line_digest(check, as_line([row[0] + 1, *row[1:]]))
    assert line_digest(check, line) != line_digest(check, as_line([*row[:-1], "another"]))


def test_null_and_the_empty_text_differ():
    check = CATALOG["customer"].check
    empty, null = (as_line(example_row("customer", remark=value)) for value in ("", None))
    assert line_digest(check, empty) != line_digest(check, null)


def test_one_damaged_row_among_many_leaves_the_digests_of_the_others_alone(databases):
    ids = [f"{NODE[:-4]}{number:04x}" for number in range(300)]
    rows = [example_row("manager", id=one) for one in ids]
    for database in databases:
        with database.sessions() as session:
            _apply(session, "manager", rows, fresh=True, escaped=False)
            before = list_digests(session, Selection(HQ["manager"]), {bucket_of(one) for one in ids})
            damage = "''" if database.dialect == "postgresql" else "CAST(X'FF' AS TEXT)"
            session.execute(
                text(f"UPDATE replica_managers SET name = {damage} WHERE id = :id"), {"id": ids[7]}
            )
            after = list_digests(session, Selection(HQ["manager"]), {bucket_of(one) for one in ids})
            session.rollback()
        changed = {
            key for bucket, held in before.items() for key in held if after[bucket].get(key) != held[key]
        }
        assert changed == {ids[7]}


def test_an_id_left_out_does_not_count_and_a_line_stands_in_for_a_row(databases):
    ids = [f"{NODE[:-4]}{number:04x}" for number in range(3)]
    rows = [example_row("manager", id=one) for one in ids]
    stand_in = as_line(example_row("manager", id=ids[1], name="parked"))
    for database in databases:
        with database.sessions() as session:
            _apply(session, "manager", rows, fresh=True, escaped=False)
            without = Selection(HQ["manager"], without={ids[0]}, stand_ins={ids[1]: stand_in})
            found = digest_buckets(session, without).named()
            session.rollback()
        expected = {
            ids[1][-2:]: (1, f"{line_digest(CATALOG['manager'].check, stand_in):032x}"),
            ids[2][-2:]: (1, f"{line_digest(CATALOG['manager'].check, as_line(rows[2])):032x}"),
        }
        assert found == expected


def test_a_json_column_counts_as_its_value_however_a_database_writes_it():
    check = CATALOG["customer"].check
    written = {
        line_digest(check, as_line(example_row("customer", attributes=text)))
        for text in ('{"a":1,"b":"汉"}', '{"b": "\\u6c49", "a": 1}')
    }
    assert len(written) == 1
    other = as_line(example_row("customer", attributes='{"a":2,"b":"汉"}'))
    assert line_digest(check, other) not in written
