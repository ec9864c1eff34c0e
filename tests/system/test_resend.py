"""Sending once more: a table, a range of days, a batch, one record; while people write, and from where it stopped."""

import json
from datetime import date
from threading import Thread

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import delete, func, insert, select, update

from branch_node.cli import cli
from branch_node.customers.models import Customer
from branch_node.outbound import resending
from branch_node.outbound.histories import _send_all_again
from branch_node.outbound.transport import NoAnswerError
from branch_node.proof.operations import plan_repair
from branch_node.resend import operations
from branch_node.resend.errors import (
    BatchGoneError,
    ResendChoiceError,
    ResendNumberError,
    ResendRangeError,
    ResendReasonError,
)
from branch_node.resend.models import Resend
from branch_node.resend.operations import Wish
from branch_node.resend.queries import BatchName
from branch_node.resend.vocabulary import ResendState
from branch_node.runtime import Answer, Request, Transport
from hq_server.ingest.models import InboxBatch
from hq_server.proof.models import Difference, Proof, ResendAsk
from hq_server.proof.operations import ask_to_resend
from hq_server.replica.models import Tombstone
from shared.audit.models import AuditEntry
from shared.ids import new_id
from sync_protocol.catalog import BACKLOG, CATALOG
from sync_protocol.changelog.models import Change, OutboxBatch
from sync_protocol.contract.codes import PROBLEM_TYPE
from tests.support.damage import damage
from tests.support.groups import ONE_WRITER, not_run
from tests.support.world import BranchHere, World

WHY = "总公司数据盘更换"
FEW = 3
ROWS = 8


class CutAfter:
    """A line that goes down after so many batches."""

    def __init__(self, inner: Transport, batches: int) -> None:
        self._inner, self._left = inner, batches

    def send(self, request: Request) -> Answer:
        if request.url.endswith("/batches"):
            if self._left == 0:
                raise NoAnswerError(reason="down")
            self._left -= 1
        return self._inner.send(request)


class Refusing:
    """A line on which head office refuses the batches of one channel."""

    def __init__(self, inner: Transport, channel: str) -> None:
        self._inner, self._channel = inner, channel

    def send(self, request: Request) -> Answer:
        if f"/{self._channel}/" in request.headers.get("idempotency-key", ""):
            told = {"content-type": "application/problem+json"}
            return Answer(409, f'{{"type":"{PROBLEM_TYPE}fork-detected"}}'.encode(), told)
        return self._inner.send(request)


@pytest.fixture
def branch(world: World, monkeypatch: pytest.MonkeyPatch) -> BranchHere:
    """A branch whose customers and bill lines head office holds."""
    monkeypatch.setattr(resending, "AT_ONCE", FEW)
    made = world.make_branch("B001")
    for _number in range(ROWS):
        made.add_bill_line(made.add_customer())
    assert made.push().outcome == "done"
    return made


def ask(branch: BranchHere, **wish: object) -> list[Resend]:
    with branch.runtime.database.sessions.begin() as session:
        asked = Wish(**{"reason": WHY, **wish})  # type: ignore[arg-type]
        return operations.ask(session, branch.runtime.bindings, asked, by=branch.world.by())


def resends(branch: BranchHere) -> list[Resend]:
    with branch.runtime.database.reads() as session:
        return list(session.scalars(select(Resend).order_by(Resend.id)))


def versions(world: World, record: str = "customer") -> dict[str, int]:
    table = world.hq.bindings[record].table
    with world.hq.database.reads() as session:
        return {str(row[0]): row[1] for row in session.execute(select(table.c.id, table.c.row_change))}


def came_again(world: World, before: dict[str, int], record: str = "customer") -> set[str]:
    return {one for one, change in versions(world, record).items() if change > before[one]}


