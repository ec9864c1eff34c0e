"""Who is let in to deliver: a few branches at a time, the others told when to come again, in a line nobody jumps.

Only the branch that signed is known here, so strangers take no place. Everything is in memory and takes microseconds: a
refusal costs neither a transaction nor the reading of a body. Spans only, never times of day; the line is kept by
how long each has waited.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from threading import Lock
from typing import Final

# Between two batches of one branch: its place is not given away while it seals the next.
LINGER_S: Final = 0.5
# A turn is over when nothing came for so long; on a slow line a batch is on its way for seconds.
TURN_KEPT_S: Final = 20.0
# So much of our time a turn is given while others are at the door; then the branch goes to the end of the line.
TURN_S: Final = 2.0
# Turns at once for each slot, most of them on slow lines and idle here; when none is left, one ends after so long.
TURNS_A_SLOT: Final = 8
LONGEST_TURN_S: Final = 60.0
# Deliveries at once for each slot, when idle turns come to life together: what bounds memory and threads.
DELIVERIES_A_SLOT: Final = 2
LONGEST_WAIT_S: Final = 60
# Of two in the line that were told to come about now, the one that is here goes first, unless the other has waited this
# much longer: else slots stand empty between them.
OVERTAKE_S: Final = 15.0
# A slot is kept free so long for a branch that was told to come now.
CALLED_S: Final = 8.0
# One that does not come is forgotten this long after it was to.
FORGOTTEN_S: Final = 120.0
SHARE_OF_NEWEST: Final = 0.2


class Lane(Enum):
    """What a branch has to deliver, with the seconds by which its place in the line lies behind its coming.

    So little goes before much and today before earlier days; but what has waited longer by that much goes first. Of
    several slots one is kept for branches with little.
    """

    LITTLE = 0
    TODAY = 20
    BACKLOG = 60


@dataclass(frozen=True, slots=True)
class Wait:
    """A branch is to come again after `seconds`; `place` branches go before it."""

    place: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Turn:
    """A branch that is being taken in: since when, when it was last seen, its deliveries at this moment.

    `used` are the seconds we have worked for it.
    """

    branch: int
    lane: Lane
    began: float
    seen: float
    at_work: int = 0
    delivered: int = 0
    used: float = 0.0

    def is_busy(self, now: float) -> bool:
        """Whether it takes a slot: one whose next batch is long on its way does not."""
        return self.at_work > 0 or now - self.seen < LINGER_S


@dataclass(frozen=True, slots=True)
class Ticket:
    """A branch's place in the line; it is to come at `ready`."""

    branch: int
    lane: Lane
    since: float
    ready: float

    @property
    def order(self) -> tuple[float, int]:
        """Who goes first: the one that has waited longest, its lane allowed for."""
        return self.since + self.lane.value, self.branch

    def is_called(self, now: float) -> bool:
        """Whether it was told to come about now, so that a slot is kept for it."""
        return self.ready - LINGER_S <= now < self.ready + CALLED_S


@dataclass(frozen=True, slots=True)
class Look:
    """What stands in the intake at one moment, `now` by its own clock; both in order."""

    now: float
    slots: int
    turns: tuple[Turn, ...]
    line: tuple[Ticket, ...]


