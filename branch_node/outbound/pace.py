"""How large the next batch is: grown step by step while batches go quickly, halved when one is slow; pure.

Additive increase, multiplicative decrease: a batch should take 2 to 5 seconds from push to receipt, on any line.
Between the two nothing changes, so a steady line keeps a steady size.
"""

from dataclasses import dataclass, replace
from typing import Final

QUICK_S: Final = 2.0
SLOW_S: Final = 5.0
LEAST_CHANGES: Final = 200
MOST_CHANGES: Final = 10_000
STEP_CHANGES: Final = 1_000
# Bytes before compression.
LEAST_SIZE: Final = 64 * 2**10
MOST_SIZE: Final = 8 * 2**20
STEP_SIZE: Final = 2**20


@dataclass(frozen=True, slots=True)
class Pace:
    """Most changes in a batch, and most bytes of it before compression."""

    changes: int
    size: int


@dataclass(frozen=True, slots=True)
class Taken:
    """A batch of `changes` changes and `size` bytes took `seconds`; not `answered` when nothing came back in time."""

    changes: int
    size: int
    seconds: float
    answered: bool = True


# A line nobody knows yet: little enough for the slowest, and a fast one is at its most after ten batches.
FIRST: Final = Pace(changes=STEP_CHANGES, size=STEP_SIZE)


def next_pace(pace: Pace, taken: Taken) -> Pace:
    """Return the pace after a batch.

    A slow one halves what it held, not what has been set meanwhile: two batches sealed at one pace halve it once. No
    answer at once is a line that is down, which tells nothing of its speed.
    """
    if taken.seconds > SLOW_S:
        return Pace(
            changes=min(pace.changes, max(LEAST_CHANGES, taken.changes // 2)),
            size=min(pace.size, max(LEAST_SIZE, taken.size // 2)),
        )
    if not taken.answered or taken.seconds >= QUICK_S:
        return pace
    return _grown(pace, taken)


def _grown(pace: Pace, taken: Taken) -> Pace:
    """Grow what the batch was limited by; never more than twofold, so that no step leads from quick to slow."""
    if taken.changes >= pace.changes:
        step = min(STEP_CHANGES, pace.changes)
        pace = replace(pace, changes=min(MOST_CHANGES, pace.changes + step))
    if taken.size * 2 > pace.size:
        pace = replace(pace, size=min(MOST_SIZE, pace.size + min(STEP_SIZE, pace.size)))
    return pace
