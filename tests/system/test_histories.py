"""Restored, set back, copied: whatever machines do to a node, each history is recognised and nothing is lost."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest
from click.testing import CliRunner
from sqlalchemy import delete, select, update

from branch_node.billing.models import BillLine
from branch_node.cli import cli
from branch_node.customers.models import Contact, Customer
from branch_node.imports.exporting import export_unsent
from branch_node.outbound.contacts import ContactBook
from branch_node.outbound.models import Lineage, Membership, RecoveredRow
from branch_node.outbound.recovered import keep_ours, take_hq
from branch_node.runtime import Answer, Request, Transport
from branch_node.units.models import Unit
from branch_node.worklogs.models import WorkLog
from hq_server.branches.models import Branch, BranchLineage
from hq_server.gate.contacts import let_contender_speak
from hq_server.replica.models import ReplicaCustomer
from shared.alarms.models import Alarm
from shared.auth import operations as accounts
from shared.rights.vocabulary import StaffKind
from tests.support import setbacks
from tests.support.world import BranchHere, LossyTransport, World


def alarms(database) -> set[str]:
    with database.reads() as session:
        return set(session.scalars(select(Alarm.code).where(Alarm.closed_at.is_(None))))


def names_at_hq(world: World) -> list[str]:
    with world.hq.database.reads() as session:
        return sorted(session.scalars(select(ReplicaCustomer.name)))


def names_at(branch: BranchHere) -> list[str]:
    with branch.runtime.database.reads() as session:
        return sorted(session.scalars(select(Customer.name)))


def rename(branch: BranchHere, customer: str, name: str) -> None:
    with branch.runtime.database.sessions.begin() as session:
        session.execute(update(Customer).where(Customer.id == customer).values(name=name))


def states(branch: BranchHere) -> dict[str, str]:
    with branch.runtime.database.reads() as session:
        return {row.record_id: row.state for row in session.scalars(select(RecoveredRow))}


def test_a_branch_set_back_gets_its_rows_back_and_loses_nothing_it_wrote_since(world: World) -> None:
    branch = world.make_branch("B001")
    manager = branch.add_manager()
    before = branch.add_customer(name="备份前", manager_id=manager)
    branch.push()
    archive = setbacks.back_up_branch(branch)
    lost = branch.add_customer(name="备份后", manager_id=manager)
    branch.add_bill_line(lost)
    branch.add_work_log(manager, lost)
    rename(branch, before, "备份后改名")
    branch.push()

    setbacks.set_back(branch, archive)
    branch.add_customer(name="恢复后", customer_no="C999")
    result = branch.push()

    assert result.outcome == "done"
    assert names_at(branch) == sorted(["备份后改名", "备份后", "恢复后"])
    world.assert_equal()
    with branch.runtime.database.reads() as session:
        assert len(session.scalars(select(BillLine.id)).all()) == 1
        assert session.get_one(Membership, 1).lineage == 2
        assert session.get_one(Lineage, 2).announced_at is not None
    with world.hq.database.reads() as session:
        assert session.scalars(select(BranchLineage.lineage)).all() == [1, 2]
    assert "database-set-back" in alarms(branch.runtime.database)
    assert "lineage-opened" in alarms(world.hq.database)


def test_a_new_sale_under_an_old_batch_number_is_not_taken_for_the_old_one(world: World) -> None:
    branch = world.make_branch("B001")
    branch.push()
    archive = setbacks.back_up_branch(branch)
    branch.add_customer(name="旧")
    branch.push()

    setbacks.set_back(branch, archive)
    sale = branch.add_customer(
        name="新", customer_no="N1"
    )  # sealed as number 1 of its channel, like the lost one
    branch.push()

    assert names_at_hq(world) == sorted(["旧", "新"])
    with world.hq.database.reads() as session:
        assert (
            session.scalars(select(ReplicaCustomer.row_lineage).where(ReplicaCustomer.id == sale)).one() == 2
        )
    world.assert_equal()


def test_what_both_sides_changed_waits_for_a_person_and_either_choice_reaches_hq(world: World) -> None:
    branch = world.make_branch("B001")
    first, second = branch.add_customer(name="甲"), branch.add_customer(name="乙")
    branch.push()
    archive = setbacks.back_up_branch(branch)
    rename(branch, first, "甲-总部")
    rename(branch, second, "乙-总部")
    branch.push()
    setbacks.set_back(branch, archive)
    rename(branch, first, "甲-分部")
    rename(branch, second, "乙-分部")

    branch.push()

    assert states(branch) == {first: "conflict", second: "conflict"}
    assert names_at_hq(world) == sorted(
        ["甲-分部", "乙-分部"]
    )  # the branch owns its data; HQ's version is kept here
    with branch.runtime.database.sessions.begin() as session:
        found = {row.record_id: row for row in session.scalars(select(RecoveredRow))}
        take_hq(session, branch.runtime.bindings, found[first], by=world.by())
        keep_ours(session, found[second], by=world.by())
    branch.push()
    assert names_at(branch) == sorted(["甲-总部", "乙-分部"])
    assert states(branch) == {first: "took-hq", second: "kept-ours"}
    world.assert_equal()


def test_a_customer_removed_after_the_backup_is_removed_again(world: World) -> None:
    branch = world.make_branch("B001")
    kept, gone = branch.add_customer(), branch.add_customer()
    branch.push()
    archive = setbacks.back_up_branch(branch)
    with branch.runtime.database.sessions.begin() as session:
        session.execute(delete(Customer).where(Customer.id == gone))
    branch.push()

    setbacks.set_back(branch, archive)
    branch.push()

    with branch.runtime.database.reads() as session:
        assert session.scalars(select(Customer.id)).all() == [kept]
    world.assert_equal()


def test_a_number_given_away_meanwhile_is_a_conflict_and_stops_nothing(world: World) -> None:
    branch = world.make_branch("B001")
    branch.push()
    archive = setbacks.back_up_branch(branch)
    lost = branch.add_customer(customer_no="C1", name="旧")
    branch.push()
    setbacks.set_back(branch, archive)
    branch.add_customer(customer_no="C1", name="新")

    assert branch.push().outcome == "done"

    assert states(branch) == {lost: "conflict"}
    assert names_at(branch) == ["新"]
    assert names_at_hq(world) == sorted(["新", "旧"])  # nothing leaves HQ before a person has decided
    with branch.runtime.database.sessions.begin() as session:
        keep_ours(session, session.scalars(select(RecoveredRow)).one(), by=world.by())
    world.advance(days=1)
    assert branch.push().outcome == "done"
    assert names_at_hq(world) == ["新"]
    world.assert_equal()


@pytest.mark.parametrize("seed", range(3))
def test_a_set_back_branch_comes_through_whatever_the_line_does(world: World, seed: int) -> None:
    branch = world.make_branch("B001")
    for _ in range(5):
        branch.add_customer()
    branch.push()
    archive = setbacks.back_up_branch(branch)
    for _ in range(5):
        branch.add_bill_line(branch.add_customer())
    branch.push()
    setbacks.set_back(branch, archive)
    branch.add_customer(customer_no="X1")
    line = LossyTransport(world.transport(), Random(seed), rate=0.5)

    for _ in range(40):
        branch.push(transport=line)
        world.advance(minutes=1)
    line.deliver_late()

    assert branch.push().outcome == "done"
    assert len(names_at(branch)) == 11
    world.assert_equal()
    with world.hq.database.reads() as session:
        assert session.scalars(select(BranchLineage.lineage)).all() == [1, 2]
    assert "duplicate-node" not in alarms(world.hq.database)


def test_a_branch_set_back_twice_begins_two_histories(world: World) -> None:
    branch = world.make_branch("B001")
    branch.push()
    archive = setbacks.back_up_branch(branch)
    for number in range(2):
        branch.add_customer(name=f"第{number}次", customer_no=f"T{number}")
        branch.push()
        setbacks.set_back(branch, archive)
        branch.push()

    assert names_at(branch) == ["第0次", "第1次"]
    world.assert_equal()
    with world.hq.database.reads() as session:
        assert session.scalars(select(BranchLineage.lineage)).all() == [1, 2, 3]


def test_hq_set_back_gets_everything_again_without_anybody_doing_anything(world: World) -> None:
    branches = [world.make_branch(code) for code in ("B001", "B002")]
    for branch in branches:
        branch.add_bill_line(branch.add_customer())
        branch.push()
    archive = setbacks.back_up_hq(world)
    for branch in branches:
        for _ in range(3):
            branch.add_customer()
            branch.push()

    setbacks.set_back_hq(world, archive)
    for branch in branches:
        assert branch.push().outcome == "done"

    world.assert_equal()
    assert {"hq-lost-batches"} <= alarms(branches[0].runtime.database)
    assert "hq-behind" in alarms(world.hq.database)
    assert "duplicate-node" not in alarms(world.hq.database)


def test_hq_set_back_behind_a_new_history_is_told_of_it_again(world: World) -> None:
    branch = world.make_branch("B001")
    branch.add_customer(name="一")
    branch.push()
    hq_archive = setbacks.back_up_hq(world)
    branch.add_customer(name="二")
    branch.push()
    branch_archive = setbacks.back_up_branch(branch)
    branch.add_customer(name="三")
    branch.push()
    setbacks.set_back(branch, branch_archive)
    branch.add_customer(name="四", customer_no="X4")
    branch.push()

    setbacks.set_back_hq(world, hq_archive)
    for _ in range(2):
        assert branch.push().outcome == "done"

    assert names_at_hq(world) == sorted("一二三四")
    world.assert_equal()


def test_a_copy_of_a_node_is_refused_from_its_first_contact_after_the_original(world: World) -> None:
    branch = world.make_branch("B001")
    branch.add_customer(name="共有")
    branch.push()
    twin = setbacks.copy(branch)
    branch.add_customer(name="原件", customer_no="O1")
    branch.push()
    twin.add_customer(name="副本", customer_no="T1")

    refused = twin.push()

    assert (refused.outcome, refused.problem) == ("failed", "duplicate-node")
    assert names_at_hq(world) == sorted(["共有", "原件"])
    assert branch.push().outcome == "done"
    world.assert_equal()
    assert "refused-as-copy" in alarms(twin.runtime.database)
    assert "duplicate-node" in alarms(world.hq.database)


def test_copies_that_take_turns_never_both_get_through(world: World) -> None:
    branch = world.make_branch("B001")
    branch.push()
    twin = setbacks.copy(branch)

    outcomes = [[node.push().outcome for node in (branch, twin)] for _ in range(4)]

    assert outcomes == [["done", "failed"]] * 4


def test_head_office_may_let_the_refused_node_take_over_and_then_the_other_is_refused(world: World) -> None:
    branch = world.make_branch("B001")
    branch.add_customer(name="共有")
    branch.push()
    twin = setbacks.copy(branch)
    branch.add_customer(name="原件", customer_no="O1")
    branch.push()
    twin.add_customer(name="副本", customer_no="T1")
    twin.push()

    with world.hq.database.sessions.begin() as session:
        let_contender_speak(session, session.scalars(select(Branch)).one(), by=world.by())

    assert twin.push().outcome == "done"
    assert branch.push().problem == "duplicate-node"
    assert names_at(twin) == sorted(["共有", "原件", "副本"])  # what the original had sent came to the copy
    assert names_at_hq(world) == names_at(twin)
    assert "refused-as-copy" not in alarms(twin.runtime.database)


def test_a_restored_node_replaces_the_earlier_one_which_is_then_refused(world: World) -> None:
    branch = world.make_branch("B001")
    branch.add_customer(name="备份前")
    branch.push()
    archive = setbacks.back_up_branch(branch)
    old = setbacks.copy(branch)
    branch.add_customer(name="备份后", customer_no="L1")
    branch.push()

    setbacks.restore(branch, archive)

    assert branch.push().outcome == "done"
    assert names_at(branch) == sorted(["备份前", "备份后"])
    assert old.push().problem == "duplicate-node"
    world.assert_equal()
    assert "node-replaced" in alarms(world.hq.database)


def test_old_requests_that_arrive_late_neither_count_nor_alarm(world: World) -> None:
    branch = world.make_branch("B001")
    line = LossyTransport(world.transport(), Random(1), rate=1.0, kinds=("late",))
    for _ in range(3):
        branch.add_customer()
        branch.push(transport=line)
    branch.push()

    line.deliver_late()

    assert branch.push().outcome == "done"
    world.assert_equal()
    assert alarms(world.hq.database) == set()


def test_what_was_entered_at_a_copy_is_exported_and_taken_in_at_the_right_node(
    world: World, tmp_path: Path
) -> None:
    branch = world.make_branch("B001")
    manager = branch.add_manager(manager_no="M1")
    shared = branch.add_customer(customer_no="C1", name="共有", manager_id=manager)
    branch.push()
    twin = setbacks.copy(branch)
    new = twin.add_customer(
        customer_no="C2", name="副本录入", manager_id=manager, tags=["vip", "新"], attributes={"层级": "金"}
    )
    twin.add_contact(new, name="副本联系人")
    twin.add_unit(new, serial_no="SNCOPY1", product="光猫", model="HG-8245")
    twin.add_bill_line(new, bill_no="T-1", amount_minor=-12_345)
    twin.add_work_log(manager, shared, log_no="T-2", text="在副本上记的\n两行")
    rename(twin, shared, "副本改名")

    counts = export_unsent(twin.runtime, tmp_path / "out")
    reports = [
        CliRunner().invoke(
            cli,
            ["import", kind, str(tmp_path / "out" / f"{kind}.csv"), "--json"]
            + (["--update-by", "customer_no"] if kind == "customers" else [])
            + ["--home", str(branch.runtime.settings.home.path)],
        )
        for kind in ("customers", "contacts", "units", "billing", "worklogs")
    ]

    assert counts == {"managers": 0, "customers": 2, "contacts": 1, "units": 1, "billing": 1, "worklogs": 1}
    assert [report.exit_code for report in reports] == [0, 0, 0, 0, 0], "".join(
        report.output for report in reports
    )
    assert names_at(branch) == sorted(["副本录入", "副本改名"])
    with branch.runtime.database.reads() as session:
        taken = session.scalars(select(Customer).where(Customer.customer_no == "C2")).one()
        line, log = session.scalars(select(BillLine)).one(), session.scalars(select(WorkLog)).one()
        contact, unit = session.scalars(select(Contact)).one(), session.scalars(select(Unit)).one()
    assert (contact.name, contact.customer_id) == ("副本联系人", taken.id)
    assert (unit.serial_no, unit.model, unit.owner_id) == ("SNCOPY1", "HG-8245", taken.id)
    assert (taken.manager_id, taken.tags, taken.attributes) == (manager, ["vip", "新"], {"层级": "金"})
    assert (line.bill_no, line.amount_minor, line.customer_id) == ("T-1", -12_345, taken.id)
    assert (log.log_no, log.text, log.customer_id) == ("T-2", "在副本上记的\n两行", shared)


def test_what_a_copy_asked_about_is_told_by_the_export_and_the_version_chosen_there_is_taken_in(
    world: World, tmp_path: Path
) -> None:
    branch = world.make_branch("B001")
    asked = branch.add_customer(name="甲", customer_no="C1")
    branch.push()
    rename(branch, asked, "甲-备份")
    archive = setbacks.back_up_branch(branch)
    rename(branch, asked, "甲-总部")
    branch.push()
    setbacks.restore(branch, archive)
    twin = setbacks.copy(branch)
    branch.push()
    twin.push()
    with branch.runtime.database.sessions.begin() as session:
        accounts.create_user(
            session, username="wang", name="王芳", kind=StaffKind.BRANCH_MANAGER, by=world.by()
        )
    assert branch.push().problem == "duplicate-node"
    assert (states(branch), states(twin)) == ({asked: "conflict"}, {asked: "same"})
    export = ["export-unsent", str(tmp_path / "out"), "--by", "wang", "--reason", "switched off", "--json"]
    home = ["--home", str(branch.runtime.settings.home.path)]

    before = CliRunner().invoke(cli, [*export, *home])
    with branch.runtime.database.sessions.begin() as session:
        take_hq(session, branch.runtime.bindings, session.scalars(select(RecoveredRow)).one(), by=world.by())
    after = CliRunner().invoke(cli, [*export, *home])
    taken = ["import", "customers", str(tmp_path / "out" / "customers.csv"), "--update-by", "customer_no"]
    CliRunner().invoke(cli, [*taken, "--home", str(twin.runtime.settings.home.path)], catch_exceptions=False)
    twin.push()

    assert json.loads(before.stdout)["undecided"] == 1
    assert "1 " in before.stderr
    assert json.loads(after.stdout)["undecided"] == 0
    assert after.stderr == ""
    assert names_at(twin) == names_at_hq(world) == ["甲-总部"]


def test_a_node_that_is_replaced_in_the_middle_of_its_cycle_delivers_nothing_more(world: World) -> None:
    branch = world.make_branch("B001")
    branch.push()
    other = setbacks.copy(branch)
    ContactBook(other.runtime.settings.home).replace()
    branch.add_customer(name="迟到", customer_no="L1")
    line = Interrupted(world.transport(), at="/sync/v1/batches", by=other.push)

    result = branch.push(transport=line)

    assert (result.outcome, result.problem) == ("failed", "duplicate-node")
    assert names_at_hq(world) == []
    other.add_customer(name="另一台", customer_no="O1")
    other.push()  # its batch has the number of the one that was refused
    branch.push()
    with world.hq.database.sessions.begin() as session:
        let_contender_speak(session, session.scalars(select(Branch)).one(), by=world.by())
    assert branch.push().outcome == "done"
    assert names_at_hq(world) == sorted(["迟到", "另一台"])
    world.assert_equal()


@dataclass
class Interrupted:
    """A line on which something else happens just before the first request to one address."""

    inner: Transport
    at: str
    by: Callable[[], object] | None

    def send(self, request: Request) -> Answer:
        if self.by is not None and request.url.endswith(self.at):
            interruption, self.by = self.by, None
            interruption()
        return self.inner.send(request)
