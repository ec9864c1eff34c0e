from datetime import UTC, datetime, timedelta

import pytest

from hq_server.branches.queries import LinkState, link_state

NOW = datetime(2026, 11, 18, 4, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("silent_for_s", "cycle_ms", "expected"),
    [
        (0, None, LinkState.UP),
        (900, 1_000, LinkState.UP),
        (901, 1_000, LinkState.SLOW),
        (1_800, None, LinkState.SLOW),
        (1_801, None, LinkState.DOWN),
        (10, 300_000, LinkState.UP),
        (10, 300_001, LinkState.SLOW),
        (1_801, 300_001, LinkState.DOWN),
    ],
)
def test_a_line_is_up_slow_or_down_by_silence_and_by_how_long_a_cycle_took(silent_for_s, cycle_ms, expected):
    heard = NOW - timedelta(seconds=silent_for_s)

    assert link_state(heard, 600, cycle_ms, NOW) is expected


def test_a_branch_that_never_called_waits():
    assert link_state(None, 600, None, NOW) is LinkState.WAITING
