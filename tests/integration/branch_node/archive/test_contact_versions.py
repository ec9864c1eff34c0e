"""A contact person has a history as the customer has: every field since when, and a version brought back."""

import re
from datetime import timedelta

import pytest

from branch_node.archive.versions import CONTACT, plain_row, spans_of, versions_of
from branch_node.contacts.operations import add_contact, change_contact
from branch_node.customers.models import Contact
from shared.audit.operations import record
from shared.audit.sealing import forget
from shared.db.personal import FieldClass
from shared.domain.contacts.vocabulary import ContactStanding, ContactStatus
from shared.rights.vocabulary import StaffKind
from shared.stamp import Stamp
from tests.support.branch import ANA

PERSON = {
    "name": "韩梅梅",
    "standing": ContactStanding.KEY,
    "status": ContactStatus.ACTIVE,
    "do_not_contact": [],
    "mobile": "13800000001",
}


@pytest.fixture
def person(rows, sessions):
    """A contact person whose number and post changed."""
    customer_id = rows.customer()
    with sessions.begin() as session:
        made = add_contact(session, customer_id, PERSON, by=ANA)
        contact_id, seen = made.id, made.updated_at
    for days, values in ((1, {"mobile": "13800000002"}), (2, {"title": "总监", "mobile": "13800000003"})):
        by = Stamp(ANA.at + timedelta(days=days), "ben", ANA.via)
        with sessions.begin() as session:
            seen = change_contact(session, contact_id, values, seen_at=seen, by=by).updated_at
    return contact_id


def versions(sessions, contact_id):
    with sessions() as session:
        return versions_of(session, session.get_one(Contact, contact_id), CONTACT)


def test_every_field_says_since_when_it_has_had_its_value_and_the_last_version_is_what_stands(
    sessions, person
):
    found = versions(sessions, person)
    assert [(one.no, one.by) for one in found] == [(1, "ana"), (2, "ben"), (3, "ben")]
    with sessions() as session:
        assert found[-1].state == plain_row(session.get_one(Contact, person), CONTACT)
    mobiles = [(span.no, span.value) for span in spans_of(found)["mobile"]]
    assert mobiles == [(3, "13800000003"), (2, "13800000002"), (1, "13800000001")]
    assert [span.value for span in spans_of(found)["title"]] == ["总监"]


def test_a_version_is_brought_back_by_an_ordinary_change(browser, sessions, person):
    page = browser.get(f"/contacts/{person}/history").text
    assert "13800000001" in page
    seen = re.findall(r'name="seen_at" value="([^"]+)"', page)[0]
    assert browser.send(f"/contacts/{person}/history/1/restoration", seen_at=seen).status_code == 200

    with sessions() as session:
        contact = session.get_one(Contact, person)
        assert (contact.mobile, contact.title, contact.updated_by) == ("13800000001", None, "wang")
    assert versions(sessions, person)[-1].event == "contact.changed"
    again = browser.send(f"/contacts/{person}/history/2/restoration", seen_at=seen)
    assert again.status_code == 409
    assert browser.send(f"/contacts/{person}/history/9/restoration", seen_at=seen).status_code == 404


def test_once_the_customer_s_key_is_forgotten_no_version_shows_who_it_was(sessions, person):
    with sessions.begin() as session:
        forget(session, ("customer", session.get_one(Contact, person).customer_id))
    told = str([(one.state, one.changes) for one in versions(sessions, person)[:-1]])
    assert "13800000001" not in told
    assert "13800000002" not in told


def test_what_a_term_has_blanked_of_the_customer_is_shown_in_no_earlier_version(sessions, person):
    with sessions.begin() as session:
        customer = session.get_one(Contact, person).customer_id
        told = {"classes": [FieldClass.MOBILE.value]}
        record(session, "customer.blanked", subject=("customer", customer), by=ANA, details=told)
    found = versions(sessions, person)
    assert "13800000001" not in str([(one.state, one.changes) for one in found[:-1]])
    assert all("mobile" in one.hidden for one in found[:-1])


def test_who_does_not_see_the_customer_sees_no_history_of_their_people(rows, make_user, sign_in, person):
    make_user("li", StaffKind.ACCOUNT_MANAGER, manager_id=rows.manager())
    other = sign_in("li")
    assert other.get(f"/contacts/{person}/history").status_code == 404
    assert other.send(f"/contacts/{person}/history/1/restoration", seen_at="x").status_code == 404
