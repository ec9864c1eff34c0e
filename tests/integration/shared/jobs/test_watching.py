"""A node whose jobs nobody runs says so to whoever asks it anything: silence is not health."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from shared.alarms.models import Alarm
from shared.clock import FakeClock
from shared.config import Home, NodeSettings
from shared.db.base import Base
from shared.db.engine import Database
from shared.jobs import Outcome, operations
from shared.jobs.watching import JobsWatch
from shared.runtime import NodeRuntime
from tests.support.job_process import make_tables

NOON = datetime(2026, 3, 9, 4, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class Node:
    """A node on one database, whose clock we hold, with a job that is due each minute."""

    def __init__(self, url):
        self.clock = FakeClock(NOON)
        settings = NodeSettings(Home(Path("nowhere")), url, "s" * 40)
        self.runtime = NodeRuntime(settings, self.clock, Database(url))
        make_tables(self.runtime.database)
        with self.runtime.database.engine.begin() as connection:
            Base.metadata.create_all(connection, tables=[Base.metadata.tables[Alarm.__tablename__]])
        with self.runtime.database.sessions.begin() as session:
            operations.plan(session, "work", "every minute", due_at=NOON)

    def work_off(self):
        """Run the job, as a runner does."""
        now = self.clock.now()
        with self.runtime.database.sessions.begin() as session:
            lease = operations.take(session, "work", holder="somebody", now=now)
            assert lease is not None
            operations.finish(session, lease, Outcome.nothing(), now=now, due_at=now + 2 * MINUTE)

    def watched(self, watch, minutes):
        """Ask for something every half minute; tell the alarms there are then."""
        for _half in range(2 * minutes):
            watch.look()
            self.clock.advance(MINUTE / 2)
        watch.look()
        return self.alarms()

    def alarms(self):
        with self.runtime.database.reads() as session:
            found = session.scalars(select(Alarm).order_by(Alarm.opened_at)).all()
            return [(one.code, one.details["due_at"], one.times, one.is_open) for one in found]


@pytest.fixture
def node(database_url):
    node = Node(database_url)
    yield node
    node.runtime.database.dispose()


def test_jobs_that_nobody_runs_become_an_alarm_which_names_since_when(node):
    watch = JobsWatch(node.runtime)

    assert node.watched(watch, 5) == []
    assert node.watched(watch, 10) == [("jobs-stopped", NOON.isoformat(), 1, True)]


def test_the_alarm_is_over_once_a_job_is_run_and_another_stop_is_another_alarm(node):
    watch = JobsWatch(node.runtime)
    node.watched(watch, 10)

    node.work_off()
    assert [is_open for *_, is_open in node.watched(watch, 1)] == [False]
    assert [is_open for *_, is_open in node.watched(watch, 4)] == [False]
    assert [is_open for *_, is_open in node.watched(watch, 10)] == [False, True]


def test_one_long_run_at_work_is_no_stop_though_others_wait(node):
    with node.runtime.database.sessions.begin() as session:
        operations.plan(session, "backup", "daily", due_at=NOON)
        lease = operations.take(session, "backup", holder="somebody", now=NOON)
        assert lease is not None
    watch = JobsWatch(node.runtime)

    for _half in range(40):
        with node.runtime.database.sessions.begin() as session:
            assert operations.renew(session, lease, now=node.clock.now())
        watch.look()
        node.clock.advance(MINUTE / 2)

    assert node.alarms() == []


def test_a_node_that_starts_in_the_morning_has_missed_the_night_and_that_is_no_alarm(node):
    node.clock.advance(timedelta(hours=12))
    watch = JobsWatch(node.runtime)
    watch.look()
    node.clock.advance(MINUTE)
    node.work_off()

    assert node.watched(watch, 1) == []


def test_a_clock_that_is_put_back_while_jobs_run_raises_nothing(node):
    watch = JobsWatch(node.runtime)
    node.watched(watch, 3)
    node.clock.advance(timedelta(hours=-1))

    assert node.watched(watch, 10) == []


def test_two_who_watch_raise_it_once(node):
    one, other = JobsWatch(node.runtime), JobsWatch(node.runtime)
    for _half in range(20):
        one.look()
        other.look()
        node.clock.advance(MINUTE / 2)

    assert node.alarms() == [("jobs-stopped", NOON.isoformat(), 1, True)]
