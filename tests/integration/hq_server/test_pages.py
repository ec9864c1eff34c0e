"""HQ's pages as a signed-in person gets them, on rows as ingest leaves them."""

import io
import json
import re
from datetime import date, timedelta

import openpyxl
import pytest
from sqlalchemy import event, select

from hq_server.analysis import jobs
from hq_server.branches.models import Branch
from hq_server.customers import queries as customer_queries
from hq_server.customers.queries import SEARCH_INDEX
from hq_server.ingest.models import InboxBatch
from hq_server.oversight import pages as oversight
from hq_server.parking.models import ParkedRecord
from hq_server.proof.models import ResendAsk
from hq_server.replica.models import ReplicaCustomer, Tombstone
from shared.db import search
from shared.domain.customers.vocabulary import CustomerStatus, Grade
from shared.domain.worklogs.vocabulary import WorkLogKind
from shared.jobs.job import Progress
from shared.jobs.vocabulary import RunOutcome
from shared.stamp import Stamp, Via
from sync_protocol.catalog import CATALOG
from tests.integration.hq_server.conftest import NOON
from tests.support.hq_rows import BranchRows, add_batch, add_branch, add_parked


def text_of(answer):
    assert answer.status_code == 200, answer.text
    plain = re.sub(r"<(script|style)[\s\S]*?</\1>", " ", answer.text)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", plain))


def book_of(answer):
    assert answer.status_code == 200, answer.text
    book = openpyxl.load_workbook(io.BytesIO(answer.data))
    rows = [[cell.value for cell in row] for row in book.worksheets[0].iter_rows()]
    about = {row[0].value: row[1].value for row in book.worksheets[1].iter_rows(min_row=2)}
    return rows, about


@pytest.fixture
def company(database):
    """Two branches that delivered and one that never joined; returns ids by name."""
    with database.sessions.begin() as session:
        first = add_branch(session, "B001", NOON, name="杭州分公司")
        second = add_branch(session, "B002", NOON, name="宁波分公司")
        add_branch(session, "B003", NOON, name="温州分公司", joined=False)
        ids = {"manager": first.manager("M001", "李明")}
        ids["wang"] = first.customer(
            "C0001", "王芳", mobile="13900001234", manager_id=ids["manager"], grade=Grade.A
        )
        ids["shan"] = first.customer("C0002", "单建国", manager_id=ids["manager"], region_code="330106")
        ids["closed"] = first.customer("C0003", "赵磊", status=CustomerStatus.CLOSED)
        ids["ningbo"] = second.customer("C0001", "王芳华", opened_on=date(2026, 11, 2))
        first.bill(ids["wang"], 12_345, period="2026-11")
        first.bill(ids["wang"], 10_000, period="2026-10")
        second.bill(ids["ningbo"], 700, period="2026-10", product="宽带")
        ids["log"] = first.log(ids["manager"], NOON - timedelta(hours=20), ids["wang"], text="旧文")
        first.log(
            ids["manager"], NOON - timedelta(hours=20), ids["wang"], text="新文", corrects_id=ids["log"]
        )
        first.log(ids["manager"], NOON - timedelta(days=10), None, kind=WorkLogKind.CALL)
        first.log(ids["manager"], NOON - timedelta(days=40), ids["shan"])
        first.deliver(received_at=NOON - timedelta(minutes=5))
        second.deliver(received_at=NOON - timedelta(minutes=40))
    return ids


def take_in(app):
    runtime = app.extensions["branchline"]
    return jobs.take_in(runtime, Stamp(NOON, "job", Via.JOB), Progress())


def test_the_overview_shows_trouble_first_and_marks_branches_not_yet_in(client, company):
    page = text_of(client.get("/"))

    assert "Branches caught up 1 of 3" in page
    assert page.index("宁波分公司") < page.index("温州分公司") < page.index("杭州分公司")
    assert "Charges of 2026-11, CNY" in page
    assert "温州分公司 B003 0.00 0.00 – not yet in" in page
    assert "2 of 3 branches, as of 2026-11-18 11:20" in page
    assert "missing: 温州分公司 (has not joined yet)" in page


def test_the_overview_renews_only_its_own_part(client, company):
    part = client.get("/?part=1")

    assert part.text.strip().startswith('<div id="overview"')
    assert "<nav" not in part.text


