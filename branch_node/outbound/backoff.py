"""How long to wait after a cycle that did not work: full jitter, and the server's word above ours."""

from collections.abc import Callable
from datetime import timedelta
from typing import Final

FIRST_S: Final = 5.0
MOST_S: Final = 900.0
Rng = Callable[[float, float], float]


def next_wait(failures: int, *, uniform: Rng, hint_s: int | None = None) -> timedelta:
    """Return the wait after `failures` cycles failed in a row (at least one).

    A random span below 5 s doubled each time, at most 15 minutes, so that branches that lost HQ
    together do not come back together (exponential backoff with full jitter). A server's
    hint is obeyed, never undercut.
    """
    ceiling = min(MOST_S, FIRST_S * 2 ** min(failures, 16))
    wait = uniform(0.0, ceiling)
    return timedelta(seconds=max(wait, hint_s) if hint_s is not None else wait)
