"""Small stories on the simulation's stage, one for each way the protocol could be broken."""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from branch_node.outbound.models import RecoveredRow
from branch_node.proof import queries
from branch_node.runtime import Answer, Request
from branch_node.torture.acts import Company
from branch_node.torture.faults import disk_error, killed
from branch_node.torture.ledger import FAILINGS
from branch_node.torture.run import heal
from branch_node.torture.stage import Node, Stage
from hq_server.branches.models import Branch
from hq_server.ingest.models import InboxBatch
from hq_server.proof.models import Difference
from shared.alarms.models import Alarm
from sync_protocol.changelog.models import ChainHead, Change, OutboxBatch
from sync_protocol.changelog.sealing import Sender, seal_next


class Scene:
    """One branch that has joined, and what stories need of it."""

    def __init__(self, stage: Stage) -> None:
        """Begin on the first morning with one branch."""
        self.company = Company(stage, Random(11))
        self.stage = stage
        stage.nodes[-1].live = False
        self.node = stage.nodes[0]

    def enter(self, *kinds: str, node: Node | None = None) -> None:
        """Enter records of these types."""
        for kind in kinds:
            self.company.enter(node or self.node, kind)

    def push(self, node: Node | None = None, **strike: str) -> tuple[str, str | None] | None:
        """Run a cycle and tell how it ended."""
        result = self.company.push(node or self.node, **strike)
        return (result.outcome, result.problem) if result else None

    def done(self, node: Node | None = None) -> None:
        """Run a cycle that must come to its end."""
        ended = self.push(node)
        assert ended == ("done", None), ended

    def well(self) -> None:
        """Let a day pass; everything must be at rest and right."""
        found = heal(self.company)
        assert not any(found[failing] for failing in FAILINGS), dict(found)

    def between(self, number: int, act: Callable[[Request, Callable[[Request], Answer]], Answer]) -> None:
        """Have `act` carry the message `number` of the next cycle."""
        line, office = self.node.line, self.node.line.office
        line.office = Hook(office, number, act)

    def straight(self) -> None:
        """Carry messages straight again."""
        self.node.line.office = self.stage.office

    def customers(self) -> list[str]:
        """Return the customers at the branch."""
        with self.node.runtime.database.reads() as session:
            table = self.node.runtime.bindings["customer"].table
            return list(session.scalars(select(table.c.id).order_by(table.c.id)))

    def alarms(self) -> set[str]:
        """Return every alarm ever raised at head office."""
        with self.stage.hq.database.reads() as session:
            return set(session.scalars(select(Alarm.code)))


@dataclass
class Hook:
    """A line on which one message is treated in a way of its own."""

    inner: Any
    left: int
    act: Callable[[Request, Callable[[Request], Answer]], Answer]

    def send(self, request: Request) -> Answer:
        """Carry one request."""
        self.left -= 1
        answer: Answer = self.act(request, self.inner.send) if not self.left else self.inner.send(request)
        return answer


def a_failed_commit_is_no_receipt(scene: Scene) -> None:
    """Head office's disk fails at the commit of a batch: the branch must not take it for delivered."""
    scene.enter("customer")
    for number in range(1, 4):
        scene.stage.hq_points.arm(number, disk_error, at="COMMIT")
        scene.push()
        scene.stage.hq_points.disarm()
        scene.enter("customer")
    scene.well()


def a_lost_answer_is_asked_for_again(scene: Scene) -> None:
    """The answer to a batch is lost: the same batch again gets the same receipt and counts once."""
    scene.enter("manager", "customer", "bill_line")
    for number in (2, 2, 3):
        scene.between(number, _lost_answer)
        scene.push()
        scene.straight()
    scene.done()
    scene.well()


