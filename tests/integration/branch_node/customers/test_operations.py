from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from branch_node.customers import operations, queries
from branch_node.customers.operations import CustomerChangedMeanwhileError, CustomerNumberTakenError
from branch_node.customers.queries import CustomerFilter, CustomerNotFoundError
from branch_node.managers.queries import ManagerNotFoundError
from shared.audit.models import AuditEntry
from shared.audit.sealing import read_sealed
from shared.domain.customers.vocabulary import CustomerKind, CustomerStatus, Grade
from shared.ids import new_id
from tests.support.branch import ANA, NOON

LATER = replace(ANA, at=NOON + timedelta(hours=1), actor="li")
NEW = {
    "customer_no": "K1",
    "kind": CustomerKind.INDIVIDUAL,
    "name": "张伟",
    "status": CustomerStatus.ACTIVE,
    "grade": Grade.A,
    "tags": ["vip"],
}

CHANGES = select(AuditEntry).where(AuditEntry.event == "customer.changed")


def test_a_registered_customer_is_kept_with_who_and_when_and_found_by_pinyin_at_once(sessions):
    with sessions.begin() as session:
        customer_id = operations.register_customer(session, NEW, by=ANA).id

    with sessions() as session:
        customer = queries.get_customer(session, customer_id)
        entry = session.scalars(select(AuditEntry)).one()
        assert queries.search_customers(session, "zhangw", limit=5)[0].Customer is customer
    assert (customer.created_at, customer.created_by, customer.updated_by) == (NOON, "ana", "ana")
    assert (customer.grade, customer.tags, customer.attributes) == (Grade.A, ["vip"], {})
    assert (entry.event, entry.subject_id, entry.actor) == ("customer.registered", customer_id, "ana")


def test_a_change_writes_down_what_was_and_what_is(sessions, rows):
    customer_id = rows.customer(name="张伟", grade=Grade.A)

    with sessions.begin() as session:
        operations.change_customer(
            session, customer_id, {"name": "张玮", "grade": Grade.A}, seen_at=NOON, by=LATER
        )

    with sessions() as session:
        customer = queries.get_customer(session, customer_id)
        entry = session.scalars(CHANGES).one()
    assert (customer.name, customer.updated_at, customer.updated_by) == ("张玮", LATER.at, "li")
    with sessions() as session:
        assert read_sealed(session, entry) == {"name": ["张伟", "张玮"]}


def test_saving_what_is_there_already_writes_nothing(sessions, rows):
    customer_id = rows.customer(name="张伟")

    with sessions.begin() as session:
        operations.change_customer(session, customer_id, {"name": "张伟"}, seen_at=NOON, by=LATER)

    with sessions() as session:
        assert queries.get_customer(session, customer_id).updated_by == "import"
        assert session.scalars(CHANGES).all() == []


def test_a_change_of_what_somebody_else_saved_meanwhile_is_refused_and_says_who(sessions, rows):
    customer_id = rows.customer(name="张伟")
    with sessions.begin() as session:
        operations.change_customer(session, customer_id, {"name": "张玮"}, seen_at=NOON, by=LATER)

    with pytest.raises(CustomerChangedMeanwhileError) as refused, sessions.begin() as session:
        operations.change_customer(session, customer_id, {"name": "章伟"}, seen_at=NOON, by=ANA)

    assert refused.value.params["who"] == "li"
    with sessions() as session:
        assert queries.get_customer(session, customer_id).name == "张玮"


def test_a_number_that_is_taken_is_refused_and_says_by_whom(sessions, rows):
    rows.customer(customer_no="K1", name="李雷")

    with pytest.raises(CustomerNumberTakenError, match="李雷"), sessions.begin() as session:
        operations.register_customer(session, NEW, by=ANA)

    with sessions() as session:
        assert queries.count_customers(session, CustomerFilter()) == 1


def test_a_manager_or_customer_that_is_not_there_is_refused(sessions, rows):
    customer_id = rows.customer()
    with pytest.raises(ManagerNotFoundError), sessions.begin() as session:
        operations.change_customer(session, customer_id, {"manager_id": new_id()}, seen_at=NOON, by=ANA)
    with pytest.raises(CustomerNotFoundError), sessions.begin() as session:
        operations.change_customer(session, new_id(), {"name": "x"}, seen_at=NOON, by=ANA)


def test_customers_with_the_same_document_or_mobile_are_pointed_out_but_not_the_customer_itself(
    sessions, rows
):
    one = rows.customer(id_no="X1", mobile="13800000001")
    other = rows.customer(id_no="X2", mobile="13800000001")

    with sessions() as session:
        found = queries.find_similar(session, id_no="X1", mobile="13800000001", besides=one)
        assert [customer.id for customer in found] == [other]
        assert queries.find_similar(session, id_no=None, mobile=None) == []
