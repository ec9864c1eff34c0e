"""What becomes of the rows of a file."""

from datetime import UTC, date, datetime

import pytest

from branch_node.billing.models import BillLine
from branch_node.customers.models import Customer
from branch_node.imports import operations, queries
from branch_node.imports.mapping import (
    ColumnMap,
    FactsAreFinalError,
    MissingColumnsError,
    UnknownTargetError,
    UpdateByError,
)
from branch_node.managers.models import Manager
from branch_node.worklogs.models import WorkLog
from shared.audit.models import AuditEntry
from sync_protocol.changelog.models import Change
from tests.support.branch import ANA, NOON

BILLS = "bill_no,customer_no,product,period,kind,amount,currency,booked_on,remark"


def refusals(taken):
    return [(entry["row"], entry["column"], entry["code"]) for entry in taken.refused]


def test_every_column_of_a_customer_arrives_as_it_was_written(importer, managers):
    managers()
    path = importer.table(
        "c.csv",
        "customer_no,kind,name,short_name,id_type,id_no,mobile,phone,email,region_code,address,grade,status,"
        "opened_on,manager_no,preferred_channel,tags,remark,created_at,created_by",
        [
            [
                "C1", "集团客户", " 广州贸易公司 ", "广贸", "营业执照", "91440101MA5ABCDE1M",
                "+86 13800138000", "020-8888 6666",
                "a@example.com", "440106", "天河区", "A级", "在网", "2024年3月5日", "M1", "微信",
                "重点；老客户;重点", "第一行\n第二行",
                "2020-01-02 08:00", "old system",
            ]
        ],
    )  # fmt: skip

    taken = importer.take("customers", path)

    (customer,) = importer.all(Customer)
    (manager,) = [manager for manager in importer.all(Manager) if manager.manager_no == "M1"]
    assert taken.counts == (1, 0, 0, 0)
    assert (customer.kind.value, customer.name, customer.id_type.value) == (
        "group",
        "广州贸易公司",
        "business_licence",
    )
    assert (customer.mobile, customer.grade.value, customer.status.value) == (
        "13800138000",
        "A",
        "active",
    )
    assert (customer.opened_on, customer.manager_id) == (date(2024, 3, 5), manager.id)
    assert (customer.tags, customer.remark) == (["重点", "老客户"], "第一行\n第二行")
    assert (customer.created_at, customer.created_by) == (datetime(2020, 1, 2, tzinfo=UTC), "old system")
    assert (customer.updated_at, customer.updated_by) == (ANA.at, "ana")


def test_amounts_become_exact_minor_units_of_their_currency(importer, customers):
    customers()
    path = importer.table(
        "b.csv",
        BILLS,
        [
            ["B1", "C1", "宽带", "2026-02", "应收", "1,234.56", "", "2026-02-28", ""],
            ["B2", "C1", "宽带", "2026-02", "payment", "-0.01", "USD", "2026/2/28", ""],
            ["B3", "C1", "宽带", "2026年2月", "adjustment", "500", "JPY", "2026-02-28", ""],
        ],
    )

    importer.take("billing", path)

    lines = [(line.bill_no, line.amount_minor, line.currency, line.period) for line in importer.all(BillLine)]
    assert lines == [
        ("B1", 123456, "CNY", "2026-02"),
        ("B2", -1, "USD", "2026-02"),
        ("B3", 500, "JPY", "2026-02"),
    ]