def a_gap_is_refused(scene: Scene) -> None:
    """Head office is set back in the middle of a cycle: what comes next does not fit, and nothing is skipped."""
    scene.enter("customer")
    scene.done()
    saved = scene.stage.save_hq()
    scene.enter("manager", "customer")

    def set_back(request: Request, send: Callable[[Request], Answer]) -> Answer:
        answer = send(request)
        contact = _contact(scene)
        scene.stage.load_hq(saved)
        # Were the contact forgotten as well, the whole cycle would be refused before its batches are looked at.
        with scene.stage.hq.database.sessions.begin() as session:
            session.execute(update(Branch).where(Branch.code == scene.node.code).values(contact_id=contact))
        scene.stage.faults["hq-set-back"] += 1
        return answer

    scene.between(2, set_back)
    ended = scene.push()
    scene.straight()
    assert ended is not None, "the cycle ended"
    assert ended != ("done", None), "the second batch was taken without the first"
    scene.company.ledger.hq_fell_back()
    scene.done()
    scene.well()


def order_comes_from_versions(scene: Scene) -> None:
    """Two edits under clocks that go back: the later edit stands."""
    scene.enter("customer")
    scene.done()
    key = ("customer", scene.customers()[0])
    scene.node.clock.off = scene.node.clock.off.__class__(days=-400)
    for number in range(2):
        scene.company.edit(scene.node)
        _set(scene, key[1], updated_at=scene.node.clock.now(), name=f"改{number}")
        scene.node.clock.off -= scene.node.clock.off.__class__(days=30)
        scene.done()
    scene.well()


def a_batch_of_another_history_is_refused(scene: Scene) -> None:
    """The branch's chain head is not what head office holds: the next batch must be refused as a fork."""
    scene.enter("customer")
    scene.done()
    with scene.node.runtime.database.sessions.begin() as session:
        session.execute(update(ChainHead).values(digest="0" * 64))
    scene.enter("customer")
    ended = scene.push()
    assert ended is not None
    assert ended[1] == "fork-detected", ended
    assert "fork-detected" in scene.alarms()


def a_number_has_one_content(scene: Scene) -> None:
    """A number that head office knows is sent with other content: refused as a fork, not taken for the one received."""
    scene.enter("customer")
    scene.between(2, _lost_answer)
    scene.push()
    scene.straight()
    with scene.stage.hq.database.sessions.begin() as session:
        session.execute(update(InboxBatch).values(digest="0" * 64))
    ended = scene.push()
    assert ended is not None
    assert ended[1] == "fork-detected", ended


def a_branch_set_back_is_noticed(scene: Scene) -> None:
    """A branch is set back and goes on: a new sale under an old number must not be hidden, nor stop everything."""
    scene.done()
    scene.company.back_up(scene.node)
    scene.enter("customer", "bill_line")
    scene.done()
    scene.company.set_back(scene.node, restored=False)
    scene.enter("customer")
    scene.done()
    scene.well()


def two_machines_are_never_both_the_branch(scene: Scene) -> None:
    """A machine is copied: only one of the two gets through."""
    scene.enter("customer")
    scene.done()
    scene.company.copy(scene.node)
    twin = scene.stage.nodes[-1]
    scene.enter("customer")
    scene.enter("customer", node=twin)
    scene.done()
    assert scene.push(twin) == ("failed", "duplicate-node")
    scene.done()
    scene.well()


def a_contact_is_on_disk_before_it_is_sent(scene: Scene) -> None:
    """The power may go after the first message: the contact must be on disk by then."""
    synced: list[str] = []
    real = os.fsync

    def watch(descriptor: Any) -> None:
        synced.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        real(descriptor)

    def look(request: Request, send: Callable[[Request], Answer]) -> Answer:
        assert any(path.endswith("/contacts") for path in synced), "sent before it was on disk"
        return send(request)

    scene.between(1, look)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", watch)
        scene.done()
    scene.straight()


def marks_and_batch_commit_together(scene: Scene) -> None:
    """The branch is killed while it seals: what is marked is in a batch, what is not is still to be sealed."""
    scene.enter("customer", "customer")
    scene.node.points.arm(1, killed, at="INSERT INTO sync_outbox")
    assert scene.push() is None
    scene.node.points.disarm()
    scene.done()
    scene.well()


def a_batch_marks_only_what_it_holds(scene: Scene) -> None:
    """A batch takes a part of the changes: the others are not marked with it."""
    scene.enter("customer", "customer", "customer")
    with scene.node.runtime.database.snapshot() as session, session.begin():
        sender = Sender(branch=scene.node.code, node="", lineage=9, lineage_id="")
        seal_next(
            session, scene.node.runtime.bindings["customer"], sender, at=scene.node.clock.now(), limit=1
        )
        left = session.scalars(select(Change.id).where(Change.batch_id.is_(None))).all()
        assert len(left) == 2, left
        session.rollback()


