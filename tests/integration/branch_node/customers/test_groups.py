import re
from itertools import pairwise

import pytest
from sqlalchemy import select

from branch_node.customers import groups
from branch_node.customers.groups import (
    MOST_LEVELS,
    CannotPlaceError,
    GroupCircleError,
    GroupHasMembersError,
    GroupItselfError,
    GroupTooDeepError,
    NotYoursToPlaceError,
    UnseenMembersError,
)
from branch_node.customers.models import Customer
from branch_node.customers.operations import change_customer
from branch_node.erased.queries import CustomerErasedError
from branch_node.erasure.operations import Known
from branch_node.personal.erasing import erase
from branch_node.ranges import RANGES
from shared.domain.customers.vocabulary import CustomerKind, ParentKind
from shared.domain.erasure.vocabulary import ErasureReason
from shared.rights.ranges import SIGHT, Seer, Sight
from shared.rights.vocabulary import DataRange, Resource, StaffKind
from tests.support.branch import ANA, NOON


def place(sessions, below, above, kind=ParentKind.SUBSIDIARY):
    with sessions.begin() as session:
        number = session.get_one(Customer, above).customer_no if above else ""
        groups.place(session, below, number, kind if above else None, by=ANA)


def parents(sessions):
    with sessions() as session:
        return dict(session.execute(select(Customer.id, Customer.parent_id)).all())


@pytest.fixture
def chain(rows, sessions):
    """As many groups, each below the one before, as there may be."""
    made = [rows.customer(kind=CustomerKind.GROUP, name=f"集团{level}") for level in range(MOST_LEVELS)]
    for above, below in pairwise(made):
        place(sessions, below, above)
    return made


def test_of_more_members_than_are_shown_the_page_tells_how_many_there_are(
    browser, rows, sessions, monkeypatch
):
    monkeypatch.setattr(groups, "MOST_SHOWN", 2)
    group = rows.customer(kind=CustomerKind.GROUP, customer_no="G-1")
    for number in range(3):
        place(sessions, rows.customer(customer_no=f"C-{number}"), group)

    page = browser.get(f"/customers/{group}/care").text

    assert "The first 2 of 3 are shown." in page
    assert [number for number in range(3) if f"C-{number}" in page] == [0, 1]


def test_members_and_what_is_above_them_are_shown_at_both_pages(browser, rows, sessions):
    group = rows.customer(kind=CustomerKind.GROUP, name="东湖集团", customer_no="G-1")
    member = rows.customer(name="东湖分院")

    page = browser.send(f"/customers/{member}/group", parent_no="G-1", parent_kind="member")

    assert "东湖集团" in page.text
    assert "东湖分院" in browser.get(f"/customers/{group}/care").text
    assert parents(sessions)[member] == group


@pytest.mark.parametrize(
    ("number", "kind", "field"),
    [
        ("K-404", "member", "parent_no"),
        ("P-1", "member", "parent_no"),
        ("M-1", "member", "parent_no"),
        ("X-1", "member", "parent_no"),
        ("G-1", "", "parent_kind"),
    ],
    ids=["nobody", "a person", "itself", "erased", "as what"],
)
def test_a_refused_place_is_said_at_its_field_and_what_was_written_stands_in_the_form(
    browser, rows, sessions, number, kind, field
):
    rows.customer(kind=CustomerKind.GROUP, customer_no="G-1")
    rows.customer(customer_no="P-1")
    member = rows.customer(kind=CustomerKind.GROUP, customer_no="M-1")
    gone = rows.customer(kind=CustomerKind.GROUP, customer_no="X-1")
    with sessions.begin() as session:
        erase(session, Known.now(gone, ErasureReason.REQUEST, ANA), by=ANA)

    page = browser.send(f"/customers/{member}/group", parent_no=number, parent_kind=kind)

    assert page.status_code == 409
    assert re.findall(r'name="(\w+)"[^>]*aria-invalid="true"', page.text) == [field]
    assert f'id="e-{field}"' in page.text
    assert f'value="{number}"' in page.text
    assert f'<option value="{kind}" selected' in page.text or not kind
    assert parents(sessions)[member] is None


