"""Who is acting in this thread: said once by the entry point, for what is told without the operation's help."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from shared.clock import SystemClock
from shared.stamp import Stamp, Via

UNKNOWN: Final = "program"
_acting: ContextVar[Callable[[], Stamp] | None] = ContextVar("branchline_acting", default=None)


@contextmanager
def acting(who: Callable[[], Stamp] | Stamp) -> Iterator[None]:
    """Let `who` be the one who acts inside the block; a function is asked when something is written."""
    token = _acting.set(who if callable(who) else lambda: who)
    try:
        yield
    finally:
        _acting.reset(token)


def who_acts() -> Stamp:
    """Return who acts; the program itself where no entry point said so."""
    asked = _acting.get()
    return asked() if asked is not None else Stamp(SystemClock().now(), UNKNOWN, Via.COMMAND)