def what_was_sealed_for_a_lost_history_is_sealed_anew(scene: Scene) -> None:
    """A batch was sealed and never delivered, and its number went to another one: its rows still arrive."""
    scene.done()
    scene.company.back_up(scene.node)
    scene.enter("customer")
    scene.between(2, _lost_request)
    scene.push()
    scene.straight()
    scene.company.back_up(scene.node)
    first, second = scene.company._saved[scene.node]
    scene.company._saved[scene.node] = [first]
    scene.company.set_back(scene.node, restored=False)
    scene.enter("customer")
    scene.done()
    scene.company._saved[scene.node] = [second]
    scene.company.set_back(scene.node, restored=False)
    scene.done()
    scene.well()


def both_versions_are_kept_where_both_sides_changed(scene: Scene) -> None:
    """A record was changed at head office's side of the backup and again after it: ours stands, a person is told."""
    scene.enter("customer")
    scene.done()
    scene.company.back_up(scene.node)
    scene.company.edit(scene.node)
    scene.done()
    scene.company.set_back(scene.node, restored=False)
    key = ("customer", scene.customers()[0])
    scene.company.mend(scene.node, key)
    scene.done()
    with scene.node.runtime.database.reads() as session:
        assert session.scalars(select(RecoveredRow.state).where(RecoveredRow.record_id == key[1])).all() == [
            "conflict"
        ]
    scene.well()


def what_was_removed_stays_removed(scene: Scene) -> None:
    """A customer removed after the backup must not come back with it."""
    scene.enter("customer", "customer")
    scene.done()
    scene.company.back_up(scene.node)
    scene.company.remove(scene.node)
    scene.done()
    scene.company.set_back(scene.node, restored=False)
    scene.done()
    assert len(scene.customers()) == 1
    scene.well()


def a_receipt_nobody_signed_is_none(scene: Scene) -> None:
    """Something on the way answers for head office: the branch must not take a row for delivered."""
    scene.enter("customer")

    def forge(request: Request, _send: Callable[[Request], Answer]) -> Answer:
        with scene.node.runtime.database.reads() as session:
            batch = session.scalars(select(OutboxBatch).order_by(OutboxBatch.id.desc())).first()
        assert batch is not None
        receipt = {
            "branch": scene.node.code,
            "lineage": batch.lineage,
            "channel": batch.channel,
            "batch_no": batch.batch_no,
            "digest": batch.digest,
            "received_through": batch.batch_no,
            "applied_through": batch.batch_no,
            "parked": [],
            "hq": "0",
            "received_at": "2026-11-20T04:00:00.000000Z",
        }
        return Answer(200, msgspec.json.encode({"receipt": receipt, "signature": "0" * 128}), {})

    scene.between(2, forge)
    ended = scene.push()
    scene.straight()
    assert ended == ("retry", "no-answer"), ended
    scene.done()
    scene.well()


def a_restored_head_office_gets_all_of_it_at_once(scene: Scene) -> None:
    """Head office is set back: the next cycle brings everything again."""
    scene.done()
    saved = scene.stage.save_hq()
    scene.enter("manager", "customer", "bill_line", "work_log")
    scene.done()
    scene.stage.load_hq(saved)
    scene.stage.faults["hq-set-back"] += 1
    scene.company.ledger.hq_fell_back()
    scene.done()
    with scene.node.runtime.database.reads() as session:
        assert not session.scalars(select(OutboxBatch.id).where(OutboxBatch.acknowledged_at.is_(None))).all()
    assert len(scene.company.ledger.at_hq(scene.node.code)) == 4
    scene.well()


def refused_rows_are_kept_and_children_wait(scene: Scene) -> None:
    """A customer that head office refuses, with bill lines: all are there when it is mended."""
    scene.enter("customer")
    scene.company.edit(scene.node, poison=True)
    scene.enter("bill_line", "bill_line")
    scene.done()
    held = scene.company.ledger.at_hq(scene.node.code)
    assert not held, "a child went in without its parent"
    scene.company.mend(scene.node, ("customer", scene.customers()[0]))
    scene.done()
    assert len(scene.company.ledger.at_hq(scene.node.code)) == 3
    scene.well()