def test_a_table_goes_once_more_and_what_head_office_holds_too_many_is_found(
    world: World, branch: BranchHere
) -> None:
    before = versions(world)
    ghost = damage(world, branch, "hq", "customer", "add")
    ask(branch, record_type="customer")

    assert branch.push().outcome == "done"

    [one] = resends(branch)
    assert (one.state, one.rows_planned, one.rows_sent) == (ResendState.DONE, ROWS, ROWS)
    assert came_again(world, before) == set(before)
    assert ghost not in versions(world)
    with world.hq.database.reads() as session:
        proof = session.get_one(Proof, (1, "customer"))
        channels = set(
            session.scalars(select(InboxBatch.channel).where(InboxBatch.record_type == "customer"))
        )
    assert (proof.equal, channels) == (True, {"profile", BACKLOG})
    with branch.runtime.database.reads() as session:
        events = session.scalars(select(AuditEntry.event).where(AuditEntry.event.like("resend%")))
        assert set(events) == {"resend.asked", "resend.done"}
    world.assert_equal()


@pytest.mark.parametrize("batches", range(4))
def test_cut_off_anywhere_it_goes_on_where_it_was(world: World, branch: BranchHere, batches: int) -> None:
    before = versions(world)
    ask(branch, record_type="customer")

    branch.push(transport=CutAfter(world.transport(), batches))
    with branch.runtime.database.sessions.begin() as session:
        session.execute(update(Customer).values(name="边发边改"))
    assert branch.push().outcome == "done"

    [one] = resends(branch)
    assert (one.state, one.rows_sent) == (ResendState.DONE, ROWS)
    assert came_again(world, before) == set(before)
    world.assert_equal()


def test_what_people_enter_meanwhile_goes_first(world: World, branch: BranchHere) -> None:
    ask(branch, record_type="customer")
    branch.push(transport=CutAfter(world.transport(), 1))
    branch.add_bill_line(branch.add_customer(name="新来的"))

    branch.push()

    with world.hq.database.reads() as session:
        last = session.scalars(
            select(InboxBatch.channel).where(InboxBatch.rows > 0).order_by(InboxBatch.id.desc()).limit(4)
        ).all()
    assert last[0] == BACKLOG
    assert {"profile", "billing"} & set(last)
    world.assert_equal()


def test_one_record_by_its_number_and_a_range_by_its_days(world: World, branch: BranchHere) -> None:
    world.advance(days=3)
    late = branch.add_customer(customer_no="LATE")
    branch.push()
    before = versions(world)

    ask(branch, record_type="customer", numbers=["LATE"])
    branch.push()
    assert came_again(world, before) == {late}

    before = versions(world)
    ask(branch, record_type="customer", entered=(date(2026, 11, 20), date(2026, 11, 20)))
    branch.push()
    assert came_again(world, before) == set(before) - {late}
    assert all(one.state is ResendState.DONE for one in resends(branch))


def test_the_records_of_a_batch_go_as_they_are_now_and_removed_ones_as_removed(
    world: World, branch: BranchHere
) -> None:
    kept, gone = branch.add_customer(name="旧名"), branch.add_customer()
    branch.push()
    with branch.runtime.database.sessions.begin() as session:
        batch = session.scalars(select(OutboxBatch).order_by(OutboxBatch.id.desc()).limit(1)).one()
        session.execute(update(Customer).where(Customer.id == kept).values(name="新名"))
        session.execute(delete(Customer).where(Customer.id == gone))
    branch.push()
    before, removed = versions(world), stone(world, gone)

    [one] = ask(branch, batch=BatchName(batch.channel, batch.batch_no, batch.lineage))
    branch.push()

    assert one.ids == sorted([kept, gone])
    assert came_again(world, before) == {kept}
    assert stone(world, gone) > removed
    world.assert_equal()


def test_everything_goes_by_record_type(world: World, branch: BranchHere) -> None:
    made = ask(branch, everything=True)

    assert branch.push().outcome == "done"

    assert [one.record_type for one in made] == list(CATALOG)
    assert {one.state for one in resends(branch)} == {ResendState.DONE}
    world.assert_equal()


def test_stopped_it_sends_no_more_and_is_proven(world: World, branch: BranchHere) -> None:
    [one] = ask(branch, record_type="customer")
    branch.push(transport=CutAfter(world.transport(), 1))
    with branch.runtime.database.sessions.begin() as session:
        operations.stop(session, one.id, by=world.by())

    branch.push()

    [one] = resends(branch)
    assert (one.state, one.ended_by) == (ResendState.STOPPED, "ana")
    assert one.rows_sent < ROWS
    world.assert_equal()


