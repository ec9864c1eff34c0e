"""Real HTTP over a wire that is slow, breaks, falls silent and repeats: everything arrives once."""

import random
import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
import waitress

from branch_node.outbound import transport
from tests.support.faultproxy import FAULTS, FaultProxy
from tests.support.shares import share
from tests.support.wire import Wire
from tests.support.world import World

pytestmark = [pytest.mark.slow]
MOST_PUSHES = 60
ENOUGH = share(1, 3)  # times the fault has struck


@pytest.fixture
def hq_port(world: World) -> Iterator[int]:
    """The world's head office behind its real web server."""
    server = waitress.create_server(world.app, host="127.0.0.1", port=0, threads=4)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield int(server.effective_port)
    server.close()
    thread.join(5)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for a silent line only as long as a test can."""
    monkeypatch.setattr(transport, "CONNECT_TIMEOUT_S", 2.0)
    monkeypatch.setattr(transport, "READ_TIMEOUT_S", 2.0)


@pytest.mark.parametrize("fault", FAULTS)
def test_whatever_the_wire_does_everything_arrives_once(world: World, hq_port: int, fault: str) -> None:
    """Each fault strikes once each time, three times with `--whole`."""
    branch = world.make_branch("B001")
    rng, outcome = random.Random(fault), ""
    with FaultProxy(hq_port, rng, kinds=(fault,)) as proxy:
        for _push in range(MOST_PUSHES):
            if proxy.faults[fault] < ENOUGH:
                customer = branch.add_customer()
                branch.add_bill_line(customer, amount_minor=rng.randrange(-(10**6), 10**6))
            # Each cycle starts on a connection of its own.
            outcome = branch.push(transport=Wire(proxy.url)).outcome
            world.clock.advance(timedelta(minutes=20))
            if outcome == "done" and proxy.faults[fault] >= ENOUGH:
                break
        assert proxy.faults[fault] >= ENOUGH

    assert outcome == "done"
    world.assert_equal()
