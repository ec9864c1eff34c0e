"""A group is put together at head office from what its branches tell, and old and new rows of customers read alike."""

from hq_server.customers.groups import list_group
from tests.support.world import BranchHere, World


def group(world: World, number: str) -> list[tuple[int, int, str]]:
    with world.hq.database.reads() as session:
        places, more = list_group(session, number)
        assert not more
        return [(place.customer.branch_number, place.level, place.customer.name) for place in places]


def add(branch: BranchHere, name: str, **values: object) -> str:
    return branch.add_customer(kind="group", name=name, **values)


def test_members_of_every_branch_stand_below_whom_they_belong_to(world):
    first, second = world.make_branch("B001"), world.make_branch("B002")
    head = add(first, "总部", group_no="G-1", value_tier="strategic")
    below = add(first, "子公司", parent_id=head, parent_kind="subsidiary")
    add(first, "孙公司", parent_id=below, parent_kind="subsidiary")
    add(second, "外地分公司", group_no="G-1", do_not_contact=["sms"])
    add(second, "别家", group_no="G-2")

    for branch in (first, second):
        branch.push()

    world.assert_equal()
    assert group(world, "G-1") == [
        (1, 0, "总部"),
        (1, 1, "子公司"),
        (1, 2, "孙公司"),
        (2, 0, "外地分公司"),
    ]
    assert group(world, "G-3") == []


def test_customers_in_a_circle_that_a_branch_told_are_shown_once_each(world):
    branch = world.make_branch("B001")
    one = add(branch, "甲", group_no="G-1")
    other = add(branch, "乙", parent_id=one, parent_kind="member")
    with branch.runtime.database.sessions.begin() as session:
        table = branch.runtime.bindings["customer"].table
        session.execute(table.update().where(table.c.id == one).values(parent_id=other))
    branch.push()

    assert group(world, "G-1") == [(1, 0, "甲"), (1, 0, "乙")]
