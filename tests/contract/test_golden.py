"""Batches of each released version of the protocol stay readable, with the digests they always had."""

import json
from pathlib import Path

import pytest

from sync_protocol.catalog import CATALOG
from sync_protocol.contract.payload import build_payload, decompress, parse_payload
from sync_protocol.contract.records import RECORDS
from sync_protocol.contract.versions import READABLE

GOLDEN = Path(__file__).parent / "golden"
BATCHES = sorted(GOLDEN.glob("v*/*.ndjson*"))


def _digest(path):
    return json.loads((path.parent / "digests.json").read_text())[path.name.partition(".")[0]]


def _read(path):
    encoding = {".zst": "zstd", ".gz": "gzip", ".ndjson": "identity"}[path.suffix]
    return decompress(path.read_bytes(), encoding)


def test_every_readable_version_has_a_golden_batch_of_every_record_type_and_schema():
    for version in READABLE:
        kept = {path.name.partition(".")[0] for path in BATCHES if path.parent.name == f"v{version}"}
        # The first version of a record bears its name alone.
        assert kept == {name if schema == 1 else f"{name}-{schema}" for name, schema in RECORDS}


def test_a_golden_batch_of_an_earlier_version_is_read_as_one_of_today():
    for path in BATCHES:
        batch = parse_payload(_read(path))
        record = CATALOG[batch.header.record]
        reading = record.reading(batch.header.schema, batch.header.columns)
        rows = reading.lengthened(reading.check.accepts_block(batch.block) or [])
        assert len(rows) == batch.header.rows
        assert record.check.accepts_block(record.check.write_lines(rows)) is not None


@pytest.mark.parametrize("path", BATCHES, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_a_golden_batch_is_read_with_its_old_digest_and_every_row_is_accepted(path):
    batch = parse_payload(_read(path))

    assert batch.digest == _digest(path)
    check = RECORDS[batch.header.record, batch.header.schema]
    assert tuple(batch.header.columns) == check.columns
    rows = check.accepts_block(batch.block)
    assert rows is not None
    assert len(rows) == batch.header.rows == 2


@pytest.mark.parametrize("path", sorted((GOLDEN / "v1").glob("*.ndjson")), ids=lambda path: path.stem)
def test_the_same_header_and_rows_still_give_the_same_bytes(path):
    payload = path.read_bytes()
    batch = parse_payload(payload)

    assert build_payload(batch.header, batch.block) == payload


def test_the_golden_profile_batches_form_a_chain():
    manager, customer = (
        parse_payload((GOLDEN / "v1" / f"{name}.ndjson").read_bytes()) for name in ("manager", "customer")
    )
    assert customer.header.prev_digest == manager.digest
