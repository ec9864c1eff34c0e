"""Room on the disk: a node that has none left refuses writes loudly, goes on reading, and comes back by itself.

A file of some size lies in the home as a reserve. When room runs out it is given up, so that the
node can still record its alarm, finish its runs and keep its receipts. A mark in the home tells
every process of the node that it is read-only.
"""

import errno
import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from sqlalchemy.exc import DBAPIError

from shared.config import PRIVATE, Home
from shared.errors import N_, BranchlineError, Kind

log = logging.getLogger(__name__)
MB: Final = 2**20
RESERVE: Final = "reserve"
MARK: Final = "read-only"
CHUNK: Final = b"\0" * MB
SQLITE_FULL: Final = 13
POSTGRES_FULL: Final = "53100"
NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


class NodeFullError(BranchlineError):
    """There is no room on the disk: nothing can be saved now, and everything can be read."""

    code = "disk-full"
    kind = Kind.UNAVAILABLE
    message = N_(
        "The disk of this node is full. This was not saved; what you saved before is safe and can be read. An "
        "administrator has to make room on the disk; then saving works again by itself within a minute."
    )
    retryable = True

    def __init__(self) -> None:
        """Ask to come again in a minute."""
        super().__init__(retry_after=60)


class DiskSpace:
    """The room on the disk a node's home is on; `usage` tells it, as shutil.disk_usage does."""

    def __init__(
        self,
        home: Home,
        *,
        reserve_mb: int,
        limit_mb: int,
        usage: Callable[[Path], Any] = shutil.disk_usage,
    ) -> None:
        """Refuse writes when less than `limit_mb` is free, and keep a reserve of `reserve_mb`."""
        self._home = home.path
        self._reserve_bytes = reserve_mb * MB
        self._limit = limit_mb * MB
        self._usage = usage

    @property
    def is_full(self) -> bool:
        """Whether this node is read-only now."""
        return (self._home / MARK).exists()

    @property
    def has_reserve(self) -> bool:
        """Whether the reserve lies there."""
        return not self._reserve_bytes or (self._home / RESERVE).exists()

    def free_bytes(self) -> int | None:
        """Return how much is free, or None when the system does not tell."""
        try:
            return int(self._usage(self._home).free)
        except OSError:
            return None

    def check(self) -> None:
        """Raise NodeFullError when there is no room for a write; goes back to normal when there is again."""
        if not self._has_room():
            raise NodeFullError

    def run_full(self) -> None:
        """Make this node read-only: a write has failed for want of room. The reserve is given up."""
        if not self.is_full:
            log.error("no room on the disk: the node is read-only")
        (self._home / RESERVE).unlink(missing_ok=True)
        try:
            (self._home / MARK).touch(mode=PRIVATE)
        except OSError:
            # Every write finds out anew; the mark only saves the attempt.
            log.exception("the mark of a full disk could not be written")

    def keep_reserve(self) -> None:
        """Make the reserve, new or again, when there is room for it."""
        free = self.free_bytes()
        if self.has_reserve or self.is_full or (free or 0) < self._limit + 2 * self._reserve_bytes:
            return
        unfinished = self._home / f"{RESERVE}.new"
        try:
            _fill(unfinished, self._reserve_bytes)
            unfinished.replace(self._home / RESERVE)
        except OSError as error:
            unfinished.unlink(missing_ok=True)
            if error.errno not in NO_ROOM:
                raise

    def _has_room(self) -> bool:
        free = self.free_bytes()
        if free is None:
            return True
        if not self.is_full:
            if free >= self._limit:
                return True
            self.run_full()
            return False
        # Room for the reserve and as much again, so that the node does not go to and fro.
        if free < self._limit + 2 * self._reserve_bytes:
            return False
        (self._home / MARK).unlink(missing_ok=True)
        log.warning("there is room on the disk again")
        return True


def is_out_of_room(error: BaseException) -> bool:
    """Tell whether an error means that a disk is full: this node's, or that of its PostgreSQL server."""
    if isinstance(error, DBAPIError) and error.orig is not None:
        return is_out_of_room(error.orig)
    if isinstance(error, OSError):
        return error.errno in NO_ROOM
    if getattr(error, "sqlstate", None) == POSTGRES_FULL:
        return True
    return getattr(error, "sqlite_errorcode", None) == SQLITE_FULL or "disk is full" in str(error)


def _fill(path: Path, size: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE)
    with os.fdopen(descriptor, "wb") as file:
        for start in range(0, size, MB):
            file.write(CHUNK[: min(MB, size - start)])
        file.flush()
        os.fsync(file.fileno())
