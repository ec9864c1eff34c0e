"""A branch keeps what HQ's backups do not hold, and what it gives up it can do without."""

import pytest
from sqlalchemy import select

from branch_node.outbound.models import HqBackedUp
from hq_server.ingest.backups import BackupWatch, list_backed_up
from hq_server.ingest.models import ChainPosition
from shared.db.backup import make_backup
from sync_protocol.changelog.models import OutboxBatch
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
