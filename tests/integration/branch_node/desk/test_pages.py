import html
import random
import re
from collections import Counter
from datetime import date, timedelta

from branch_node.customers import groups
from branch_node.desk import queries, story
from branch_node.identity.models import CustomerIdentity
from shared.domain.billing.vocabulary import BillKind
from shared.domain.calendar import local_month
from shared.domain.customers.vocabulary import PreferredChannel
from shared.ids import new_id
from tests.support.branch import NOON

DAY = timedelta(days=1)
TITLES = ("Visits due", "Owing for earlier months")


def test_my_day_shows_an_account_managers_own_work_and_who_needs_them(rows, make_user, sign_in):
    me, other = rows.manager(name="王芳"), rows.manager()
    quiet = rows.customer(name="久未联系", manager_id=me)
    rows.customer(name="别人的", manager_id=other)
    owing = rows.customer(name="欠费的", manager_id=me)
    rows.bill_line(owing, amount_minor=12_345, period="2026-02", booked_on=date(2026, 2, 1))
    rows.work_log(me, customer_id=owing, text="今天的走访")
    rows.work_log(other, text="别人的日志")
    make_user("wang", manager_id=me)

    page = sign_in("wang").get("/").text

    assert "今天的走访" in page
    assert "别人的日志" not in page
    assert f"/worklogs/new?customer={quiet}" in page
    assert "CN¥123.45" in page
    assert "别人的" not in page


def test_my_day_of_somebody_who_is_no_account_manager_shows_the_whole_branch(browser, rows):
    rows.work_log(rows.manager(), text="一号的日志")
    rows.work_log(rows.manager(), text="二号的日志")
    rows.work_log(rows.manager(), text="昨天的日志", started_at=NOON - DAY)

    page = browser.get("/").text

    assert "一号的日志" in page
    assert "二号的日志" in page
    assert "昨天的日志" not in page


def test_the_search_box_finds_customers_managers_and_regions_with_customers(browser, rows):
    rows.manager(name="张经理")
    rows.customer(name="张伟", region_code="330106")

    assert "张伟" in browser.get("/search?q=zhangwei").text
    assert "张经理" in browser.get("/search?q=张经理").text
    assert "Customers in 浙江省杭州市" in browser.get("/search?q=杭州").text
    assert "Customers in" not in browser.get("/search?q=成都").text
    assert "Nothing is found by this" in browser.get("/search?q=qqqq").text
    assert "What are you looking for?" in browser.get("/search").text


def test_a_customer_number_opens_the_customer_at_once(browser, rows):
    customer_id = rows.customer(customer_no="K-17", name="张伟")

    answer = browser.get("/search?q=K-17")

    assert answer.headers["Location"].endswith(f"/customers/{customer_id}")


def test_a_customers_page_says_first_what_to_know_before_speaking(browser, rows):
    manager = rows.manager(name="王芳")
    customer_id = rows.customer(
        name="张伟", manager_id=manager, region_code="330106", preferred_channel=PreferredChannel.NONE
    )
    rows.bill_line(customer_id, amount_minor=5_000, period="2026-02")

    page = browser.get(f"/customers/{customer_id}").text

    for said in ("Do not contact by Phone call", "owes CN¥50.00", "王芳", "浙江省杭州市西湖区"):
        assert said in page


def test_the_timeline_groups_logs_and_bill_lines_by_month(browser, rows):
    manager, customer_id = rows.manager(), rows.customer()
    rows.work_log(manager, customer_id=customer_id, text="三月的走访")
    rows.bill_line(customer_id, bill_no="B-FEB", period="2026-02", amount_minor=7_700)

    page = browser.get(f"/customers/{customer_id}").text

    assert page.index("2026-03") < page.index("三月的走访") < page.index("2026-02") < page.index("B-FEB")
    assert "charged CN¥77.00" in page


def test_a_customers_money_shows_totals_by_period_and_the_lines_behind_them(browser, rows):
    customer_id = rows.customer()
    rows.bill_line(customer_id, amount_minor=10_000, period="2026-02", bill_no="B-1")
    rows.bill_line(customer_id, amount_minor=4_000, period="2026-02", kind=BillKind.PAYMENT)

    page = browser.get(f"/customers/{customer_id}/money").text

    for said in ("CN¥100.00", "CN¥40.00", "CN¥60.00", "B-1"):
        assert said in page


