"""A branch whose disk is full: people are told at once, nothing is half saved, reading goes on."""

from collections import namedtuple

import psycopg
import pytest
from sqlalchemy import event, func, select
from sqlalchemy.exc import OperationalError

from branch_node.customers.models import Customer
from shared.alarms.queries import list_open
from shared.db.space import MB, DiskSpace
from shared.jobs.job import Progress
from shared.jobs.jobs import watch_space
from shared.jobs.runner import Runner
from shared.jobs.vocabulary import RunOutcome
from sync_protocol.changelog.models import Change
from tests.support.branch import ANA

Usage = namedtuple("Usage", "total used free")
SENTENCE = {"en": "The disk of this node is full.", "zh_CN": "本节点的磁盘已满。"}


class Disk:
    def __init__(self):
        self.free_mb = 10_000

    def __call__(self, _path):
        return Usage(0, 0, self.free_mb * MB)


@pytest.fixture
def runtime(app):
    return app.extensions["branchline"]


@pytest.fixture
def disk(runtime):
    told = Disk()
    runtime.__dict__["space"] = DiskSpace(runtime.settings.home, reserve_mb=1, limit_mb=10, usage=told)
    return told


def register(browser, number, **more):
    form = {"customer_no": number, "kind": "individual", "name": "张伟", "status": "active", **more}
    return browser.send("/customers", **form)


def counts(database):
    with database.reads() as session:
        return tuple(session.scalar(select(func.count()).select_from(model)) for model in (Customer, Change))


def alarms(database):
    with database.reads() as session:
        return [alarm.code for alarm in list_open(session)]


@pytest.mark.parametrize("language", ["en", "zh_CN"])
def test_without_room_saving_is_refused_with_what_to_do_and_reading_goes_on(
    browser, database, disk, language
):
    browser.send("/account/language", language=language)
    assert register(browser, "K1").status_code == 200
    before = counts(database)

    disk.free_mb = 5
    answer = register(browser, "K2")

    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "60"
    assert SENTENCE[language] in answer.text
    assert counts(database) == before
    assert browser.get("/customers").status_code == 200
    assert "K1" in browser.get("/customers").text

    disk.free_mb = 10_000
    assert register(browser, "K2").status_code == 200
    assert counts(database)[0] == 2


def test_people_can_sign_in_to_read_while_the_disk_is_full(browser, make_user, sign_in, disk):
    make_user("li")
    disk.free_mb = 5
    assert register(browser, "K1").status_code == 503

    assert sign_in("li").get("/customers").status_code == 200


def test_a_write_the_database_has_no_room_for_is_not_half_captured(browser, database, runtime, dialect):
    if dialect == "postgresql":

        def refuse(_connection, _cursor, statement, parameters, _context, _many):
            if statement.startswith("INSERT INTO customers"):
                raise OperationalError(statement, parameters, psycopg.errors.DiskFull("no space left"))

        event.listen(database.engine, "before_cursor_execute", refuse)
    else:
        event.listen(database.engine, "begin", lambda one: one.exec_driver_sql("PRAGMA max_page_count=1"))
    refused = 0
    for number in range(60):
        before = counts(database)
        answer = register(browser, f"K{number}", remark="x" * 500, address="y" * 200)
        rows, changes = counts(database)
        assert answer.status_code in {200, 503}
        assert (rows, changes) == (before if answer.status_code == 503 else (before[0] + 1, before[1] + 1))
        if answer.status_code == 503:
            assert SENTENCE["en"] in answer.text
            refused += 1
            break
    assert refused
    assert runtime.space.is_full
    assert browser.get("/customers").status_code == 200


def test_the_alarm_stands_while_the_disk_is_full_and_the_reserve_comes_back(database, runtime, disk):
    watch_space(runtime, ANA, Progress())
    home = runtime.settings.home.path
    assert (home / "reserve").stat().st_size == MB
    assert alarms(database) == []

    disk.free_mb = 5
    watch_space(runtime, ANA, Progress())
    assert not (home / "reserve").exists()
    assert alarms(database) == ["disk-full"]

    disk.free_mb = 10_000
    watch_space(runtime, ANA, Progress())
    assert (home / "reserve").exists()
    assert alarms(database) == []


def test_jobs_wait_for_room_but_for_those_that_make_it_or_tell_of_it(runtime, disk):
    from branch_node.app import JOBS

    disk.free_mb = 5
    runner = Runner(runtime, JOBS)
    statistics = next(job.name for job in JOBS if not job.when_full)

    def ended(job: str) -> RunOutcome | None:
        outcome = runner.run_now(job).outcome
        return outcome.kind if outcome else None

    assert ended(statistics) is RunOutcome.RETRY
    assert ended("watch-space") is RunOutcome.DONE
    assert ended("watch-outbox") is RunOutcome.NOTHING
    assert {"push", "purge-outbox", "watch-space"} <= {job.name for job in JOBS if job.when_full}
