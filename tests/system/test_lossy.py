"""On a line that loses, repeats, delays, cuts and changes messages, HQ still ends up equal to the branches."""

import random
from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select, update

from branch_node.customers.models import Customer
from hq_server.ingest.models import InboxBatch
from tests.support.shares import share
from tests.support.world import FAULTS, BranchHere, LossyTransport, World

ROUNDS = 12


def _work(branch: BranchHere, rng: random.Random, customers: list[str], managers: list[str]) -> None:
    """Do some of what a branch does between two pushes."""
    for _step in range(rng.randrange(1, 6)):
        act = rng.choice(["customer", "edit", "bill", "log", "remove", "manager"])
        if act == "manager" or not managers:
            managers.append(branch.add_manager())
        elif act == "customer" or not customers:
            customers.append(branch.add_customer(manager_id=rng.choice(managers)))
        elif act == "bill":
            branch.add_bill_line(customers[0], amount_minor=rng.randrange(-(10**6), 10**6))
        elif act == "log":
            branch.add_work_log(rng.choice(managers))
        else:
            _touch(branch, act, customers, rng)


def _touch(branch: BranchHere, act: str, customers: list[str], rng: random.Random) -> None:
    chosen = rng.randrange(len(customers))
    with branch.runtime.database.sessions.begin() as session:
        if act == "edit" or chosen == 0:  # the first has bill lines and stays
            session.execute(
                update(Customer).where(Customer.id == customers[chosen]).values(name=f"名{rng.random()}")
            )
        else:
            session.execute(delete(Customer).where(Customer.id == customers.pop(chosen)))


@given(seed=st.integers(0, 2**32))
@settings(max_examples=share(4, 12), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_the_line_does_hq_ends_up_equal(world: World, seed: int) -> None:
    """Four histories each time, twelve with `--whole`, thousands with more at fault than the line by `make soak`."""
    rng = random.Random(seed)
    code = f"B{len(world.branches):03}"
    branch = world.make_branch(code)
    line = LossyTransport(world.transport(), rng, rate=0.4)
    customers: list[str] = []
    managers: list[str] = []
    for _round in range(ROUNDS):
        _work(branch, rng, customers, managers)
        branch.push(transport=line)
        world.clock.advance(timedelta(seconds=rng.randrange(1, 900)))
        if rng.random() < 0.3:
            line.deliver_late()
    line.deliver_late()
    line.rate = 0.0

    for _try in range(3):
        if branch.push(transport=line).outcome == "done":
            break

    world.assert_equal()


def test_no_fault_of_the_line_is_left_out_of_the_runs(world: World) -> None:
    branch = world.make_branch("B001")
    line = LossyTransport(world.transport(), random.Random(7), rate=0.7)
    for _round in range(60):
        branch.add_customer()
        branch.push(transport=line)
        if set(line.faults) == set(FAULTS):
            break
    assert set(line.faults) == set(FAULTS)


def test_a_batch_delivered_five_times_counts_once_and_gets_one_receipt(world: World) -> None:
    branch = world.make_branch("B001")
    branch.add_bill_line(branch.add_customer())
    line = LossyTransport(world.transport(), random.Random(3), rate=1.0, kinds=("lose-answer",))
    for _time in range(5):
        branch.push(transport=line)
    branch.push()

    world.assert_equal()
    with world.hq.database.reads() as session:
        assert len(session.scalars(select(InboxBatch)).all()) == 2
