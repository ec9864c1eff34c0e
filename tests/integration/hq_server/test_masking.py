import re

import pytest
from sqlalchemy import select

from hq_server.customers import revealing
from hq_server.replica.models import ReplicaContact, ReplicaCustomer
from shared.audit.models import AuditEntry
from shared.db.personal import MASKED, FieldClass, mask
from shared.domain.contacts.vocabulary import ContactStanding, ContactStatus
from shared.ids import new_id
from shared.rights.masking import MaskedWriteError
from shared.rights.ranges import SIGHT, Seer, Sight
from shared.rights.vocabulary import DataRange, Resource, StaffKind
from tests.integration.hq_server.conftest import NOON, sign_in
from tests.support.hq_rows import add_branch

WHOLE = {
    "mobile": "13812340001",
    "phone": "0571-88881234",
    "email": "canary@example.com",
    "wechat": "wx-canary-7",
    "id_no": "330106199001011234",
    "address": "杭州市西湖区文三路金丝雀弄1号",
}


@pytest.fixture
def customer(database):
    with database.sessions.begin() as session:
        branch = add_branch(session, "B001", NOON)
        customer_id = branch.customer("K-1", **WHOLE)
        branch.deliver()
        return f"/customers/B001/{customer_id}"


def add_person(session, held, **values):
    """Add a contact person of a customer, and return the id."""
    made = {name: getattr(held, name) for name in ("branch_number", "row_lineage", "row_change", "batch_id")}
    person = ReplicaContact(
        **made,
        **values,
        id=new_id(),
        contact_no="K-1",
        customer_id=held.id,
        name="韩梅梅",
        standing=ContactStanding.KEY,
        status=ContactStatus.ACTIVE,
        do_not_contact=[],
        created_at=NOON,
        created_by="ana",
        updated_at=NOON,
        updated_by="ana",
    )
    session.add(person)
    return person.id


@pytest.mark.parametrize("kind", [StaffKind.LEADER, StaffKind.ANALYST])
def test_contact_people_are_shown_masked(kind, app, database, customer):
    person = {name: WHOLE[name] for name in ("mobile", "phone", "email", "wechat")}
    with database.sessions.begin() as session:
        add_person(session, session.scalars(select(ReplicaCustomer)).one(), **person)

    shown = sign_in(app, database, kind, "mei").get(f"{customer}?tab=contacts").text

    assert "韩梅梅" in shown
    assert "138****0001" in shown
    assert [one for one in person.values() if one in shown] == []


@pytest.mark.parametrize("kind", [StaffKind.LEADER, StaffKind.ANALYST])
def test_contact_data_is_masked_on_every_page_and_in_every_file_of_who_may_not_see_it(
    kind, app, database, customer
):
    page = sign_in(app, database, kind, "mei")

    for path in (customer, f"{customer}?tab=profile", "/customers/", "/customers/?q=13812340001"):
        answer = page.get(path)
        assert answer.status_code == 200
        # What was typed into the search box stands there again.
        typed = "mobile" if "q=" in path else None
        assert [name for name, one in WHOLE.items() if one in answer.text and name != typed] == []
    assert "138****0001" in page.get(customer).text
    sheet = page.take("/customers/export.xlsx")
    assert sheet.status_code == (200 if kind is StaffKind.ANALYST else 403)
    assert b"13812340001" not in sheet.data


def test_a_value_is_shown_once_for_a_reason_and_told(client, database, customer, monkeypatch):
    assert client.send(f"{customer}/reveal", field="mobile", reason="").status_code == 400
    shown = client.send(f"{customer}/reveal", field="mobile", reason="客户来电核实")

    assert WHOLE["mobile"] in shown.text
    assert WHOLE["email"] not in shown.text
    # The tabs lead on from the page that a form has answered.
    assert f'href="{customer}?tab=units"' in shown.text
    assert WHOLE["mobile"] not in client.get(f"{customer}?tab=profile").text
    with database.sessions() as session:
        [told] = session.scalars(select(AuditEntry).where(AuditEntry.event == "customer.revealed"))
    assert told.details == {"field": "mobile", "reason": "客户来电核实", "branch": "B001"}

    monkeypatch.setattr(revealing, "MOST_A_DAY", 1)
    refused = client.send(f"{customer}/reveal", field="email", reason="客户来电核实")
    assert refused.status_code == 429
    assert WHOLE["email"] not in refused.text


def test_one_value_of_a_contact_person_is_shown_once_for_a_reason_and_told(client, database, customer):
    customer_id = customer.rpartition("/")[2]
    with database.sessions.begin() as session:
        held = session.scalars(select(ReplicaCustomer).where(ReplicaCustomer.id == customer_id)).one()
        person = add_person(session, held, mobile="13900000009", email="han@example.com")
    field = revealing.contact_field(person, "mobile")

    assert f'<option value="{field}"' in client.get(f"{customer}?tab=contacts").text
    assert client.send(f"{customer}/reveal", field=field, reason="").status_code == 400
    shown = client.send(f"{customer}/reveal", field=field, reason="客户来电核实").text

    assert "13900000009" in shown
    assert "han@example.com" not in shown
    assert "13900000009" not in client.get(f"{customer}?tab=contacts").text
    with database.sessions() as session:
        [told] = session.scalars(select(AuditEntry).where(AuditEntry.event == "customer.revealed"))
    assert told.details == {"field": "mobile", "reason": "客户来电核实", "branch": "B001", "contact": person}
    for wrong in (revealing.contact_field(new_id(), "mobile"), revealing.contact_field(person, "remark")):
        assert client.send(f"{customer}/reveal", field=wrong, reason="客户来电核实").status_code == 400


def test_a_masked_session_never_writes_back_what_it_was_shown(database, customer):
    seer = Seer("u", None, NOON)
    sight = Sight(seer, {Resource.CUSTOMER: DataRange.GROUP}, (), masked=frozenset({Resource.CUSTOMER}))
    before = MASKED.set(frozenset({"customer"}))
    try:
        with database.sessions(info={SIGHT: sight}) as session:
            row = session.scalars(select(ReplicaCustomer)).one()
            assert row.mobile == "138****0001"
            assert session.scalar(select(ReplicaCustomer.mobile)) == "138****0001"
            row.mobile = "x"
            with pytest.raises(MaskedWriteError):
                session.flush()
    finally:
        MASKED.reset(before)


@pytest.mark.parametrize("value", [*WHOLE.values(), "1", "12345", "@", "a@b"])
@pytest.mark.parametrize("kind", [kind for kind in FieldClass if kind.masked])
def test_a_masked_value_never_tells_more_than_half(kind, value):
    masked = mask(kind, value)
    left = re.sub(r"\*+", "", masked.partition("@")[0] if kind is FieldClass.EMAIL else masked)
    assert "****" in masked
    assert len(left) <= max(1, (len(value) * 2) // 3)
