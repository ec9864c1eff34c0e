"""What happens to a node's history stands in the operation log of both sides: who, about what, and in which words.

Nobody watches these acts; what is written of them is all that an auditor has years later.
"""

from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from branch_node.outbound import keys
from branch_node.outbound.membership import join_hq
from branch_node.outbound.packing import pack, take_receipts
from hq_server.branches.models import Branch
from hq_server.branches.operations import enrol_branch
from hq_server.gate.contacts import let_contender_speak
from hq_server.ingest import decisions
from hq_server.ingest.models import InboxBatch
from hq_server.ingest.unpacking import unpack
from hq_server.parking.models import ParkedRecord
from hq_server.replica.models import ReplicaCustomer
from shared.alarms.models import Alarm
from shared.audit.models import AuditEntry
from shared.db.engine import Database
from shared.jobs.job import Progress
from sync_protocol.changelog.models import ChainHead
from sync_protocol.contract.keys import key_id, public_key_of
from tests.support import setbacks
from tests.support.world import HQ_URL, BranchHere, World

Told = tuple[str, tuple[str | None, str | None], dict[str, Any]]


def told(database: Database, event: str) -> Told:
    """Return by whom, about what and in which words the only entry of this event is."""
    with database.reads() as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.event == event)).one()
        return entry.actor, (entry.subject_type, entry.subject_id), entry.details


def alarm(database: Database, code: str) -> dict[str, Any]:
    with database.reads() as session:
        return session.scalars(select(Alarm).where(Alarm.code == code)).one().details


def about_branch(branch: BranchHere) -> tuple[str, str]:
    return "branch", branch.code


def test_joining_and_joining_again_name_the_head_office(world: World) -> None:
    branch = world.make_branch("B001")
    assert told(branch.runtime.database, "node.joined") == ("ana", about_branch(branch), {"hq": HQ_URL})

    with world.hq.database.sessions.begin() as session:
        code = enrol_branch(session, "B001", "分公司", push_interval_s=600, by=world.by(), again=True)[1]
    join_hq(branch.runtime, HQ_URL, code, by=world.by("bob"), again=True)

    assert told(branch.runtime.database, "node.rejoined") == ("bob", about_branch(branch), {"hq": HQ_URL})


def test_a_new_key_is_named_by_the_node_that_signs_with_it(world: World) -> None:
    branch = world.make_branch("B001")
    keys.make_next(branch.runtime.settings.home)
    assert branch.push().outcome == "done"

    signs = key_id(public_key_of(branch.runtime.private_key))

    assert told(branch.runtime.database, "node.key-changed") == ("sync", about_branch(branch), {"key": signs})


def test_a_new_history_says_on_both_sides_why_and_from_where_and_how_much_came_back(world: World) -> None:
    branch = world.make_branch("B001")
    branch.add_customer()
    branch.push()
    archive = setbacks.back_up_branch(branch)
    with branch.runtime.database.reads() as session:
        heads = session.scalars(select(ChainHead).where(ChainHead.batch_no > 0))
        forked_at = {head.channel: [1, head.batch_no, head.digest] for head in heads}
    for _ in range(2):
        branch.add_customer()
    branch.push()
    setbacks.set_back(branch, archive)

    assert branch.push().outcome == "done"

    actor, about, here = told(branch.runtime.database, "sync.lineage-opened")
    assert (actor, about) == ("sync", about_branch(branch))
    assert here == {"lineage": 2, "rows": 2, "batches": 0, "why": "profile 2"}
    assert alarm(branch.runtime.database, "database-set-back") == here
    _actor, about, there = told(world.hq.database, "branch.lineage-opened")
    assert (about, there) == (
        about_branch(branch),
        {"lineage": 2, "reason": "database-set-back", "forked_at": forked_at},
    )
    assert alarm(world.hq.database, "lineage-opened") == {"lineage": 2, "reason": "database-set-back"}


def test_a_copy_that_is_refused_and_let_speak_is_told_with_both_addresses(world: World) -> None:
    branch = world.make_branch("B001")
    branch.push()
    twin = setbacks.copy(branch)
    branch.push()
    assert twin.push().problem == "duplicate-node"
    assert set(alarm(world.hq.database, "duplicate-node")) == {"address", "holder"}

    with world.hq.database.sessions.begin() as session:
        let_contender_speak(session, session.scalars(select(Branch)).one(), by=world.by("bob"))

    assert told(world.hq.database, "branch.contender-accepted") == ("bob", about_branch(branch), {})


def test_a_restored_node_is_told_at_head_office_with_its_address(world: World) -> None:
    branch = world.make_branch("B001")
    branch.push()
    archive = setbacks.back_up_branch(branch)
    branch.push()
    setbacks.restore(branch, archive)
    assert branch.push().outcome == "done"

    _actor, about, details = told(world.hq.database, "branch.node-replaced")

    assert (about, details) == (about_branch(branch), {"address": "127.0.0.1"})
    assert alarm(world.hq.database, "node-replaced") == details


def test_sync_by_file_is_told_with_its_file_and_how_much_went(world: World, tmp_path: Path) -> None:
    branch = world.make_branch("B001")
    for _ in range(2):
        branch.add_bill_line(branch.add_customer())
    file, back = tmp_path / "day.sync", tmp_path / "day.receipts"
    pack(branch.runtime, file, world.by("ana"), Progress())
    unpack(world.hq, file, back, by=world.by("bob"))
    take_receipts(branch.runtime, back, by=world.by("eve"))

    with world.hq.database.reads() as session:
        batches, rows = session.execute(select(func.count(), func.sum(InboxBatch.rows))).one()
    here, there = branch.runtime.database, world.hq.database
    assert told(here, "sync.packed") == (
        "ana",
        about_branch(branch),
        {"file": "day.sync", "batches": batches, "rows": rows},
    )
    assert told(there, "sync.unpacked") == (
        "bob",
        about_branch(branch),
        {"file": "day.sync", "taken": batches, "refused": 0},
    )
    assert told(here, "sync.receipts-taken") == (
        "eve",
        about_branch(branch),
        {"file": "day.receipts", "new": batches},
    )


def test_a_record_checked_again_says_which_and_how_much_went_in(world: World) -> None:
    branch = world.make_branch("B001")
    customer = branch.add_customer(attributes={"nested": {}})
    branch.push()
    with world.hq.database.sessions.begin() as session:
        parked = session.scalars(select(ParkedRecord)).one()
        decisions.check_again(session, parked.id, bindings=world.hq.bindings, by=world.by("bob"))
        number = parked.branch_number
        assert session.scalars(select(ReplicaCustomer.id)).all() == []

    assert told(world.hq.database, "parked.checked-again") == (
        "bob",
        ("parked", str(parked.id)),
        {"branch": number, "record": "customer", "id": customer, "taken": 0},
    )
