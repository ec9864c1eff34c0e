"""Which customers of a file look like one who is here, or like an earlier row: the finder's own keys and weights."""

import sqlite3
from collections.abc import Collection, Iterable, Mapping
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

import msgspec
from sqlalchemy.orm import Session

from branch_node.duplicates.queries import judged
from branch_node.identity.queries import survivors_of
from branch_node.imports.kinds import CUSTOMERS
from branch_node.imports.mapping import Plan
from branch_node.imports.rows import Reading
from shared.domain.duplicates.blocking import MOST_SHARING, keys_of
from shared.domain.duplicates.features import COMPARED, Features, features_of
from shared.domain.duplicates.rules import Verdict, judge

HUNDREDTHS: Final = 100
_IN: Final = CUSTOMERS.record_type


class Match(NamedTuple):
    """That the row at `line` looks like a customer, or like the row at `other_row`."""

    line: int
    other_id: str | None
    other_row: int | None
    score: int
    levels: Mapping[str, str]


class Likeness:
    """Remembers what the rows of a file are compared by; a private database on disk keeps memory flat.

    Asking again about the same rows gives the same answer, so a chunk may be tried twice. `left_out` are earlier lines
    that are no customers: refused before the work was left off.
    """

    def __init__(self, plan: Plan, left_out: Collection[int] = ()) -> None:
        """Open an empty store; the system deletes it when it is closed."""
        self.plan = plan
        self.wanted = plan.kind.record_type == _IN
        self._left_out = left_out
        self._store = sqlite3.connect("", isolation_level=None)
        self._store.execute("CREATE TABLE seen (line INTEGER PRIMARY KEY, told BLOB)")
        self._store.execute(
            "CREATE TABLE keyed (key INTEGER, line INTEGER, PRIMARY KEY (key, line)) WITHOUT ROWID"
        )

    def __enter__(self) -> Self:
        """Return the store."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the store."""
        self._store.close()

    def remember(self, readings: Iterable[Reading]) -> None:
        """Let later rows be compared with these, which were looked at before the work was left off."""
        if self.wanted:
            good = [one for one in readings if not one.problems and one.line not in self._left_out]
            self._keep({one.line: compared(self.plan, one) for one in good})

    def find(self, session: Session, readings: Iterable[Reading]) -> list[Match]:
        """Return whom rows to be created look like: a customer who is here, else an earlier row of the file."""
        if not self.wanted:
            return []
        told = {one.line: compared(self.plan, one) for one in readings}
        features = self._keep(told)
        found = self._here(session, features)
        for line, one in features.items():
            if line not in found and (match := self._earlier(line, one)) is not None:
                found[line] = match
        return [found[line] for line in sorted(found)]

    def _keep(self, told: Mapping[int, Mapping[str, Any]]) -> dict[int, Features]:
        features = {line: features_of(values) for line, values in told.items()}
        self._store.execute("BEGIN")
        self._store.executemany(
            "INSERT OR REPLACE INTO seen VALUES (?, ?)",
            [(line, msgspec.json.encode(values)) for line, values in told.items()],
        )
        self._store.executemany(
            "INSERT OR IGNORE INTO keyed VALUES (?, ?)",
            [(key, line) for line, one in features.items() for key in keys_of(one)],
        )
        self._store.execute("COMMIT")
        return features

    def _here(self, session: Session, features: Mapping[int, Features]) -> dict[int, Match]:
        best: dict[int, tuple[Verdict, str]] = {}
        for line, at, verdict in judged(session, {str(line): one for line, one in features.items()}):
            known = best.get(int(line))
            if known is None or verdict.score > known[0].score:
                best[int(line)] = (verdict, at)
        survivors = survivors_of(session, {at for _verdict, at in best.values()})
        return {
            line: _match(line, verdict, other_id=survivors.get(at, at))
            for line, (verdict, at) in best.items()
        }

    def _earlier(self, line: int, one: Features) -> Match | None:
        best: Match | None = None
        for other in sorted(self._sharing(line, keys_of(one))):
            told = self._store.execute("SELECT told FROM seen WHERE line = ?", (other,)).fetchone()
            verdict = judge(one, features_of(msgspec.json.decode(told[0])))
            if verdict is not None and (best is None or verdict.score * HUNDREDTHS > best.score):
                best = _match(line, verdict, other_row=other)
        return best

    def _sharing(self, line: int, keys: Iterable[int]) -> set[int]:
        found: set[int] = set()
        for key in keys:
            rows = self._store.execute(
                "SELECT line FROM keyed WHERE key = ? LIMIT ?", (key, MOST_SHARING + 1)
            ).fetchall()
            # What very many share says nothing, as among the customers who are here.
            if len(rows) <= MOST_SHARING:
                found |= {row[0] for row in rows if row[0] < line}
        return found


def compared(plan: Plan, reading: Reading) -> dict[str, Any]:
    """Return of a row what customers are compared by, as plain values."""
    values: dict[str, Any] = {"attributes": {}}
    for field in plan.fields:
        value = reading.values.get(field.name)
        if value is None:
            continue
        if field.is_attribute:
            values["attributes"][field.target] = value
        elif field.target in COMPARED:
            values[field.target] = value
    plain: dict[str, Any] = msgspec.to_builtins(values)
    return plain


def _match(
    line: int, verdict: Verdict, *, other_id: str | None = None, other_row: int | None = None
) -> Match:
    levels = {name: level.value for name, level in verdict.levels.items()}
    return Match(line, other_id, other_row, round(verdict.score * HUNDREDTHS), levels)