def test_a_bad_row_is_refused_with_its_line_column_and_reason_and_the_rest_is_in(importer, customers):
    customers()
    path = importer.table(
        "b.csv",
        BILLS,
        [
            ["B1", "C1", "宽带", "2026-02", "charge", "10.00", "CNY", "2026-02-28", ""],
            ["B2", "C1", "宽带", "2026-02", "charge", "", "CNY", "2026-02-28", ""],
            ["B3", "C1", "宽带", "2026-13", "charge", "ten", "CNY", "2026-02-30", ""],
            ["B4", "C9", "宽带", "2026-02", "charge", "1.005", "CNY", "2026-02-28", ""],
            ["B5", "C1", "宽带", "2026-02", "gift", "1.00", "XXZ", "2026-02-28", ""],
            ["B6", "C1", "=SUM(A1)", "2026-02", "charge", "NaN", "CNY", "2026-02-28", ""],
            ["B7", "C1", "宽带", "2026-02", "charge", "5.5", "CNY", "2026-02-28", "", "too", "long"],
            ["B8", "C1", "宽带", "2026-02", "charge", "1e3", "CNY", "2026-02-28", ""],
            ["B9", "C1", "宽带", "2026-02", "charge", "1.00", "JPY", "2026-02-28", "x" * 501],
        ],
    )

    taken = importer.take("billing", path)

    assert taken.counts == (1, 0, 0, 8)
    found = {
        (entry["row"], problem["column"], problem["code"])
        for entry in taken.refused
        for problem in (entry, *entry.get("more", ()))
    }
    assert found == {
        (3, "amount", "blank-number"),
        (4, "period", "bad-period"),
        (4, "amount", "not-a-number"),
        (4, "booked_on", "bad-date"),
        (5, "amount", "not-a-number"),
        (5, "customer_no", "unknown-reference"),
        (6, "kind", "unknown-word"),
        (6, "currency", "unknown-currency"),
        (7, "product", "formula"),
        (7, "amount", "not-a-number"),
        (8, "", "row-length"),
        (9, "amount", "not-a-number"),
        (10, "remark", "too-long"),
    }
    assert [line.bill_no for line in importer.all(BillLine)] == ["B1"]


def test_a_negative_tenure_is_refused_and_a_good_one_becomes_an_attribute(importer):
    path = importer.write(
        "c.csv",
        "customer_no,kind,name,tenure\nC1,group,甲,12\nC2,group,乙,-3\nC3,group,丙,two\nC4,group,丁,\n",
    )

    taken = importer.take("customers", path)

    assert refusals(taken) == [(3, "tenure_months", "negative"), (4, "tenure_months", "not-a-number")]
    assert [customer.attributes for customer in importer.all(Customer)] == [{"tenure_months": 12}, {}]


def test_work_that_ends_before_it_starts_is_refused(importer, managers, customers):
    managers()
    customers()
    path = importer.table(
        "w.csv",
        "log_no,manager_no,kind,customer_no,started_at,ended_at,place,text,entered_at",
        [
            [
                "L1",
                "M1",
                "走访",
                "C1",
                "2026-03-01 09:00",
                "2026-03-01 10:00",
                "客户处",
                "谈续约",
                "2026-03-01 18:00",
            ],
            ["L2", "M1", "call", "", "2026-03-01 09:00", "2026-03-01 08:59", "", "打电话", ""],
            ["L3", "M1", "call", "", "2026-03-01", "", "", "没有时间", ""],
            ["L4", "M2", "meeting", "", "2026-03-01T09:00:00+08:00", "", "", "开会", ""],
        ],
    )

    taken = importer.take("worklogs", path)

    assert refusals(taken) == [(3, "ended_at", "ends-before-start"), (4, "started_at", "bad-instant")]
    first, second = importer.all(WorkLog)
    assert first.started_at == second.started_at == datetime(2026, 3, 1, 1, 0, tzinfo=UTC)
    assert first.created_at == first.entered_at == datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
    assert second.entered_at == NOON


def test_a_number_twice_in_the_file_is_refused_naming_the_first_line(importer):
    path = importer.write("m.csv", "manager_no,name\nM1,甲\nM2,乙\nM1,丙\n")

    taken = importer.take("managers", path)

    assert refusals(taken) == [(4, "manager_no", "duplicate-in-file")]
    assert "line 2" in taken.refused[0]["message"]
    assert [manager.name for manager in importer.all(Manager)] == ["甲", "乙"]


def test_the_same_file_taken_in_again_doubles_nothing_and_names_the_first_import(importer, customers):
    first = customers()

    again = customers()

    assert again.counts == (0, 0, 0, 3)
    assert {code for _, _, code in refusals(again)} == {"duplicate-key"}
    assert first.import_id in again.refused[0]["message"]
    assert len(importer.all(Customer)) == 3


