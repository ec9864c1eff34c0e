import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from branch_node.worklogs.models import WorkLog
from shared.domain.worklogs.vocabulary import WorkLogKind
from tests.support.branch import NOON


def stored(sessions):
    with sessions() as session:
        return session.scalars(select(WorkLog).order_by(WorkLog.id)).all()


def test_the_form_is_filled_with_who_writes_of_whom_and_when(rows, make_user, sign_in):
    me = rows.manager(name="王芳")
    customer = rows.customer(customer_no="K1", name="张伟")
    make_user("wang", manager_id=me)

    form = sign_in("wang").get(f"/worklogs/new?customer={customer}").text

    assert 'value="K1 张伟"' in form
    assert 'value="2026-03-18T12:00"' in form
    assert re.search(rf'value="{me}" selected', form)


@pytest.mark.parametrize("typed", ["K1 张伟", "K1", "张伟", "zhangwei", "5678"])
def test_an_entry_is_written_for_a_customer_named_in_any_sure_way(browser, sessions, rows, typed):
    manager, customer = rows.manager(), rows.customer(customer_no="K1", name="张伟", mobile="13812345678")

    page = browser.send(
        "/worklogs",
        kind="visit",
        manager_id=manager,
        customer=typed,
        started_at="2026-03-18T09:30",
        ended_at="2026-03-18T10:00",
        text="谈了续约\n下周签",
    )

    [log] = stored(sessions)
    assert "The log is written." in page.text
    assert (log.customer_id, log.kind, log.text) == (customer, WorkLogKind.VISIT, "谈了续约\n下周签")
    assert log.started_at == datetime(2026, 3, 18, 1, 30, tzinfo=UTC)
    assert (log.entered_at, log.created_by) == (NOON, "wang")


def test_what_cannot_be_right_is_said_beside_its_field_and_nothing_is_written(browser, sessions, rows):
    manager = rows.manager()
    rows.customer(name="张伟")
    rows.customer(name="张伟明")
    good = {"kind": "call", "manager_id": manager, "started_at": "2026-03-18T09:30", "text": "x"}
    for changes, sentence in (
        ({"text": ""}, "Please fill this in."),
        ({"manager_id": ""}, "Please fill this in."),
        ({"started_at": "soon"}, "Please give day and time"),
        ({"started_at": "2026-03-19T09:30"}, "This is in the future."),
        ({"ended_at": "2026-03-18T09:00"}, "This is before the beginning."),
        ({"customer": "zhangw"}, "Several customers are meant by this"),
        ({"customer": "qqqq"}, "No customer is found by this."),
    ):
        page = browser.send("/worklogs", **{**good, **changes})
        assert page.status_code == 400
        assert sentence in page.text
    assert stored(sessions) == []


def test_a_correction_shows_both_versions_and_only_the_new_one_is_listed(browser, sessions, rows):
    manager = rows.manager()
    old = rows.work_log(manager, text="错的内容", started_at=NOON - timedelta(hours=1))

    page = browser.send(
        f"/worklogs/{old}/corrections",
        kind="call",
        manager_id=manager,
        started_at="2026-03-18T11:00",
        text="对的内容",
    )

    assert page.text.index("对的内容") < page.text.index("错的内容")
    assert stored(sessions)[1].corrects_id == old
    listed = browser.get("/worklogs").text
    assert "对的内容" in listed
    assert "错的内容" not in listed
    assert "错的内容" in browser.get("/worklogs?corrected=yes").text
    again = browser.send(
        f"/worklogs/{old}/corrections",
        kind="call",
        manager_id=manager,
        started_at="2026-03-18T11:00",
        text="晚了",
    )
    assert "Somebody corrected this entry meanwhile" in again.text


def test_entries_are_listed_by_day_manager_and_kind_and_exported_so(browser, rows):
    manager = rows.manager(name="王芳")
    rows.work_log(manager, text="三月十八", kind=WorkLogKind.VISIT)
    rows.work_log(manager, text="二月一日", started_at=datetime(2026, 2, 1, 4, tzinfo=UTC))

    assert "二月一日" not in browser.get("/worklogs").text
    february = "from=2026-02-01&to=2026-02-01"
    assert "二月一日" in browser.get(f"/worklogs?{february}&manager={manager}").text
    assert "二月一日" not in browser.get(f"/worklogs?{february}&kind=visit").text
    text = browser.take(f"/worklogs/export.csv?{february}").data.decode("utf-8-sig")
    assert [("二月一日" in text), ("三月十八" in text), ("2026-02-01 12:00" in text)] == [True, False, True]


def test_customers_are_offered_while_typing(browser, rows):
    rows.customer(customer_no="K1", name="张伟")

    assert 'value="K1 张伟"' in browser.get("/worklogs/customers?customer=zhang").text
