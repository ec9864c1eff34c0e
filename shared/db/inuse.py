"""Knowing whether a node's home is in use, so that nothing is moved from under a running process."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Final

from shared.config import Home
from shared.errors import N_, BranchlineError, Kind

if sys.platform != "win32":
    import fcntl

LOCK_FILE: Final = "in-use.lock"


class HomeInUseError(BranchlineError):
    """Some process of this node is running."""

    code = "home-in-use"
    kind = Kind.CONFLICT
    message = N_("%(home)s is in use; stop the node first.")


@contextmanager
def in_use(home: Home) -> Iterator[None]:
    """Mark the home as used while the block runs; any number of processes may.

    Raises HomeInUseError while another process wants it alone.
    """
    with _locked(home, exclusive=False):
        yield


@contextmanager
def alone(home: Home) -> Iterator[None]:
    """Hold the home alone while the block runs; raises HomeInUseError when the node is running.

    On Windows nothing is checked here: the system itself refuses to move files that are open.
    """
    with _locked(home, exclusive=True):
        yield


@contextmanager
def _locked(home: Home, *, exclusive: bool) -> Iterator[None]:
    if sys.platform == "win32" or not home.path.is_dir():
        yield
        return
    with (home.path / LOCK_FILE).open("w") as file:
        _lock(file, home, exclusive=exclusive)
        yield


def _lock(file: IO[str], home: Home, *, exclusive: bool) -> None:
    if sys.platform == "win32":
        return
    kind = fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        raise HomeInUseError(home=str(home.path)) from None
