"""Looking at one table of a backup that has been unpacked and not yet been put in place."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import inspect, text

from shared.db.backup import postgres
from shared.db.backup.archive import POSTGRES_MEMBER, SQLITE_MEMBER
from shared.db.engine import Database

Row = Mapping[str, str | None]
NULL: Final = "\\N"
END: Final = "\\."
COPY: Final = "COPY "
_ESCAPED: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


@dataclass(frozen=True, slots=True)
class Unpacked:
    """A backup whose digests are right, unpacked in `folder`; `url` says where its database would go."""

    folder: Path
    dialect: str
    url: str

    def rows(self, table: str) -> list[Row]:
        """Return all rows of a small table as text, none when the backup has no such table; raises BackupError."""
        return self._rows_of_dump(table) if self.dialect == "postgresql" else self._rows_of_file(table)

    def _rows_of_file(self, table: str) -> list[Row]:
        database = Database(f"sqlite:///{self.folder / SQLITE_MEMBER}")
        try:
            with database.engine.connect() as connection:
                if table not in inspect(connection).get_table_names():
                    return []
                found = connection.execute(text(f'SELECT * FROM "{table}"')).mappings()  # noqa: S608 - our own word
                return [{name: _text(value) for name, value in row.items()} for row in found]
        finally:
            database.dispose()

    def _rows_of_dump(self, table: str) -> list[Row]:
        database = Database(self.url)
        try:
            with database.engine.connect() as connection:
                server = postgres.server_version(connection)
        finally:
            database.dispose()
        plain = postgres.unload(server, table, self.folder / POSTGRES_MEMBER, self.folder)
        return list(_copied(plain.split("\n")))


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _copied(lines: list[str]) -> Iterator[Row]:
    """Read what `COPY ... FROM stdin;` would read; the dump has the data of one table."""
    names: list[str] | None = None
    for line in lines:
        if line == END:
            return
        if names is not None:
            yield dict(zip(names, map(_field, line.split("\t")), strict=True))
        elif line.startswith(COPY):
            listed = line.partition("(")[2].rpartition(")")[0]
            names = [name.strip().strip('"') for name in listed.split(",")]


def _field(raw: str) -> str | None:
    if raw == NULL:
        return None
    return re.sub(r"\\(.)", lambda escaped: _ESCAPED.get(escaped[1], escaped[1]), raw)
