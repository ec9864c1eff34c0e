"""What an account manager did in a month is counted from the log and the work logs, once, and opens to its entries."""

import re
from datetime import timedelta
from html import unescape

import pytest
from sqlalchemy import select

from branch_node.opstats.jobs import count_operations
from branch_node.opstats.models import OperationMonth
from branch_node.opstats.operations import count_month
from branch_node.worklogs.models import WorkLog
from shared.audit.operations import record
from shared.domain.opstats.fields import FIGURES
from shared.domain.worklogs.vocabulary import WorkLogKind
from shared.ids import new_id
from shared.jobs.job import Progress
from shared.rights.vocabulary import StaffKind
from shared.stamp import Stamp, Via
from sync_protocol.changelog.models import Change
from tests.support.branch import NOON, SHANGHAI

MONTH = "2026-03"


@pytest.fixture
def mei(rows, make_user):
    """An account manager with an account, who has done something."""
    manager = rows.manager(name="梅")
    user_id = make_user("mei", StaffKind.ACCOUNT_MANAGER, manager)
    return manager, user_id


@pytest.fixture
def acts(mei, sessions):
    manager_id, user_id = mei
    web = Stamp(NOON, "mei", Via.WEB, "10.0.0.7")
    later = Stamp(NOON + timedelta(days=1), "mei", Via.WEB, "10.0.0.7")
    one, other = new_id(), new_id()
    with sessions.begin() as session:
        record(
            session,
            "sign-in.accepted",
            subject=("user", user_id),
            by=Stamp(NOON, "anonymous", Via.WEB, "10.0.0.7"),
        )
        record(
            session,
            "sign-in.refused",
            subject=("user", user_id),
            by=Stamp(NOON, "anonymous", Via.WEB, "10.0.0.7"),
        )
        record(session, "customer.changed", subject=("customer", one), by=web)
        record(session, "customer.changed", subject=("customer", one), by=later)
        record(session, "customer.registered", subject=("customer", other), by=later)
        record(session, "log.exported", subject=None, by=web)
        record(session, "customer.changed", subject=("customer", new_id()), by=Stamp(NOON, "mei", Via.JOB))
        session.add_all(
            work_log(manager_id, number, kind)
            for number, kind in enumerate([WorkLogKind.VISIT, WorkLogKind.CALL])
        )


def work_log(manager_id, number, kind):
    return WorkLog(
        log_no=f"L{number}",
        manager_id=manager_id,
        kind=kind,
        started_at=NOON,
        text="走访",
        entered_at=NOON,
        created_at=NOON,
        created_by="mei",
        id=new_id(),
    )


def count(sessions):
    with sessions.begin() as session:
        return count_month(session, MONTH, timezone=SHANGHAI)


@pytest.mark.usefixtures("acts")
def test_a_month_counts_what_was_done_and_each_file_once(mei, sessions):
    count(sessions)

    with sessions() as session:
        month = session.scalars(select(OperationMonth)).one()
    assert (month.manager_id, {name: getattr(month, name) for name in FIGURES}) == (
        mei[0],
        {"sign_ins": 1, "days_worked": 2, "visits": 1, "work_logs": 2, "files_changed": 2, "exports": 1},
    )


@pytest.mark.usefixtures("acts")
def test_counting_again_changes_and_sends_nothing(sessions):
    assert count(sessions) == 1
    assert count(sessions) == 0

    with sessions() as session:
        sent = session.scalars(select(Change.op).where(Change.record_type == "operation_month")).all()
    assert sent == ["I"]


@pytest.mark.usefixtures("acts")
def test_the_night_counts_every_month_there_are_entries_of(app, sessions):
    runtime = app.extensions["branchline"]
    by = Stamp(NOON + timedelta(days=40), "job", Via.JOB)

    count_operations(runtime, by, Progress())

    with sessions() as session:
        assert session.scalars(select(OperationMonth.month)).all() == [MONTH]


@pytest.mark.usefixtures("acts")
def test_every_number_opens_to_its_entries_and_only_own_months_are_seen(
    browser, make_user, sign_in, sessions
):
    count(sessions)

    page = browser.get(f"/operations/?month={MONTH}").text
    links = [unescape(link) for link in re.findall(r'<td class="num"[^>]*><a href="([^"]+)"', page)]
    files = browser.get(links[4]).text

    assert len(links) == len(FIGURES)
    assert files.count("/log/?") >= 2
    make_user("li", StaffKind.ACCOUNT_MANAGER)
    assert "梅" in page
    assert "梅" not in sign_in("li").get(f"/operations/?month={MONTH}").text


@pytest.mark.usefixtures("acts")
def test_a_month_is_exported_and_printed_and_both_are_told(browser, sessions):
    count(sessions)

    exported = browser.take(f"/operations/export.csv?month={MONTH}").get_data().decode("utf-8-sig")
    printed = browser.get(f"/operations/print?month={MONTH}").text

    assert exported.splitlines()[1].split(",")[1:-1] == ["梅", "1", "2", "1", "2", "2", "1"]
    assert "printed by" in printed
