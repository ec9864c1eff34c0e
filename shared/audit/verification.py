"""Reading the whole operation log and saying whether it is as it was written; names the first entry that is not.

Only raw text is read and hashed, no value is understood: a quarter of a million entries take seconds.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection, select
from sqlalchemy.orm import Session

from shared.audit.chain import FIELDS, GENESIS, link
from shared.audit.keyring import LogKeys
from shared.audit.models import AuditHead

AT_ONCE: Final = 5000
AT_FORM: Final = """to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
POSTGRESQL: Final = {name: f"{name}::text" for name in ("id", "actor_id", "manager_id")} | {"at": AT_FORM}
Raw = tuple[Any, ...]


class Why(StrEnum):
    """What is wrong with the first bad entry."""

    CHANGED = "changed"
    MISSING = "missing"
    SWAPPED = "swapped"
    CUT = "cut"
    ADDED = "added"
    HEAD = "head"
    REWRITTEN = "rewritten"


@dataclass(frozen=True, slots=True)
class Head:
    """Where a chain ended, as somebody else knows it; `source` says who."""

    seq: int
    digest: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class KnownHeads:
    """What others kept of the end of a node's log; `missed` is why nobody could be asked."""

    heads: Sequence[Head] = ()
    missed: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """The first bad entry; `source` is whose head shows it, when the log alone looks whole."""

    seq: int
    why: Why
    source: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How the log stands: how many entries hold, where it ends, and what is wrong first."""

    entries: int
    digest: str
    bad: Finding | None = None

    @property
    def intact(self) -> bool:
        """Whether nothing is wrong."""
        return self.bad is None


def verify_log(session: Session, *, known: Iterable[Head] = ()) -> Verdict:
    """Read every entry and compare with the node's own head and with those others `known` of it."""
    heads = {head.seq: head for head in known}
    walk = _walk(_rows(session.connection()), heads)
    if walk.bad is None:
        walk = _against_heads(session, walk, heads)
    return walk


def _walk(rows: Iterator[Raw], known: Mapping[int, Head]) -> Verdict:
    seq, digest, sure = 0, GENESIS, 0
    for row in rows:
        found = _look(row, seq + 1, digest)
        if found is Why.CHANGED and _is_swapped(next(rows, None), row, seq + 1, digest):
            found = Why.SWAPPED
        if found is not None:
            return Verdict(seq, digest, Finding(seq + 1, found))
        seq, digest = seq + 1, row[-1]
        head = known.get(seq)
        if head is not None and head.digest != digest:
            return Verdict(seq, digest, Finding(sure + 1, Why.REWRITTEN, head.source))
        if head is not None:
            sure = seq
    return Verdict(seq, digest)


def _look(row: Raw, seq: int, before: str) -> Why | None:
    if row[0] != seq:
        return Why.MISSING if isinstance(row[0], int) and row[0] > seq else Why.CHANGED
    # Bytes where text belongs would be hashed as the text that spells them.
    if row[-1] != link(before, row[:-1]) or bytes in map(type, row):
        return Why.CHANGED
    return None


def _is_swapped(following: Raw | None, row: Raw, seq: int, before: str) -> bool:
    """Tell whether two neighbours hold each other's numbers."""
    return following is not None and following[0] == seq + 1 and _fits(following, row[0], before)


def _fits(row: Raw, seq: int, before: str) -> bool:
    return bool(row[-1] == link(before, (seq, *row[1:-1])))


def _against_heads(session: Session, walk: Verdict, known: Mapping[int, Head]) -> Verdict:
    own = session.execute(select(AuditHead.seq, AuditHead.digest, AuditHead.mac)).one_or_none()
    last, digest = walk.entries, walk.digest
    bad = None
    if own is None:
        bad = Finding(last, Why.HEAD) if last else None
    elif own.seq != last:
        bad = Finding(last + 1, Why.CUT) if own.seq > last else Finding(own.seq + 1, Why.ADDED)
    elif own.digest != digest or not _vouched(session, own.seq, own.digest, own.mac):
        bad = Finding(last, Why.HEAD)
    beyond = [head for seq, head in sorted(known.items()) if seq > last]
    # What others know says more than our own head: where the cut is, whoever made the head.
    if beyond:
        bad = Finding(last + 1, Why.CUT, beyond[-1].source)
    return Verdict(last, digest, bad)


def _vouched(session: Session, seq: int, digest: str, mac: str | None) -> bool:
    keys = LogKeys.of(session)
    return keys is None or seq == 0 or keys.vouches(seq, digest, mac)


def _rows(connection: Connection) -> Iterator[Raw]:
    columns = [*FIELDS, "digest"]
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name == "postgresql":
        with driver.cursor(name="verify_log") as cursor:
            cursor.itersize = AT_ONCE
            yield from cursor.execute(_select([POSTGRESQL.get(name, name) for name in columns]))
        return
    yield from _sqlite_rows(driver, columns)


def _sqlite_rows(driver: Any, columns: Sequence[str]) -> Iterator[Raw]:  # noqa: ANN401 - a DB-API connection
    last = None
    try:
        for row in driver.execute(_select(columns)):
            yield row
            last = row[0]
    except Exception as error:
        if "UTF-8" not in str(error):
            raise
    else:
        return
    # Some text is no UTF-8 any more, and the driver does not say where: read in another spelling it fits nothing.
    driver.text_factory = lambda raw: raw.decode(errors="replace")
    try:
        yield from (row for row in driver.execute(_select(columns)) if last is None or row[0] > last)
    finally:
        driver.text_factory = str


def _select(columns: Sequence[str]) -> str:
    return f"SELECT {', '.join(columns)} FROM audit_entries ORDER BY seq"  # noqa: S608 - names of our own columns
