"""Taking a whole import back, or being told why not."""

import pytest
from sqlalchemy import delete, text, update
from sqlalchemy.exc import DBAPIError

from branch_node.billing.models import BillLine
from branch_node.customers.models import Customer
from branch_node.imports.undo import NotUndoableError, UndoRefusedError
from branch_node.managers.models import Manager
from branch_node.statistics.models import CustomerMonth
from shared.audit.models import AuditEntry
from shared.ids import new_id

BILLS = "bill_no,customer_no,product,period,kind,amount,currency,booked_on,remark"


@pytest.fixture
def bills(importer, customers):
    def take(numbers=("B1", "B2")):
        path = importer.table(
            f"{numbers[0]}.csv",
            BILLS,
            (
                [number, "C1", "宽带", "2026-02", "charge", "10.00", "", "2026-02-28", ""]
                for number in numbers
            ),
        )
        return importer.take("billing", path)

    return take


def reasons(error):
    return [str(obstacle) for obstacle in error.value.obstacles]


def test_undoing_removes_what_was_created_and_says_so_once_in_the_log(importer, customers):
    taken = customers()

    undone = importer.undo(taken.import_id)

    assert (undone.deleted, undone.restored) == (3, 0)
    assert importer.all(Customer) == []
    assert importer.read(taken.import_id).state == "undone"
    told = [entry.event for entry in sorted(importer.all(AuditEntry), key=lambda one: one.seq)]
    assert [event for event in told if event.startswith("import.")] == ["import.finished", "import.undone"]
    assert told.count("customer.created") == told.count("customer.deleted") == 3


def test_undoing_gives_updated_records_back_what_they_held(importer, customers):
    customers()
    before = [(c.name, c.mobile, c.grade, c.tags, c.attributes, c.updated_at) for c in importer.all(Customer)]
    path = importer.write(
        "u.csv",
        "customer_no,mobile,grade,tags,tenure,opened_on,updated_at\n"
        "C1,139 0000 0000,A,vip,3,2020-01-01,2026-01-01\nC2,,B,,,,\n",
    )
    taken = importer.take("customers", path, update_by="customer_no")

    undone = importer.undo(taken.import_id)

    after = [(c.name, c.mobile, c.grade, c.tags, c.attributes, c.updated_at) for c in importer.all(Customer)]
    assert (undone.deleted, undone.restored) == (0, 2)
    assert after == before


def test_facts_leave_only_with_the_import_that_brought_them(importer, customers, bills):
    customers()
    taken = bills()

    with pytest.raises(DBAPIError), importer.database.sessions.begin() as session:
        session.execute(delete(BillLine))
    with pytest.raises(DBAPIError), importer.database.sessions.begin() as session:
        session.execute(update(BillLine).values(amount_minor=1))
    importer.undo(taken.import_id)

    assert importer.all(BillLine) == []


def test_what_others_need_is_not_taken_away_and_the_import_to_undo_first_is_named(importer, customers, bills):
    taken = customers()
    needing = bills()

    with pytest.raises(UndoRefusedError) as refused:
        importer.undo(taken.import_id)

    assert len(reasons(refused)) == 1
    assert needing.import_id in reasons(refused)[0]
    assert "2 records" in reasons(refused)[0]
    assert len(importer.all(Customer)) == 3
    assert importer.read(taken.import_id).state == "done"
    importer.undo(needing.import_id)
    importer.undo(taken.import_id)
    assert importer.all(Customer) == []


def test_records_entered_by_hand_since_hold_an_import_back_too(importer, customers, rows):
    taken = customers()
    rows.bill_line(importer.all(Customer)[0].id)

    with pytest.raises(UndoRefusedError) as refused:
        importer.undo(taken.import_id)

    assert reasons(refused) == ["1 records in bill_lines, entered since, need them."]


def test_a_record_changed_since_is_never_overwritten(importer, customers):
    taken = customers()
    with importer.database.sessions.begin() as session:
        session.execute(update(Customer).where(Customer.customer_no == "C2").values(remark="called"))

    with pytest.raises(UndoRefusedError) as refused:
        importer.undo(taken.import_id)

    assert reasons(refused) == ["Line 3: the record was changed after the import."]


def test_a_later_import_that_changed_the_same_record_has_to_go_first(importer, customers):
    first = customers()
    path = importer.write("u.csv", "customer_no,grade\nC2,A\n")
    later = importer.take("customers", path, update_by="customer_no")

    with pytest.raises(UndoRefusedError) as refused:
        importer.undo(first.import_id)

    assert later.import_id in reasons(refused)[0]
    importer.undo(later.import_id)
    assert importer.undo(first.import_id).deleted == 3


def test_statistics_of_removed_customers_go_with_them(importer, customers):
    taken = customers()
    customer = importer.all(Customer)[0]
    with importer.database.sessions.begin() as session:
        session.add(
            CustomerMonth(
                id=new_id(), customer_id=customer.id, month="2026-02", currency="CNY", charge_minor=0, payment_minor=0,
                adjustment_minor=0, bill_lines=0, contacts=0, visits=0,
            )
        )  # fmt: skip

    importer.undo(taken.import_id)

    assert importer.all(CustomerMonth) == []


def test_a_correction_in_the_same_import_does_not_hold_it_back(importer, customers):
    customers()
    path = importer.table(
        "b.csv",
        BILLS + ",corrects_no",
        [
            ["B1", "C1", "宽带", "2026-02", "charge", "10.00", "", "2026-02-28", "", ""],
            ["B2", "C1", "宽带", "2026-02", "adjustment", "-1.00", "", "2026-02-28", "", "B1"],
        ],
    )
    taken = importer.take("billing", path)

    assert importer.undo(taken.import_id).deleted == 2


def test_an_import_is_undone_once_and_the_file_can_then_be_taken_in_again(importer, managers):
    taken = managers()
    importer.undo(taken.import_id)

    with pytest.raises(NotUndoableError):
        importer.undo(taken.import_id)

    assert managers().counts == (2, 0, 0, 0)
    assert len(importer.all(Manager)) == 2


def test_no_import_is_left_undoing(importer, customers, bills):
    taken = customers()
    bills()
    with pytest.raises(UndoRefusedError):
        importer.undo(taken.import_id)

    with importer.database.reads() as session:
        assert session.scalar(text("SELECT count(*) FROM imports WHERE state = 'undoing'")) == 0
