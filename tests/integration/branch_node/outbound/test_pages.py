"""The sync page and the jobs page, through the whole app."""

from datetime import timedelta

from sqlalchemy import select

from branch_node.app import JOBS
from branch_node.outbound.models import Cycle
from shared.audit.models import AuditEntry
from shared.jobs.models import JobLease
from shared.jobs.runner import Runner
from shared.web.context import EXTENSION


def _plan(app) -> None:
    Runner(app.extensions[EXTENSION], JOBS).plan()


def test_a_node_that_has_not_joined_says_what_to_do(app, administrator):
    page = administrator.get("/sync/").text

    assert "This node has not joined head office yet" in page
    assert "branch-node join" in page


def test_push_now_makes_the_job_due_at_once_and_is_written_down(app, administrator, database, clock):
    _plan(app)
    clock.advance(timedelta(seconds=30))

    answer = administrator.send("/sync/push")

    assert answer.status_code == 200
    with database.reads() as session:
        lease = session.get_one(JobLease, "push")
        events = session.scalars(select(AuditEntry.event)).all()
    assert lease.next_due_at == clock.now()
    assert "sync.asked" in events


def test_push_now_without_a_job_runner_says_so(administrator):
    assert "No job runner has been started" in administrator.send("/sync/push").text


def test_the_sync_page_tells_each_cycle_with_its_reason(administrator, database, clock):
    with database.sessions.begin() as session:
        session.add(
            Cycle(
                started_at=clock.now(),
                ended_at=clock.now() + timedelta(seconds=2),
                outcome="retry",
                problem="no-answer",
                detail="connection refused",
                counts={},
            )
        )

    page = administrator.get("/sync/").text

    assert "will be tried again" in page
    assert "connection refused" in page


def test_the_jobs_page_lists_every_job_and_runs_one_now(app, administrator, database, clock):
    _plan(app)
    page = administrator.get("/jobs").text
    for job in JOBS:
        assert job.name in page

    administrator.send("/jobs/compute-months/run")

    with database.reads() as session:
        assert session.get_one(JobLease, "compute-months").next_due_at == clock.now()


def test_a_job_nobody_knows_is_not_found(administrator):
    assert administrator.send("/jobs/no-such-job/run").status_code == 404


def test_the_jobs_page_is_for_administrators(browser):
    assert browser.get("/jobs").status_code == 403
