"""What is tried a share of each time and whole when asked: whole, it would keep everybody waiting for an hour.

A share is chosen once and for all, never by chance; together with the tests beside it, it leaves no page, route or
kind of record out (decision 0148).
"""

from typing import TypeVar

T = TypeVar("T")
_now = {"whole": False}


def try_all() -> None:
    """Let `share` return the whole from now on; to be called before tests are collected."""
    _now["whole"] = True


def share(each_time: T, whole: T) -> T:
    """Return what a test tries now: `each_time` in every run, the `whole` with `pytest --whole`."""
    return whole if _now["whole"] else each_time
