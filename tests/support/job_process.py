"""A process that runs jobs as a node does: `python -m tests.support.job_process URL SECONDS JOB...`.

Each job writes a row of table `ran` when it begins and, after SECONDS, another when it ends.
"""

import os
import signal
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from sqlalchemy import text

from shared.clock import SystemClock
from shared.config import Home, NodeSettings
from shared.db.base import Base
from shared.db.engine import Database
from shared.jobs import Job, Outcome, Progress
from shared.jobs.models import JobLease, JobRun
from shared.jobs.runner import Runner
from shared.runtime import NodeRuntime
from shared.stamp import Stamp

TABLES = [Base.metadata.tables[model.__tablename__] for model in (JobLease, JobRun)]
RAN = "CREATE TABLE ran (job varchar(40), pid integer, what varchar(10))"


def make_tables(database: Database) -> None:
    """Make what jobs need, and the table `ran`."""
    with database.engine.begin() as connection:
        Base.metadata.create_all(connection, tables=TABLES)
        connection.execute(text(RAN))


def make_runtime(url: str) -> NodeRuntime:
    """Return a node of nothing but a database."""
    settings = NodeSettings(Home(Path("nowhere")), url, "s" * 40)
    return NodeRuntime(settings, SystemClock(), Database(url))


def write(runtime: NodeRuntime, job: str, what: str, progress: Progress | None = None) -> None:
    with runtime.database.sessions.begin() as session:
        row = {"job": job, "pid": os.getpid(), "what": what}
        session.execute(text("INSERT INTO ran (job, pid, what) VALUES (:job, :pid, :what)"), row)
        if progress is not None:
            progress.check_lease(session)


def make_job(name: str, seconds: float) -> Job:
    def run(runtime: NodeRuntime, stamp: Stamp, progress: Progress) -> Outcome:
        write(runtime, name, "began")
        time.sleep(seconds)
        write(runtime, name, "ended", progress)
        return Outcome.done(slept=int(seconds))

    work: Callable[..., Outcome] = run
    return Job(name, name, work, every=timedelta(hours=1))


def main() -> None:
    url, seconds, *names = sys.argv[1:]
    runner = Runner(make_runtime(url), [make_job(name, float(seconds)) for name in names])
    runner.start()
    print("started", flush=True)
    signal.sigwait({signal.SIGTERM})
    runner.stop(timedelta(seconds=0.5))


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    main()
