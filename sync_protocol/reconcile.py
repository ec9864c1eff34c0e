"""Compare what two nodes hold: count and digest of a table by bucket, equal on both databases when the rows are.

A row's digest is taken from its wire line, which the database itself writes, read and written again
in the one canonical form. Rows fall into 256 buckets by the last two digits of their id, so that a
difference is narrowed down before single rows are named.
"""

import hashlib
from collections.abc import Collection, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, LargeBinary, Select, String, cast, func, literal_column, select
from sqlalchemy.orm import Session

from sync_protocol.catalog import Binding
from sync_protocol.contract.canonical import NotCanonicalError, canonical_json
from sync_protocol.contract.checks import RecordCheck
from sync_protocol.contract.fields import JsonText
from sync_protocol.wire import wire_row

DIGEST_BYTES: Final = 16
MODULUS: Final = 2 ** (8 * DIGEST_BYTES)
FETCH: Final = 2_000
BUCKETS: Final[Mapping[str, int]] = {f"{number:02x}": number for number in range(256)}
# Ids that are none all count in the first bucket; HQ parks such rows.
FIRST_BUCKET: Final = "00"
# Lines are asked for with this change number, and digested without it.
_PREFIX: Final = b"[1,"
_NOTHING: Final[AbstractSet[str]] = frozenset()
_NO_LINES: Final[Mapping[str, bytes]] = {}


@dataclass(frozen=True, slots=True)
class TableDigest:
    """How many rows, and the sum modulo 2**128 of each row's 128-bit digest: independent of order."""

    rows: int
    digest: str


