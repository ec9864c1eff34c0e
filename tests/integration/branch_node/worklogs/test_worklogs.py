from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from branch_node.customers.queries import CustomerNotFoundError
from branch_node.managers.queries import ManagerNotFoundError
from branch_node.worklogs import operations, queries
from branch_node.worklogs.operations import LogCorrectedMeanwhileError
from branch_node.worklogs.queries import LogFilter
from shared.audit.models import AuditEntry
from shared.domain.customers.vocabulary import CustomerStatus, PreferredChannel
from shared.domain.worklogs.vocabulary import WorkLogKind
from shared.ids import new_id
from tests.support.branch import ANA, NOON

DAY = timedelta(days=1)


def visit(manager, customer=None, **values):
    return {
        "manager_id": manager,
        "kind": WorkLogKind.VISIT,
        "customer_id": customer,
        "started_at": NOON,
        "text": "谈了续约",
        **values,
    }


def test_an_entry_is_kept_with_who_entered_it_and_when(sessions, rows):
    manager, customer = rows.manager(), rows.customer()

    with sessions.begin() as session:
        log_id = operations.write_log(session, visit(manager, customer, place="客户处"), by=ANA).id

    with sessions() as session:
        log = queries.get_log(session, log_id)
        entry = session.scalars(select(AuditEntry).where(AuditEntry.event == "work_log.written")).one()
    assert (log.manager_id, log.customer_id, log.place, log.text) == (manager, customer, "客户处", "谈了续约")
    assert (log.entered_at, log.created_by, log.corrects_id) == (NOON, "ana", None)
    assert (entry.event, entry.subject_id) == ("work_log.written", log_id)


def test_a_correction_stands_in_for_the_old_entry_which_stays_readable(sessions, rows):
    manager, customer = rows.manager(), rows.customer()
    old = rows.work_log(manager, customer_id=customer, text="错的")

    with sessions.begin() as session:
        new = operations.correct_log(session, old, visit(manager, customer, text="对的"), by=ANA).id

    with sessions() as session:
        shown = session.execute(queries.logs(LogFilter(customer_id=customer))).all()
        everything = session.execute(queries.logs(LogFilter(corrected_too=True))).all()
        assert [row.WorkLog.text for row in shown] == ["对的"]
        assert len(everything) == 2
        for either in (old, new):
            texts = [log.text for log in queries.versions(session, queries.get_log(session, either))]
            assert texts == ["错的", "对的"]
        assert queries.count_by_kind(session, LogFilter()) == {WorkLogKind.VISIT: 1}


def test_an_entry_is_corrected_once_then_only_its_correction_can_be(sessions, rows):
    manager = rows.manager()
    old = rows.work_log(manager)
    with sessions.begin() as session:
        new = operations.correct_log(session, old, visit(manager), by=ANA).id

    with pytest.raises(LogCorrectedMeanwhileError), sessions.begin() as session:
        operations.correct_log(session, old, visit(manager), by=replace(ANA, actor="li"))
    with sessions.begin() as session:
        operations.correct_log(session, new, visit(manager, text="第三版"), by=ANA)

    with sessions() as session:
        versions = queries.versions(session, queries.get_log(session, old))
        assert [log.text for log in versions] == ["谈了续约", "谈了续约", "第三版"]


@pytest.mark.parametrize("statement", ["UPDATE work_logs SET text = 'x'", "DELETE FROM work_logs"])
def test_the_database_itself_refuses_to_change_or_remove_an_entry(sessions, rows, statement):
    log_id = rows.work_log(rows.manager())

    with pytest.raises(DBAPIError), sessions.begin() as session:
        session.execute(text(statement))

    with sessions() as session:
        assert queries.get_log(session, log_id).text == "谈了续约"


def test_an_entry_for_a_manager_or_customer_that_is_not_there_is_refused(sessions, rows):
    with pytest.raises(ManagerNotFoundError), sessions.begin() as session:
        operations.write_log(session, visit(new_id()), by=ANA)
    manager = rows.manager()
    with pytest.raises(CustomerNotFoundError), sessions.begin() as session:
        operations.write_log(session, visit(manager, new_id()), by=ANA)


def test_entries_are_found_by_day_manager_and_kind(sessions, rows):
    one, other = rows.manager(name="王芳"), rows.manager()
    wanted = rows.work_log(one, kind=WorkLogKind.MEETING)
    rows.work_log(one, kind=WorkLogKind.MEETING, started_at=NOON + DAY)
    rows.work_log(one, kind=WorkLogKind.CALL)
    rows.work_log(other, kind=WorkLogKind.MEETING)

    found = LogFilter(started_from=NOON, started_to=NOON + DAY, manager_id=one, kinds=(WorkLogKind.MEETING,))
    with sessions() as session:
        [row] = session.execute(queries.logs(found)).all()
    assert (row.WorkLog.id, row.manager_name) == (wanted, "王芳")


def test_untouched_are_active_customers_nobody_spoke_to_the_longest_ago_first(sessions, rows):
    manager, idle = rows.manager(), rows.manager()
    never, long_ago, lately, met, again, _left, _wants_none, _closed = (
        rows.customer(manager_id=manager, **values)
        for values in (
            {},
            {},
            {},
            {},
            {"do_not_contact": ["all"], "do_not_contact_until": NOON.date() - DAY},
            {"status": CustomerStatus.CLOSED},
            {"preferred_channel": PreferredChannel.NONE},
            {"do_not_contact": ["all"], "do_not_contact_until": NOON.date()},
        )
    )
    rows.work_log(manager, customer_id=long_ago, started_at=NOON - 40 * DAY)
    rows.work_log(manager, customer_id=lately, started_at=NOON - 3 * DAY)
    rows.work_log(manager, customer_id=met, started_at=NOON - DAY, kind=WorkLogKind.MEETING)

    with sessions() as session:
        since = NOON - 30 * DAY
        found = queries.list_untouched(session, since=since, manager_id=manager, today=NOON.date(), limit=2)
        everybody = queries.list_untouched(session, since=since, manager_id=None, today=NOON.date(), limit=9)
        counts = queries.count_untouched(
            session, [since, NOON - 41 * DAY], manager_id=manager, today=NOON.date()
        )
        elsewhere = queries.count_untouched(session, [since], manager_id=idle, today=NOON.date())
    assert [each.id for each in found] == [never, met]
    assert [each.id for each in everybody] == [never, met, again, long_ago]
    assert everybody[3].last == NOON - 40 * DAY
    assert (counts, elsewhere) == ([4, 3], [0])


def test_a_contact_that_was_corrected_away_no_longer_counts(sessions, rows):
    manager, customer = rows.manager(), rows.customer()
    log = rows.work_log(manager, customer_id=customer)
    with sessions.begin() as session:
        operations.correct_log(session, log, visit(manager, None, kind=WorkLogKind.TRAINING), by=ANA)

    with sessions() as session:
        assert queries.last_contact(session, customer) is None
