"""Contact people in files, and customers whom a file brings to another stage or tier."""

from datetime import date

import pytest

from branch_node.customers.models import Contact, Customer, CustomerMove
from branch_node.identity.models import CustomerIdentity
from shared.domain.contacts.vocabulary import ContactRole, ContactStanding
from shared.domain.customers.vocabulary import MoveOf
from shared.ids import new_id
from tests.support.branch import NOON

CONTACTS = "contact_no,customer_no,name,role,standing,mobile,birthday\n"


def test_contact_people_come_in_and_an_update_changes_only_what_it_names(importer, customers):
    customers()
    path = importer.write(
        "k.csv", CONTACTS + "K1,C3,赵会计,财务,关键人,138 0000 0009,3-9\nK2,C9,无主,,,,\nK3,C3,钱,,,,31-31\n"
    )
    taken = importer.take("contacts", path)
    assert taken.counts == (1, 0, 0, 2)
    assert [one["code"] for one in taken.refused] == ["unknown-reference", "bad-birthday"]
    (one,) = importer.all(Contact)
    assert (one.role, one.standing, one.birthday, one.do_not_contact) == (
        ContactRole.FINANCE,
        ContactStanding.KEY,
        "03-09",
        [],
    )
    again = importer.write("k2.csv", "contact_no,title\nK1,财务经理\n")
    changed = importer.take("contacts", again, update_by="contact_no")
    assert changed.counts == (0, 1, 0, 0)
    importer.undo(changed.import_id)
    importer.undo(taken.import_id)
    assert importer.all(Contact) == []


def test_a_file_moves_no_contact_person_to_another_customer(importer, customers):
    customers()
    importer.take("contacts", importer.write("k.csv", CONTACTS + "K1,C3,赵会计,,,,\n"))
    moved = importer.write("k2.csv", "contact_no,customer_no,name\nK1,C1,赵会计\n")
    assert [one["code"] for one in importer.take("contacts", moved, update_by="contact_no").refused] == [
        "other-customer"
    ]


def test_nobody_is_brought_into_a_merged_file(importer, customers):
    customers()
    ids = {one.customer_no: one.id for one in importer.all(Customer)}
    with importer.database.sessions.begin() as session:
        session.add(
            CustomerIdentity(
                id=new_id(), customer_id=ids["C1"], identity_id=ids["C2"], merged_at=NOON, merged_by="ana"
            )
        )
    taken = importer.take("contacts", importer.write("k.csv", CONTACTS + "K1,C1,赵会计,,,,\n"))
    assert [one["code"] for one in taken.refused] == ["customer-merged"]


def test_a_file_that_sets_stage_or_tier_writes_a_move_and_undoing_takes_it_back(importer, customers):
    customers()
    new = importer.write("n.csv", "customer_no,kind,name,value_tier\nC7,individual,新人,high\n")
    first = importer.take("customers", new)
    path = importer.write("s.csv", "customer_no,lifecycle_stage,value_tier\nC1,growth,\nC7,growth,high\n")
    second = importer.take("customers", path, update_by="customer_no")
    numbers = {one.id: one.customer_no for one in importer.all(Customer)}
    made = importer.all(CustomerMove)
    told = {(numbers[one.customer_id], one.what, one.before, one.after) for one in made}
    assert told == {
        ("C7", MoveOf.TIER, None, "high"),
        ("C1", MoveOf.STAGE, None, "growth"),
        ("C7", MoveOf.STAGE, None, "growth"),
    }
    assert {one.moved_on for one in made} == {date(2026, 3, 18)}
    importer.undo(second.import_id)
    assert [one.what for one in importer.all(CustomerMove)] == [MoveOf.TIER]
    importer.undo(first.import_id)
    assert importer.all(CustomerMove) == []


@pytest.mark.parametrize("heading", ["legacy_no", "原客户编号"])
def test_numbers_of_an_earlier_system_are_kept_and_found(importer, heading):
    importer.take(
        "customers", importer.write("l.csv", f"customer_no,kind,name,{heading}\nC1,group,某公司,OLD-77\n")
    )
    (one,) = importer.all(Customer)
    assert one.legacy_no == "OLD-77"