def test_head_office_asks_and_is_answered_by_the_barrier_behind_the_last_record(
    world: World, branch: BranchHere
) -> None:
    for _time in range(2):
        with world.hq.database.sessions.begin() as session:
            ask_to_resend(session, 1, "B001", record_type="customer", reason=WHY, by=world.by("hans"))
    before = versions(world)
    branch.push(transport=CutAfter(world.transport(), 1))
    assert [one.ended_at for one in asks(world)] == [None]

    branch.push()

    assert came_again(world, before) == set(before)
    [one] = asks(world)
    assert (one.ended_at is not None, one.equal) == (True, True)
    [told] = resends(branch)
    assert (told.asked_of_hq, told.asked_by, told.reason) == (one.id, "hans", WHY)
    branch.push()
    assert len(resends(branch)) == 1


def test_a_barrier_held_up_while_its_records_went_past_it_finds_no_difference_and_is_made_anew(
    world: World, branch: BranchHere
) -> None:
    world.advance(days=1)
    branch.push(transport=Refusing(world.transport(), "billing"))
    branch.add_bill_line(branch.add_customer())
    ask(branch, record_type="bill_line")
    # The barrier of the day waits in its channel; the records sent once more, a new one among them, do not.
    branch.push(transport=Refusing(world.transport(), "billing"))
    assert resends(branch)[0].rows_sent == ROWS + 1

    assert branch.push().outcome == "done"

    with world.hq.database.reads() as session:
        assert session.scalars(select(Difference)).all() == []
        proof = session.get_one(Proof, (1, "bill_line"))
        newest = session.scalar(select(func.max(InboxBatch.batch_no)).where(InboxBatch.channel == "billing"))
    assert (proof.equal, proof.rows, proof.equal_through) == (True, ROWS + 1, newest)


@pytest.mark.parametrize(
    ("wish", "error"),
    [
        ({"reason": " x "}, ResendReasonError),
        ({}, ResendChoiceError),
        ({"record_type": "customer", "everything": True}, ResendChoiceError),
        ({"record_type": "nothing"}, ResendChoiceError),
        ({"everything": True, "numbers": ["C1"]}, ResendChoiceError),
        ({"record_type": "customer", "numbers": ["none"]}, ResendNumberError),
        ({"record_type": "customer", "entered": (date(2026, 2, 1), date(2026, 1, 1))}, ResendRangeError),
        ({"record_type": "customer", "entered": (date(2026, 2, 1), None)}, ResendRangeError),
        (
            {"record_type": "customer_month", "entered": (date(2026, 1, 1), date(2026, 2, 1))},
            ResendRangeError,
        ),
        ({"batch": BatchName("profile", 99, 1)}, BatchGoneError),
    ],
)
def test_a_wish_that_says_nothing_or_too_much_is_refused_and_nothing_is_begun(
    branch: BranchHere, wish: dict[str, object], error: type[Exception]
) -> None:
    with pytest.raises(error):
        ask(branch, **wish)

    assert resends(branch) == []


def test_a_batch_whose_content_was_purged_cannot_be_told(branch: BranchHere) -> None:
    with branch.runtime.database.sessions.begin() as session:
        session.execute(update(OutboxBatch).values(payload=None))

    with pytest.raises(BatchGoneError):
        ask(branch, batch=BatchName("profile", 1, 1))


def test_the_command_asks_lists_and_stops(world: World, branch: BranchHere) -> None:
    def run(*words: str) -> Result:
        home = str(branch.runtime.settings.home.path)
        return CliRunner().invoke(cli, ["resend", *words, "--json", "--home", home])

    asked = run("--batch", "profile/1", "--reason", WHY)
    listed = run("--list")
    stopped = run("--stop", "1")
    wrong = run("--record", "customer")

    [one] = json.loads(asked.stdout)
    assert (one["batch"], one["planned"], one["state"]) == ("profile/1", ROWS, "waiting")
    assert json.loads(listed.stdout) == [one]
    assert json.loads(stopped.stdout)[0]["state"] == "stopped"
    assert (wrong.exit_code, len(resends(branch))) == (2, 1)
    assert run("--batch", "profile", "--reason", WHY).exit_code == 2


