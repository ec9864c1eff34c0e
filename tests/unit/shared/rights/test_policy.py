"""The policy table as a whole: nothing unless it says so, more with a duty, never more with a narrower range."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.rights import policy
from shared.rights.policy import Allowed, Person, allowed, ceiling, duties_open_to, may
from shared.rights.vocabulary import (
    BRANCH_KINDS,
    BUSINESS,
    HQ_KINDS,
    KINDS_OF,
    Action,
    DataRange,
    Duty,
    Resource,
    StaffKind,
)

KINDS, RESOURCES, ACTIONS = st.sampled_from(StaffKind), st.sampled_from(Resource), st.sampled_from(Action)
RANGES = st.sampled_from(DataRange)
DUTIES = st.frozensets(st.sampled_from(Duty))
PEOPLE = st.builds(Person, KINDS, DUTIES, RANGES)


@pytest.fixture
def table(monkeypatch):
    """Put another table in place of the real one while a test runs."""

    def put(text):
        monkeypatch.setattr(policy, "TABLE", text)
        policy.policy.cache_clear()

    yield put
    policy.policy.cache_clear()


@given(person=PEOPLE, resource=RESOURCES, action=ACTIONS)
def test_what_no_grant_names_nobody_may(person, resource, action):
    grants = policy.policy()[resource, person.kind]
    named = any(action in grant.actions for grant in grants)
    assert named or not may(person, resource, action)


@given(kind=KINDS, reach=RANGES, duties=DUTIES, more=DUTIES, resource=RESOURCES, action=ACTIONS)
def test_a_duty_only_ever_adds(kind, reach, duties, more, resource, action):
    fewer = allowed(Person(kind, duties, reach), resource, action)
    wider = allowed(Person(kind, duties | more, reach), resource, action)
    if fewer is not None:
        assert wider is not None
        assert wider.range.width >= fewer.range.width
        assert wider.range is not fewer.range or wider.masked <= fewer.masked


@given(kind=KINDS, duties=DUTIES, ranges=st.tuples(RANGES, RANGES), resource=RESOURCES, action=ACTIONS)
def test_a_narrower_granted_range_never_shows_more(kind, duties, ranges, resource, action):
    narrow, wide = sorted(ranges, key=lambda one: one.width)
    less = allowed(Person(kind, duties, narrow), resource, action)
    more = allowed(Person(kind, duties, wide), resource, action)
    assert less is None or more is not None
    if less is not None and more is not None:
        assert less.range.width <= more.range.width


@given(kind=KINDS, duties=DUTIES, reach=RANGES, resource=RESOURCES, action=ACTIONS)
def test_no_granted_range_goes_beyond_the_cell(kind, duties, reach, resource, action):
    found = allowed(Person(kind, duties, reach), resource, action)
    if found is not None:
        widest = max(
            grant.range.width for grant in policy.policy()[resource, kind] if action in grant.actions
        )
        assert found.range.width <= widest


@pytest.mark.parametrize("kind", StaffKind)
def test_without_a_granted_range_nobody_sees_a_row_of_the_business(kind):
    person = Person(kind, frozenset(Duty), DataRange.NONE)
    assert [one for one in BUSINESS for action in Action if may(person, one, action)] == []


@given(
    kind=KINDS,
    duties=DUTIES,
    reach=RANGES,
    resource=RESOURCES,
    action=ACTIONS,
    tier=st.sampled_from(sorted(KINDS_OF)),
)
def test_a_kind_of_the_other_tier_may_do_nothing(kind, duties, reach, resource, action, tier):
    somewhere, here = (Person(kind, duties, reach, at) for at in (None, tier))
    expected = allowed(somewhere, resource, action) if kind in KINDS_OF[tier] else None
    assert allowed(here, resource, action) == expected


def test_nobody_may_do_anything_at_a_node_of_no_known_tier():
    assert not may(Person(StaffKind.ADMINISTRATOR, tier="depot"), Resource.OWN_ACCOUNT, Action.READ)


@pytest.mark.parametrize("kind", StaffKind)
def test_only_duties_that_open_something_are_open_to_a_kind(kind):
    opening = {
        duty
        for duty in Duty
        for resource, action in product(Resource, Action)
        if may(Person(kind, frozenset({duty})), resource, action) and not may(Person(kind), resource, action)
    }
    assert set(duties_open_to(kind)) == opening


def test_the_administrator_of_a_machine_sees_nothing_of_the_business():
    administrator = Person(StaffKind.ADMINISTRATOR, frozenset(Duty), DataRange.GROUP)
    assert [one for one in BUSINESS for action in Action if may(administrator, one, action)] == []
    assert ceiling(StaffKind.ADMINISTRATOR) is DataRange.NONE


def test_nobody_at_head_office_changes_a_row_of_a_branch_and_nobody_at_a_branch_sees_beyond_it():
    changing = Action.CREATE, Action.UPDATE, Action.RETIRE, Action.VOID
    # Of these head office only sends orders, which the branch carries out.
    orders = {Resource.PERSONAL_DATA, Resource.LEGAL_HOLD}
    of_branches = BUSINESS - {Resource.ANALYSIS} - orders
    assert [
        (kind, one)
        for kind in HQ_KINDS
        for one in of_branches
        for act in changing
        if may(Person(kind), one, act)
    ] == []
    assert [
        (kind, one)
        for kind in BRANCH_KINDS
        for one in BUSINESS
        for act in Action
        if (found := allowed(Person(kind, frozenset(Duty)), one, act)) and found.range is DataRange.GROUP
    ] == []


def test_nobody_both_makes_accounts_and_grants_what_they_see():
    both = [
        kind
        for kind in StaffKind
        if may(Person(kind, frozenset(Duty)), Resource.ACCOUNT, Action.CREATE)
        and may(Person(kind, frozenset(Duty)), Resource.RIGHT, Action.APPROVE)
    ]
    assert both == []


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("RCUDTAX b", "RCUDTAXQ b"),
        ("RCUDTAX b", "RCUDTAX w"),
        ("RCUDTAX b", "RCUDTAX"),
        ("RCUDTAX b", ""),
        ("RCUDTAX b", "RCUDTAX b x"),
        ("RCUDTAX b", "RCUDTAX b m +captain"),
        ("RCUDTAX b", "RCUDTAX b | -"),
        ("| RCUDTAX b ", ""),
        ("customer  ", "custumer  "),
        ("| leader ", "| leaders "),
        ("bill_line ", "customer "),
    ],
)
def test_a_garbled_table_is_refused_as_a_whole(table, right, wrong):
    assert right in policy.TABLE
    table(policy.TABLE.replace(right, wrong, 1))
    with pytest.raises(ValueError):  # noqa: PT011 - whichever part of the table it is that cannot be read
        policy.policy()


def test_of_several_grants_the_widest_counts_then_the_unmasked_one(table):
    row = next(line for line in policy.TABLE.splitlines() if line.startswith("customer "))
    cells = row.split("|")
    cells[1] = " R s, R b m, R b +cashier "
    table(policy.TABLE.replace(row, "|".join(cells)))
    leader = Person(StaffKind.LEADER)
    assert allowed(leader, Resource.CUSTOMER, Action.READ) == Allowed(DataRange.BRANCH, masked=True)
    inspector = Person(StaffKind.LEADER, frozenset({Duty.CASHIER}))
    assert allowed(inspector, Resource.CUSTOMER, Action.READ) == Allowed(DataRange.BRANCH, masked=False)
