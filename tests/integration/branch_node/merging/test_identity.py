"""Merging two files with whatever hangs on them and parting them again leaves both exactly as they were."""

from dataclasses import dataclass, replace
from datetime import timedelta

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from branch_node.bindings import BINDINGS
from branch_node.customers.belonging import BELONGINGS
from branch_node.customers.confirming import confirm_field
from branch_node.customers.models import Contact, Customer, CustomerShare, Serving
from branch_node.customers.operations import change_customer
from branch_node.documents.models import DocumentChunk
from branch_node.documents.operations import add_documents, add_version, retire
from branch_node.merging import operations
from branch_node.merging.operations import CHOOSABLE
from shared.db.base import Base
from shared.domain.contacts.vocabulary import ContactStanding, ContactStatus
from shared.domain.customers.vocabulary import CustomerKind, Grade, ParentKind, PreferredChannel
from shared.errors import BranchlineError
from shared.ids import new_id
from tests.integration.branch_node.documents.conftest import PDF, PNG, WIDE, checked
from tests.support.branch import ANA, NOON

LI = replace(ANA, at=NOON + timedelta(days=30), actor="li")
LATER = replace(ANA, at=NOON + timedelta(days=31), actor="zhao")
# What tells of the merge itself, and stays when it is taken back.
TELLS = {"customer_merges"}
ENDS = {"never": None, "later": LATER.at + timedelta(days=9), "over": NOON}
PEOPLE = 3


@dataclass(frozen=True)
class File:
    """What hangs on one of the two files."""

    group: bool
    held_by: int | None
    shared_with: dict[int, str]
    served_until: str | None
    contacts: int
    documents: tuple[str, ...]
    members: tuple[ParentKind, ...]
    above: bool
    changed: frozenset[str]
    confirmed: bool


@st.composite
def files(draw, *, group):
    people = st.integers(0, PEOPLE - 1)
    return File(
        group=group,
        held_by=draw(st.none() | people),
        shared_with=draw(st.dictionaries(people, st.sampled_from(sorted(ENDS)), max_size=2)),
        served_until=draw(st.sampled_from([None, "later", "over"])),
        contacts=draw(st.integers(0, 2)),
        documents=tuple(draw(st.lists(st.sampled_from(["same", "own", "two", "retired"]), max_size=2))),
        members=tuple(draw(st.lists(st.sampled_from(ParentKind), max_size=2))) if group else (),
        above=draw(st.booleans()),
        changed=draw(st.frozensets(st.sampled_from(["mobile", "email", "remark", "preferred_channel"]))),
        confirmed=draw(st.booleans()),
    )


@st.composite
def pairs(draw):
    """Two groups, two people, or now and then one of each: who has members goes into no person."""
    one = draw(st.booleans())
    other = one if draw(st.integers(0, 3)) else not one
    return draw(files(group=one)), draw(files(group=other))


def everything(sessions):
    """Every row of every table that belongs to a customer, and of whatever travels."""
    named = {one.name: one for one in (each.table for each in BINDINGS.values())}
    also = [one.table for one in BELONGINGS if one.table not in TELLS] + [DocumentChunk.__tablename__]
    named |= {name: Base.metadata.tables[name] for name in also}
    with sessions() as session:
        return {
            name: sorted(map(repr, session.execute(select(table)).all())) for name, table in named.items()
        }


def write(sessions, rows, file, *, name, mobile, people, above):
    """Write a file down with all that hangs on it, and return its id."""
    at = rows.customer(
        name=name,
        kind=CustomerKind.GROUP if file.group else CustomerKind.INDIVIDUAL,
        mobile=mobile,
        email=f"{mobile}@example.com",
        preferred_channel=PreferredChannel.PHONE,
        grade=Grade.B,
        tags=[name],
        opened_on=NOON.date(),
        remark=name,
        manager_id=None if file.held_by is None else people[file.held_by],
        parent_id=above if file.above else None,
        parent_kind=ParentKind.SUBSIDIARY if file.above else None,
    )
    with sessions.begin() as session:
        for who, ends in file.shared_with.items():
            if who != file.held_by:
                session.add(
                    CustomerShare(
                        customer_id=at,
                        manager_id=people[who],
                        shared_at=NOON,
                        shared_by="ana",
                        ends_at=ENDS[ends],
                    )
                )
        if file.served_until:
            until = ENDS[file.served_until]
            session.add(Serving(user_id=new_id(), customer_id=at, began_at=NOON, ends_at=until))
        session.add_all(contact_of(at, number) for number in range(file.contacts))
    for one in file.documents:
        with sessions.begin() as session:
            content = PDF if one == "same" else PDF + name.encode()
            given = {"kind": "contract", "name": one}
            (made,) = add_documents(session, at, [checked(content)], given, room=WIDE, by=ANA)
            if one == "two":
                add_version(session, made.id, checked(PNG, "scan.png"), room=WIDE, by=ANA)
            if one == "retired":
                retire(session, made.id, reason="expired", by=ANA)
    for kind in file.members:
        rows.customer(parent_id=at, parent_kind=kind)
    rows.bill_line(at)
    rows.unit(at)
    rows.offer_answer(at)
    rows.question_answer(at)
    age(sessions, at, file)
    return at


def contact_of(customer_id, number):
    """Return a contact person who is ranked, and may be named as another file's is."""
    made = {"created_at": NOON, "created_by": "ana", "updated_at": NOON, "updated_by": "ana"}
    return Contact(
        id=new_id(),
        contact_no=f"K{number}-{customer_id[-6:]}",
        customer_id=customer_id,
        name="韩梅梅",
        mobile="13700000001",
        standing=ContactStanding.KEY,
        do_not_contact=[],
        status=ContactStatus.ACTIVE,
        **made,
    )


def age(sessions, at, file):
    """Let some fields be younger than the file, and one be confirmed."""
    fresh = {
        "mobile": "13700000000",
        "email": "new@example.com",
        "remark": "搬家了",
        "preferred_channel": PreferredChannel.EMAIL,
    }
    for days, name in enumerate(sorted(file.changed), start=1):
        with sessions.begin() as session:
            seen_at = session.get_one(Customer, at).updated_at
            by = replace(ANA, at=NOON + timedelta(days=days))
            change_customer(session, at, {name: fresh[name]}, seen_at=seen_at, by=by)
    if file.confirmed:
        with sessions.begin() as session:
            confirm_field(session, at, "mobile", by=replace(ANA, at=NOON + timedelta(days=9)))


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pair=pairs(), chosen=st.sets(st.sampled_from(CHOOSABLE)), turned=st.booleans())
def test_two_files_with_whatever_hangs_on_them_are_restored_exactly(sessions, rows, pair, chosen, turned):
    people = [rows.manager() for _each in range(PEOPLE)]
    above = rows.customer(kind=CustomerKind.GROUP)
    one = write(sessions, rows, pair[0], name="王小明", mobile="13800138000", people=people, above=above)
    other = write(sessions, rows, pair[1], name="王晓明", mobile="13911112222", people=people, above=above)
    survivor, loser = (other, one) if turned else (one, other)
    before = everything(sessions)
    try:
        with sessions.begin() as session:
            proposed = operations.propose(session, survivor, loser, sorted(chosen), by=ANA)
            merge_id = operations.carry_out(session, proposed.id, by=LI).id
    except BranchlineError as refused:
        event(f"refused: {refused.code}")
        assert everything(sessions) == before
        return
    event("merged")
    assert everything(sessions) != before
    with sessions.begin() as session:
        assert operations.take_back(session, merge_id, by=LATER) == []

    assert everything(sessions) == before