class Intake:
    """Lets branches in; one for each process that serves."""

    def __init__(
        self, slots: int, *, monotonic: Callable[[], float], uniform: Callable[[float, float], float]
    ) -> None:
        """Let `slots` branches deliver at once; `monotonic` measures spans, `uniform(low, high)` spreads waits."""
        self._slots = slots
        self._monotonic = monotonic
        self._uniform = uniform
        self._turns: dict[int, Turn] = {}
        self._line: dict[int, Ticket] = {}
        # How much of our time a turn takes, learnt as they end.
        self._usual_s = TURN_S / 2
        self._lock = Lock()

    def ask(self, branch: int, lane: Lane) -> Wait | None:
        """Give a branch its turn, or return how long it has to wait; its place is kept until then and some more."""
        with self._lock:
            return self._ask(branch, lane, self._monotonic())

    def begin(self, branch: int, lane: Lane) -> Wait | None:
        """Let a delivery of a branch in, whose end must be told; or return how long it has to wait."""
        with self._lock:
            now = self._monotonic()
            wait = self._ask(branch, lane, now)
            if wait is not None:
                return wait
            if sum(turn.at_work for turn in self._turns.values()) >= self._slots * DELIVERIES_A_SLOT:
                return Wait(place=0, seconds=1)
            turn = self._turns[branch]
            self._turns[branch] = replace(turn, at_work=turn.at_work + 1, seen=now)
            return None

    def end(self, branch: int, *, last: bool) -> None:
        """Note that a delivery has been answered; after its `last` one the branch gives up its turn."""
        with self._lock:
            now = self._monotonic()
            turn = self._turns.get(branch)
            if turn is None:
                return
            used, delivered = turn.used + now - turn.seen, turn.delivered + 1
            turn = replace(turn, at_work=turn.at_work - 1, delivered=delivered, used=used, seen=now)
            self._turns[branch] = turn
            if last and turn.at_work == 0:
                self._give_up(turn)

    def look(self) -> Look:
        """Return who is being taken in and who waits."""
        with self._lock:
            now = self._monotonic()
            self._forget(now)
            line = sorted(self._line.values(), key=lambda ticket: ticket.order)
            turns = sorted(self._turns.values(), key=lambda turn: turn.began)
            return Look(now, self._slots, tuple(turns), tuple(line))

    def _ask(self, branch: int, lane: Lane, now: float) -> Wait | None:
        self._forget(now)
        turn = self._turns.get(branch)
        if turn is not None:
            if not self._must_yield(turn, lane, now):
                self._turns[branch] = replace(turn, lane=lane, seen=now)
                return None
            self._give_up(turn)
        mine = self._line.get(branch) or Ticket(branch, lane, since=now, ready=now)
        # What it has to deliver may have changed since; how long it has waited has not.
        mine = replace(mine, lane=lane)
        ahead = [other for other in self._line.values() if other.order < mine.order]
        patience = OVERTAKE_S if branch in self._line else 0.0
        before_me = [one for one in ahead if one.is_called(now) and one.order[0] + patience < mine.order[0]]
        if self._has_room(lane, before_me, now):
            self._line.pop(branch, None)
            self._turns[branch] = Turn(branch, lane, began=now, seen=now)
            return None
        # Those with little have a slot of their own, where only their like goes before them.
        little = lane is Lane.LITTLE and self._slots > 1
        wait = self._wait(sum(other.lane is lane for other in ahead) if little else len(ahead))
        self._line[branch] = replace(mine, ready=now + wait.seconds)
        return wait

    def _has_room(self, lane: Lane, called: Sequence[Ticket], now: float) -> bool:
        """Whether a slot is free that is kept for none of those `called` before."""
        busy = [turn for turn in self._turns.values() if turn.is_busy(now)]
        free = self._slots - len(busy)
        if len(self._turns) >= self._slots * TURNS_A_SLOT or free <= 0:
            return False
        kept = self._slots > 1 and not any(turn.lane is Lane.LITTLE for turn in busy)
        if lane is Lane.LITTLE and kept:
            return not any(other.lane is Lane.LITTLE for other in called)
        return free - kept > len(called)

    def _must_yield(self, turn: Turn, lane: Lane, now: float) -> bool:
        """Whether a branch has had its turn: others are at the door, and time is up or theirs is more urgent.

        Never before it has delivered something, so everybody gets on.
        """
        called = [other for other in self._line.values() if other.is_called(now)]
        if turn.at_work or not turn.delivered or not called:
            return False
        if len(self._turns) >= self._slots * TURNS_A_SLOT:
            return now - turn.began >= LONGEST_TURN_S or turn.used >= TURN_S
        others = sum(one.is_busy(now) for one in self._turns.values() if one is not turn)
        if len(called) < self._slots - others:
            return False
        return turn.used >= TURN_S or any(other.lane.value < lane.value for other in called)

    def _wait(self, place: int) -> Wait:
        """Return when a place in the line may come up; rather early, for a refusal costs less than an empty slot."""
        likely = (place + 1) / max(1, self._slots - 1) * self._usual_s
        seconds = min(float(LONGEST_WAIT_S), max(1.0, likely)) * self._uniform(0.7, 1.0)
        return Wait(place=place, seconds=math.ceil(seconds))

    def _give_up(self, turn: Turn) -> None:
        del self._turns[turn.branch]
        self._usual_s += (turn.used - self._usual_s) * SHARE_OF_NEWEST

    def _forget(self, now: float) -> None:
        """Drop turns in which nothing comes any more, and those in the line who did not come when told to."""
        for turn in list(self._turns.values()):
            if not turn.at_work and now - turn.seen > TURN_KEPT_S:
                del self._turns[turn.branch]
        for ticket in list(self._line.values()):
            if now > ticket.ready + FORGOTTEN_S:
                del self._line[ticket.branch]
