"""Compare what two nodes hold: count and digest of a table, equal on both databases when the rows are equal."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from shared.db.base import instant_text
from sync_protocol.catalog import Binding
from sync_protocol.contract.canonical import canonical_json

DIGEST_BYTES: Final = 16
MODULUS: Final = 2 ** (8 * DIGEST_BYTES)
FETCH: Final = 2_000


@dataclass(frozen=True, slots=True)
class TableDigest:
    """How many rows, and the sum modulo 2**128 of each row's 128-bit digest: independent of order."""

    rows: int
    digest: str


def digest_table(session: Session, binding: Binding, *where: ColumnElement[bool]) -> TableDigest:
    """Return the digest of the wire columns of a bound table, over the rows that meet `where`."""
    columns = [binding.table.c[name] for name in binding.record.columns]
    total, rows = 0, 0
    for values in session.execute(select(*columns).where(*where).execution_options(yield_per=FETCH)):
        total = (total + row_digest(values)) % MODULUS
        rows += 1
    return TableDigest(rows=rows, digest=f"{total:032x}")


def row_digest(values: Sequence[Any]) -> int:
    """Return the BLAKE2b-128 digest of a row's canonical values, as a number."""
    content = canonical_json([_plain(value) for value in values])
    return int.from_bytes(hashlib.blake2b(content, digest_size=DIGEST_BYTES).digest())


def _plain(value: Any) -> Any:  # noqa: ANN401 - any column value
    if isinstance(value, datetime):
        return instant_text(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str):
        return str(value)
    return value
