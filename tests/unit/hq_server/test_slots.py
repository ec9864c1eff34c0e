"""The timers of many branches are spread over the interval and stay there."""

from hypothesis import given
from hypothesis import strategies as st

from hq_server.gate.slots import seconds_to_slot

INTERVAL = 600


@given(st.integers(1, 400), st.floats(1.7e9, 1.9e9), st.integers(5, 86_400))
def test_a_slot_is_about_one_interval_away_whenever_the_branch_asks(
    of: int, at: float, interval: int
) -> None:
    for place in {0, of // 2, of - 1}:
        away = seconds_to_slot(place, of, interval_s=interval, at_s=at)
        assert interval / 2 - 1 <= away <= interval * 1.5 + 1


def test_branches_that_come_back_together_come_apart_in_one_interval() -> None:
    back = 1_795_147_200.0
    due = [back + seconds_to_slot(place, 300, interval_s=INTERVAL, at_s=back) for place in range(300)]

    a_minute = [
        sum(start <= at < start + 60 for at in due) for start in range(int(back) + 300, int(back) + 900, 60)
    ]
    assert sum(a_minute) == 300
    assert max(a_minute) <= 33


def test_a_branch_in_its_slot_keeps_its_pace() -> None:
    at = 1_795_147_200.0
    at += seconds_to_slot(7, 300, interval_s=INTERVAL, at_s=at)
    assert seconds_to_slot(7, 300, interval_s=INTERVAL, at_s=at) == INTERVAL
    assert seconds_to_slot(7, 300, interval_s=INTERVAL, at_s=at + 20) == INTERVAL - 20
