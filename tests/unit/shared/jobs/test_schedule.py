"""When a job is due next."""

from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.config import Home, NodeSettings
from shared.jobs import Job, Outcome
from shared.jobs.schedule import first_due, next_due, next_local
from shared.jobs.vocabulary import RunOutcome

NOON = datetime(2026, 3, 9, 4, 0, tzinfo=UTC)  # noon in Shanghai
SETTINGS = NodeSettings(Home(Path("nowhere")), "sqlite://", "s" * 40)
TEN = timedelta(minutes=10)


def job(**schedule):
    return Job("push", "Push", lambda *_: Outcome.nothing(), **schedule)


def due(one, outcome, *, started=NOON, now=NOON, chance=0.0):
    return next_due(one, SETTINGS, outcome, started=started, now=now, chance=chance)


def test_a_new_node_runs_its_timed_jobs_at_once_and_its_nightly_jobs_at_night():
    assert first_due(job(every=TEN), SETTINGS, now=NOON) == NOON
    assert first_due(job(at=time(2, 0)), SETTINGS, now=NOON) == datetime(2026, 3, 9, 18, 0, tzinfo=UTC)


def test_the_span_counts_from_the_start_of_a_run_and_jitter_is_added():
    one = job(every=TEN, jitter=timedelta(minutes=2))
    assert due(one, Outcome.done(), now=NOON + timedelta(minutes=1), chance=0.5) == NOON + timedelta(
        minutes=11
    )


def test_missed_runs_are_made_up_by_one():
    late = NOON + timedelta(hours=5)
    assert due(job(every=TEN), Outcome.done(), now=late) == late
    assert due(job(every=TEN), Outcome.done(), started=late, now=late) == late + TEN


def test_a_servers_hint_moves_the_next_run():
    hint = timedelta(hours=1)
    assert due(job(every=TEN), Outcome.retry("busy", after=hint)) == NOON + hint


def test_a_nightly_job_that_could_not_run_does_not_wait_for_the_next_night():
    assert due(job(at=time(2, 0)), Outcome.retry("line down")) == NOON + TEN
    assert due(job(at=time(2, 0)), Outcome.failed("broken")) == datetime(2026, 3, 9, 18, 0, tzinfo=UTC)


def test_a_run_stopped_with_its_process_is_due_at_once():
    assert due(job(at=time(2, 0)), Outcome(RunOutcome.STOPPED)) == NOON


def test_the_span_may_come_from_the_settings():
    one = job(every=lambda settings: timedelta(seconds=len(settings.secret_key)))
    assert due(one, Outcome.done()) == NOON + timedelta(seconds=40)
    assert one.schedule(SETTINGS) == "every 40"


def test_a_time_of_day_that_the_clock_skips_or_repeats_comes_once():
    berlin = "Europe/Berlin"
    spring = datetime(2026, 3, 28, 12, 0, tzinfo=UTC)
    first = next_local(time(2, 30), berlin, after=spring)
    assert first == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert next_local(time(2, 30), berlin, after=first) == datetime(2026, 3, 30, 0, 30, tzinfo=UTC)
    autumn = next_local(time(2, 30), berlin, after=datetime(2026, 10, 24, 12, 0, tzinfo=UTC))
    assert autumn == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert next_local(time(2, 30), berlin, after=autumn) == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)


@given(
    after=st.integers(946_684_800, 4_102_444_800).map(lambda second: datetime.fromtimestamp(second, UTC)),
    at=st.times(),
    zone=st.sampled_from(["Asia/Shanghai", "Europe/Berlin", "America/St_Johns", "UTC"]),
)
def test_the_next_time_of_day_is_ahead_and_within_a_day_and_an_hour(after, at, zone):
    moment = next_local(at, zone, after=after)
    assert timedelta(0) < moment - after <= timedelta(hours=25)


def test_a_job_has_one_schedule():
    with pytest.raises(ValueError, match="either"):
        job()
    with pytest.raises(ValueError, match="either"):
        job(every=TEN, at=time(2))