def test_a_correction_names_the_line_it_corrects_even_in_the_same_file(importer, customers):
    customers()
    path = importer.table(
        "b.csv",
        BILLS + ",corrects_no",
        [
            ["B1", "C1", "宽带", "2026-02", "charge", "10.00", "", "2026-02-28", "", ""],
            ["B2", "C1", "宽带", "2026-02", "adjustment", "-1.00", "", "2026-02-28", "", "B1"],
            ["B3", "C1", "宽带", "2026-02", "adjustment", "-1.00", "", "2026-02-28", "", "B9"],
        ],
    )

    assert importer.dry("billing", path) == (2, 0, 0, 1)
    taken = importer.take("billing", path)

    first, second = importer.all(BillLine)
    assert second.corrects_id == first.id
    assert refusals(taken) == [(4, "corrects_no", "unknown-reference")]


def test_a_dry_run_counts_what_would_happen_and_writes_nothing(importer, customers):
    customers()
    path = importer.write(
        "c2.csv", "customer_no,name,kind\nC1,张三丰,individual\nC9,新客户,group\nC8,,group\n"
    )

    assert importer.dry("customers", path, update_by="customer_no") == (1, 1, 0, 1)
    assert [customer.name for customer in importer.all(Customer)] == ["张三", "李四", "广州贸易公司"]


# --- updating ------------------------------------------------------------------------------------


def test_an_update_changes_only_the_columns_of_the_file_and_blanks_change_nothing(importer, customers):
    customers()
    path = importer.write("u.csv", "customer_no,mobile,grade\nC1,,B\nC2,13900000000,\nC3,13800000002,\n")

    taken = importer.take("customers", path, update_by="customer_no")

    assert taken.counts == (0, 2, 1, 0)
    first, second, third = importer.all(Customer)
    assert (first.name, first.mobile, first.grade.value) == ("张三", "13800000001", "B")
    assert (second.mobile, second.grade) == ("13900000000", None)
    assert third.mobile == "13800000002"


def test_an_update_by_a_number_that_several_have_is_refused(importer, customers):
    customers()
    path = importer.write("u.csv", "mobile,grade\n13800000001,A\n13800000002,A\n13711111111,A\n,A\n")

    taken = importer.take("customers", path, update_by="mobile")

    assert taken.counts == (0, 1, 0, 3)
    assert refusals(taken) == [
        (3, "mobile", "several-matches"),
        (4, "mobile", "no-match"),
        (5, "mobile", "required"),
    ]


def test_an_update_never_gives_a_record_another_number(importer, customers):
    customers()
    path = importer.write("u.csv", "mobile,customer_no,grade\n13800000001,C7,A\n")

    taken = importer.take("customers", path, update_by="mobile")

    assert refusals(taken) == [(2, "customer_no", "key-differs")]


def test_facts_are_never_updated(importer):
    path = importer.write("b.csv", BILLS + "\n")

    with pytest.raises(FactsAreFinalError):
        importer.job("billing", path, update_by="bill_no")
    with pytest.raises(UpdateByError):
        importer.job("customers", importer.write("c.csv", "customer_no,kind,name\n"), update_by="name")


# --- mapping -------------------------------------------------------------------------------------


def test_headings_are_mapped_constants_added_and_words_translated_and_the_unknown_told(importer):
    path = importer.write("t.csv", "客户 编号;Full Name;Churn;Gender\nC1;甲;Yes;F\nC2;乙;No;M\n")
    column_map = ColumnMap(
        columns={"客户 编号": ["customer_no"], "Full Name": ["name", "short_name"], "Churn": ["status"]},
        constants={"kind": "individual"},
        values={"status": {"Yes": "closed", "no": "active"}},
    )

    job = importer.job("customers", path, column_map=column_map)
    taken = importer.take("customers", path, column_map=column_map)

    assert job.plan.unknown_columns == ("Gender",)
    assert taken.counts == (2, 0, 0, 0)
    assert [(c.short_name, c.status.value) for c in importer.all(Customer)] == [
        ("甲", "closed"),
        ("乙", "active"),
    ]


