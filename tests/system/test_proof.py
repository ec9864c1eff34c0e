"""HQ proves that it holds what a branch holds: whatever differs is found and repaired, and nothing else is touched."""

from tests.support.world import World


def _all_types(branch) -> None:
    manager = branch.add_manager()
    customer = branch.add_customer(manager_id=manager)
    branch.add_bill_line(customer)
    branch.add_work_log(manager, customer)


def test_the_first_cycle_of_a_day_proves_every_record_type(world: World) -> None:
    branch = world.make_branch("B001")
    _all_types(branch)
    branch.push()
    world.advance(days=1)

    result = branch.push()

    assert result.outcome == "done", result
    world.assert_equal()
