"""Which line of a file first gave a number, for files of any length."""

import sqlite3
from collections.abc import Iterable
from types import TracebackType
from typing import Self


class FileKeys:
    """Remembers the line on which each value was first seen; a private database on disk keeps memory flat.

    Asking again about the same line gives the same answer, so a chunk may be tried twice.
    """

    def __init__(self) -> None:
        """Open an empty store; the system deletes it when it is closed."""
        self._store = sqlite3.connect("", isolation_level=None)
        self._store.execute(
            "CREATE TABLE seen (space, value, line INTEGER, PRIMARY KEY (space, value)) WITHOUT ROWID"
        )

    def __enter__(self) -> Self:
        """Return the store."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the store."""
        self._store.close()

    def claim(self, claims: Iterable[tuple[str, str, int]]) -> dict[tuple[str, int], int]:
        """Claim (space, value, line); return (space, line) with the first line for those claimed before."""
        wanted = list(claims)
        self._store.execute("BEGIN")
        self._store.executemany("INSERT OR IGNORE INTO seen VALUES (?, ?, ?)", wanted)
        self._store.execute("COMMIT")
        earlier = {}
        for space, value, line in wanted:
            first = self.first_line(space, value)
            if first is not None and first != line:
                earlier[space, line] = first
        return earlier

    def first_line(self, space: str, value: str) -> int | None:
        """Return the line that claimed a value, or None."""
        row = self._store.execute(
            "SELECT line FROM seen WHERE space = ? AND value = ?", (space, value)
        ).fetchone()
        return int(row[0]) if row else None