def test_chinese_headings_of_the_template_need_no_mapping(importer):
    path = importer.write("m.csv", "工号,姓名,状态\nM1,王伟,离职\n", encoding="gb18030")

    importer.take("managers", path)

    assert [(m.name, m.status.value) for m in importer.all(Manager)] == [("王伟", "left")]


def test_a_file_that_lacks_needed_columns_or_is_mapped_wrongly_is_refused_whole(importer):
    path = importer.write("c.csv", "customer_no,name\nC1,甲\n")

    with pytest.raises(MissingColumnsError, match="kind"):
        importer.take("customers", path)
    with pytest.raises(UnknownTargetError, match="colour"):
        importer.take("customers", path, column_map=ColumnMap(constants={"colour": "red"}))


# --- what is remembered --------------------------------------------------------------------------


def test_an_import_tells_of_each_row_and_of_itself_and_every_row_is_captured(importer, customers):
    taken = customers()

    *rows, entry = sorted(importer.all(AuditEntry), key=lambda one: one.seq)
    assert {(one.event, one.details["import"]) for one in rows} == {("customer.created", taken.import_id)}
    assert sorted(one.changes["customer_no"][1] for one in rows) == sorted(
        one.customer_no for one in importer.all(Customer)
    )
    assert (entry.event, entry.subject_id, entry.actor) == ("import.finished", taken.import_id, "ana")
    assert (entry.details["created"], entry.details["refused"]) == (3, 0)
    assert len([change for change in importer.all(Change) if change.record_type == "customer"]) == 3


# --- breaking off and going on -------------------------------------------------------------------


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(operations, "CHUNK", 2)


def test_an_import_broken_off_goes_on_behind_the_last_line_that_is_in(importer, small_chunks):
    path = importer.table(
        "m.csv", "manager_no,name", [*([f"M{n}", f"甲{n}"] for n in range(7)), ["M1", "重"]]
    )
    job = importer.job("managers", path)
    import_id = importer.start(job)

    def fail_at_second_chunk(line, _outcome):
        if line > 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        operations.run_import(importer.database.sessions.begin, import_id, job, progress=fail_at_second_chunk)
    broken = importer.read(import_id)
    operations.run_import(importer.database.sessions.begin, import_id, job)
    whole = importer.read(import_id)

    assert (broken.state, broken.counts) == ("interrupted", (4, 0, 0, 0))
    assert (whole.state, whole.counts) == ("done", (7, 0, 0, 1))
    assert refusals(whole) == [(9, "manager_no", "duplicate-in-file")]
    assert len(importer.all(Manager)) == 7


def test_who_lost_the_claim_to_an_import_can_commit_nothing_more(importer, small_chunks):
    path = importer.table("m.csv", "manager_no,name", ([f"M{n}", f"甲{n}"] for n in range(6)))
    job = importer.job("managers", path)
    import_id = importer.start(job)
    begin = importer.database.sessions.begin

    def another_takes_over(line, _outcome):
        if line == 3:
            operations.run_import(begin, import_id, job)

    with pytest.raises(operations.TakenOverError):
        operations.run_import(begin, import_id, job, progress=another_takes_over)

    assert importer.read(import_id).counts == (6, 0, 0, 0)
    assert importer.read(import_id).state == "done"
    assert len(importer.all(Manager)) == 6


def test_a_number_entered_by_hand_while_a_chunk_is_on_its_way_is_refused_and_nothing_lost(
    importer, rows, monkeypatch
):
    path = importer.table("m.csv", "manager_no,name", [["M1", "甲"], ["M2", "乙"]])
    job = importer.job("managers", path)
    import_id = importer.start(job)
    real = queries.find_ids
    asked = []

    def blind_once(session, table, column, values):
        asked.append(column)
        return {} if len(asked) == 1 else real(session, table, column, values)

    rows.manager(manager_no="M1", name="先来")
    monkeypatch.setattr(queries, "find_ids", blind_once)
    operations.run_import(importer.database.sessions.begin, import_id, job)

    assert importer.read(import_id).counts == (1, 0, 0, 1)
    assert sorted(manager.name for manager in importer.all(Manager)) == sorted(["先来", "乙"])