@pytest.mark.parametrize("indexed", [False, True])
@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("王芳", {"C0001/B001", "C0001/B002"}),
        ("C0002", {"C0002/B001"}),
        ("建国", {"C0002/B001"}),
        ("13900001234", {"C0001/B001"}),
        ("nobody", set()),
    ],
)
def test_customers_are_found_by_words_before_and_after_they_are_indexed(
    client, app, company, words, found, indexed
):
    if indexed:
        take_in(app)

    page = client.get("/customers/", query_string={"q": words}).text

    rows = re.findall(r'href="/customers/(B\d+)/[0-9a-f-]+">(C\d+)</a>', page)
    assert {f"{number}/{code}" for code, number in rows} == found


@pytest.mark.parametrize("words", ["shan jian", "danjianguo", "sjg", "1234"])
def test_customers_are_found_by_pinyin_and_the_end_of_a_phone_once_indexed(client, app, company, words):
    take_in(app)

    page = client.get("/customers/", query_string={"q": words}).text

    assert len(re.findall(r'href="/customers/B\d+/[0-9a-f-]+">', page)) == 1


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("branch=B002", ["C0001"]),
        ("grade=A", ["C0001"]),
        ("status=closed", ["C0003"]),
        ("region=330100", ["C0002"]),
        ("opened_from=2026-11-01&opened_to=2026-11-30", ["C0001"]),
        ("branch=B001&sort=-customer_no", ["C0003", "C0002", "C0001"]),
    ],
)
def test_customers_are_filtered_and_sorted(client, company, query, numbers):
    page = client.get(f"/customers/?{query}").text

    assert re.findall(r'href="/customers/B\d+/[0-9a-f-]+">(C\d+)</a>', page) == numbers


def test_a_manager_filter_keeps_to_that_manager(client, company):
    page = text_of(client.get(f"/customers/?manager=B001:{company['manager']}"))

    assert "1 to 2 of 2" in page
    assert "Account manager: 李明" in page


def test_one_customer_is_shown_as_a_read_only_copy_with_its_branch_and_as_of(client, company):
    page = text_of(client.get(f"/customers/B001/{company['wang']}?tab=money"))

    assert "belongs to branch 杭州分公司" in page
    assert "As of 2026-11-18 11:55" in page
    assert "2026-11 CNY Charge 123.45" in page


def test_a_customer_of_another_branch_is_not_found(client, company):
    assert client.get(f"/customers/B002/{company['wang']}").status_code == 404


def test_the_customer_export_holds_the_filtered_rows_and_says_what_it_covers(client, company):
    rows, about = book_of(client.take("/customers/export.xlsx?branch=B001&grade=A"))

    assert [row[2] for row in rows[1:]] == ["C0001"]
    assert about["Filter: Grade"] == "Grade A"
    assert about["As of"] == "2026-11-18 11:55"
    assert about["Branches covered"] == "1 of 1"


def test_every_cell_of_the_analysis_opens_to_customers_with_the_same_sum(client, company):
    page = client.get("/analysis/?rows=branch&cols=month&start=2026-10&end=2026-11").text
    cells = re.findall(r'<td class="num" data-label="2026-1[01]"><a href="([^"]+)">([\d.,]+)</a>', page)
    assert len(cells) == 5  # three with figures, two in the line of totals

    for url, shown in cells:
        behind = client.get(url.replace("&amp;", "&")).text
        assert f'<span class="stat-value">{shown}</span>' in behind


def test_the_analysis_export_holds_the_table_the_filters_and_the_coverage(client, company):
    rows, about = book_of(
        client.take("/analysis/export.xlsx?rows=product&cols=&start=2026-10&end=2026-10&branch=B002")
    )

    assert rows[1:] == [["宽带", 7], ["Total", 7]]
    assert about["Months"] == "2026-10 – 2026-10"
    assert about["Filter: Branch"] == "B002"
    assert about["Currency"] == "CNY"


def test_customers_by_product_show_the_reason_and_no_figure(client, company):
    page = text_of(client.get("/analysis/?measure=customers&rows=product"))

    assert "Customers cannot be counted by product" in page


def test_months_turned_round_are_refused(client, company):
    assert client.get("/analysis/?start=2026-11&end=2026-10").status_code == 400
    assert client.get("/analysis/?start=2026-13").status_code == 400


