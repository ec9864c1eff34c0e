"""Sync by file: the same batches, encrypted to head office, in any mixture with the line."""

from pathlib import Path
from random import Random

import pytest
from sqlalchemy import select

from branch_node.outbound.packing import BadPackageError, NeedsLineError, pack, take_receipts
from branch_node.outbound.transport import NoAnswerError
from hq_server.ingest.models import InboxBatch
from hq_server.ingest.unpacking import BadPackageError as RefusedPackageError
from hq_server.ingest.unpacking import unpack
from shared.jobs.job import Progress
from sync_protocol.changelog.models import OutboxBatch
from sync_protocol.contract.keys import public_key_of
from sync_protocol.contract.package import BATCHES, write_package
from tests.support import setbacks
from tests.support.world import BranchHere, LossyTransport, World


def packed(branch: BranchHere, to: Path) -> Path:
    pack(branch.runtime, to, branch.world.by(), Progress())
    return to


def carried_both_ways(branch: BranchHere, folder: Path, name: str) -> None:
    """Carry a package to head office and its receipts back."""
    file = packed(branch, folder / name)
    unpack(branch.world.hq, file, folder / f"{name}.receipts", by=branch.world.by())
    take_receipts(branch.runtime, folder / f"{name}.receipts", by=branch.world.by())


def unacknowledged(branch: BranchHere) -> int:
    with branch.runtime.database.reads() as session:
        return len(session.scalars(select(OutboxBatch.id).where(OutboxBatch.acknowledged_at.is_(None))).all())


def a_day(branch: BranchHere) -> None:
    manager = branch.add_manager()
    customer = branch.add_customer(manager_id=manager)
    branch.add_bill_line(customer)
    branch.add_work_log(manager, customer)


def test_a_branch_without_a_line_reaches_hq_by_file_and_gets_its_receipts(
    world: World, tmp_path: Path
) -> None:
    branch = world.make_branch("B001")
    a_day(branch)

    carried_both_ways(branch, tmp_path, "day1.sync")

    assert unacknowledged(branch) == 0
    world.assert_equal()
    a_day(branch)
    assert branch.push().outcome == "done"  # the line is back: it goes on where the file ended
    world.assert_equal()


@pytest.mark.parametrize("seed", range(2))
def test_files_and_line_in_any_mixture_end_equal(world: World, tmp_path: Path, seed: int) -> None:
    branch, rng = world.make_branch("B001"), Random(seed)
    files: list[Path] = []
    for step in range(12):
        a_day(branch)
        act = rng.choice(["push", "pack", "unpack", "old receipts", "bad line"])
        if act == "push":
            branch.push()
        elif act == "bad line":
            branch.push(transport=LossyTransport(world.transport(), rng, rate=0.7))
        elif act == "pack":
            files.append(packed(branch, tmp_path / f"{step}.sync"))
        elif files:
            file = rng.choice(files)
            receipts = tmp_path / f"{step}.receipts"
            unpack(world.hq, file, receipts, by=world.by())
            if act == "old receipts":
                take_receipts(branch.runtime, receipts, by=world.by())

    assert branch.push().outcome == "done"
    for file in files:
        unpack(world.hq, file, tmp_path / "late.receipts", by=world.by())

    assert unacknowledged(branch) == 0
    world.assert_equal()


def test_a_package_taken_in_twice_changes_nothing_and_gets_the_same_receipts(
    world: World, tmp_path: Path
) -> None:
    branch = world.make_branch("B001")
    a_day(branch)
    file = packed(branch, tmp_path / "a.sync")
    first = unpack(world.hq, file, tmp_path / "1", by=world.by())
    world.advance(hours=1)
    second = unpack(world.hq, file, tmp_path / "2", by=world.by())

    assert (first.taken, second.taken, second.refused) == (first.taken, first.taken, [])
    with world.hq.database.reads() as session:
        assert len(session.scalars(select(InboxBatch.id)).all()) == first.taken
    assert take_receipts(branch.runtime, tmp_path / "1", by=world.by()).new == first.taken
    assert take_receipts(branch.runtime, tmp_path / "2", by=world.by()).known == first.taken