@dataclass(slots=True)
class BucketDigests:
    """Count and sum of digests of a table in each of 256 buckets."""

    rows: list[int] = field(default_factory=lambda: [0] * len(BUCKETS))
    sums: list[int] = field(default_factory=lambda: [0] * len(BUCKETS))

    def named(self) -> dict[str, tuple[int, str]]:
        """Return count and digest of each bucket that has rows, by the bucket's two digits."""
        return {
            name: (self.rows[at], f"{self.sums[at] % MODULUS:032x}")
            for name, at in BUCKETS.items()
            if self.rows[at]
        }

    def total(self) -> TableDigest:
        """Return count and digest of the whole table."""
        return TableDigest(rows=sum(self.rows), digest=f"{sum(self.sums) % MODULUS:032x}")


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rows of a bound table count: those that meet `where`, except the ids in `without`.

    For an id in `stand_ins` the wire line there counts, and not what the table holds of it.
    """

    binding: Binding
    where: tuple[ColumnElement[bool], ...] = ()
    without: AbstractSet[str] = _NOTHING
    stand_ins: Mapping[str, bytes] = field(default_factory=lambda: _NO_LINES)


def bucket_of(record_id: str) -> str:
    """Return the bucket of a record: the last two digits of its id."""
    return record_id[-2:] if record_id[-2:] in BUCKETS else FIRST_BUCKET


def digest_table(session: Session, binding: Binding, *where: ColumnElement[bool]) -> TableDigest:
    """Return the digest of the wire columns of a bound table, over the rows that meet `where`."""
    return digest_buckets(session, Selection(binding, where)).total()


def digest_buckets(session: Session, selection: Selection) -> BucketDigests:
    """Return count and digest of each bucket; reads every selected row once."""
    found = BucketDigests()
    rows, sums = found.rows, found.sums
    for record_id, digest in _digests(session, selection, ()):
        at = BUCKETS.get(record_id[-2:], 0)
        rows[at] += 1
        sums[at] += digest
    return found


def list_digests(
    session: Session, selection: Selection, buckets: Collection[str]
) -> dict[str, dict[str, str]]:
    """Return the digest of every selected row in `buckets`, by bucket and id."""
    found: dict[str, dict[str, str]] = {bucket: {} for bucket in buckets}
    for record_id, digest in _digests(session, selection, buckets):
        found[bucket_of(record_id)][record_id] = f"{digest:032x}"
    return found


def list_lines(session: Session, binding: Binding, *where: ColumnElement[bool]) -> Iterator[tuple[str, str]]:
    """Yield id and wire line (with change number 1) of each row that meets `where`, as text to be kept."""
    for lines in _lines(session, binding, where):
        for line in lines:
            yield _id_in(line), line.decode(errors="backslashreplace").replace("\0", "\\u0000")


def line_digest(check: RecordCheck, line: bytes) -> int:
    """Return the digest of the row in a wire line, whatever its change number, as a number below 2**128.

    BLAKE2b-128 over the canonical JSON array of its columns from `id` on, JSON columns as values; a line
    that is no row of its type counts by its own bytes.
    """
    return _digests_of(check, [_PREFIX + line.partition(b",")[2]])[0]


def _digests(session: Session, selection: Selection, buckets: Collection[str]) -> Iterator[tuple[str, int]]:
    check = selection.binding.record.check
    left_out = selection.without | selection.stand_ins.keys()
    where = selection.where if not buckets else (*selection.where, _in_buckets(selection.binding, buckets))
    for lines in _lines(session, selection.binding, where):
        for line, digest in zip(lines, _digests_of(check, lines), strict=True):
            record_id = _id_in(line)
            if record_id not in left_out:
                yield record_id, digest
    for record_id, line in selection.stand_ins.items():
        if record_id not in selection.without and (not buckets or bucket_of(record_id) in buckets):
            yield record_id, line_digest(check, line)


def _lines(
    session: Session, binding: Binding, where: tuple[ColumnElement[bool], ...]
) -> Iterator[list[bytes]]:
    """Yield the wire lines of a table, some at a time."""
    dialect = session.get_bind().dialect.name
    line: ColumnElement[Any] = wire_row(binding, literal_column("1"), dialect)
    # As bytes where the driver allows it: a damaged row need not be text.
    statement: Select[Any] = select(cast(line, LargeBinary) if dialect == "sqlite" else line).where(*where)
    with session.scalars(statement.execution_options(yield_per=FETCH)) as found:
        for lines in found.partitions():
            yield [one if isinstance(one, bytes) else str(one).encode() for one in lines]


def _in_buckets(binding: Binding, buckets: Collection[str]) -> ColumnElement[bool]:
    return func.substr(cast(binding.table.c.id, String), 35, 2).in_(sorted(buckets))


def _id_in(line: bytes) -> str:
    start = len(_PREFIX) + 1
    return line[start : line.find(b'"', start)].decode(errors="backslashreplace")


def _digests_of(check: RecordCheck, lines: list[bytes]) -> list[int]:
    rows = check.read_block(b"\n".join(lines))
    if rows is None or len(rows) != len(lines):
        if len(lines) == 1:
            text = lines[0].decode(errors="backslashreplace").replace("\0", "\\u0000")
            return [_hash(text.encode())]
        return [
            digest for start, end in _halves(len(lines)) for digest in _digests_of(check, lines[start:end])
        ]
    json_columns = [name for name, kind in check.fields.items() if isinstance(kind, JsonText)]
    for name in json_columns:
        for row in rows:
            setattr(row, name, _json_value(getattr(row, name)))
    return [_hash(line) for line in check.write_lines(rows).split(b"\n")]


def _halves(length: int) -> Iterator[tuple[int, int]]:
    return pairwise((0, length // 2, length))


def _hash(line: bytes) -> int:
    content = b"[" + line[len(_PREFIX) :]
    return int.from_bytes(hashlib.blake2b(content, digest_size=DIGEST_BYTES).digest())


@lru_cache(maxsize=20_000)
def _json_value(text: str) -> msgspec.Raw | str:
    """Return a JSON column as its canonical value; databases store its text each in their own way."""
    try:
        return msgspec.Raw(canonical_json(msgspec.json.decode(text)))
    except (msgspec.DecodeError, NotCanonicalError, UnicodeError, ValueError, RecursionError):
        return text
