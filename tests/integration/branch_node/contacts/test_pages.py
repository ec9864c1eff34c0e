import re

import pytest
from sqlalchemy import select

from branch_node.contacts.operations import add_contact
from branch_node.customers.models import Contact, Customer
from branch_node.erasure.operations import Known, carry_out
from shared.domain.contacts.vocabulary import ContactRole, ContactStanding, ContactStatus
from shared.domain.erasure.vocabulary import ErasureReason
from shared.rights.vocabulary import StaffKind
from tests.support.branch import ANA

FORM = {"name": "韩梅梅", "standing": "key", "status": "active"}
VALUES = {
    "name": "韩梅梅",
    "standing": ContactStanding.KEY,
    "status": ContactStatus.ACTIVE,
    "mobile": "13700000000",
    "do_not_contact": [],
}


def stored(sessions):
    with sessions() as session:
        return session.scalars(select(Contact).order_by(Contact.id)).all()


def seen_at(page):
    return re.findall(r'name="seen_at" value="([^"]*)"', page.text)[0]


@pytest.fixture
def customer(rows):
    return rows.customer(customer_no="C-77", name="东湖大学")


@pytest.fixture
def contact(customer, sessions):
    with sessions.begin() as session:
        return add_contact(session, customer, VALUES, by=ANA).id


def test_a_contact_person_is_entered_from_the_customers_page_and_stands_there(browser, customer, sessions):
    page = browser.send(
        f"/customers/{customer}/contacts",
        **FORM,
        role="decider",
        title="采购主任",
        mobile="137 0000 0000",
        do_not_contact="sms",
        birthday="3/9",
    )

    [contact] = stored(sessions)
    assert page.status_code == 200
    assert "采购主任" in page.text
    assert "not by Text message" in page.text
    assert (contact.customer_id, contact.role, contact.mobile) == (
        customer,
        ContactRole.DECIDER,
        "13700000000",
    )
    assert (contact.do_not_contact, contact.birthday, contact.created_by) == (["sms"], "03-09", "wang")
    assert contact.contact_no


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("name", " ", "Please fill this in."),
        ("mobile", "12", "This is not a mobile number: 11 digits, or + and the country&#39;s code."),
        ("birthday", "31 July", "Please give a birthday as 03-09, or with the year as 1980-03-09."),
        ("do_not_contact", "pigeon", "Please choose one of the list."),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_nothing_is_written(
    browser, customer, sessions, field, value, sentence
):
    page = browser.send(f"/customers/{customer}/contacts", **{**FORM, field: value})

    assert page.status_code == 400
    assert sentence in page.text
    assert stored(sessions) == []


def test_whoever_saves_second_is_told_and_overwrites_nothing(browser, contact, sessions):
    form = browser.get(f"/contacts/{contact}")
    first = browser.send(f"/contacts/{contact}", **FORM, title="科长", seen_at=seen_at(form))
    assert first.status_code == 200

    with sessions.begin() as session:
        session.get_one(Contact, contact).updated_at = ANA.at.replace(hour=5)
    second = browser.send(f"/contacts/{contact}", **FORM, title="处长", seen_at=seen_at(form))

    assert second.status_code == 409
    assert [one.title for one in stored(sessions)] == ["科长"]

    # they see what stands there now, have what they wrote, and may put it in its place
    assert "Job title: <b>科长</b>" in second.text
    assert 'value="处长"' in second.text
    again = browser.send(f"/contacts/{contact}", **FORM, title="处长", seen_at=seen_at(second))
    assert again.status_code == 200
    assert [one.title for one in stored(sessions)] == ["处长"]


@pytest.mark.parametrize("words", ["韩梅梅", "13700000000", "0000"])
def test_a_customer_is_found_by_its_contact_people(browser, contact, words):
    page = browser.get(f"/search?q={words}")

    assert "东湖大学" in page.text


def test_a_person_who_was_renamed_is_found_by_the_new_name_alone(browser, contact):
    form = browser.get(f"/contacts/{contact}")
    browser.send(f"/contacts/{contact}", **{**FORM, "name": "赵敏"}, seen_at=seen_at(form))

    assert "东湖大学" in browser.get("/customers?q=赵敏").text
    assert "东湖大学" not in browser.get("/customers?q=韩梅梅").text


def test_an_account_manager_neither_sees_nor_adds_contact_people_of_others(
    make_user, sign_in, rows, customer, contact, sessions
):
    make_user("li", StaffKind.ACCOUNT_MANAGER, rows.manager())
    li = sign_in("li")

    assert li.get(f"/customers/{customer}/contacts").status_code == 404
    assert li.get(f"/contacts/{contact}").status_code == 404
    assert li.send(f"/customers/{customer}/contacts", **FORM).status_code == 404
    assert "东湖大学" not in li.get("/search?q=韩梅梅").text
    assert len(stored(sessions)) == 1


def test_an_erased_customers_contact_people_are_blank_and_none_is_added(browser, customer, contact, sessions):
    with sessions.begin() as session:
        carry_out(session, Known.now(customer, ErasureReason.REQUEST, ANA), by=ANA)

    [blank] = stored(sessions)
    assert (blank.name, blank.mobile) == ("erased", None)
    assert browser.send(f"/customers/{customer}/contacts", **FORM).status_code == 409
    assert len(stored(sessions)) == 1


def test_a_number_that_a_contact_person_out_of_sight_has_is_refused_without_a_name_and_nothing_typed_is_lost(
    contact, rows, make_user, sign_in, sessions
):
    holder, mine = rows.manager(), rows.manager()
    with sessions.begin() as session:
        theirs = session.get(Contact, contact)
        theirs.contact_no = "P-1"
        session.get(Customer, theirs.customer_id).manager_id = holder
    own = rows.customer(manager_id=mine)
    make_user("li", StaffKind.ACCOUNT_MANAGER, mine)
    li = sign_in("li")
    given = {**FORM, "name": "李磊", "contact_no": "P-1", "remark": "只在早上打电话"}

    new = li.send(f"/customers/{own}/contacts", **given)
    li.send(f"/customers/{own}/contacts", **given | {"contact_no": "P-2", "remark": ""})
    entered = next(one for one in stored(sessions) if one.contact_no == "P-2")
    at = seen_at(li.get(f"/contacts/{entered.id}"))
    changed = li.send(f"/contacts/{entered.id}", **given, seen_at=at)

    for page in (new, changed):
        assert page.status_code == 409
        assert "Another contact person of this branch, whom you do not see, has the number P-1." in page.text
        assert "只在早上打电话" in page.text
        assert "韩梅梅" not in page.text
    assert sorted((one.contact_no, one.remark) for one in stored(sessions)) == [("P-1", None), ("P-2", None)]
