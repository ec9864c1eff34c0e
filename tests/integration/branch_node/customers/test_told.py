"""What was and what is stands in the operation log, whoever writes a row and whether or not they think of the log."""

from typing import cast

import pytest
from sqlalchemy import Table, select, text

from branch_node.billing.models import BillLine
from branch_node.customers import operations
from branch_node.customers.models import Customer
from shared.audit.acting import acting
from shared.audit.models import AuditEntry
from shared.audit.operations import record_rows
from shared.audit.sealing import forget, read_sealed
from shared.audit.verification import verify_log
from shared.stamp import Stamp, Via
from tests.support.branch import ANA, NOON, Rows

VALUES = {
    "customer_no": "C-1",
    "kind": "individual",
    "name": "张伟",
    "mobile": "13800000001",
    "id_no": "110101199003070011",
    "status": "active",
    "tags": [],
}
CANARY = "13900009999"


@pytest.fixture
def customer_id(database):
    with database.sessions.begin() as session:
        return operations.register_customer(session, VALUES, by=ANA).id


def entries(database):
    with database.reads() as session:
        return session.scalars(select(AuditEntry).order_by(AuditEntry.seq)).all()


def opened(database, entry):
    with database.reads() as session:
        return read_sealed(session, entry)


def told_in_plain(database):
    with database.reads() as session:
        return str(session.execute(text("SELECT details, changes, sealed FROM audit_entries")).all())


def test_a_registered_customer_is_one_entry_with_what_was_entered(database, customer_id):
    (entry,) = entries(database)
    assert (entry.event, entry.action, entry.subject_id) == ("customer.registered", "create", customer_id)
    assert entry.changes is not None
    assert entry.changes["kind"] == [None, "individual"]
    assert (entry.changes["mobile"], entry.changes["id_no"], entry.changes["name"]) == ("sealed",) * 3
    unsealed = opened(database, entry)
    assert (unsealed["mobile"], unsealed["name"]) == ([None, "13800000001"], [None, "张伟"])


def test_a_row_changed_by_who_forgot_the_log_is_told_all_the_same(database, customer_id):
    eva = Stamp(NOON, "eva", Via.JOB)
    with acting(eva), database.sessions.begin() as session:
        session.get_one(Customer, customer_id).name = "张玮"
    entry = entries(database)[-1]
    assert (entry.event, entry.action, entry.actor, entry.via) == ("customer.changed", "change", "eva", "job")
    assert (entry.changes, opened(database, entry)) == ({"name": "sealed"}, {"name": ["张伟", "张玮"]})


def test_a_removed_row_is_told_with_what_it_held(database, customer_id):
    with database.sessions.begin() as session:
        session.delete(session.get_one(Customer, customer_id))
    entry = entries(database)[-1]
    assert (entry.event, entry.action) == ("customer.deleted", "delete")
    assert (entry.changes["kind"], opened(database, entry)["name"]) == (["individual", None], ["张伟", None])


def test_several_flushes_of_one_transaction_are_one_change(database, customer_id):
    with database.sessions.begin() as session:
        customer = session.get_one(Customer, customer_id)
        for name in ("a", "b", "c"):
            customer.name = name
            session.flush()
    assert opened(database, entries(database)[-1]) == {"name": ["张伟", "c"]}
    with database.sessions.begin() as session:
        customer = session.get_one(Customer, customer_id)
        customer.name = "d"
        session.flush()
        customer.name = "c"
    assert len(entries(database)) == 2


def test_a_change_in_a_savepoint_that_was_undone_is_not_told(database, customer_id):
    with database.sessions.begin() as session:
        savepoint = session.begin_nested()
        session.get_one(Customer, customer_id).name = "undone"
        session.flush()
        savepoint.rollback()
    assert len(entries(database)) == 1


def test_personal_values_stand_nowhere_in_plain_and_are_gone_for_ever_with_the_key(database, customer_id):
    with database.sessions.begin() as session:
        session.get_one(Customer, customer_id).mobile = CANARY
    entry = entries(database)[-1]
    assert opened(database, entry) == {"mobile": ["13800000001", CANARY]}
    assert CANARY not in told_in_plain(database)
    with database.sessions.begin() as session:
        assert forget(session, ("customer", customer_id))
    with database.reads() as session:
        assert read_sealed(session, entry) is None
        assert verify_log(session).intact


def test_what_is_sealed_about_everybody_else_stays_readable_when_one_is_forgotten(database, customer_id):
    with database.sessions.begin() as session:
        other = operations.register_customer(session, VALUES | {"customer_no": "C-2"}, by=ANA).id
    before = {entry.id: opened(database, entry) for entry in entries(database)}
    assert None not in before.values()

    with database.sessions.begin() as session:
        assert forget(session, ("customer", customer_id))

    after = {entry.id: (entry.subject_id, opened(database, entry)) for entry in entries(database)}
    assert {one for one, (_subject, told) in after.items() if told is None} == {
        one for one, (subject, _told) in after.items() if subject == customer_id
    }
    assert {told["name"][1] for subject, told in after.values() if subject == other} == {VALUES["name"]}


def test_what_is_sealed_about_one_customer_does_not_open_as_another_s(database, customer_id):
    entry = entries(database)[-1]
    with database.sessions.begin() as session:
        other = operations.register_customer(session, VALUES | {"customer_no": "C-2"}, by=ANA)
    entry.subject_id = other.id
    with database.reads() as session:
        assert read_sealed(session, entry) is None


def test_what_was_written_of_a_customer_in_other_records_goes_with_the_customer_s_key(database, customer_id):
    rows = Rows(database.sessions)
    rows.work_log(rows.manager(), customer_id=customer_id, text=CANARY, place=CANARY)
    with database.sessions.begin() as session:
        line = {"customer_id": customer_id, "remark": CANARY}
        record_rows(session, "bill_line", cast("Table", BillLine.__table__), [("b1", {}, line)], by=ANA)
    assert CANARY not in told_in_plain(database)
    about = entries(database)[-2:]
    assert opened(database, about[0])["text"] == opened(database, about[1])["remark"] == [None, CANARY]
    with database.sessions.begin() as session:
        forget(session, ("customer", customer_id))
    assert [opened(database, entry) for entry in about] == [None, None]


def test_a_bulk_change_that_does_not_say_whose_row_it_is_is_refused(database, customer_id):
    rows = [("b1", {"remark": CANARY}, {"remark": None})]
    with pytest.raises(ValueError, match="customer_id"), database.sessions.begin() as session:
        record_rows(session, "bill_line", cast("Table", BillLine.__table__), rows, by=ANA)


def test_an_erasure_does_not_seal_again_what_it_overwrites(database, customer_id):
    with database.sessions.begin() as session:
        session.get_one(Customer, customer_id).name = "erased 1"
        forget(session, ("customer", customer_id))
    entry = entries(database)[-1]
    assert (entry.changes, entry.sealed, opened(database, entry)) == ({"name": "sealed"}, None, None)
    with database.sessions.begin() as session:
        assert not forget(session, ("customer", customer_id)), "no new key was made"


def test_an_erasure_that_was_undone_forgets_nothing(database, customer_id):
    with database.sessions.begin() as session:
        savepoint = session.begin_nested()
        forget(session, ("customer", customer_id))
        savepoint.rollback()
        session.get_one(Customer, customer_id).name = "new"
    assert opened(database, entries(database)[-1]) == {"name": ["张伟", "new"]}
