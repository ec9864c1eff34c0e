"""Several real processes on one database: each job runs once, and a killed process is followed by another."""

import subprocess
import sys
import time
from collections import Counter

import pytest
from sqlalchemy import text

from shared.db.engine import Database
from shared.jobs import queries
from shared.jobs.vocabulary import RunOutcome
from tests.support.job_process import make_tables


@pytest.fixture
def database(database_url):
    database = Database(database_url)
    make_tables(database)
    yield database
    database.dispose()


@pytest.fixture
def start(database):
    """Start a process that runs jobs; returns once it does."""
    processes = []

    def begin(seconds, *jobs):
        command = [sys.executable, "-m", "tests.support.job_process", database.url, str(seconds), *jobs]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        processes.append(process)
        assert process.stdout
        assert process.stdout.readline() == "started\n"
        return process

    yield begin
    for process in processes:
        process.kill()
        process.wait(20)
        assert process.stdout
        process.stdout.close()


def ran(database, what):
    with database.reads() as session:
        rows = session.execute(text("SELECT job, pid FROM ran WHERE what = :what"), {"what": what})
        return [(row.job, row.pid) for row in rows]


def wait_until(done):
    patience = time.monotonic() + 30
    while not done():
        assert time.monotonic() < patience
        time.sleep(0.05)


def test_eight_processes_run_each_due_job_once(database, start):
    jobs = [f"job-{number}" for number in range(12)]
    for _ in range(8):
        start(0.2, *jobs)

    wait_until(lambda: len(ran(database, "ended")) >= len(jobs))
    time.sleep(1.5)  # another tick of every process: had one run too many, it would have begun by now

    assert Counter(job for job, _ in ran(database, "began")) == dict.fromkeys(jobs, 1)
    with database.reads() as session:
        outcomes = Counter(run.outcome for run in session.scalars(queries.runs()))
    assert outcomes == {RunOutcome.DONE: len(jobs)}


def test_when_a_process_is_killed_in_a_run_another_takes_the_job_over(database, start):
    first = start(60, "job")
    wait_until(lambda: ran(database, "began"))
    second = start(0.1, "job")
    assert ran(database, "ended") == []

    first.kill()
    first.wait(20)
    wait_until(lambda: ran(database, "ended"))

    assert ran(database, "began") == [("job", first.pid), ("job", second.pid)]
    assert ran(database, "ended") == [("job", second.pid)]
    wait_until(lambda: _outcomes(database) == [RunOutcome.LOST, RunOutcome.DONE])


def test_a_process_told_to_stop_leaves_its_jobs_to_others_at_once(database, start):
    first = start(60, "job")
    wait_until(lambda: ran(database, "began"))
    first.terminate()
    assert first.wait(5) == 0

    start(0.1, "job")

    wait_until(lambda: ran(database, "ended"))
    wait_until(lambda: _outcomes(database) == [RunOutcome.STOPPED, RunOutcome.DONE])


def _outcomes(database):
    with database.reads() as session:
        return [run.outcome for run in session.scalars(queries.runs())][::-1]
