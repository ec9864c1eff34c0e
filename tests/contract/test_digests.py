"""A row has one digest, on SQLite and on PostgreSQL, at the branch and at HQ."""

from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from hq_server.bindings import BINDINGS as HQ
from hq_server.tables import APP
from shared.db.engine import Database
from shared.db.migrations import upgrade
from sync_protocol.apply import Target, apply_batch
from sync_protocol.catalog import CATALOG
from sync_protocol.contract.payload import build_payload, parse_payload
from sync_protocol.reconcile import TableDigest, digest_table, row_digest
from tests.contract.wire_rows import as_line, example_row, good_rows, header_for
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


def _applied(session: Session, record: str, payload: bytes, check: Callable[[TableDigest], object]) -> None:
    binding, tombstones = HQ[record], APP_TOMBSTONES
    batch = parse_payload(payload)
    applied = apply_batch(session, Target(binding.table, tombstones, 1, 1), batch, binding.record.check)
    assert applied.refused == []
    check(digest_table(session, binding))


APP_TOMBSTONES = HQ["customer"].table.metadata.tables["replica_tombstones"]


@pytest.mark.parametrize("record", CATALOG)
@given(data=st.data())
@settings(max_examples=25, suppress_health_check=list(HealthCheck))
def test_any_rows_a_branch_may_send_have_equal_digests_on_both_databases(databases, record, data):
    rows = data.draw(
        st.lists(good_rows(CATALOG[record].check), min_size=1, max_size=8, unique_by=lambda row: row[1])
    )
    fresh = data.draw(st.booleans())
    escaped = data.draw(st.booleans())
    block = b"\n".join(as_line(row, escaped=escaped) for row in rows)
    payload = build_payload(header_for(record, len(rows), fresh=fresh), block)

    found: list[TableDigest] = []
    for database in databases:
        with database.sessions() as session:
            _applied(session, record, payload, found.append)
            session.rollback()

    assert found[0] == found[1]
    assert found[0].rows == len(rows)


@pytest.mark.parametrize("record", CATALOG)
def test_a_digest_changes_with_every_column(record):
    row = example_row(record)[1:]
    digests = {row_digest(row)}
    for at, value in enumerate(row):
        changed = [*row]
        changed[at] = f"{value}x" if isinstance(value, str) else value + 1
        digests.add(row_digest(changed))
    assert len(digests) == len(row) + 1


def test_null_and_the_empty_text_differ():
    assert row_digest(["a", None]) != row_digest(["a", ""])
    assert row_digest(["ab", "c"]) != row_digest(["a", "bc"])