def test_the_board_counts_a_corrected_log_once_and_names_the_untouched(client, company):
    page = text_of(client.get("/managers/"))

    # customers 2; logs this week 1, visits 1; this month 2, visits 1; untouched 30: 1, 60: 0, 90: 0
    assert re.search(r"李明 M001 2 1 1 2 1 1 0 0 ", page)


def test_each_number_of_the_board_opens_to_as_many_records(client, company):
    page = client.get("/managers/").text
    links = re.findall(r'<a href="(/(?:managers|customers)/[^"]*[?][^"]+)">(\d+)</a>', page)
    assert len(links) == 6

    for url, number in links:
        found = text_of(client.get(url.replace("&amp;", "&")))
        shown = re.search(r"(?:of|^) ?(\d+) (?:Page|2 of|work logs)|(\d+) work logs| to \d+ of (\d+)", found)
        assert shown, (url, found[-600:])
        assert number in [group for group in shown.groups() if group]


def test_a_corrected_log_shows_both_versions(client, company):
    page = text_of(client.get(f"/managers/B001/{company['manager']}"))

    assert "新文" in page
    assert "corrected" in page
    assert "旧文" in page


def test_the_board_asks_the_database_as_often_for_many_managers_as_for_one(client, database, company):
    asked = []
    event.listen(database.engine, "before_cursor_execute", lambda *args: asked.append(args[2]))

    def statements(path):
        asked.clear()
        assert client.get(path).status_code == 200
        return len(asked)

    few = statements("/managers/"), statements("/"), statements("/customers/")
    with database.sessions.begin() as session:
        rows = add_branch(session, "B004", NOON)
        for at in range(30):
            rows.customer(f"C9{at}", manager_id=rows.manager(f"M9{at}"))
        rows.deliver()
    many = statements("/managers/"), statements("/"), statements("/customers/")

    assert many == few


def test_parked_records_tell_the_reason_and_show_the_row_as_it_came(client, database):
    with database.sessions.begin() as session:
        branch = add_branch(session, "B001", NOON, name="杭州分公司")
        sent = {"id": "x", "customer_no": "C1", "kind": "alien", "name": "王芳", "mobile": "13900004321"}
        line = json.dumps([7, *(sent.get(name) for name in CATALOG["customer"].columns)])
        add_parked(
            session, branch, line=line, reasons={"kind": ["must be one of individual, group"]}, at=NOON
        )

    page = text_of(client.get("/parked"))
    assert "Kind : must be one of: individual, group" in page
    assert "alien" in page
    assert ("13900004321" in page, "139****4321" in page) == (False, True)
    assert "Records parked 1" in text_of(client.get("/"))


def test_transfers_count_batches_rows_and_bytes(client, company):
    page = text_of(client.get("/transfers?branch=B001"))

    assert "Batches 4" in page
    assert "Rows 10" in page


def test_a_batchs_page_tells_counts_bytes_time_totals_digest_and_what_was_refused(client, database, company):
    with database.sessions.begin() as session:
        branch = add_branch(session, "B007", NOON)
        parked = session.get_one(
            ParkedRecord,
            add_parked(session, branch, line="[]", reasons={"product": ["must be text"]}, at=NOON),
        )
        number = parked.batch_id
        batch = session.get_one(InboxBatch, number)
        batch.control, batch.duration_ms = {"CNY": {"2026-10": {"charge": 12_300}}}, 345

    page = text_of(client.get(f"/transfers/{number}"))

    for told in (
        batch.digest,
        "345 ms",
        "2026-10",
        "123.00",
        "must be text",
        f"{batch.channel} {batch.batch_no}",
    ):
        assert told in page, told
    assert f"/transfers/{number}" in client.get("/transfers?branch=B007").text
    assert client.get("/transfers/999").status_code == 404


def test_an_administrator_asks_a_branch_to_send_once_more_and_sees_how_it_stands(client, database, company):
    refused = client.send("/branches/B001/resend", record="customer", reason="")
    assert refused.status_code == 303
    assert "Say why" in client.get("/branches/B001").text

    client.send("/branches/B001/resend", record="customer", reason="disk replaced")

    page = text_of(client.get("/branches/B001"))
    assert "disk replaced" in page
    assert "under way" in page
    with database.sessions.begin() as session:
        [asked] = session.scalars(select(ResendAsk)).all()
        asked.ended_at, asked.equal = asked.asked_at, True
    assert asked.record_type == "customer"
    assert "all of it came, and is equal" in text_of(client.get("/branches/B001"))


