"""What was and what is stands in the operation log, whoever writes a row and whether or not they think of the log."""

import pytest
from sqlalchemy import select, text

from branch_node.customers import operations
from branch_node.customers.models import Customer
from shared.audit.acting import acting
from shared.audit.keyring import CARRIED, LogKeys
from shared.audit.models import AuditEntry
from shared.audit.sealing import forget, read_sealed
from shared.audit.verification import verify_log
from shared.config import Home
from shared.db.engine import Database
from shared.stamp import Stamp, Via
from tests.support.branch import ANA, NOON

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
def keyed(database, tmp_path):
    home = Home(tmp_path / "home")
    home.create()
    opened = Database(database.url, carried={CARRIED: LogKeys(home)})
    yield opened
    opened.dispose()


@pytest.fixture
def customer_id(keyed):
    with keyed.sessions.begin() as session:
        return operations.register_customer(session, VALUES, by=ANA).id


def entries(database):
    with database.reads() as session:
        return session.scalars(select(AuditEntry).order_by(AuditEntry.seq)).all()


def test_a_registered_customer_is_one_entry_with_what_was_entered(keyed, customer_id):
    (entry,) = entries(keyed)
    assert (entry.event, entry.action, entry.subject_id) == ("customer.registered", "create", customer_id)
    assert entry.changes is not None
    assert entry.changes["name"] == [None, "张伟"]
    assert (entry.changes["mobile"], entry.changes["id_no"]) == ("sealed", "sealed")
    with keyed.reads() as session:
        unsealed = read_sealed(session, entry)
    assert unsealed is not None
    assert unsealed["mobile"] == [None, "13800000001"]


def test_a_row_changed_by_who_forgot_the_log_is_told_all_the_same(keyed, customer_id):
    eva = Stamp(NOON, "eva", Via.JOB)
    with acting(eva), keyed.sessions.begin() as session:
        session.get_one(Customer, customer_id).name = "张玮"
    entry = entries(keyed)[-1]
    assert (entry.event, entry.action, entry.actor, entry.via) == ("customer.changed", "change", "eva", "job")
    assert entry.changes == {"name": ["张伟", "张玮"]}


def test_a_removed_row_is_told_with_what_it_held(keyed, customer_id):
    with keyed.sessions.begin() as session:
        session.delete(session.get_one(Customer, customer_id))
    entry = entries(keyed)[-1]
    assert (entry.event, entry.action) == ("customer.deleted", "delete")
    assert entry.changes["name"] == ["张伟", None]


def test_several_flushes_of_one_transaction_are_one_change(keyed, customer_id):
    with keyed.sessions.begin() as session:
        customer = session.get_one(Customer, customer_id)
        for name in ("a", "b", "c"):
            customer.name = name
            session.flush()
    assert entries(keyed)[-1].changes == {"name": ["张伟", "c"]}
    with keyed.sessions.begin() as session:
        customer = session.get_one(Customer, customer_id)
        customer.name = "d"
        session.flush()
        customer.name = "c"
    assert len(entries(keyed)) == 2


def test_a_change_in_a_savepoint_that_was_undone_is_not_told(keyed, customer_id):
    with keyed.sessions.begin() as session:
        savepoint = session.begin_nested()
        session.get_one(Customer, customer_id).name = "undone"
        session.flush()
        savepoint.rollback()
    assert len(entries(keyed)) == 1


def test_personal_values_stand_nowhere_in_plain_and_are_gone_for_ever_with_the_key(keyed, customer_id):
    with keyed.sessions.begin() as session:
        session.get_one(Customer, customer_id).mobile = CANARY
    entry = entries(keyed)[-1]
    with keyed.reads() as session:
        assert read_sealed(session, entry) == {"mobile": ["13800000001", CANARY]}
        plain = session.execute(text("SELECT details, changes, sealed FROM audit_entries")).all()
    assert CANARY not in str(plain)
    with keyed.sessions.begin() as session:
        assert forget(session, ("customer", customer_id))
    with keyed.reads() as session:
        assert read_sealed(session, entry) is None
        assert verify_log(session).intact


def test_what_is_sealed_about_one_customer_does_not_open_as_another_s(keyed, customer_id):
    entry = entries(keyed)[-1]
    with keyed.sessions.begin() as session:
        other = operations.register_customer(session, VALUES | {"customer_no": "C-2"}, by=ANA)
    entry.subject_id = other.id
    with keyed.reads() as session:
        assert read_sealed(session, entry) is None
