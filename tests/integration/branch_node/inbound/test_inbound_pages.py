"""What people at a branch see of what head office publishes, and how their forms obey it."""

import io
import re
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from branch_node.billing.models import BillLine
from branch_node.customers.models import Customer, Serving
from branch_node.imports import pages as imports
from branch_node.imports.coded import known_codes
from branch_node.imports.columns import Context
from branch_node.imports.mapping import ColumnMap, get_kind, make_plan
from branch_node.imports.rows import read_row
from branch_node.inbound import queries
from branch_node.inbound.models import AnnouncementReading, InboundItem
from branch_node.managers.models import Manager
from branch_node.retention import jobs as retention
from shared.db.base import instant_text
from shared.domain.published import policies
from shared.domain.published.codes import Code, write_codes
from shared.domain.published.vocabulary import CodeTable, ItemKind
from shared.files.tables import Row
from shared.rights.vocabulary import Duty, StaffKind
from tests.support.branch import NOON, SHANGHAI

PRODUCTS = write_codes([Code("BB", "宽带", "Broadband"), Code("TV", "电视", "Television", withdrawn=True)])
TAGS = write_codes(
    [Code("vip", "重点", "Key"), Code("new", "新户", "New"), Code("old", "老户", "Old", withdrawn=True)]
)
NOTICE: dict[str, Any] = {"title": "停机通知", "text": "今晚维护。", "from": None, "for": []}


def announce(publish, **more):
    said: dict[str, Any] = {key: more.pop(key) for key in ("title", "text", "from", "for") if key in more}
    body = NOTICE | said
    return publish(ItemKind.ANNOUNCEMENT, "", body, **more)


def fix(publish, name, value, **more):
    return publish(ItemKind.POLICY, name, {"value": value}, **more)


def test_an_announcement_stands_on_the_first_page_until_it_is_read(browser, publish, sessions):
    item = announce(publish)

    page = browser.get("/").text
    assert "停机通知" in page
    assert "I have read this" in page

    page = browser.send(f"/head-office/{item}/reading", back="day").text

    assert "1 announcements you have read" in page
    assert "I have read this" not in page
    with sessions() as session:
        assert session.scalars(select(AnnouncementReading)).one().item_id == item
        assert session.scalars(select(InboundItem.told)).one() is False


def _waiting(page: str, address: str) -> str:
    line = re.search(rf'<a class="menu-line[^>]*href="{address}".*?</a>', page, re.DOTALL)
    assert line is not None
    counted = re.search(r'aria-label="(.*?) waiting"', line[0])
    return counted[1] if counted else ""


def test_every_page_counts_what_somebody_has_not_read_and_no_longer_once_they_have(browser, publish):
    assert _waiting(browser.get("/customers").text, "/head-office") == ""
    item = announce(publish)

    assert _waiting(browser.get("/customers").text, "/head-office") == "1"

    browser.send(f"/head-office/{item}/reading", back="day")
    assert _waiting(browser.get("/customers").text, "/head-office") == ""


def test_every_page_counts_the_changes_that_wait_to_go(browser, rows):
    before = int(_waiting(browser.get("/customers").text, "/sync/") or "0")

    rows.customer()

    assert _waiting(browser.get("/customers").text, "/sync/") == str(before + 1)


def test_every_page_calls_kinds_of_staff_as_head_office_does_until_the_table_is_withdrawn(browser, publish):
    words = [Code(kind.value, f"某{number}", f"Kind {number}") for number, kind in enumerate(StaffKind)]
    table = publish(ItemKind.CODE_TABLE, CodeTable.STAFF_KIND.value, write_codes(words))
    called = f"Kind {[*StaffKind].index(StaffKind.BRANCH_MANAGER)}"

    assert called in browser.get("/customers").text

    publish(ItemKind.CODE_TABLE, CodeTable.STAFF_KIND.value, None, item=table, version=2)
    assert called not in browser.get("/customers").text


def test_announcements_begin_end_and_are_withdrawn_when_head_office_says(browser, clock, publish):
    announce(publish, title="将来", **{"from": instant_text(NOON + timedelta(hours=1))})
    announce(publish, title="过期", expires_at=instant_text(NOON - timedelta(minutes=1)))
    gone = announce(publish, title="撤回")
    publish(ItemKind.ANNOUNCEMENT, "", None, item=gone, version=2)

    page = browser.get("/").text
    assert not {"将来", "过期", "撤回"} & {word for word in ("将来", "过期", "撤回") if word in page}
    clock.advance(timedelta(hours=1, minutes=1))
    assert "将来" in browser.get("/").text


