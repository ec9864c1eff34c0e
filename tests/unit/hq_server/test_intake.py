"""A herd at the door: few are let in at once, whoever has waited longest goes first, and nobody waits without end."""

import heapq
import random
from dataclasses import dataclass, field
from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st

from hq_server.intake import (
    DELIVERIES_A_SLOT,
    FORGOTTEN_S,
    LINGER_S,
    LONGEST_WAIT_S,
    OVERTAKE_S,
    TURN_KEPT_S,
    TURN_S,
    TURNS_A_SLOT,
    Intake,
    Lane,
    Wait,
)

SLOTS = 4
BATCH_S = 0.5


class Span:
    """A clock of spans that is moved by hand."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


def an_intake(span: Span, slots: int = SLOTS, seed: int = 1) -> Intake:
    return Intake(slots, monotonic=span, uniform=random.Random(seed).uniform)


@dataclass
class Herd:
    """Branches with so many batches each, all back at the same moment; played event by event."""

    batches: list[int]
    lane: Lane = Lane.TODAY
    upload_s: float = 0.01
    seed: int = 1
    late: dict[int, float] = field(default_factory=dict)
    finished: dict[int, float] = field(default_factory=dict)
    refused: int = 0
    most_at_once: int = 0

    def play(self) -> None:
        span, rng = Span(), random.Random(self.seed)
        intake = an_intake(span, seed=self.seed)
        left, order, at_work = list(self.batches), count(), 0
        events = [
            (self.late.get(one, rng.random()), next(order), "ask", one) for one in range(len(self.batches))
        ]
        heapq.heapify(events)

        def later(seconds: float, what: str, branch: int) -> None:
            heapq.heappush(events, (span.at + seconds, next(order), what, branch))

        while events:
            span.at, _order, what, branch = heapq.heappop(events)
            assert span.at < 50_000, "somebody waits without end"
            lane = Lane.LITTLE if left[branch] <= 1 else self.lane
            if what == "done":
                at_work -= 1
                left[branch] -= 1
                intake.end(branch, last=left[branch] == 0)
                if left[branch]:
                    later(self.upload_s, "begin", branch)
                else:
                    self.finished[branch] = span.at
                continue
            wait = intake.ask(branch, lane) if what == "ask" else intake.begin(branch, lane)
            if wait is not None:
                self.refused += 1
                # Its jobs are looked at once a second.
                later(wait.seconds + rng.random(), "ask", branch)
            elif what == "ask":
                later(self.upload_s, "begin", branch)
            else:
                at_work += 1
                self.most_at_once = max(self.most_at_once, at_work)
                later(BATCH_S, "done", branch)


def test_a_slot_is_given_to_whoever_comes_while_one_is_free() -> None:
    intake = an_intake(Span(), slots=2)

    assert intake.begin(1, Lane.TODAY) is None
    wait = intake.begin(2, Lane.TODAY)
    assert isinstance(wait, Wait), "of several slots one is kept for branches with little"
    assert intake.begin(3, Lane.LITTLE) is None
    wait = intake.begin(4, Lane.LITTLE)
    assert isinstance(wait, Wait)
    assert wait.place == 0
    assert 1 <= wait.seconds <= LONGEST_WAIT_S


def test_who_has_waited_longest_goes_first_and_a_place_in_the_line_is_kept() -> None:
    span = Span()
    intake = an_intake(span, slots=1)
    intake.begin(1, Lane.TODAY)
    first = intake.begin(2, Lane.TODAY)
    assert first is not None
    span.at = OVERTAKE_S + 1
    again = intake.begin(2, Lane.TODAY)
    second = intake.begin(3, Lane.TODAY)
    assert again is not None
    assert second is not None
    assert (again.place, second.place) == (0, 1)
    intake.end(1, last=True)

    span.at += again.seconds
    assert intake.begin(3, Lane.TODAY) is not None, "3 finds the slot kept for 2"
    assert intake.begin(2, Lane.TODAY) is None


def test_of_two_who_came_about_together_the_one_that_is_here_need_not_wait_for_the_other() -> None:
    span = Span()
    intake = an_intake(span, slots=1)
    intake.begin(1, Lane.TODAY)
    for branch in (2, 3):
        assert intake.begin(branch, Lane.TODAY) is not None
    intake.end(1, last=True)

    span.at = 3.0
    assert intake.begin(3, Lane.TODAY) is None


def test_a_slot_is_not_kept_for_one_that_does_not_come_and_in_the_end_it_is_forgotten() -> None:
    span = Span()
    intake = an_intake(span, slots=1)
    intake.begin(1, Lane.TODAY)
    wait = intake.begin(2, Lane.TODAY)
    assert wait is not None
    intake.end(1, last=True)

    span.at = wait.seconds + 9.0
    assert intake.begin(3, Lane.TODAY) is None
    assert [ticket.branch for ticket in intake.look().line] == [2]

    span.at = wait.seconds + FORGOTTEN_S + 1
    assert intake.look().line == ()


def test_today_goes_before_the_backlog_until_the_backlog_has_waited_long() -> None:
    span = Span()
    intake = an_intake(span, slots=1)
    intake.begin(1, Lane.TODAY)
    intake.ask(2, Lane.BACKLOG)
    span.at = 30.0
    intake.ask(3, Lane.TODAY)
    intake.ask(4, Lane.LITTLE)
    assert [ticket.branch for ticket in intake.look().line] == [4, 3, 2]

    span.at = 61.0
    intake.ask(5, Lane.LITTLE)
    assert [ticket.branch for ticket in intake.look().line] == [4, 3, 2, 5]


def test_a_branch_in_its_backlog_makes_room_for_todays_facts_after_a_batch() -> None:
    span = Span()
    intake = an_intake(span, slots=1)
    assert intake.begin(1, Lane.BACKLOG) is None
    wait = intake.begin(2, Lane.LITTLE)
    assert wait is not None
    span.at = float(wait.seconds)
    intake.end(1, last=False)

    assert intake.begin(1, Lane.BACKLOG) is not None
    span.at += LINGER_S
    assert intake.begin(2, Lane.LITTLE) is None


def test_a_turn_goes_on_while_nobody_is_at_the_door_and_ends_when_somebody_is() -> None:
    span = Span()
    intake = an_intake(span, slots=1)
    for _batch in range(40):
        assert intake.begin(1, Lane.TODAY) is None
        span.at += 1.0
        intake.end(1, last=False)

    wait = intake.begin(2, Lane.TODAY)
    assert wait is not None
    span.at += wait.seconds
    assert intake.begin(1, Lane.TODAY) is not None, "its time has long been over"


def test_turns_in_which_nothing_comes_hold_nobody_up() -> None:
    span = Span()
    intake = an_intake(span, slots=1)
    intake.ask(1, Lane.TODAY)
    assert intake.ask(2, Lane.TODAY) is not None

    span.at = 3.5  # 1 is on a slow line: its batch is still on the way
    assert intake.ask(3, Lane.TODAY) is not None, "2 was here before"
    assert intake.ask(2, Lane.TODAY) is None
    assert intake.begin(1, Lane.TODAY) is None, "its turn still stands"

    span.at += TURN_KEPT_S * 2
    intake.end(1, last=False)
    span.at += TURN_KEPT_S * 2
    assert intake.look().turns == ()


def test_however_many_come_at_once_the_deliveries_at_work_are_bounded() -> None:
    span = Span()
    intake = an_intake(span, slots=2)
    for branch in range(10):
        span.at += LINGER_S  # every turn before looks idle by now
        assert intake.ask(branch, Lane.TODAY) is None

    answers = [intake.begin(branch, Lane.TODAY) for branch in range(10)]

    assert answers.count(None) == 2 * DELIVERIES_A_SLOT
    assert set(answers) == {None, Wait(place=0, seconds=1)}, "the others keep their turns"


def test_turns_are_bounded_too() -> None:
    span = Span()
    intake = an_intake(span, slots=1)
    for branch in range(30):
        span.at += LINGER_S
        intake.ask(branch, Lane.TODAY)

    assert len(intake.look().turns) == TURNS_A_SLOT


def test_one_branch_alone_cannot_take_more_than_its_share_of_deliveries() -> None:
    intake = an_intake(Span(), slots=2)
    assert [intake.begin(7, Lane.TODAY) is None for _twin in range(6)].count(True) <= 2 * DELIVERIES_A_SLOT


def test_three_hundred_branches_with_much_behind_them_all_get_in_and_none_starves() -> None:
    herd = Herd(batches=[6] * 300)
    herd.play()

    # One slot is kept for branches with little.
    work_s = 300 * 6 * BATCH_S / (SLOTS - 1)
    times = sorted(herd.finished.values())
    assert len(times) == 300
    assert herd.most_at_once <= SLOTS * DELIVERIES_A_SLOT
    assert times[-1] < 1.35 * work_s, "slots stood empty while branches waited"
    assert times[-1] < 2 * times[150], "somebody was left behind"


def test_a_small_branch_among_three_hundred_large_ones_is_in_within_a_minute() -> None:
    small = {300 + one: 50.0 + 10 * one for one in range(20)}
    herd = Herd(batches=[6] * 300 + [1] * 20, late=small)
    herd.play()

    lags = sorted(herd.finished[one] - came for one, came in small.items())
    assert lags[18] < 60, lags


def test_on_slow_lines_slots_do_not_stand_empty_while_batches_are_on_their_way() -> None:
    herd = Herd(batches=[5] * 40, upload_s=4.0)
    herd.play()

    one_after_the_other = 40 * 5 * (4.0 + BATCH_S) / SLOTS
    assert max(herd.finished.values()) < one_after_the_other / 2


@given(
    st.lists(st.integers(1, 30), min_size=1, max_size=40),
    st.floats(0.0, 6.0),
    st.integers(0, 2**16),
    st.sampled_from([Lane.TODAY, Lane.BACKLOG]),
)
@settings(max_examples=40)
def test_whoever_comes_with_whatever_gets_in(
    batches: list[int], upload_s: float, seed: int, lane: Lane
) -> None:
    herd = Herd(batches=batches, upload_s=upload_s, seed=seed, lane=lane)
    herd.play()

    assert len(herd.finished) == len(batches)
    assert herd.most_at_once <= SLOTS * DELIVERIES_A_SLOT


def test_a_turn_lasts_longer_than_the_slowest_batch_aimed_at() -> None:
    # A branch aims at five seconds a batch: its turn must survive one on a slow line.
    assert TURN_KEPT_S > 2 * TURN_S
