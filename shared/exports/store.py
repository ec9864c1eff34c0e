"""Where approved exports lie until they are fetched: a folder of the home that no backup takes along."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import IO, Final

from shared.config import PRIVATE, Home

FOLDER: Final = "exports"
PIECE: Final = 1024 * 1024


class ExportStore:
    """The files of approved exports, each readable by the node's own login alone."""

    def __init__(self, home: Home) -> None:
        """Look below this home."""
        self._folder = home.path / FOLDER

    def path(self, export_id: str) -> Path:
        """Return where the file of an export lies."""
        return self._folder / export_id

    @contextmanager
    def write(self, name: str) -> Iterator[IO[bytes]]:
        """Open a new file; it is on disk at the end of the block."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(self.path(name), os.O_RDWR | os.O_CREAT | os.O_EXCL, PRIVATE), "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())

    @contextmanager
    def unless_failed(self, name: str) -> Iterator[None]:
        """Leave nothing of a new file when the block fails, in which it is entered as that of an export."""
        try:
            yield
        except BaseException:
            self.remove(name)
            raise

    def keep(self, name: str, export_id: str) -> None:
        """Make a new file the one of an export."""
        self.path(name).replace(self.path(export_id))

    def remove(self, export_id: str) -> None:
        """Remove the file of an export, if there is one."""
        self.path(export_id).unlink(missing_ok=True)

    def present(self, *, before: datetime) -> list[str]:
        """Return the exports whose files were last written before an instant."""
        found = []
        with suppress(FileNotFoundError):
            for path in sorted(self._folder.iterdir()):
                with suppress(FileNotFoundError):
                    if path.stat().st_mtime < before.timestamp():
                        found.append(path.name)
        return found


def digest_of(file: IO[bytes]) -> tuple[str, int]:
    """Return the SHA-256 and the length of a file, read from its beginning."""
    file.seek(0)
    made, size = hashlib.sha256(), 0
    while piece := file.read(PIECE):
        made.update(piece)
        size += len(piece)
    file.seek(0)
    return made.hexdigest(), size