def test_an_announcement_is_shown_to_the_kind_of_staff_it_is_for(browser, make_user, sign_in, publish, rows):
    make_user("li", StaffKind.ACCOUNT_MANAGER, rows.manager())
    announce(publish, title="给客户经理", **{"for": ["account_manager"]})

    assert "给客户经理" not in browser.get("/", follow_redirects=True).text
    assert "给客户经理" in sign_in("li").get("/", follow_redirects=True).text


def test_the_page_from_head_office_shows_versions_and_what_was_refused_and_why(browser, publish):
    item = fix(publish, policies.OUTBOX_DAYS, 40)
    fix(publish, policies.OUTBOX_DAYS, "for ever", item=item, version=2)
    table = publish(ItemKind.CODE_TABLE, CodeTable.PRODUCT.value, PRODUCTS)

    page = browser.get("/head-office").text
    assert "cannot be obeyed here" in page
    assert "This must be a whole number within the bounds." in page
    assert "in force: 1" in page
    assert "40 days" in browser.get(f"/head-office/{item}").text
    alarms = browser.get("/alarms").text
    assert f'href="/head-office/{item}"' in alarms
    assert "version 2: This must be a whole number within the bounds." in alarms
    assert "BB Broadband" in browser.get(f"/head-office/{table}").text
    assert browser.get(f"/head-office/{'0' * 8}-0000-7000-8000-{'0' * 12}").status_code == 302


def test_withdrawn_codes_stay_readable_on_old_records(browser, publish, rows):
    line = rows.bill_line(rows.customer(tags=["old"]), product="TV")
    publish(ItemKind.CODE_TABLE, CodeTable.PRODUCT.value, PRODUCTS)

    assert "TV Television" in browser.get("/billing").text
    assert "TV Television" in browser.get(f"/billing/{line}").text


def test_a_file_may_name_a_product_by_code_or_word_and_not_one_that_is_withdrawn(publish, sessions):
    publish(ItemKind.CODE_TABLE, CodeTable.PRODUCT.value, PRODUCTS)
    headings = "bill_no,customer_no,product,period,kind,amount,booked_on"
    with sessions() as session:
        context = Context(ZoneInfo(SHANGHAI), NOON, "CNY", known_codes(session, NOON))
    plan = make_plan(get_kind("billing"), tuple(headings.split(",")), ColumnMap(), context, update_by=None)

    def read(product):
        return read_row(plan, Row(2, ("B1", "C1", product, "2026-03", "charge", "1.00", "2026-03-01"), ()))

    assert [read(word).values["product"] for word in ("BB", "宽带", "broadband")] == ["BB"] * 3
    for word in ("TV", "光纤"):
        assert [problem.code for problem in read(word).problems] == ["unknown-code"]


def test_only_offered_tags_can_be_chosen_and_those_a_customer_has_may_stay(browser, publish, rows, sessions):
    customer = rows.customer(tags=["old"])
    publish(ItemKind.CODE_TABLE, CodeTable.CUSTOMER_TAG.value, TAGS)
    form = browser.get(f"/customers/{customer}/edit").text
    assert form.count('name="tag"') == 3
    assert 'value="old" checked' in form
    assert browser.get("/customers/new").text.count('name="tag"') == 2

    seen = form.partition('name="seen_at" value="')[2].partition('"')[0]
    given = {"seen_at": seen, "customer_no": "C00001", "kind": "individual", "name": "张", "status": "active"}
    refused = browser.send(f"/customers/{customer}", **given, tag_list="yes", tag=["vip", "loud"])
    assert refused.status_code == 400
    assert "Please choose one of the list." in refused.text
    assert (
        browser.send(f"/customers/{customer}", **given, tag_list="yes", tag=["vip", "old"]).status_code == 200
    )
    with sessions() as session:
        assert session.scalars(select(Customer.tags)).one() == ["vip", "old"]


def test_fields_that_head_office_wants_filled_in_are_asked_of_new_customers_not_of_old_ones(
    browser, publish, rows, sessions
):
    customer = rows.customer(mobile=None)
    fix(publish, policies.REQUIRED_FIELDS, ["mobile"])
    given = {"customer_no": "C9", "kind": "individual", "name": "李", "status": "active"}

    assert browser.send("/customers", **given).status_code == 400
    assert browser.send("/customers", **given, mobile="13900000000").status_code == 200
    form = browser.get(f"/customers/{customer}/edit").text
    seen = form.partition('name="seen_at" value="')[2].partition('"')[0]
    renamed = browser.send(f"/customers/{customer}", seen_at=seen, **{**given, "customer_no": "C00001"})
    assert renamed.status_code == 200
    with sessions() as session:
        assert session.get_one(Customer, customer).name == "李"


