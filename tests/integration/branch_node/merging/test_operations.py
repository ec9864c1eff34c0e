"""One customer of two files, and two again: what changes, what never does, and what comes back."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from branch_node.bindings import BINDINGS
from branch_node.contacts import operations as contacts
from branch_node.customers.confirming import confirm_field
from branch_node.customers.groups import place
from branch_node.customers.models import Contact, Customer, CustomerShare, FieldAge, Serving
from branch_node.customers.moves import move
from branch_node.customers.operations import change_customer
from branch_node.customers.sharing import share_customer
from branch_node.documents.models import Document
from branch_node.erasure.operations import Known
from branch_node.identity.models import CustomerIdentity, CustomerMerge, MergeState
from branch_node.identity.queries import CustomerMergedError, members_of, survivor_of
from branch_node.merging import operations
from branch_node.merging.errors import (
    CannotMergeError,
    LaterMergeError,
    MergeDocumentError,
    MergeErasedError,
    MergeGroupError,
    MergeHeldError,
    MergeKindError,
    MergeOverError,
    MergeProposedError,
    OwnProposalError,
)
from branch_node.merging.operations import CHOOSABLE
from branch_node.personal import holds
from branch_node.personal.erasing import erase
from branch_node.qualification.operations import Terms, apply
from branch_node.worklogs.operations import write_log
from shared.db.base import Base
from shared.domain.customers.vocabulary import (
    CustomerKind,
    Grade,
    IdentityDocument,
    ParentKind,
    ValueTier,
)
from shared.domain.erasure.vocabulary import ErasureReason
from shared.domain.worklogs.vocabulary import WorkLogKind
from tests.support.branch import ANA, NOON

LI = replace(ANA, at=NOON + timedelta(hours=1), actor="li")
LATER = replace(ANA, at=NOON + timedelta(days=1), actor="li")

TERMS = Terms.at(LATER.at, "Asia/Shanghai", "CNY")


@pytest.fixture
def two(rows):
    return (
        rows.customer(name="王小明", mobile="13800138000", grade=Grade.B, tags=["vip"]),
        rows.customer(name="王晓明", mobile="13911112222", address="文三路1号"),
    )


def merge(sessions, survivor, loser, chosen=(), *, by=LI):
    with sessions.begin() as session:
        # Nobody decides on what they proposed.
        proposed = operations.propose(session, survivor, loser, chosen, by=replace(ANA, at=by.at))
        return operations.carry_out(session, proposed.id, by=by).id


def take_back(sessions, merge_id, *, by=LATER):
    with sessions.begin() as session:
        return operations.take_back(session, merge_id, by=by)


def everything(sessions):
    """Every row of what travels and of who sees what: what a merge may touch."""
    also = [Base.metadata.tables[one.__tablename__] for one in (CustomerShare, Serving, Document)]
    tables = [one.table for one in BINDINGS.values()] + also
    with sessions() as session:
        return {table.name: sorted(map(repr, session.execute(select(table)).all())) for table in tables}


def test_the_survivor_takes_what_was_chosen_and_the_other_file_stays_as_it_is(two, sessions):
    survivor, loser = two
    before = everything(sessions)
    merge(sessions, survivor, loser, ["mobile", "address"])

    after = everything(sessions)
    with sessions() as session:
        kept = session.get(Customer, survivor)
        assert (kept.name, kept.mobile, kept.address, kept.grade) == (
            "王小明",
            "13911112222",
            "文三路1号",
            Grade.B,
        )
        assert (kept.updated_at, kept.updated_by) == (LI.at, "li")
        assert survivor_of(session, loser) == survivor
        assert members_of(session, survivor) == [loser]
        assert members_of(session, loser) == [survivor]
    changed = {name for name, rows in after.items() if rows != before[name]}
    assert changed == {"customers", "customer_identities"}
    assert len(set(after["customers"]) & set(before["customers"])) == 1


def test_facts_stay_with_the_file_they_were_written_for(two, rows, sessions):
    survivor, loser = two
    manager = rows.manager()
    rows.bill_line(loser)
    rows.work_log(manager, customer_id=loser)
    before = everything(sessions)
    merge(sessions, survivor, loser, CHOOSABLE)

    after = everything(sessions)
    assert (after["bill_lines"], after["work_logs"]) == (before["bill_lines"], before["work_logs"])


def test_contact_people_and_who_sees_the_file_go_along_and_come_back(two, rows, sessions):
    survivor, loser = two
    holder, other, friend = rows.manager(), rows.manager(), rows.manager()
    with sessions.begin() as session:
        session.get(Customer, survivor).manager_id = holder
        session.get(Customer, loser).manager_id = other
        session.add(CustomerShare(customer_id=loser, manager_id=friend, shared_at=NOON, shared_by="ana"))
    contact = add_contact(sessions, loser)
    before = everything(sessions)
    merge_id = merge(sessions, survivor, loser)

    with sessions() as session:
        shares = {(one.customer_id, one.manager_id) for one in session.scalars(select(CustomerShare)).all()}
        assert shares == {(survivor, other), (survivor, friend), (loser, holder), (loser, friend)}
        assert session.get(Contact, contact).customer_id == survivor
    assert take_back(sessions, merge_id) == []
    assert everything(sessions) == before


def add_contact(sessions, customer_id):
    with sessions.begin() as session:
        contact = Contact(
            id="01936d0a-9999-7000-8000-000000000001",
            contact_no="K1",
            customer_id=customer_id,
            name="韩梅梅",
            standing="key",
            do_not_contact=[],
            status="active",
            created_at=NOON,
            created_by="ana",
            updated_at=NOON,
            updated_by="ana",
        )
        session.add(contact)
        return contact.id


@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    chosen=st.sets(st.sampled_from(CHOOSABLE)), edited=st.sets(st.sampled_from(("mobile", "grade", "remark")))
)
def test_what_was_edited_between_merge_and_parting_is_told_and_all_else_comes_back(
    sessions, rows, chosen, edited
):
    fresh = {"mobile": "13700000000", "grade": Grade.D, "remark": "新写的"}
    survivor = rows.customer(name="王小明", mobile="13800138000", grade=Grade.B, remark="旧")
    loser = rows.customer(name="王晓明", mobile="13900139000", grade=Grade.C, remark="搬家了")
    before = everything(sessions)
    merge_id = merge(sessions, survivor, loser, chosen)
    with sessions.begin() as session:
        seen_at = session.get(Customer, survivor).updated_at
        values = {name: fresh[name] for name in edited}
        change_customer(session, survivor, values, seen_at=seen_at, by=LATER)
    kept = take_back(sessions, merge_id)
    assert set(kept) == edited & chosen
    with sessions() as session:
        one = session.get(Customer, survivor)
        told = {name: getattr(one, name) for name in fresh}
    old = {"mobile": "13800138000", "grade": Grade.B, "remark": "旧"}
    assert told == old | {name: fresh[name] for name in edited}
    after = everything(sessions)
    assert {name for name in after if after[name] != before[name]} <= {"customers"}
    assert len(set(after["customers"]) ^ set(before["customers"])) == (2 if edited else 0)


def test_what_was_written_since_the_merge_stays_and_is_named(two, sessions):
    survivor, loser = two
    merge_id = merge(sessions, survivor, loser, ["mobile", "address"])
    with sessions.begin() as session:
        change_customer(session, survivor, {"mobile": "13700000000"}, seen_at=LI.at, by=LATER)

    assert take_back(sessions, merge_id) == ["mobile"]
    with sessions() as session:
        kept = session.get(Customer, survivor)
    assert (kept.mobile, kept.address, kept.updated_at) == ("13700000000", None, LATER.at)


def test_fields_are_as_old_and_as_confirmed_as_before_but_for_what_was_written_since(rows, sessions):
    survivor = rows.customer(mobile="13800138000", email="a@example.com", address="一号")
    loser = rows.customer(mobile="13911112222", email="b@example.com", address="二号")
    with sessions.begin() as session:
        for field in ("mobile", "email", "address"):
            confirm_field(session, survivor, field, by=ANA)
    merge_id = merge(sessions, survivor, loser, ["mobile", "email"])
    with sessions.begin() as session:
        change_customer(session, survivor, {"mobile": "13700000000"}, seen_at=LI.at, by=LATER)

    assert take_back(sessions, merge_id) == ["mobile"]
    with sessions() as session:
        ages = {one.field: one for one in session.scalars(select(FieldAge))}
    assert {name: (one.changed_at, one.confirmed_at, one.confirmed_by) for name, one in ages.items()} == {
        "mobile": (LATER.at, None, None),
        "email": (NOON, NOON, "ana"),
        "address": (NOON, NOON, "ana"),
    }


def test_the_file_that_went_in_is_only_read(two, sessions):
    survivor, loser = two
    merge(sessions, survivor, loser)

    with sessions.begin() as session, pytest.raises(CustomerMergedError):
        change_customer(session, loser, {"remark": "?"}, seen_at=NOON, by=LATER)


def test_merges_on_merges_are_taken_back_from_the_last(two, rows, sessions):
    survivor, loser = two
    third = rows.customer(name="王明")
    before = everything(sessions)
    first = merge(sessions, survivor, loser)
    second = merge(sessions, third, survivor, by=replace(LI, at=LI.at + timedelta(minutes=1)))

    with sessions() as session:
        assert {survivor_of(session, one) for one in two} == {third}
    with sessions.begin() as session, pytest.raises(LaterMergeError):
        operations.take_back(session, first, by=LATER)
    take_back(sessions, second)
    with sessions() as session:
        assert survivor_of(session, loser) == survivor
        assert survivor_of(session, survivor) is None
    take_back(sessions, first)
    assert everything(sessions) == before


def test_a_merge_is_proposed_once_and_decided_once(two, sessions):
    with sessions.begin() as session:
        merge_id = operations.propose(session, two[0], two[1], [], by=ANA).id
    with sessions.begin() as session, pytest.raises(MergeProposedError):
        operations.propose(session, two[1], two[0], [], by=LI)
    with sessions.begin() as session:
        operations.refuse(session, merge_id, by=LI)
    with sessions.begin() as session, pytest.raises(MergeOverError):
        operations.carry_out(session, merge_id, by=LI)
    with sessions() as session:
        assert session.get(CustomerMerge, merge_id).state is MergeState.REFUSED
        assert session.scalars(select(CustomerIdentity)).all() == []


def test_a_file_is_not_merged_with_itself_or_twice(two, rows, sessions):
    survivor, loser = two
    with sessions.begin() as session, pytest.raises(CannotMergeError):
        operations.propose(session, survivor, survivor, [], by=ANA)
    third = rows.customer()
    merge(sessions, survivor, loser)
    with sessions.begin() as session, pytest.raises(CannotMergeError):
        operations.propose(session, third, loser, [], by=ANA)


def test_who_stands_below_the_file_that_goes_stands_below_the_survivor_and_comes_back(rows, sessions):
    survivor, loser = rows.customer(kind=CustomerKind.GROUP), rows.customer(kind=CustomerKind.GROUP)
    member = rows.customer(parent_id=loser, parent_kind=ParentKind.SUBSIDIARY)
    before = everything(sessions)

    merge_id = merge(sessions, survivor, loser)

    with sessions() as session:
        assert session.get(Customer, member).parent_id == survivor
    take_back(sessions, merge_id)
    assert everything(sessions) == before


@pytest.mark.parametrize("way", ["the survivor stands below", "the survivor is one person"])
def test_files_are_not_merged_where_the_group_would_turn_in_a_circle_or_hang_on_one_person(
    way, rows, sessions
):
    loser = rows.customer(kind=CustomerKind.GROUP)
    below = {"parent_id": loser, "parent_kind": ParentKind.SUBSIDIARY}
    survivor = rows.customer(kind=CustomerKind.GROUP, **below) if "below" in way else rows.customer()
    rows.customer(**below)
    before = everything(sessions)
    with pytest.raises(MergeGroupError):
        merge(sessions, survivor, loser)
    assert everything(sessions) == before


def test_a_merge_makes_no_person_of_a_group_below_which_customers_stand(rows, sessions):
    survivor, loser = rows.customer(kind=CustomerKind.GROUP), rows.customer()
    with sessions.begin() as session:
        early = operations.propose(session, survivor, loser, ["kind"], by=ANA).id
    rows.customer(parent_id=survivor, parent_kind=ParentKind.MEMBER)
    before = everything(sessions)

    with pytest.raises(MergeKindError), sessions.begin() as session:
        operations.carry_out(session, early, by=LI)
    with sessions.begin() as session:
        operations.refuse(session, early, by=LI)
    with pytest.raises(MergeKindError):
        merge(sessions, survivor, loser, ["kind"])
    assert everything(sessions) == before

    take_back(sessions, merge(sessions, survivor, loser, ["name"]))
    assert everything(sessions) == before


def test_a_group_made_by_a_merge_stays_one_where_others_were_placed_below_it_since(rows, sessions):
    survivor = rows.customer(id_type="id_card")
    loser = rows.customer(kind=CustomerKind.GROUP, id_type="business_licence")
    old = rows.customer(parent_id=loser, parent_kind=ParentKind.SUBSIDIARY)
    merge_id = merge(sessions, survivor, loser, ["kind", "id_type", "name"])
    new = rows.customer(parent_id=survivor, parent_kind=ParentKind.MEMBER)

    assert take_back(sessions, merge_id) == ["kind", "id_type"]
    with sessions() as session:
        kept = session.get_one(Customer, survivor)
        above = {one: session.get_one(Customer, one).parent_id for one in (old, new)}
    assert (kept.kind, kept.id_type) == (CustomerKind.GROUP, IdentityDocument.BUSINESS_LICENCE)
    assert above == {old: loser, new: survivor}


@pytest.mark.parametrize("chosen", [["kind"], ["id_type"]])
def test_kind_and_document_of_a_merged_customer_belong_together(chosen, rows, sessions):
    survivor = rows.customer(id_type="id_card")
    loser = rows.customer(kind=CustomerKind.GROUP, id_type="business_licence")
    before = everything(sessions)

    with pytest.raises(MergeDocumentError):
        merge(sessions, survivor, loser, chosen)
    assert everything(sessions) == before
    merge(sessions, survivor, loser, ["kind", "id_type"])


def test_nobody_writes_into_a_file_that_was_merged(rows, sessions):
    survivor, loser, group = (rows.customer(kind=CustomerKind.GROUP) for _each in range(3))
    manager = rows.manager()
    merge(sessions, survivor, loser)
    visit = {"manager_id": manager, "customer_id": loser, "kind": WorkLogKind.VISIT, "started_at": NOON}
    before = everything(sessions)
    for write in (
        lambda session: contacts.add_contact(session, loser, {"name": "赵"}, by=LATER),
        lambda session: share_customer(session, loser, manager, ends_at=None, by=LATER),
        lambda session: place(session, loser, number(session, group), ParentKind.MEMBER, by=LATER),
        lambda session: place(session, survivor, number(session, loser), ParentKind.MEMBER, by=LATER),
        lambda session: move(
            session, loser, ValueTier.HIGH, on=LATER.at.date(), today=LATER.at.date(), reason="升级", by=LATER
        ),
        lambda session: write_log(session, visit, by=LATER),
        lambda session: apply(session, loser, terms=TERMS, by=LATER),
    ):
        with sessions.begin() as session, pytest.raises(CustomerMergedError):
            write(session)
    assert everything(sessions) == before


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE customers SET mobile = '1' WHERE id = :loser",
        "UPDATE contacts SET customer_id = :loser",
    ],
)
def test_the_database_lets_nobody_write_into_a_merged_file_either(two, rows, sessions, statement):
    survivor, loser = two
    add_contact(sessions, survivor)
    merge(sessions, survivor, loser)
    with sessions.begin() as session:
        share_customer(session, survivor, rows.manager(), ends_at=None, by=LATER)
    before = everything(sessions)
    with pytest.raises(DBAPIError, match="merged into another"), sessions.begin() as session:
        session.execute(text(statement), {"survivor": survivor, "loser": loser})
    assert everything(sessions) == before


def test_nobody_decides_on_what_they_proposed_but_may_withdraw_it(two, sessions):
    manager = replace(LI, actor_id="01936d0a-9999-7000-8000-00000000000a")
    with sessions.begin() as session:
        survivor, loser = two
        merge_id = operations.propose(session, survivor, loser, (), by=manager).id
    for same in (manager, replace(manager, actor="otherwise written")):
        with pytest.raises(OwnProposalError), sessions.begin() as session:
            operations.carry_out(session, merge_id, by=same)
    with sessions.begin() as session:
        assert operations.refuse(session, merge_id, by=manager).state is MergeState.REFUSED


def test_who_is_serving_one_file_sees_both_while_it_lasts_and_not_after_the_parting(two, sessions):
    survivor, loser = two
    desk = "01936d0a-9999-7000-8000-00000000000b"
    over = "01936d0a-9999-7000-8000-00000000000c"
    with sessions.begin() as session:
        ends_at = LI.at + timedelta(hours=4)
        session.add(Serving(user_id=desk, customer_id=loser, began_at=NOON, ends_at=ends_at))
        session.add(Serving(user_id=over, customer_id=loser, began_at=NOON, ends_at=NOON))
    before = everything(sessions)
    merge_id = merge(sessions, survivor, loser)
    with sessions() as session:
        assert session.get(Serving, (desk, survivor)).ends_at == ends_at
        assert session.get(Serving, (over, survivor)) is None
    take_back(sessions, merge_id)
    assert everything(sessions) == before


def number(session, customer_id):
    return session.get(Customer, customer_id).customer_no


def test_a_legal_hold_on_either_file_keeps_both_as_they_are(two, sessions):
    with sessions.begin() as session:
        holds.place(session, two[1], reason="诉讼保全", ends_on=None, today=NOON.date(), by=ANA)
    with sessions.begin() as session, pytest.raises(MergeHeldError):
        operations.propose(session, two[0], two[1], [], by=ANA)


def test_a_hold_on_one_file_of_a_person_keeps_the_other_from_being_erased(two, sessions):
    merge_id = merge(sessions, *two)
    with sessions.begin() as session:
        holds.place(session, two[0], reason="诉讼保全", ends_on=None, today=NOON.date(), by=ANA)
        assert holds.is_held(session, two[1])
    with sessions.begin() as session, pytest.raises(MergeHeldError):
        operations.take_back(session, merge_id, by=LATER)


def test_who_is_erased_is_erased_under_every_number_and_from_what_the_merge_kept(two, sessions):
    merge_id = merge(sessions, two[0], two[1], ["mobile", "address"])
    with sessions.begin() as session:
        erase(session, Known.now(two[1], ErasureReason.REQUEST, LATER), by=LATER)

    with sessions() as session:
        kept = session.get(CustomerMerge, merge_id)
        names = {session.get(Customer, one).name for one in two}
        assert (kept.before, kept.after) == ({}, {})
        assert all(name.startswith("erased") for name in names)
    with sessions.begin() as session, pytest.raises(MergeErasedError):
        operations.take_back(session, merge_id, by=LATER)