def test_the_money_of_years_comes_a_page_at_a_time_and_loses_no_line(browser, rows):
    customer_id = rows.customer()
    months = [f"{year}-{month:02}" for year in (2023, 2024, 2025) for month in range(1, 13)]
    made = {
        rows.bill_line(customer_id, period=month, product=product)
        for month in months
        for product in ("宽带", "短信")
    }

    found: set[str] = set()
    page = 1
    while True:
        text = browser.get(f"/customers/{customer_id}/money?page={page}").text
        on_it = re.findall(r'href="/billing/([0-9a-f-]{36})"', text)
        assert len(on_it) <= 50
        assert not found & set(on_it)
        found |= set(on_it)
        if 'rel="next"' not in text:
            break
        page += 1
    assert (found, page) == (made, 3)
    folded = text[text.index("<details><summary>Earlier periods") :]
    assert "(12)" in folded
    assert "2023-01" in folded
    assert "2024-01" not in folded[: folded.index("</details>")]


def test_untouched_customers_open_to_their_list(browser, rows):
    manager = rows.manager()
    rows.customer(name="从未联系", manager_id=manager)
    lately = rows.customer(name="昨天联系", manager_id=manager)
    rows.work_log(manager, customer_id=lately, started_at=NOON - DAY)

    page = browser.get(f"/untouched?days=30&manager={manager}").text

    assert "从未联系" in page
    assert "昨天联系" not in page


def test_an_account_managers_page_shows_what_is_held_and_what_was_done(browser, rows):
    manager = rows.manager(name="王芳", post="高级经理")
    rows.customer(manager_id=manager)
    rows.work_log(manager, text="走访记录")

    page = browser.get(f"/managers/{manager}").text

    for said in ("王芳", "高级经理", "走访记录", "Customers held"):
        assert said in page


def test_every_page_speaks_chinese_when_asked(browser, rows):
    customer_id = rows.customer(name="张伟")
    browser.send("/account/language", language="zh_CN")

    assert "我的一天" in browser.get("/").text
    assert "时间线" in browser.get(f"/customers/{customer_id}").text
    assert "月度统计" in browser.get("/statistics").text


def test_by_month_every_line_is_in_the_sums_and_every_month_on_a_page_whatever_is_listed(
    rows, sessions, monkeypatch
):
    monkeypatch.setattr(story, "MONTHS", 3)
    monkeypatch.setattr(story, "MOST_LOGS", 7)
    monkeypatch.setattr(story, "MOST_LINES", 2)
    chance = random.Random(12)
    manager, who, merged, other = rows.manager(), rows.customer(), rows.customer(), rows.customer()
    with sessions.begin() as session:
        session.add(
            CustomerIdentity(
                id=new_id(), customer_id=merged, identity_id=who, merged_at=NOON, merged_by="ana"
            )
        )
    money: dict[tuple[str, str], int] = {}
    lines: Counter[str] = Counter()
    logs: Counter[str] = Counter()
    for _line in range(60):
        period, currency = f"2025-{chance.randint(1, 12):02}", chance.choice(["CNY", "USD"])
        amount = chance.randint(1, 10**12)
        rows.bill_line(chance.choice([who, merged]), period=period, currency=currency, amount_minor=amount)
        money[period, currency] = money.get((period, currency), 0) + amount
        lines[period] += 1
        rows.bill_line(other, period=period)
    for _log in range(40):
        # Many on few days, so that some months have more than are listed; midnight at the node is another day in UTC.
        at = NOON.replace(year=2025, month=chance.choice([2, 2, 2, 3, 7, 11]), day=1, hour=0, minute=30)
        at -= timedelta(hours=8)
        rows.work_log(manager, customer_id=chance.choice([who, merged]), started_at=at)
        logs[local_month(at, "Asia/Shanghai")] += 1

    seen: list[story.StoryMonth] = []
    before, further = "", True
    with sessions() as session:
        while further:
            told = story.story(session, who, timezone="Asia/Shanghai", before=before)
            assert 1 <= len(told.months) <= 3
            seen += told.months
            further, before = told.further, told.months[-1].month

    assert [one.month for one in seen] == sorted({*lines, *logs}, reverse=True)
    assert {one.month: one.lines_in_all for one in seen if one.sums} == lines
    assert {one.month: one.logs_in_all for one in seen if one.logs_in_all} == logs
    assert {(one.month, each.currency): each.charge for one in seen for each in one.sums} == money
    for one in seen:
        assert len(one.lines) == min(2, one.lines_in_all)
        assert len(one.logs) == min(7, one.logs_in_all)


