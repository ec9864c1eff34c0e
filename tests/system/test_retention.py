"""A branch keeps what HQ's backups do not hold, and what it gives up it can do without."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from branch_node.customers.models import Customer
from branch_node.outbound.histories import reopen
from branch_node.outbound.models import HqBackedUp, Membership
from branch_node.retention.jobs import purge_outbox, watch_outbox
from branch_node.retention.operations import tell_filling
from hq_server.ingest.backups import BackupWatch, list_backed_up
from hq_server.ingest.models import ChainPosition
from hq_server.retention.jobs import trim_receipts, watch_backups
from shared.alarms.queries import list_open
from shared.audit.models import AuditEntry
from shared.db.backup import make_backup
from shared.db.engine import Database
from shared.jobs.job import JobStoppedError, Outcome, Progress
from shared.jobs.vocabulary import RunOutcome
from sync_protocol.changelog.models import Change, OutboxBatch
from sync_protocol.changelog.purge import Kept, measure
from tests.support import setbacks
from tests.support.world import BranchHere, World


def told(branch: BranchHere) -> dict[str, tuple[int, int]]:
    """Return how far HQ's backups hold each channel, by the branch's knowledge."""
    with branch.runtime.database.reads() as session:
        rows = session.scalars(select(HqBackedUp))
        return {row.channel: (row.lineage, row.batch_no) for row in rows if row.batch_no}


def published(world: World) -> dict[str, tuple[int, int]]:
    with world.hq.database.reads() as session:
        return list_backed_up(session, 1)


def test_a_branch_hears_of_a_backup_in_the_state_and_in_receipts(world: World) -> None:
    branch = world.make_branch("B001")
    branch.add_customer()
    branch.push()
    assert told(branch) == {}

    setbacks.back_up_hq(world)
    branch.push()
    branch.add_customer()
    branch.push()

    assert told(branch) == {"profile": (1, 1)}
    with branch.runtime.database.reads() as session:
        last = session.scalars(select(OutboxBatch).order_by(OutboxBatch.id.desc())).first()
    assert last is not None
    assert last.receipt is not None
    assert last.receipt["receipt"]["backed_up_through"] == 1


def test_what_came_in_while_the_backup_was_written_is_not_told_as_backed_up(world: World) -> None:
    branch = world.make_branch("B001")
    branch.add_customer()
    branch.push()
    watch = BackupWatch()

    def look(snapshot: object) -> None:
        branch.add_customer()
        branch.push()
        watch.look(snapshot)  # type: ignore[arg-type]

    make_backup(
        world.hq.database,
        world.hq.settings.home,
        world.folder / "backup",
        app="hq",
        now=world.clock.now(),
        look=look,
    )
    with world.hq.database.sessions.begin() as session:
        watch.completed(session, by=world.by())
        assert session.get_one(ChainPosition, (1, "profile")).batch_no == 2

    assert published(world) == {"profile": (1, 1)}


def test_a_backup_that_fails_is_told_to_nobody(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    branch = world.make_branch("B001")
    branch.add_customer()
    branch.push()
    monkeypatch.setattr("shared.db.backup.making.read_manifest", lambda _path: None)

    with pytest.raises(Exception, match="incomplete"):
        setbacks.back_up_hq(world)

    assert published(world) == {}


def test_a_restored_hq_never_tells_more_than_the_backup_it_came_from(world: World) -> None:
    branch = world.make_branch("B001")
    archives = []
    for _ in range(3):
        branch.add_customer()
        branch.push()
        archives.append(setbacks.back_up_hq(world))
        world.advance(minutes=1)
    branch.push()
    assert told(branch) == {"profile": (1, 3)}

    setbacks.set_back_hq(world, archives[1])

    assert published(world) == {"profile": (1, 1)}
    branch.push()
    assert told(branch) == {"profile": (1, 1)}, "the branch takes HQ's latest word, also when it is less"
    world.assert_equal()


# --- purge ---------------------------------------------------------------------------------------


def run(job: Callable[..., Outcome], branch: BranchHere) -> Outcome:
    return job(branch.runtime, branch.world.by(), Progress())


def kept(branch: BranchHere) -> list[tuple[int, bool]]:
    """Return for each batch its number and whether its bytes are still there."""
    with branch.runtime.database.reads() as session:
        rows = session.scalars(select(OutboxBatch).order_by(OutboxBatch.id))
        return [(row.batch_no, row.payload is not None) for row in rows]


def changes(branch: BranchHere) -> list[int]:
    with branch.runtime.database.reads() as session:
        return list(session.scalars(select(Change.id).order_by(Change.id)))


def open_alarms(database: Database) -> dict[str, dict[str, Any]]:
    with database.reads() as session:
        return {row.code: row.details for row in list_open(session)}


def with_settings(branch: BranchHere, **changed: Any) -> None:
    settings = replace(branch.runtime.settings, **changed)
    branch.runtime = replace(branch.runtime, settings=settings)


def push_days(branch: BranchHere, days: int) -> None:
    """Push one customer a day; the first push of a day proves every record type too."""
    for _ in range(days):
        branch.add_customer()
        branch.push()
        branch.world.advance(days=1)


def push_hours(branch: BranchHere, hours: int) -> None:
    """Push one customer an hour."""
    for _ in range(hours):
        branch.add_customer()
        branch.push()
        branch.world.advance(hours=1)


def test_purge_takes_only_what_is_applied_backed_up_and_old(world: World) -> None:
    branch = world.make_branch("B001")
    with_settings(branch, outbox_retention_days=2)
    push_days(branch, 2)
    setbacks.back_up_hq(world)
    push_days(branch, 4)
    branch.push()
    assert run(purge_outbox, branch).kind is RunOutcome.DONE

    held = [one for _no, one in kept(branch)]
    with branch.runtime.database.reads() as session:
        backed_up = session.get_one(HqBackedUp, "profile").batch_no
        profile = select(OutboxBatch).where(OutboxBatch.channel == "profile")
        gone = [row.batch_no for row in session.scalars(profile) if row.payload is None]
        receipts = session.scalars(select(OutboxBatch.receipt)).all()
    assert gone == list(range(1, backed_up + 1))
    assert any(held)
    assert all(receipts), "the chain and its receipts stay"
    world.assert_equal()


def test_what_is_younger_than_the_retention_stays_though_it_is_backed_up(world: World) -> None:
    branch = world.make_branch("B001")
    branch.add_customer()
    branch.push()
    setbacks.back_up_hq(world)
    branch.push()

    world.advance(days=29)
    assert run(purge_outbox, branch).kind is RunOutcome.NOTHING
    assert kept(branch) == [(1, True)]
    world.advance(days=2)
    assert run(purge_outbox, branch).counts["batches"] == 1


def test_nothing_is_purged_without_a_backup_however_full_and_an_alarm_tells_so(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("branch_node.retention.operations.MB", 1)
    branch = world.make_branch("B001")
    push_hours(branch, 3)
    before = changes(branch)
    with_settings(branch, outbox_cap_mb=1, outbox_retention_days=0)
    world.advance(days=400)
    branch.push()

    run(purge_outbox, branch)
    run(watch_outbox, branch)

    assert all(held for _no, held in kept(branch))
    assert set(before) <= set(changes(branch))
    assert {"outbox-full", "outbox-filling"} <= set(open_alarms(branch.runtime.database))


def test_over_the_cap_what_is_backed_up_goes_before_its_time_and_the_alarm_clears(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    branch = world.make_branch("B001")
    push_hours(branch, 4)
    with branch.runtime.database.reads() as session:
        size = measure(session).total
    monkeypatch.setattr("branch_node.retention.operations.MB", size)
    with_settings(branch, outbox_cap_mb=1)
    run(watch_outbox, branch)
    assert {"outbox-full", "outbox-filling"} <= set(open_alarms(branch.runtime.database))

    setbacks.back_up_hq(world)
    branch.push()
    monkeypatch.setattr("branch_node.retention.operations.MB", size // 2)
    run(watch_outbox, branch)
    monkeypatch.setattr("branch_node.retention.operations.MB", size * 10)
    run(watch_outbox, branch)

    assert not all(held for _no, held in kept(branch))
    assert not {"outbox-full", "outbox-filling"} & set(open_alarms(branch.runtime.database))
    world.assert_equal()


@pytest.mark.parametrize(("share", "codes"), [(40, set()), (55, {"outbox-filling"}), (96, {"outbox-full"})])
def test_the_levels_of_the_store_are_told(world: World, share: int, codes: set[str]) -> None:
    branch = world.make_branch("B001")
    with branch.runtime.database.sessions.begin() as session:
        store = Kept(batches=share * 2**20, changes=0)
        tell_filling(session, store, cap_mb=100, waiting=7, at=world.clock.now())

    found = open_alarms(branch.runtime.database)
    assert codes <= set(found)
    assert bool(found) == bool(codes)
    if "outbox-filling" in found:
        assert found["outbox-filling"]["percent"] == share


def test_change_numbers_never_go_back_after_a_purge_and_a_vacuum(world: World) -> None:
    branch = world.make_branch("B001")
    with_settings(branch, outbox_retention_days=0)
    push_hours(branch, 2)
    branch.push()
    setbacks.back_up_hq(world)
    branch.push()
    highest = max(changes(branch))
    world.advance(minutes=1)
    run(purge_outbox, branch)
    assert highest not in changes(branch)
    with branch.runtime.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as raw:
        raw.exec_driver_sql("COMMIT") if branch.runtime.database.dialect == "sqlite" else None
        raw.exec_driver_sql("VACUUM")

    branch.add_customer()

    assert min(changes(branch)) > highest
    assert branch.push().outcome == "done"
    world.assert_equal()


def test_a_branch_set_back_after_a_purge_still_finds_the_common_point(world: World) -> None:
    branch = world.make_branch("B001")
    with_settings(branch, outbox_retention_days=0)
    push_hours(branch, 2)
    setbacks.back_up_hq(world)
    branch.push()
    run(purge_outbox, branch)
    archive = setbacks.back_up_branch(branch)
    lost = branch.add_customer(name="备份后")
    branch.push()

    setbacks.set_back(branch, archive)
    branch.add_customer(customer_no="X1")
    assert branch.push().outcome == "done"

    with branch.runtime.database.reads() as session:
        assert session.get(Customer, lost) is not None
        assert session.get_one(Membership, 1).lineage == 2
    world.assert_equal()


def test_hq_restored_from_the_backup_it_told_of_gets_all_it_lost_after_a_purge(world: World) -> None:
    branch = world.make_branch("B001")
    with_settings(branch, outbox_retention_days=0)
    push_hours(branch, 2)
    archive = setbacks.back_up_hq(world)
    push_hours(branch, 2)
    run(purge_outbox, branch)
    assert not all(held for _no, held in kept(branch))

    setbacks.set_back_hq(world, archive)
    assert branch.push().outcome == "done"

    with branch.runtime.database.reads() as session:
        assert session.get_one(Membership, 1).lineage == 1
    world.assert_equal()


@pytest.mark.parametrize("first_backup", [True, False])
def test_hq_restored_from_an_older_backup_than_it_told_of_gets_every_record_again(
    world: World, first_backup: bool
) -> None:
    branch = world.make_branch("B001")
    with_settings(branch, outbox_retention_days=0)
    if first_backup:
        push_hours(branch, 1)
    old = setbacks.back_up_hq(world)
    push_hours(branch, 2)
    branch.add_bill_line(branch.add_customer())
    branch.push()
    setbacks.back_up_hq(world)
    branch.push()
    run(purge_outbox, branch)

    setbacks.set_back_hq(world, old)
    branch.add_customer(customer_no="X1")
    assert branch.push().outcome == "done"

    world.assert_equal()
    assert "hq-older-than-told" in open_alarms(branch.runtime.database)
    with branch.runtime.database.reads() as session:
        repairs = session.scalars(select(AuditEntry).where(AuditEntry.event == "proof.repair")).all()
        assert repairs == [], "sent by itself, not found out by a barrier"
        assert session.get_one(Membership, 1).lineage == 2
    branch.add_customer(customer_no="X2")
    assert branch.push().outcome == "done"
    world.assert_equal()


def test_a_purge_cut_off_between_bytes_and_changes_is_finished_by_the_next(world: World) -> None:
    branch = world.make_branch("B001")
    with_settings(branch, outbox_retention_days=0)
    push_hours(branch, 2)
    setbacks.back_up_hq(world)
    branch.push()
    stopped = Progress()
    stopped.stop.set()
    with pytest.raises(JobStoppedError):
        purge_outbox(branch.runtime, world.by(), stopped)
    left = changes(branch)

    run(purge_outbox, branch)

    assert len(changes(branch)) < len(left)
    assert run(purge_outbox, branch).kind is RunOutcome.NOTHING


# --- at HQ ---------------------------------------------------------------------------------------


def test_hq_without_a_backup_for_days_raises_an_alarm_that_a_backup_clears(world: World) -> None:
    branch = world.make_branch("B001")
    branch.push()
    assert watch_backups(world.hq, world.by(), Progress()).kind is RunOutcome.NOTHING
    world.advance(days=3, minutes=1)
    watch_backups(world.hq, world.by(), Progress())
    assert "no-backup" in open_alarms(world.hq.database)

    setbacks.back_up_hq(world)
    watch_backups(world.hq, world.by(), Progress())

    assert "no-backup" not in open_alarms(world.hq.database)


def test_old_receipts_are_emptied_and_a_late_repeat_gets_one_that_counts(world: World) -> None:
    branch = world.make_branch("B001")
    branch.add_customer()
    branch.push()
    world.advance(days=401)
    assert trim_receipts(world.hq, world.by(), Progress()).counts == {"receipts": 1}
    with branch.runtime.database.sessions.begin() as session:
        reopen(session, "profile", after=(1, 0))

    assert branch.push().outcome == "done"

    with branch.runtime.database.reads() as session:
        first = session.scalars(select(OutboxBatch).order_by(OutboxBatch.id)).first()
    assert first is not None
    assert first.acknowledged_at is not None
    world.assert_equal()