@pytest.fixture
def on_postgresql(branch: BranchHere) -> BranchHere:
    """The branch, where its database lets several write at once."""
    if branch.runtime.database.dialect != "postgresql":
        not_run("sqlite", ONE_WRITER)
    return branch


def test_a_row_somebody_is_writing_waits_so_that_no_older_number_is_hidden_behind_a_newer(
    world: World, on_postgresql: BranchHere
) -> None:
    branch = on_postgresql
    ask(branch, record_type="customer")
    with branch.runtime.database.reads() as session:
        second = session.scalars(select(Customer.id).order_by(Customer.id).offset(1)).first()
    with branch.runtime.database.sessions() as writing:
        # Numbered now, committed after everything else has been sent.
        writing.execute(update(Customer).where(Customer.id == second).values(name="写在前，提交在后"))
        assert branch.push().outcome == "done"
        [one] = resends(branch)
        assert (one.state, one.rows_sent) == (ResendState.RUNNING, 1)
        writing.commit()

    branch.push()

    assert [one.state for one in resends(branch)] == [ResendState.DONE]
    world.assert_equal()
    with world.hq.database.reads() as session:
        assert session.scalars(select(Difference)).all() == [], "found by being sent, not by being compared"


def test_a_row_whose_child_somebody_is_writing_does_not_wait_for_it(
    world: World, on_postgresql: BranchHere
) -> None:
    branch = on_postgresql
    ask(branch, record_type="customer")
    with branch.runtime.database.reads() as session:
        one = session.scalars(select(Customer.id).order_by(Customer.id).limit(1)).one()
    table, known = branch.runtime.bindings["bill_line"].table, branch.add_bill_line(one)
    with branch.runtime.database.reads() as session:
        line = session.execute(select(table).where(table.c.id == known)).mappings().one()
    with branch.runtime.database.sessions() as writing:
        # Its customer's key is held against removal until this commits; the customer is not changed.
        writing.execute(insert(table).values({**line, "id": new_id(), "bill_no": "B-NEW"}))
        assert branch.push().outcome == "done"
        assert [each.state for each in resends(branch)] == [ResendState.DONE]
        writing.commit()

    branch.push()

    world.assert_equal()


def test_a_repair_leaves_the_row_somebody_is_writing_to_that_write(
    world: World, on_postgresql: BranchHere
) -> None:
    branch = on_postgresql
    binding = branch.runtime.bindings["customer"]
    with branch.runtime.database.reads() as session:
        ids = session.scalars(select(Customer.id).order_by(Customer.id)).all()
    with branch.runtime.database.sessions() as writing:
        writing.execute(update(Customer).where(Customer.id == ids[0]).values(name="先写"))
        with branch.runtime.database.sessions.begin() as session:
            assert plan_repair(session, binding, send=ids, remove=[], by=world.by()) == ROWS - 1
        branch.push()
        writing.commit()

    branch.push()

    world.assert_equal()


def test_a_whole_table_that_goes_again_waits_for_those_who_write(
    world: World, on_postgresql: BranchHere
) -> None:
    branch = on_postgresql
    with branch.runtime.database.reads() as session:
        newest = session.scalar(select(func.max(Change.id)))
        one = session.scalars(select(Customer.id).order_by(Customer.id)).first()

    def send_all() -> None:
        with branch.runtime.database.sessions.begin() as session:
            _send_all_again(session, branch.runtime.bindings["customer"])

    with branch.runtime.database.sessions() as writing:
        writing.execute(update(Customer).where(Customer.id == one).values(name="先写"))
        other = Thread(target=send_all)
        other.start()
        other.join(0.3)
        assert other.is_alive()
        writing.commit()
    other.join(10)

    with branch.runtime.database.reads() as session:
        changes = session.execute(
            select(Change.id, Change.op)
            .where(Change.record_id == one, Change.id > newest)
            .order_by(Change.id)
        ).all()
    assert len(changes) == 2
    branch.push()
    world.assert_equal()


def stone(world: World, record_id: str) -> int:
    """The version of a removal at head office."""
    with world.hq.database.reads() as session:
        return session.scalars(select(Tombstone.row_change).where(Tombstone.id == record_id)).one()


def asks(world: World) -> list[ResendAsk]:
    with world.hq.database.reads() as session:
        return list(session.scalars(select(ResendAsk)))
