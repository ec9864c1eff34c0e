"""Barriers under load raise no false alarm: six cycles here, ten thousand by `make soak FIGURES=ALARMS`."""

import random
import threading
import time
from collections.abc import Callable
from typing import Final

from sqlalchemy import delete, func, select, update

from branch_node.customers.models import Customer
from hq_server.ingest.models import InboxBatch
from hq_server.proof.models import Difference, Proof
from sync_protocol.catalog import CATALOG
from tests.support.shares import share
from tests.support.world import BranchHere, World

CYCLES: Final = share(6, 12)
WRITERS: Final = 2
# So many customers stay; the table would grow for ever otherwise.
STAY: Final = 60


def _writer(branch: BranchHere, seed: int, stop: threading.Event, failed: list[BaseException]) -> None:
    """Write without pause, as people would who never sleep."""
    rng = random.Random(seed)
    acts: list[Callable[[], object]] = [
        branch.add_customer,
        # Few, since nobody removes them and each barrier reads them all.
        lambda: rng.random() < 0.05 and branch.add_manager(),
        lambda: branch.add_customer(remark=rng.choice([None, "", "\t\n", "😀", "é"])),
        lambda: _change(branch, rng),
        lambda: _change(branch, rng),
        lambda: _remove(branch),
        lambda: branch.add_customer(attributes={"nested": {"no": 1}}),
    ]
    while not stop.is_set():
        try:
            rng.choice(acts)()
        except Exception as error:  # noqa: BLE001 - told by the test
            failed.append(error)
            return
        time.sleep(rng.random() / 200)


def _change(branch: BranchHere, rng: random.Random) -> None:
    with branch.runtime.database.sessions.begin() as session:
        known = session.scalars(select(Customer.id).limit(200)).all()
        if known:
            one = rng.choice(known)
            session.execute(
                update(Customer).where(Customer.id == one).values(name=f"名{rng.random()}", attributes={})
            )


def _remove(branch: BranchHere) -> None:
    with branch.runtime.database.sessions.begin() as session:
        known = session.scalars(select(Customer.id).order_by(Customer.id)).all()
        if len(known) > STAY:
            session.execute(delete(Customer).where(Customer.id.in_(known[:-STAY])))


def test_no_false_alarm_in_many_cycles_while_people_write(world: World) -> None:
    barriers = run_cycles(world, CYCLES)

    assert barriers >= CYCLES, "every cycle has compared something"


def run_cycles(world: World, cycles: int) -> int:
    """Run cycles while two writers never rest; return how many comparisons there were, none of which differed."""
    branch = world.make_branch("B001")
    rng = random.Random(7)
    stop, failed = threading.Event(), list[BaseException]()
    writers = [
        threading.Thread(target=_writer, args=(branch, seed, stop, failed), daemon=True)
        for seed in range(WRITERS)
    ]
    for writer in writers:
        writer.start()
    try:
        for number in range(cycles):
            with world.hq.database.sessions.begin() as session:
                for name in rng.sample(sorted(CATALOG), 2) if number % 10 else ["customer", "manager"]:
                    proof = session.get(Proof, (1, name)) or Proof(
                        branch_number=1, record_type=name, equal=False, rows=0, unequal=0
                    )
                    proof.asked_at = world.clock.now()
                    session.add(proof)
            result = branch.push()
            assert result.outcome == "done", (number, result)
            world.advance(seconds=7)
    finally:
        stop.set()
        for writer in writers:
            writer.join()

    assert failed == []
    with world.hq.database.reads() as session:
        barriers = session.scalar(
            select(func.count()).select_from(InboxBatch).where(InboxBatch.rows == 0, InboxBatch.removed == 0)
        )
        assert session.scalars(select(Difference)).all() == []
        assert all(one.equal for one in session.scalars(select(Proof)) if one.compared_at)
    return barriers or 0