def test_posts_come_from_the_table_of_head_office(browser, publish, sessions):
    table = write_codes([Code("客户经理"), Code("主管")])
    publish(ItemKind.CODE_TABLE, CodeTable.MANAGER_POST.value, table)
    given = {"manager_no": "M1", "name": "王", "status": "active"}

    assert browser.send("/managers", **given, post="总裁").status_code == 400
    assert browser.send("/managers", **given, post="主管", level="随便").status_code == 200
    with sessions() as session:
        assert session.scalars(select(Manager.post)).one() == "主管"


def test_head_office_may_keep_corrections_to_branch_managers(
    browser, make_user, sign_in, publish, rows, sessions
):
    customer = rows.customer()
    line = rows.bill_line(customer, amount_minor=10_000)
    served_by = make_user("qian", StaffKind.SERVICE, duties=[Duty.CASHIER])
    with sessions.begin() as session:
        ends = NOON + timedelta(hours=8)
        session.add(Serving(user_id=served_by, customer_id=customer, began_at=NOON, ends_at=ends))
    cashier = sign_in("qian")
    fix(publish, policies.CORRECTION_RIGHT, "administrator")
    given = {"right": "75.5", "seen": "10000", "remark": "多收了"}

    assert "branch managers alone" in cashier.get(f"/billing/{line}").text
    cashier.send(f"/billing/{line}/corrections", **given)
    with sessions() as session:
        assert len(session.scalars(select(BillLine)).all()) == 1
    browser.send(f"/billing/{line}/corrections", **given)
    with sessions() as session:
        assert len(session.scalars(select(BillLine)).all()) == 2


def test_reasons_for_corrections_come_from_the_table_of_head_office(browser, publish, rows, sessions):
    line = rows.bill_line(rows.customer(), amount_minor=10_000)
    publish(
        ItemKind.CODE_TABLE,
        CodeTable.CORRECTION_REASON.value,
        write_codes([Code("R1", "多收", "Overcharged")]),
    )
    given = {"right": "75.5", "seen": "10000"}
    assert "R1 Overcharged" in browser.get(f"/billing/{line}").text

    assert browser.send(f"/billing/{line}/corrections", **given, reason="R9").status_code == 400
    browser.send(f"/billing/{line}/corrections", **given, reason="R1", remark="客户来电")

    with sessions() as session:
        remark = session.scalars(select(BillLine.remark).where(BillLine.corrects_id == line)).one()
        assert remark == "R1 客户来电"


def test_the_thresholds_of_the_desk_are_head_offices(browser, publish):
    fix(publish, policies.QUIET_DAYS, [10, 20, 40])

    page = browser.get("/").text

    assert "Not spoken to for 10 days" in page
    assert "Not spoken to for 40 days" in page
    assert "Not spoken to for 20 days" in browser.get("/untouched?days=20").text


def test_people_are_signed_out_when_head_office_says_so_and_as_usual_once_that_is_over(
    browser, clock, publish, sign_in
):
    item = fix(publish, policies.SESSION_IDLE, 10, expires_at=instant_text(NOON + timedelta(hours=2)))
    clock.advance(timedelta(minutes=11))
    assert browser.get("/").status_code == 303

    again = sign_in("wang")
    publish(ItemKind.POLICY, policies.SESSION_IDLE, None, item=item, version=2)
    clock.advance(timedelta(minutes=70))
    assert again.get("/").status_code == 200


def test_files_larger_than_head_office_lets_be_taken_in_are_refused(browser, publish, monkeypatch):
    monkeypatch.setattr(imports, "MB", 1_000)  # a megabyte is much to send in a test
    fix(publish, policies.IMPORT_MEGABYTES, 1)

    large = (io.BytesIO(b"x" * 2_000), "large.csv")
    answer = browser.send("/imports/", kind="customers", file=large)

    assert "at most 1 MB" in answer.text


@pytest.mark.parametrize(("days", "kept"), [(None, 30), (5, 5)])
def test_batches_are_kept_as_long_as_head_office_says(app, clock, publish, monkeypatch, days, kept):
    from shared.jobs.job import Progress
    from shared.stamp import Stamp, Via

    if days:
        fix(publish, policies.OUTBOX_DAYS, days)
    asked = []
    monkeypatch.setattr(retention, "_purge", lambda *_args, before, **_more: asked.append(before))

    retention.purge_outbox(app.extensions["branchline"], Stamp(NOON, "jobs", Via.JOB), Progress())

    assert asked == [NOON - timedelta(days=kept)]


def test_what_expires_is_judged_by_how_far_head_offices_clock_was_ahead(publish, sessions):
    fix(publish, policies.OUTBOX_DAYS, 40, expires_at=instant_text(NOON + timedelta(hours=1)))
    with sessions.begin() as session:
        found = queries.find_place(session)
        assert found is not None
        found.ahead_ms = 2 * 3_600_000
    with sessions() as session:
        assert queries.policy(session, policies.OUTBOX_DAYS, now=NOON) is None