def a_barrier_leaves_out_what_changes_under_it(scene: Scene) -> None:
    """A clerk saves while the table is being read: no difference is told."""
    scene.enter("customer", "customer")
    scene.done()
    scene.company.pass_time(days=1)
    wrote: list[str] = []
    real = queries.list_due

    def save_meanwhile(
        session: Session, record_types: Iterable[str], occasion: queries.Occasion
    ) -> dict[str, str]:
        if not wrote:
            wrote.append("customer")
            scene.company.mend(scene.node, ("customer", scene.customers()[0]))
        return real(session, record_types, occasion)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(queries, "list_due", save_meanwhile)
        scene.push()
    assert wrote, "nobody saved while the table was read"
    with scene.stage.hq.database.reads() as session:
        assert not session.scalars(select(Difference.id)).all()
    scene.well()


def a_difference_is_repaired(scene: Scene) -> None:
    """A row is dropped at head office: the next day's comparison finds it and puts it back."""
    scene.enter("customer", "bill_line", "bill_line")
    scene.done()
    table = scene.stage.hq.bindings["bill_line"].table
    with scene.stage.hq.database.sessions.begin() as session:
        session.execute(delete(table))
    scene.company.ledger.damaged = True
    scene.stage.faults["damage-hq"] += 1
    scene.company.pass_time(days=1)
    scene.done()
    scene.well()


def great_sums_are_exact(scene: Scene) -> None:
    """Amounts beyond what a float can hold: the control totals agree to the cent."""
    scene.enter("customer", "bill_line")
    with scene.node.runtime.database.sessions.begin() as session:
        table = scene.node.runtime.bindings["bill_line"].table
        row = dict(session.execute(select(table)).mappings().one())
        # The sum is odd, and beyond what a float can tell from its neighbours.
        amount = 2**60 + 1 + row["amount_minor"] % 2
        last = "1" if row["id"][-1] == "0" else "0"
        great = {"id": row["id"][:-1] + last, "bill_no": "great", "remark": "999", "amount_minor": amount}
        session.execute(table.insert().values(**row | great))
    key = ("bill_line", str(great["id"]))
    scene.company.ledger.made.add(key)
    scene.company.ledger.amounts[key] = amount
    scene.done()
    assert "control-differs" not in scene.alarms()
    scene.well()


def _contact(scene: Scene) -> str | None:
    with scene.stage.hq.database.reads() as session:
        return session.scalars(select(Branch.contact_id).where(Branch.code == scene.node.code)).one()


def _lost_answer(request: Request, send: Callable[[Request], Answer]) -> Answer:
    send(request)
    return Answer(502, b"", {})


def _lost_request(_request: Request, _send: Callable[[Request], Answer]) -> Answer:
    return Answer(502, b"", {})


def _set(scene: Scene, customer: str, **values: Any) -> None:
    table = scene.node.runtime.bindings["customer"].table
    with scene.node.runtime.database.sessions.begin() as session:
        session.execute(update(table).where(table.c.id == customer).values(**values))


ALL = (
    a_failed_commit_is_no_receipt,
    a_lost_answer_is_asked_for_again,
    a_gap_is_refused,
    order_comes_from_versions,
    a_batch_of_another_history_is_refused,
    a_number_has_one_content,
    a_branch_set_back_is_noticed,
    two_machines_are_never_both_the_branch,
    a_contact_is_on_disk_before_it_is_sent,
    marks_and_batch_commit_together,
    a_batch_marks_only_what_it_holds,
    what_was_sealed_for_a_lost_history_is_sealed_anew,
    both_versions_are_kept_where_both_sides_changed,
    what_was_removed_stays_removed,
    a_receipt_nobody_signed_is_none,
    a_restored_head_office_gets_all_of_it_at_once,
    refused_rows_are_kept_and_children_wait,
    a_barrier_leaves_out_what_changes_under_it,
    a_difference_is_repaired,
    great_sums_are_exact,
)
