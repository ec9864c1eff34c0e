"""Of an erased customer nothing stays in what imports keep: neither values from before nor refused rows."""

from dataclasses import replace

from sqlalchemy import select

from branch_node.billing.models import BillLine
from branch_node.customers.models import Customer
from branch_node.erasure.operations import Known
from branch_node.imports.models import ImportRefusal, ImportRow
from branch_node.merging import operations as merging
from branch_node.personal.erasing import erase
from shared.domain.erasure.vocabulary import ErasureReason
from tests.support.branch import ANA

HEADINGS = "customer_no,kind,name,mobile,grade"


def kept(importer, model):
    with importer.database.reads() as session:
        return session.scalars(select(model)).all()


def test_what_imports_kept_of_an_erased_customer_goes_and_the_rows_of_others_stay(importer):
    importer.take(
        "customers",
        importer.table(
            "new.csv",
            HEADINGS,
            [
                ["C1", "individual", "赵金丝", "13911112222", ""],
                ["C2", "individual", "钱留下", "13933334444", ""],
            ],
        ),
    )
    update = importer.table(
        "update.csv",
        HEADINGS,
        [["C1", "", "赵金丝", "13955556666", ""], ["C2", "", "钱留下", "13977778888", ""]],
    )
    importer.take("customers", update, update_by="customer_no")
    # Refused for their grade: one by the number, one by the telephone, one of somebody else.
    refused = [
        ["C1", "individual", "x", "", "Z"],
        ["C9", "individual", "y", "13955556666", "Z"],
        ["C8", "individual", "孙别人", "13900001111", "Z"],
    ]
    importer.take("customers", importer.table("refused.csv", HEADINGS, refused))
    assert len(kept(importer, ImportRefusal)) == 3
    goes, stays = (one.id for one in sorted(importer.all(Customer), key=lambda one: one.customer_no))

    with importer.database.sessions.begin() as session:
        erase(session, Known.now(goes, ErasureReason.REQUEST, ANA), by=ANA)

    assert [row.cells[0] for row in kept(importer, ImportRefusal)] == ["C8"]
    before = {row.record_id: row.before for row in kept(importer, ImportRow) if row.action == "updated"}
    assert before[goes] is None
    assert before[stays]["mobile"] == "13933334444"


def test_a_file_brings_nothing_back_of_an_erased_customer_and_says_so_row_by_row(importer):
    importer.take("managers", importer.table("m.csv", "manager_no,name,status", [["M1", "经理", "active"]]))
    importer.take(
        "customers",
        importer.table(
            "new.csv", "customer_no,kind,name", [["C1", "individual", "赵"], ["C2", "individual", "钱"]]
        ),
    )
    goes = next(one.id for one in importer.all(Customer) if one.customer_no == "C1")
    with importer.database.sessions.begin() as session:
        erase(session, Known.now(goes, ErasureReason.REQUEST, ANA), by=ANA)

    again = importer.take(
        "customers",
        importer.table("again.csv", "customer_no,name", [["C1", "赵"], ["C2", "钱二"]]),
        update_by="customer_no",
    )
    lines = importer.take(
        "billing",
        importer.table(
            "lines.csv",
            "bill_no,customer_no,product,period,kind,amount,currency,booked_on,remark",
            [
                ["B1", "C1", "宽带", "2026-03", "charge", "10.00", "CNY", "2026-03-01", "赵的"],
                ["B2", "C1", "宽带", "2026-03", "charge", "10.00", "CNY", "2026-03-01", ""],
                ["B3", "C2", "宽带", "2026-03", "charge", "10.00", "CNY", "2026-03-01", "钱的"],
            ],
        ),
    )
    logs = importer.take(
        "worklogs",
        importer.table(
            "logs.csv",
            "log_no,manager_no,kind,customer_no,started_at,text",
            [
                ["L1", "M1", "call", "C1", "2026-03-01 10:00", "谈了"],
                ["L2", "M1", "call", "C2", "2026-03-01 10:00", "谈了"],
            ],
        ),
    )

    assert (again.counts, lines.counts, logs.counts) == ((0, 1, 0, 1), (2, 0, 0, 1), (1, 0, 0, 1))
    for taken in (again, lines, logs):
        assert "erased" in str(taken.refused), taken.refused
    assert {line.bill_no: line.remark for line in importer.all(BillLine)} == {"B2": None, "B3": "钱的"}


def test_a_file_changes_nothing_of_a_merged_customer_but_their_bill_lines_still_come_in(importer):
    table = importer.table(
        "new.csv", "customer_no,kind,name", [["C1", "individual", "赵"], ["C2", "individual", "赵"]]
    )
    importer.take("customers", table)
    one, other = sorted(importer.all(Customer), key=lambda each: each.customer_no)
    with importer.database.sessions.begin() as session:
        merge = merging.propose(session, one.id, other.id, [], by=replace(ANA, actor="li"))
        merging.carry_out(session, merge.id, by=ANA)

    again = importer.take(
        "customers",
        importer.table("again.csv", "customer_no,name", [["C1", "赵一"], ["C2", "赵二"]]),
        update_by="customer_no",
    )
    lines = importer.take(
        "billing",
        importer.table(
            "lines.csv",
            "bill_no,customer_no,product,period,kind,amount,currency,booked_on",
            [["B1", "C2", "宽带", "2026-03", "charge", "10.00", "CNY", "2026-03-01"]],
        ),
    )

    assert (again.counts, lines.counts) == ((0, 1, 0, 1), (1, 0, 0, 0))
    assert "merged" in str(again.refused)
    assert {each.customer_no: each.name for each in importer.all(Customer)} == {"C1": "赵一", "C2": "赵"}
