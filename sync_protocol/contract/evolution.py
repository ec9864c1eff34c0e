"""Reading rows of another version of their record's schema than this node's own.

A later version begins with the columns of the one before and adds some at the end. So rows of an earlier version are
lengthened: its upcaster gives the added values. Rows of a later one are cut to the columns known here, and what was cut
off is carried until this node knows it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Final

import msgspec

from sync_protocol.contract.checks import RecordCheck

# A row is [change, id, ...].
ID_POSITION: Final = 1
# So many versions before its own a node reads.
OLDER: Final = 2
Schemas = Mapping[tuple[str, int], RecordCheck]


class UnreadableSchemaError(ValueError):
    """Rows of this version, or of these columns, are not read here."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How rows of version `sent` are read: checked by `check`, then lengthened by each of `steps` in turn.

    `width` is to how many values rows are cut first; None when they are read whole.
    """

    sent: int
    check: RecordCheck
    steps: tuple[RecordCheck, ...] = ()
    width: int | None = None

    @property
    def current(self) -> RecordCheck:
        """The check of the rows as they are kept."""
        return self.steps[-1] if self.steps else self.check

    def lengthened(self, rows: Sequence[Any]) -> list[Any]:
        """Return typed rows of `check` in their form of today."""
        made = list(rows)
        for step in self.steps:
            made = [step.row_type(*msgspec.structs.astuple(row), *step.added(row)) for row in made]
        return made


@dataclass(frozen=True, slots=True)
class Cut:
    """A block of later rows cut to what is known here: `whole` by cut line, `rest` (the values cut off) by record."""

    block: bytes
    whole: Mapping[bytes, bytes]
    rest: Mapping[str, tuple[int, list[Any]]]


def readable(schemas: Schemas, name: str, version: int) -> tuple[int, ...]:
    """Return the versions of a record type that a node at `version` reads whole, oldest first."""
    return tuple(one for one in range(max(1, version - OLDER), version + 1) if (name, one) in schemas)


def reading(
    schemas: Schemas, name: str, version: int, *, sent: int, columns: Sequence[str] | None
) -> Reading:
    """Return how a node at `version` reads rows of version `sent` with these columns (None: those it knows of it).

    Raises UnreadableSchemaError.
    """
    known = readable(schemas, name, version)
    check = schemas[name, sent if sent in known else version]
    if sent in known and (columns is None or tuple(columns) == check.columns):
        return Reading(sent, check, tuple(schemas[name, later] for later in range(sent + 1, version + 1)))
    width = len(check.columns)
    added = () if columns is None else tuple(columns)[width:]
    if sent > version and columns is not None and tuple(columns) == (*check.columns, *dict.fromkeys(added)):
        return Reading(sent, check, width=width)
    msg = f"{name} version {sent}"
    raise UnreadableSchemaError(msg)


def cut(block: bytes, width: int) -> Cut:
    """Cut each line of `block` to `width` values; one that is no such row stays as it is, for its check to refuse."""
    lines: list[bytes] = []
    whole: dict[bytes, bytes] = {}
    rest: dict[str, tuple[int, list[Any]]] = {}
    for line in block.split(b"\n") if block else ():
        short, record_id, change, values = _cut_line(line, width)
        lines.append(short)
        whole[short] = line
        if record_id is not None:
            known = rest.get(record_id)
            if known is None or known[0] < change:
                rest[record_id] = change, values
    return Cut(b"\n".join(lines), whole, rest)


def _cut_line(line: bytes, width: int) -> tuple[bytes, str | None, int, list[Any]]:
    try:
        values = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return line, None, 0, []
    if not isinstance(values, list) or len(values) <= width:
        return line, None, 0, []
    change, record_id = values[0], values[ID_POSITION]
    if not isinstance(record_id, str) or type(change) is not int:
        record_id = None
    return msgspec.json.encode(values[:width]), record_id, change if record_id else 0, values[width:]


def respelt(schemas: Schemas, name: str, line: bytes, *, sent: int, wanted: int) -> bytes:
    """Return a line of version `sent` as one of version `wanted`; as it is where it is no row of that version.

    For lines that were refused: nothing is checked.
    """
    check, target = schemas.get((name, sent)), schemas[name, wanted]
    try:
        values = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return line
    if sent == wanted or not isinstance(values, list):
        return line
    if sent > wanted:
        return msgspec.json.encode(values[: len(target.columns)])
    for version in range(sent + 1, wanted + 1):
        if check is None or len(values) != len(check.columns):
            return line
        row = SimpleNamespace(**dict(zip(check.columns, values, strict=True)))
        check = schemas[name, version]
        values += check.added(row)
    return msgspec.json.encode(values)