def test_a_package_is_readable_by_head_office_alone(world: World, tmp_path: Path) -> None:
    branch, other = world.make_branch("B001"), world.make_branch("B002")
    branch.add_customer(name="不可外泄")
    file = packed(branch, tmp_path / "a.sync")

    assert "不可外泄".encode() not in file.read_bytes()
    with pytest.raises(BadPackageError):
        take_receipts(other.runtime, file, by=world.by())


@pytest.mark.parametrize("at", [0, 200, -1])
def test_a_package_changed_in_one_byte_or_cut_short_is_refused_whole(
    world: World, tmp_path: Path, at: int
) -> None:
    branch = world.make_branch("B001")
    a_day(branch)
    whole = packed(branch, tmp_path / "a.sync").read_bytes()
    changed = bytearray(whole)
    changed[at] ^= 1

    for content in (bytes(changed), whole[: len(whole) // 2], b"", b"%PDF-1.7"):
        (tmp_path / "b.sync").write_bytes(content)
        with pytest.raises(RefusedPackageError):
            unpack(world.hq, tmp_path / "b.sync", tmp_path / "r", by=world.by())

    assert world.hq_digests("B001")["customer"].rows == 0


def test_a_package_of_a_node_that_is_not_pinned_is_refused(world: World, tmp_path: Path) -> None:
    branch = world.make_branch("B001")
    with (tmp_path / "f.sync").open("wb") as file:
        write_package(
            file,
            [],
            kind=BATCHES,
            branch="B001",
            node=branch.runtime.settings.node_id,
            made_at="2026-11-20T04:00:00.000000Z",
            private_key=bytes(32),
            receiver=public_key_of(world.hq.identity.private_key),
        )

    with pytest.raises(RefusedPackageError):
        unpack(world.hq, tmp_path / "f.sync", tmp_path / "r", by=world.by())


def test_batches_after_a_missing_one_are_refused_and_come_again(world: World, tmp_path: Path) -> None:
    branch = world.make_branch("B001")
    branch.add_customer()
    packed(branch, tmp_path / "lost.sync")
    with branch.runtime.database.sessions.begin() as session:  # as if the first file's receipts had come
        batch = session.scalars(select(OutboxBatch)).one()
        batch.acknowledged_at = world.clock.now()
    branch.add_customer()

    outcome = unpack(world.hq, packed(branch, tmp_path / "b.sync"), tmp_path / "r", by=world.by())

    assert [one["code"] for one in outcome.refused] == ["gap"]
    assert branch.push().outcome == "done"
    world.assert_equal()


def test_a_new_history_needs_the_line_once_before_it_can_go_by_file(world: World, tmp_path: Path) -> None:
    branch = world.make_branch("B001")
    branch.add_customer()
    branch.push()
    archive = setbacks.back_up_branch(branch)
    branch.add_customer()
    branch.push()
    setbacks.set_back(branch, archive)
    branch.push(transport=LossyTransport(world.transport(), Random(0), rate=1.0, kinds=("lose",)))
    carried_both_ways(branch, tmp_path, "before.sync")
    branch.push()
    a_day(branch)

    carried_both_ways(branch, tmp_path, "after.sync")

    world.assert_equal()


def test_a_history_not_announced_yet_is_not_packed(world: World, tmp_path: Path) -> None:
    branch = world.make_branch("B001")
    branch.push()
    archive = setbacks.back_up_branch(branch)
    branch.add_customer()
    branch.push()
    setbacks.set_back(branch, archive)
    branch.push(transport=NoAnnouncement(world.transport()))

    with pytest.raises(NeedsLineError):
        packed(branch, tmp_path / "a.sync")


class NoAnnouncement:
    """A line that breaks when a new lineage is announced."""

    def __init__(self, inner) -> None:
        self._inner = inner

    def send(self, request):
        if "/lineages/" in request.url:
            raise NoAnswerError(reason="lost")
        return self._inner.send(request)
