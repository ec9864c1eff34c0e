from datetime import date

from branch_node.statistics.jobs import JOBS
from branch_node.statistics.queries import JOB
from shared.clock import FakeClock
from shared.config import Home, NodeSettings
from shared.jobs.job import Progress
from shared.jobs.vocabulary import RunOutcome
from shared.runtime import NodeRuntime
from tests.support.branch import ANA, NOON


def run_job(database, tmp_path):
    [job] = JOBS
    settings = NodeSettings(Home(tmp_path), database.url, "a secret of this test only, 32 long")
    assert job.name == JOB
    return job.run(NodeRuntime(settings, FakeClock(NOON), database), ANA, Progress())


def test_the_nightly_job_computes_every_month_and_says_when_there_was_nothing(database, rows, tmp_path):
    customer = rows.customer()
    rows.bill_line(customer, period="2026-02", booked_on=date(2026, 2, 1))
    rows.bill_line(customer, period="2026-03")

    first, second = run_job(database, tmp_path), run_job(database, tmp_path)

    assert (first.kind, first.counts) == (RunOutcome.DONE, {"created": 2, "updated": 0, "removed": 0})
    assert second.kind is RunOutcome.NOTHING


def test_months_show_their_sums_open_to_customers_and_are_exported(browser, database, rows, tmp_path):
    manager = rows.manager(name="王芳")
    mine = rows.customer(name="张伟", customer_no="K1", manager_id=manager)
    other = rows.customer(name="李雷")
    rows.bill_line(mine, amount_minor=10_000)
    rows.bill_line(other, amount_minor=5_000)
    run_job(database, tmp_path)

    months = browser.get("/statistics").text
    month = browser.get(f"/statistics/2026-03?manager={manager}").text
    text = browser.take("/statistics/export.csv?month=2026-03").data.decode("utf-8-sig")

    assert "CN¥150.00" in months
    assert "K1 张伟" in month
    assert "李雷" not in month
    assert "CN¥100.00" in month
    assert sorted(line.split(",")[4] for line in text.splitlines()[1:]) == ["100.00", "50.00"]


def test_before_the_first_night_the_page_says_that_nothing_is_computed_yet(browser):
    page = browser.get("/statistics").text

    assert "Nothing is computed yet" in page
    assert "Not computed by the nightly job yet." in page
