"""Many branches at the door at once: a few are let in, the others told when to come, and everybody gets in."""

import threading
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from branch_node.outbound.cycle import CycleResult
from branch_node.outbound.transport import NoAnswerError
from branch_node.runtime import Answer, Request, Transport
from hq_server import app as hq_app
from hq_server.gate.admission import LITTLE
from hq_server.intake import Intake, Lane
from hq_server.runtime import HqRuntime
from sync_protocol.contract.codes import Problem
from sync_protocol.contract.signing import PENDING_HEADER, Message
from tests.contract.wire_rows import as_line, example_row
from tests.support.world import HQ_URL, World
from tests.system.delivery import Desk, assert_refused, nothing_changes


class Span:
    """A clock of spans that is moved by hand."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def span(world: World) -> Span:
    """HQ takes in one branch at a time, and its spans are ours."""
    span = Span()
    settings = replace(world.hq.settings, intake_slots=1)
    world.hq = replace(
        world.hq, settings=settings, monotonic=span, uniform=lambda low, high: (low + high) / 2
    )
    world.app = hq_app.create_app(world.hq)
    return span


def _full(hq: HqRuntime, branch: int = 99) -> Intake:
    """Have another branch deliver, so that there is no slot left."""
    assert hq.intake.begin(branch, Lane.TODAY) is None
    return hq.intake


def _state(desk: Desk, *, pending: int) -> Message:
    message = desk.message(b"")
    message.method, message.url = "GET", f"{HQ_URL}/sync/v1/state"
    for name in ("content-type", "content-encoding", "idempotency-key"):
        del message.headers[name]
    message.headers[PENDING_HEADER] = str(pending)
    return message


def _batch(desk: Desk, **changes: Any) -> Message:
    payload = desk.payload("manager", as_line(example_row("manager")))
    message = desk.message(payload, encoding="identity", key=desk.key_of(desk.header("manager")))
    message.headers |= changes
    return message


def test_a_branch_whose_turn_it_is_not_is_told_when_to_come_and_nothing_of_it_is_taken(
    world: World, span: Span
) -> None:
    desk = Desk(world.make_branch("B001"))
    intake = _full(world.hq)
    for message in (_batch(desk), _state(desk, pending=3)):
        desk.sign(message)
        with nothing_changes(world):
            answer = desk.send(message)
        told = assert_refused(answer, Problem.BUSY)
        assert told["place"] == 0
        assert int(answer.headers["retry-after"]) == told["wait_s"] >= 1
    intake.end(99, last=True)

    span.at = 2.0
    message = _batch(desk)
    desk.sign(message)
    assert desk.send(message).status == 200


def test_a_branch_with_nothing_to_deliver_is_answered_at_once_however_many_wait(
    world: World, span: Span
) -> None:
    desk = Desk(world.make_branch("B001"))
    _full(world.hq)

    message = _state(desk, pending=0)
    desk.sign(message)
    assert desk.send(message).status == 200


def test_what_nobody_signed_takes_no_place_in_the_line(world: World, span: Span) -> None:
    desk = Desk(world.make_branch("B001"))
    unsigned, forged, changed = _batch(desk), _batch(desk), _batch(desk)
    desk.sign(forged)
    forged.headers[PENDING_HEADER] = "7"
    desk.sign(changed)
    changed.body += b"\n"
    for message in (unsigned, forged):
        assert_refused(desk.send(message), Problem.SIGNATURE)
        assert world.hq.intake.look().turns == ()

    assert_refused(desk.send(changed), Problem.SIGNATURE)
    assert [turn.at_work for turn in world.hq.intake.look().turns] == [0]


def test_a_delivery_that_is_refused_gives_its_slot_back(world: World, span: Span) -> None:
    desk = Desk(world.make_branch("B001"))
    for _time in range(5):
        message = _batch(desk, **{"idempotency-key": "no/key/at/all"})
        desk.sign(message)
        assert_refused(desk.send(message), Problem.MALFORMED)

    assert [turn.at_work for turn in world.hq.intake.look().turns] == [0]


def test_the_last_batch_gives_the_turn_to_the_next_branch(world: World, span: Span) -> None:
    first, second = world.make_branch("B001"), world.make_branch("B002")
    for branch in (first, second):
        branch.add_customer()
        assert branch.push().outcome == "done"
    assert world.hq.intake.look().turns == ()


def test_the_lane_is_told_by_the_channel_and_by_what_is_left(world: World, span: Span) -> None:
    desk = Desk(world.make_branch("B001"))
    intake = _full(world.hq)
    node = desk.branch.runtime.settings.node_id
    lanes = []
    for headers in (
        {PENDING_HEADER: str(LITTLE)},
        {PENDING_HEADER: str(LITTLE + 1)},
        {"idempotency-key": f"{node}/1/backlog/1"},
    ):
        message = _batch(desk, **headers)
        desk.sign(message)
        assert_refused(desk.send(message), Problem.BUSY)
        lanes += [ticket.lane for ticket in intake.look().line]
    assert lanes == [Lane.LITTLE, Lane.TODAY, Lane.BACKLOG]


def test_six_branches_come_back_together_and_all_of_them_get_in(world: World) -> None:
    world.hq = replace(world.hq, settings=replace(world.hq.settings, intake_slots=2))
    world.app = hq_app.create_app(world.hq)
    branches = [world.make_branch(f"B{number:03}") for number in range(6)]
    for branch in branches:
        for _one in range(5):
            branch.add_customer()
    most = _watch(world.hq.intake)

    results = _deliver_together(world, world.transport())

    assert {code: tried[-1].outcome for code, tried in results.items()} == dict.fromkeys(results, "done")
    assert max(most) <= 4
    refused = [one.problem for tried in results.values() for one in tried if one.outcome != "done"]
    assert set(refused) <= {"busy"}
    world.assert_equal()


def test_a_head_office_that_restarts_while_they_stand_in_line_forgets_the_line_and_nothing_else(
    world: World,
) -> None:
    world.hq = replace(world.hq, settings=replace(world.hq.settings, intake_slots=1))
    world.app = hq_app.create_app(world.hq)
    for number in range(6):
        branch = world.make_branch(f"B{number:03}")
        for _one in range(5):
            branch.add_customer()
    line = _Restarting(world, at=(5, 15, 25))

    results = _deliver_together(world, line)

    assert {code: tried[-1].outcome for code, tried in results.items()} == dict.fromkeys(results, "done")
    assert line.restarts == []
    refused = {one.problem for tried in results.values() for one in tried if one.outcome != "done"}
    assert "no-answer" in refused
    assert refused <= {"busy", "no-answer"}
    world.assert_equal()


class _Restarting:
    """A line to a head office that is started anew at some requests; it answers nothing for a few before."""

    AWAY = 3

    def __init__(self, world: World, *, at: tuple[int, ...]) -> None:
        self._world, self.restarts, self._sent, self._lock = world, list(at), 0, threading.Lock()

    def send(self, request: Request) -> Answer:
        with self._lock:
            self._sent += 1
            if self.restarts and self._sent >= self.restarts[0] + self.AWAY:
                del self.restarts[0]
                # What only the process knew is gone: the line, who is at work, the turns.
                self._world.hq = replace(self._world.hq)
                self._world.app = hq_app.create_app(self._world.hq)
            away = self.restarts and self._sent >= self.restarts[0]
        if away:
            raise NoAnswerError(reason="restarting")
        return self._world.transport().send(request)


def _deliver_together(world: World, line: Transport) -> dict[str, list[CycleResult]]:
    """Have every branch push until it is done, all at once; returns the results of each."""
    results: dict[str, list[CycleResult]] = {code: [] for code in world.branches}
    wait = threading.Event().wait

    def deliver(code: str) -> None:
        for _time in range(60):
            results[code].append(world.branches[code].push(transport=line))
            if results[code][-1].outcome == "done":
                return
            wait(0.2)

    threads = [threading.Thread(target=deliver, args=(code,)) for code in results]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(90)
    return results


def _watch(intake: Intake) -> list[int]:
    """Count the deliveries at work whenever one begins."""
    seen: list[int] = [0]
    begin = intake.begin

    def counted(branch: int, lane: Lane) -> Any:
        answer = begin(branch, lane)
        seen.append(sum(turn.at_work for turn in intake.look().turns))
        return answer

    intake.begin = counted  # type: ignore[method-assign]
    return seen


def test_an_answer_of_a_busy_head_office_is_what_the_register_says(world: World, span: Span) -> None:
    desk = Desk(world.make_branch("B001"))
    _full(world.hq)
    message = _batch(desk)
    desk.sign(message)
    document = msgspec.json.decode(desk.send(message).body)
    assert document["retry"] is True
    assert document["detail"] == f"0 branches go first; come again in {document['wait_s']} s"


def test_a_branch_comes_next_in_its_slot_unless_its_own_pace_is_quicker(world: World) -> None:
    first, second = world.make_branch("B001"), world.make_branch("B002")
    waits = [one.push().wait for one in (first, second)]
    assert None not in waits
    assert all(300 <= wait.total_seconds() <= 900 for wait in waits if wait is not None)
    assert abs((waits[0] - waits[1]).total_seconds()) == 300  # type: ignore[operator]

    quick = replace(first.runtime, settings=replace(first.runtime.settings, push_interval_s=5))
    first.runtime = quick
    assert first.push().wait is None


def test_after_a_push_that_failed_the_next_try_does_not_wait_for_the_slot(world: World) -> None:
    branch = world.make_branch("B001")
    branch.add_customer()

    result = branch.push(transport=_NoBatches(world.transport()))

    assert result.outcome == "retry"
    assert result.wait is not None
    assert result.wait.total_seconds() < 60


class _NoBatches:
    """A line on which batches are lost."""

    def __init__(self, inner: Transport) -> None:
        self._inner = inner

    def send(self, request: Request) -> Answer:
        if request.method == "POST":
            raise NoAnswerError(reason="lost")
        return self._inner.send(request)