@pytest.mark.parametrize("level", [0, 2, MOST_LEVELS - 1])
def test_no_group_comes_to_stand_above_itself(chain, sessions, level):
    before = parents(sessions)

    with pytest.raises(GroupItselfError if level == 0 else GroupCircleError):
        place(sessions, chain[0], chain[level])

    assert parents(sessions) == before


def test_nobody_is_placed_below_themselves_or_below_who_was_erased(chain, rows, sessions):
    gone = rows.customer(kind=CustomerKind.GROUP)
    with sessions.begin() as session:
        erase(session, Known.now(gone, ErasureReason.REQUEST, ANA), by=ANA)

    with pytest.raises(GroupItselfError):
        place(sessions, chain[0], chain[0])
    with pytest.raises(CustomerErasedError):
        place(sessions, chain[0], gone)

    assert parents(sessions)[chain[0]] is None


def test_a_tree_has_no_more_levels_than_it_may(chain, rows, sessions):
    another = rows.customer(kind=CustomerKind.GROUP)

    with pytest.raises(GroupTooDeepError):
        place(sessions, another, chain[-1])
    with pytest.raises(GroupTooDeepError):
        place(sessions, chain[0], another)

    assert parents(sessions)[another] is None


def test_only_a_group_customer_stands_above_others(rows, sessions):
    person, other = rows.customer(), rows.customer()

    with pytest.raises(CannotPlaceError):
        place(sessions, other, person)

    assert parents(sessions)[other] is None


def test_a_customer_is_taken_out_of_its_group(chain, sessions):
    place(sessions, chain[1], None)

    assert parents(sessions)[chain[1]] is None


def test_an_account_manager_places_nobody(make_user, sign_in, rows, sessions):
    manager = rows.manager()
    rows.customer(kind=CustomerKind.GROUP, customer_no="G-1", manager_id=manager)
    mine = rows.customer(manager_id=manager)
    make_user("li", StaffKind.ACCOUNT_MANAGER, manager)

    assert sign_in("li").send(f"/customers/{mine}/group", parent_no="G-1").status_code == 403
    assert parents(sessions)[mine] is None
    assert NotYoursToPlaceError.kind.value == "forbidden"


def test_who_sees_a_part_makes_no_individual_of_a_group_for_members_may_be_out_of_sight(
    database, rows, sessions
):
    manager, other = rows.manager(), rows.manager()
    group = rows.customer(kind=CustomerKind.GROUP, manager_id=manager)
    rows.customer(parent_id=group, parent_kind=ParentKind.MEMBER, manager_id=other)
    seen = Sight(Seer(None, manager, NOON), {Resource.CUSTOMER: DataRange.SELF}, RANGES)

    with database.sessions(info={SIGHT: seen}) as session, pytest.raises(UnseenMembersError) as refused:
        become_a_person(session, group)

    assert refused.value.params["field"] == "kind"
    with sessions() as session:
        assert session.get_one(Customer, group).kind is CustomerKind.GROUP


def test_a_group_that_others_stand_below_stays_one_until_they_are_placed_elsewhere(rows, sessions):
    group = rows.customer(kind=CustomerKind.GROUP)
    member = rows.customer(parent_id=group, parent_kind=ParentKind.MEMBER)

    with pytest.raises(GroupHasMembersError), sessions.begin() as session:
        become_a_person(session, group)
    with sessions() as session:
        assert session.get_one(Customer, group).kind is CustomerKind.GROUP

    place(sessions, member, None)
    with sessions.begin() as session:
        become_a_person(session, group)
    with sessions() as session:
        assert session.get_one(Customer, group).kind is CustomerKind.INDIVIDUAL


def become_a_person(session, customer_id):
    seen_at = session.get_one(Customer, customer_id).updated_at
    change_customer(session, customer_id, {"kind": CustomerKind.INDIVIDUAL}, seen_at=seen_at, by=ANA)
