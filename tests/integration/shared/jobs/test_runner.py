"""Jobs in one process whose clocks we hold: due, taken, kept, given up, made up."""

import time
from datetime import UTC, datetime, timedelta
from datetime import time as time_of_day
from pathlib import Path
from threading import Event, Thread

import pytest
from sqlalchemy import select, update

from shared.clock import FakeClock
from shared.config import Home, NodeSettings
from shared.db.engine import Database
from shared.errors import BranchlineError
from shared.jobs import Job, Outcome, StaleLeaseError, operations, queries
from shared.jobs.execution import Surroundings
from shared.jobs.jobs import JOBS
from shared.jobs.models import LEASE, JobLease, JobRun
from shared.jobs.runner import JobBusyError, JobUnknownError, Runner
from shared.jobs.vocabulary import RunOutcome
from shared.runtime import NodeRuntime
from tests.support.job_process import make_tables

NOON = datetime(2026, 3, 9, 4, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
ELSEWHERE = "elsewhere/1/1/1"


class WrongError(BranchlineError):
    message = "a person has to look"


class AwayError(BranchlineError):
    message = "the line is down"
    retryable = True


class Node:
    """A node on one database with clocks of our own."""

    def __init__(self, url):
        self.clock = FakeClock(NOON)
        self.seconds = 0.0
        settings = NodeSettings(Home(Path("nowhere")), url, "s" * 40)
        self.runtime = NodeRuntime(settings, self.clock, Database(url))
        self.sessions = self.runtime.database.sessions

    def pass_time(self, span):
        self.clock.advance(span)
        self.seconds += span.total_seconds()

    def runner(self, *jobs):
        runner = Runner(
            self.runtime, jobs, around=Surroundings(self.runtime, lambda: self.seconds, lambda: 0.0)
        )
        runner.plan()
        return runner

    def runs(self, job="work"):
        with self.runtime.database.reads() as session:
            return list(session.scalars(queries.runs(job=job)))[::-1]

    def outcomes(self, job="work"):
        return [run.outcome for run in self.runs(job)]


@pytest.fixture
def node(database_url):
    node = Node(database_url)
    make_tables(node.runtime.database)
    yield node
    node.runtime.database.dispose()


def working(run=lambda *_: Outcome.done(rows=2), **more):
    return Job("work", "Work", run, **({"every": HOUR} | more))


def run_all(runner):
    """Start what is due and wait for its end."""
    started = runner.start_due()
    assert all(one.join(timedelta(seconds=20)) for one in started)
    runner.watch()
    return len(started)


def test_a_due_job_runs_once_and_its_run_is_written_down(node):
    runner = node.runner(working())

    assert [run_all(runner), run_all(runner)] == [1, 0]

    (run,) = node.runs()
    assert (run.outcome, run.counts, run.started_at, run.ended_at) == (
        RunOutcome.DONE,
        {"rows": 2},
        NOON,
        NOON,
    )
    node.pass_time(HOUR)
    assert run_all(runner) == 1


def test_runs_missed_while_the_node_was_off_are_made_up_once(node):
    first = node.runner(working())
    run_all(first)
    node.pass_time(5 * HOUR)

    runner = node.runner(working())

    assert [run_all(runner), run_all(runner)] == [1, 0]


def test_a_nightly_job_missed_in_the_night_runs_in_the_morning(node):
    nightly = working(every=None, at=time_of_day(2, 0))
    assert run_all(node.runner(nightly)) == 0
    node.pass_time(20 * HOUR)  # 08:00 in Shanghai

    runner = node.runner(nightly)

    assert [run_all(runner), run_all(runner)] == [1, 0]
    node.pass_time(17 * HOUR)
    assert run_all(runner) == 0
    node.pass_time(2 * HOUR)
    assert run_all(runner) == 1


@pytest.mark.parametrize(
    ("error", "outcome", "told"),
    [
        (WrongError(), RunOutcome.FAILED, "error"),
        (AwayError(), RunOutcome.RETRY, "error"),
        (KeyError("x"), RunOutcome.FAILED, "KeyError: 'x'"),
    ],
)
def test_an_error_becomes_the_outcome_and_the_job_runs_again(node, error, outcome, told):
    def broken(*_):
        raise error

    runner = node.runner(working(broken))
    run_all(runner)

    (run,) = node.runs()
    assert (run.outcome, run.error) == (outcome, told)
    node.pass_time(HOUR)
    assert run_all(runner) == 1


def test_a_changed_schedule_counts_from_now(node):
    run_all(node.runner(working()))
    node.pass_time(timedelta(minutes=1))

    assert run_all(node.runner(working(every=timedelta(minutes=1)))) == 1


def test_a_hung_run_is_given_up_and_cannot_write_when_the_next_has_begun(node):
    began, go_on = Event(), Event()
    refused = []

    def hang(runtime, stamp, progress):
        began.set()
        go_on.wait(20)
        with pytest.raises(StaleLeaseError), runtime.database.sessions.begin() as session:
            progress.check_lease(session)
        refused.append(progress.stopping)
        return Outcome.done()

    runner = node.runner(working(hang, timeout=timedelta(minutes=5)))
    (hung,) = runner.start_due()
    assert began.wait(20)
    node.pass_time(timedelta(minutes=5))
    runner.watch()
    assert node.outcomes() == [RunOutcome.TIMED_OUT]

    node.pass_time(HOUR)
    assert run_all(node.runner(working(timeout=timedelta(minutes=6)))) == 1
    go_on.set()
    hung._thread.join(20)

    assert refused == [True]
    assert node.outcomes() == [RunOutcome.TIMED_OUT, RunOutcome.DONE]
    first, second = node.runs()
    assert second.fencing > first.fencing


def test_a_run_that_begins_while_the_runner_stops_gives_its_lease_back(node, monkeypatch):
    taken, go_on = Event(), Event()
    runner = node.runner(working(lambda _r, _s, progress: progress.stop.wait(20) and Outcome.done()))
    take = runner._take

    def slowly(*asked, **options):
        lease = take(*asked, **options)
        taken.set()
        go_on.wait(20)
        return lease

    monkeypatch.setattr(runner, "_take", slowly)
    starting = Thread(target=runner.start_due)
    starting.start()
    assert taken.wait(20)
    stopping = Thread(target=runner.stop)
    stopping.start()
    time.sleep(0.2)
    go_on.set()
    stopping.join(20)
    starting.join(20)

    with node.runtime.database.reads() as session:
        assert session.scalars(select(JobLease.holder)).all() == [None]


def test_a_lease_is_kept_while_its_run_works(node):
    began, go_on = Event(), Event()

    def slow(*_):
        began.set()
        go_on.wait(20)
        return Outcome.done()

    runner = node.runner(working(slow))
    (execution,) = runner.start_due()
    assert began.wait(20)
    for _ in range(8):
        node.pass_time(LEASE / 2)
        runner.watch()
        assert node.runner(working()).start_due() == []
        with pytest.raises(JobBusyError):
            node.runner(working()).run_now("work")
    go_on.set()
    assert execution.join(timedelta(seconds=20))
    assert node.outcomes() == [RunOutcome.DONE]


def test_the_lease_of_a_process_on_another_machine_is_taken_over_when_it_expires(node):
    runner = node.runner(working())
    with node.sessions.begin() as session:
        theirs = operations.take(session, "work", holder=ELSEWHERE, now=NOON)
    assert theirs is not None
    node.pass_time(LEASE - timedelta(seconds=1))
    assert run_all(runner) == 0

    node.pass_time(timedelta(seconds=1))

    assert run_all(runner) == 1
    assert node.outcomes() == [RunOutcome.LOST, RunOutcome.DONE]
    with node.sessions.begin() as session:
        assert not operations.renew(session, theirs, now=node.clock.now())
        with pytest.raises(StaleLeaseError):
            theirs.check(session)


def test_a_run_that_was_taken_for_dead_notices_and_its_record_stays(node):
    began, go_on = Event(), Event()

    def slow(*_):
        began.set()
        go_on.wait(20)
        return Outcome.done()

    runner = node.runner(working(slow))
    (suspended,) = runner.start_due()
    assert began.wait(20)
    node.pass_time(LEASE)  # nobody watched: the machine slept
    with node.sessions.begin() as session:
        assert operations.take(session, "work", holder=ELSEWHERE, now=node.clock.now())

    runner.watch()

    assert suspended.progress.stopping
    go_on.set()
    suspended._thread.join(20)
    assert node.outcomes() == [RunOutcome.LOST, None]


def test_a_clock_that_was_far_ahead_delays_nothing(node):
    node.clock.set(NOON + timedelta(days=400))
    run_all(node.runner(working()))
    with node.sessions.begin() as session:
        assert operations.take(session, "work", holder=ELSEWHERE, now=node.clock.now())
    node.clock.set(NOON)

    assert run_all(node.runner(working())) == 1


def test_stopping_asks_runs_to_end_and_gives_back_the_leases_of_those_that_do_not(node):
    began = Event()
    go_on = Event()

    def polite(runtime, stamp, progress):
        progress.pause(timedelta(seconds=20))
        progress.check_stop()
        return Outcome.done()

    def deaf(*_):
        began.set()
        go_on.wait(20)
        return Outcome.done()

    runner = node.runner(working(polite), Job("deaf", "Deaf", deaf, every=HOUR))
    runner.start_due()
    assert began.wait(20)

    before = time.monotonic()
    runner.stop(timedelta(seconds=0.3))
    assert time.monotonic() - before < 5

    assert node.outcomes() == node.outcomes("deaf") == [RunOutcome.STOPPED]
    with node.sessions() as session:
        assert session.scalars(select(JobLease.holder)).all() == [None, None]
    go_on.set()
    again = node.runner(working(), Job("deaf", "Deaf", lambda *_: Outcome.nothing(), every=HOUR))
    assert run_all(again) == 2


def test_run_now_runs_what_is_not_due_and_knows_its_jobs(node):
    runner = node.runner(working())
    run_all(runner)

    assert runner.run_now("work").outcome == Outcome.done(rows=2)

    with pytest.raises(JobUnknownError, match="work"):
        runner.run_now("wrok")


def test_run_now_waits_for_another_run_to_end(node):
    runner = node.runner(working())
    with node.sessions.begin() as session:
        assert operations.take(session, "work", holder=ELSEWHERE, now=NOON)
    ticks = iter(range(1000))

    def monotonic():
        if next(ticks) == 3:
            with node.sessions.begin() as session:
                session.execute(update(JobLease).values(holder=None, expires_at=None))
        return 0.0

    runner._around = Surroundings(node.runtime, monotonic, lambda: 0.0)

    assert runner.run_now("work", wait=timedelta(seconds=5)).outcome == Outcome.done(rows=2)


def test_old_runs_are_forgotten_but_never_the_last_of_a_job(node):
    with node.sessions.begin() as session:
        for job, age in [("a", 100), ("a", 95), ("a", 10), ("b", 200)]:
            at = NOON - timedelta(days=age)
            session.add(
                JobRun(
                    job=job,
                    started_at=at,
                    ended_at=at,
                    outcome=RunOutcome.DONE,
                    counts={},
                    holder="x",
                    fencing=1,
                )
            )
    trim = next(job for job in JOBS if job.name == "trim-job-runs")
    runner = node.runner(trim)

    assert runner.run_now(trim.name).outcome == Outcome.done(removed=2)

    assert [len(node.runs(job)) for job in "ab"] == [1, 1]


def test_the_state_of_every_job_can_be_asked(node):
    jobs = [working(), Job("never", "Never", lambda *_: Outcome.nothing(), at=time_of_day(2))]
    run_all(node.runner(*jobs))

    with node.runtime.database.reads() as session:
        ran, never = queries.list_states(session, jobs)

    assert ran.last is not None
    assert (ran.last.outcome, ran.running, ran.next_due_at) == (RunOutcome.DONE, None, NOON + HOUR)
    assert (never.last, never.next_due_at) == (None, datetime(2026, 3, 9, 18, 0, tzinfo=UTC))