def test_by_month_goes_back_page_by_page_and_says_what_is_not_listed(browser, rows, monkeypatch):
    monkeypatch.setattr(story, "MONTHS", 2)
    monkeypatch.setattr(story, "MOST_LINES", 2)
    who = rows.customer()
    for month in (1, 2, 3):
        for _line in range(3):
            rows.bill_line(who, period=f"2026-{month:02}", amount_minor=1_100)

    page = browser.get(f"/customers/{who}").text

    assert page.count("charged CN¥33.00") == 2
    assert page.count("3 bill lines") == 2
    assert page.count("The latest 2 are listed; the sums are of all.") == 2
    assert f"/billing?customer={who}&amp;period_from=2026-03&amp;period_to=2026-03" in page
    assert f'rel="next" href="/customers/{who}?before=2026-02"' in page
    older = browser.get(f"/customers/{who}?before=2026-02").text
    assert "2026-01" in older
    assert "2026-02" not in older[older.index("<main") :]
    assert 'rel="next"' not in older
    for far in ("0000-01", "0001-01", "9999-12"):
        assert browser.get(f"/customers/{who}?before={far}").status_code == 200
    for nonsense in ("x", "2026-13"):
        assert browser.get(f"/customers/{who}?before={nonsense}").status_code == 400


def test_my_day_says_how_many_entries_there_are_and_leads_to_all_of_them(
    rows, make_user, sign_in, monkeypatch
):
    monkeypatch.setattr(queries, "MOST_LOGS", 3)
    me = rows.manager(name="王芳")
    for number in range(5):
        rows.work_log(me, text=f"第{number}条", started_at=NOON - timedelta(minutes=number))
    make_user("wang", manager_id=me)
    wang = sign_in("wang")

    page = wang.get("/").text

    assert [f"第{number}条" in page for number in range(5)] == [True, True, True, False, False]
    assert "The first 3 of 5 are shown." in page
    whole = html.unescape(re.findall(r'are shown\. <a href="([^"]*)"', page)[0])
    listed = wang.get(whole).text
    assert [listed.count(f"第{number}条") for number in range(5)] == [1] * 5
    # The figure counts what there is, not what is shown.
    assert re.search(rf'href="{re.escape(html.escape(whole))}"[^>]*>\s*5\s*<', page)


def test_my_day_says_that_more_customers_owe_and_are_due_than_it_lists(rows, make_user, sign_in, monkeypatch):
    monkeypatch.setattr(queries, "SHORT_LIST", 2)
    me = rows.manager(name="王芳")
    for number in range(3):
        at = rows.customer(name=f"欠费{number}", manager_id=me, value_tier="high")
        rows.bill_line(at, amount_minor=100 + number, period="2026-02", booked_on=date(2026, 2, 1))
        rows.work_log(me, customer_id=at, kind="visit", started_at=NOON - DAY * 400)
    make_user("wang", manager_id=me)
    wang = sign_in("wang")

    page = wang.get("/").text
    due, owing = (page.split(f"<h2>{title}</h2>")[1].split("</section>")[0] for title in TITLES)

    for part in (due, owing):
        assert part.count("<li>") == 2
        assert "There are more; these 2 come first." in part
    monkeypatch.setattr(queries, "SHORT_LIST", 3)
    assert "There are more" not in wang.get("/").text


def test_the_care_page_says_how_many_members_a_group_has(browser, rows, monkeypatch):
    monkeypatch.setattr(groups, "MOST_SHOWN", 1)
    top = rows.customer(name="集团", kind="group")
    for number in range(2):
        rows.customer(customer_no=f"M-{number}", name="成员", parent_id=top, parent_kind="member")

    page = browser.get(f"/customers/{top}/care").text

    assert "M-0" in page
    assert "M-1" not in page
    assert "The first 1 of 2 are shown." in page
