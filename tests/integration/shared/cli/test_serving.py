"""`serve` and `jobs` as processes: they start, answer, run jobs and stop when told."""

import json
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import closing
from datetime import timedelta
from urllib.error import HTTPError

import pytest
from click.testing import CliRunner
from sqlalchemy import select, update

from hq_server.cli import cli
from shared.alarms.operations import raise_alarm
from shared.alarms.queries import find_open
from shared.clock import SystemClock
from shared.db.engine import Database
from shared.jobs.alarms import JOBS_STOPPED
from shared.jobs.models import JobLease, JobRun
from shared.jobs.watching import SUBJECT
from tests.support.databases import DIALECTS

STOP_S = 5


@pytest.fixture
def url(request, make_database_url):
    """Where the node's data is; a test that is about the database asks for both kinds."""
    return make_database_url(getattr(request, "param", "sqlite"))


@pytest.fixture
def home(tmp_path, url):
    """A head office home."""
    done = CliRunner().invoke(cli, ["init", "--home", str(tmp_path / "hq"), "--database", url])
    assert done.exit_code == 0, done.output
    return tmp_path / "hq"


@pytest.fixture
def database(url):
    database = Database(url)
    yield database
    database.dispose()


@pytest.fixture
def start(home):
    processes = []

    def begin(*words):
        process = subprocess.Popen(
            [sys.executable, "-m", "hq_server", *words, "--home", home, "--language", "en"],
            stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        processes.append(process)
        return process

    yield begin
    for process in processes:
        process.kill()
        process.wait(20)
        assert process.stderr
        process.stderr.close()


def serving(process):
    """Wait for a server to say where it listens."""
    for line in process.stderr:
        found = re.search(r"Serving on http://([\d.]+):(\d+)", line)
        if found:
            return found[1], int(found[2])
    pytest.fail(f"ended with {process.wait(5)}")


def stops(process, number):
    began = time.monotonic()
    process.send_signal(number)
    code = process.wait(STOP_S)
    assert time.monotonic() - began < STOP_S
    return code


def wait_for_a_run(database):
    patience = time.monotonic() + 60
    while time.monotonic() < patience:
        with database.reads() as session:
            if session.scalars(select(JobRun).where(JobRun.ended_at.is_not(None))).first():
                return
        time.sleep(0.1)
    pytest.fail("no job ran")


def answers(host, port, path="/healthz"):
    with closing(urllib.request.urlopen(f"http://{host}:{port}{path}", timeout=10)) as answer:
        return answer.status


@pytest.mark.parametrize("url", DIALECTS, indirect=True)
def test_serve_answers_runs_jobs_and_stops_when_told(start, home, database):
    process = start("serve", "--port", "0")
    host, port = serving(process)
    assert answers(host, port) == 200
    wait_for_a_run(database)

    assert stops(process, signal.SIGTERM) == 0

    with database.reads() as session:
        assert set(session.scalars(select(JobLease.holder))) == {None}
        assert session.scalars(select(JobRun).where(JobRun.ended_at.is_(None))).all() == []
    assert (home / "logs" / "node.log").stat().st_size > 0


def test_a_request_that_hangs_does_not_keep_the_server_from_stopping(start):
    process = start("serve", "--port", "0", "--no-jobs")
    host, port = serving(process)
    with socket.create_connection((host, port), timeout=10) as half:
        half.sendall(b"POST /account/sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhalf")
        assert answers(host, port) == 200

        assert stops(process, signal.SIGTERM) == 0


def test_many_slow_connections_do_not_keep_others_out(start):
    process = start("serve", "--port", "0", "--no-jobs")
    host, port = serving(process)
    slow = [socket.create_connection((host, port), timeout=10) for _ in range(150)]
    try:
        for one in slow:
            one.sendall(b"GET / HTTP/1.1\r\nHost: loc")
        began = time.monotonic()
        assert answers(host, port) == 200
        assert time.monotonic() - began < 2
    finally:
        for one in slow:
            one.close()


def test_jobs_run_without_a_server_until_ctrl_c(start, database):
    process = start("jobs")
    wait_for_a_run(database)

    assert stops(process, signal.SIGINT) == 0


@pytest.mark.parametrize("url", DIALECTS, indirect=True)
def test_a_node_whose_jobs_nobody_runs_says_so_to_a_program_that_watches_it(start, database):
    host, port = serving(start("serve", "--port", "0", "--no-jobs"))
    jobs = start("jobs")
    wait_for_a_run(database)
    assert answers(host, port, "/healthz/jobs") == 200

    stops(jobs, signal.SIGTERM)
    an_hour_ago = SystemClock().now() - timedelta(hours=1)
    with database.sessions.begin() as session:
        session.execute(update(JobLease).values(next_due_at=an_hour_ago))

    with pytest.raises(HTTPError) as told:
        answers(host, port, "/healthz/jobs")
    assert told.value.code == 503
    assert json.load(told.value) == {"status": "stopped", "since": an_hour_ago.isoformat()}


@pytest.mark.parametrize("url", DIALECTS, indirect=True)
def test_an_alarm_that_jobs_are_not_run_is_over_with_the_first_request_after_they_are(start, database):
    with database.sessions.begin() as session:
        raise_alarm(session, JOBS_STOPPED, SUBJECT, at=SystemClock().now(), details={})
    host, port = serving(start("serve", "--port", "0"))
    wait_for_a_run(database)

    assert answers(host, port) == 200

    with database.reads() as session:
        assert find_open(session, JOBS_STOPPED, SUBJECT) is None


def test_a_port_that_is_taken_is_told_in_one_sentence(start):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = start("serve", "--no-jobs", "--port", str(taken.getsockname()[1]))
        assert process.wait(30) == 2
        assert "Cannot listen on 127.0.0.1" in process.stderr.read()