def test_a_branch_is_registered_by_screen_and_its_code_shown_once(administrator, database):
    answer = administrator.send("/branches/enrol", code="B009", name="丽水分公司")

    assert answer.status_code == 201
    assert "branch-node join" in answer.text
    with database.reads() as session:
        assert session.scalar(select(Branch.name).where(Branch.code == "B009")) == "丽水分公司"
    assert administrator.send("/branches/enrol", code="not a code", name="x").status_code == 400


def test_taking_in_twice_finds_nothing_the_second_time(app, company):
    first, second = take_in(app), take_in(app)

    assert (first.kind, first.counts["customers"]) == (RunOutcome.DONE, 4)
    assert second.kind is RunOutcome.NOTHING


def test_more_customers_than_fit_in_one_step_are_all_taken_in(app, database):
    with database.sessions.begin() as session:
        branch = add_branch(session, "B001", NOON)
        for at in range(search.CHUNK + 7):
            branch.customer(f"C{at:04d}")
        branch.deliver()

    assert take_in(app).counts["customers"] == search.CHUNK + 7
    with database.reads() as session:
        assert search.match(session, SEARCH_INDEX, f"C{search.CHUNK + 6:04d}") != []


def test_a_customer_removed_by_its_branch_is_found_no_more(client, app, database, company):
    take_in(app)
    with database.sessions.begin() as session:
        number = session.scalars(select(Branch.number).where(Branch.code == "B001")).one()
        branch = BranchRows(number, session, NOON, delivered=10)
        batch_id = add_batch(session, branch, "customer", rows=0, at=NOON)
        session.delete(session.get_one(ReplicaCustomer, (number, company["shan"])))
        session.add(
            Tombstone(
                branch_number=number,
                record_type="customer",
                id=company["shan"],
                row_lineage=1,
                row_change=9,
                batch_id=batch_id,
            )
        )
    take_in(app)

    with database.reads() as session:
        assert search.match(session, SEARCH_INDEX, "单建国") == []


def test_pages_are_whole_in_chinese(client, company):
    client.send("/account/language", language="zh_CN")

    for path in ("/", "/branches", "/customers/", "/analysis/", "/managers/", "/parked", "/transfers"):
        assert client.get(path).status_code == 200


def test_a_large_board_is_folded_to_branches_with_the_same_sums(client, database, company, monkeypatch):
    whole = re.search(r"All 1 account managers ([\d ]+)", text_of(client.get("/managers/")))
    monkeypatch.setattr(oversight, "FOLD_OVER", 0)
    with database.sessions.begin() as session:
        branch = add_branch(session, "B004", NOON)
        branch.manager("M001", "周敏")
        branch.deliver()

    page = text_of(client.get("/managers/"))

    assert whole
    assert "李明" not in page
    assert re.search(r"杭州分公司 B001 · 1 " + whole.group(1)[:11], page)


def test_customers_without_an_opening_date_come_first_and_pages_hold_everybody_once(client, database):
    with database.sessions.begin() as session:
        branch = add_branch(session, "B001", NOON)
        for at in range(60):
            branch.customer(f"C{at:02d}", opened_on=None if at % 7 == 0 else date(2026, 1, 1 + at % 28))
        branch.deliver()

    pages = [client.get(f"/customers/?sort=opened_on&page={number}").text for number in (1, 2)]
    numbers = [re.findall(r'href="/customers/B\d+/[0-9a-f-]+">(C\d+)</a>', page) for page in pages]

    assert [len(page) for page in numbers] == [50, 10]
    assert len({number for page in numbers for number in page}) == 60
    assert {int(number[1:]) % 7 for number in numbers[0][:9]} == {0}


def test_a_list_too_long_to_sort_keeps_the_order_of_numbers_and_says_so(client, company, monkeypatch):
    monkeypatch.setattr(customer_queries, "MOST_COUNTED", 2)

    answer = client.get("/customers/?sort=-opened_on")

    numbers = re.findall(r'href="/customers/B\d+/[0-9a-f-]+">(C\d+)</a>', answer.text)
    assert numbers == ["C0001", "C0001", "C0002", "C0003"]
    assert "More than 2 customers" in text_of(answer)
