from datetime import date

import pytest

from branch_node.customers import queries
from branch_node.customers.queries import NOBODY, CustomerFilter
from branch_node.ranges import RANGES
from shared.domain.customers.vocabulary import (
    CustomerKind,
    CustomerStatus,
    Grade,
    LifecycleStage,
    PreferredChannel,
    ServiceLevel,
    ValueTier,
)
from shared.rights.ranges import SIGHT, Seer, Sight
from shared.rights.vocabulary import DataRange, Resource
from tests.support.branch import NOON


@pytest.fixture
def four(rows):
    manager = rows.manager(name="王芳")
    return {
        "manager": manager,
        "a": rows.customer(
            name="张伟",
            grade=Grade.A,
            region_code="330106",
            opened_on=date(2026, 1, 5),
            tags=["vip", "老客户"],
            lifecycle_stage=LifecycleStage.GROWTH,
            value_tier=ValueTier.HIGH,
            service_level=ServiceLevel.PRIORITY,
            preferred_channel=PreferredChannel.PHONE,
        ),
        "b": rows.customer(
            name="李雷",
            grade=Grade.B,
            region_code="330200",
            manager_id=manager,
            tags=["vip"],
            value_tier=ValueTier.LOW,
        ),
        "c": rows.customer(name="某公司", kind=CustomerKind.GROUP, region_code="510100", manager_id=manager),
        "d": rows.customer(name="张三", status=CustomerStatus.CLOSED, opened_on=date(2025, 1, 5)),
    }


@pytest.mark.parametrize(
    ("wanted", "letters"),
    [
        ({}, "abcd"),
        ({"kinds": (CustomerKind.GROUP,)}, "c"),
        ({"grades": (Grade.A, Grade.B)}, "ab"),
        ({"statuses": (CustomerStatus.CLOSED,)}, "d"),
        ({"stages": (LifecycleStage.GROWTH,)}, "a"),
        ({"stages": (LifecycleStage.LOST,)}, ""),
        ({"tiers": (ValueTier.HIGH, ValueTier.LOW)}, "ab"),
        ({"tiers": (ValueTier.LOW,), "manager_id": NOBODY}, ""),
        ({"levels": (ServiceLevel.PRIORITY,)}, "a"),
        ({"channels": (PreferredChannel.PHONE,)}, "a"),
        ({"manager_id": NOBODY}, "ad"),
        ({"region": "330000"}, "ab"),
        ({"region": "330100"}, "a"),
        ({"opened_from": date(2026, 1, 1)}, "a"),
        ({"opened_to": date(2025, 12, 31)}, "d"),
        ({"tag": "vip"}, "ab"),
        ({"tag": "老客户"}, "a"),
        ({"tag": "vi"}, ""),
        ({"query": "zhang"}, "ad"),
        ({"query": "zhang", "statuses": (CustomerStatus.ACTIVE,)}, "a"),
        ({"query": "'%_"}, "abcd"),
    ],
)
def test_a_filter_gives_just_the_customers_it_names_and_their_number(sessions, four, wanted, letters):
    with sessions() as session:
        found = queries.list_customers(
            session, CustomerFilter(**wanted), sort="customer_no", descending=False, limit=50
        )
        assert [row.Customer.id for row in found] == [four[letter] for letter in letters]
        assert queries.count_customers(session, CustomerFilter(**wanted)) == len(letters)


def test_customers_of_one_manager_come_with_the_managers_name(sessions, four):
    with sessions() as session:
        wanted = CustomerFilter(manager_id=four["manager"])
        found = queries.list_customers(
            session, wanted, sort="customer_no", descending=True, limit=1, offset=1
        )
    assert [(row.Customer.name, row.manager_name) for row in found] == [("李雷", "王芳")]


@pytest.mark.parametrize(
    ("group", "sizes"),
    [
        ("kind", {CustomerKind.INDIVIDUAL: 3, CustomerKind.GROUP: 1}),
        ("grade", {Grade.A: 1, Grade.B: 1, None: 2}),
        ("status", {CustomerStatus.ACTIVE: 3, CustomerStatus.CLOSED: 1}),
        ("manager", {"王芳": 2, None: 2}),
    ],
)
def test_groups_are_counted_among_the_customers_wanted_that_who_looks_may_see(database, four, group, sizes):
    with database.sessions() as session:
        assert queries.count_groups(session, CustomerFilter(), group) == sizes
        none = CustomerFilter(region="990000")
        assert queries.count_groups(session, none, group) == {}
    seen = Sight(Seer(None, four["manager"], NOON), {Resource.CUSTOMER: DataRange.SELF}, RANGES)
    with database.sessions(info={SIGHT: seen}) as session:
        assert sum(queries.count_groups(session, CustomerFilter(), group).values()) == 2


def test_tags_are_listed_most_used_first(sessions, four):
    with sessions() as session:
        assert queries.list_tags(session) == ["vip", "老客户"]


def test_customers_are_counted_by_status(sessions, four):
    with sessions() as session:
        assert queries.count_by_status(session) == {CustomerStatus.ACTIVE: 3, CustomerStatus.CLOSED: 1}
