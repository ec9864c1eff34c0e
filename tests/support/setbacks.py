"""What machines do to a node's history: a database set back, a node restored, a node copied; by real backups."""

from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any, Final

from branch_node import app as branch_app
from branch_node.outbound.contacts import FILE as CONTACTS
from branch_node.outbound.receivers import replace_earlier
from branch_node.runtime import BranchRuntime
from branch_node.tables import APP as BRANCH_TABLES
from hq_server import app as hq_app
from hq_server.ingest.backups import BackupWatch
from hq_server.tables import APP as HQ_TABLES
from shared.config import Home
from shared.db.backup import make_backup, restore_backup
from shared.db.backup.making import Look
from tests.support.world import BranchHere, World

_numbers: Final = count(1)


def back_up_branch(branch: BranchHere) -> Path:
    """Return a backup of a branch's node as it is now."""
    return _back_up(branch.world, branch.runtime, BRANCH_TABLES.name)


def back_up_hq(world: World) -> Path:
    """Return a backup of HQ as it is now; HQ publishes what it holds, as the command does."""
    watch = BackupWatch()
    target = _back_up(world, world.hq, HQ_TABLES.name, look=watch.look)
    with world.hq.database.sessions.begin() as session:
        watch.completed(session, by=world.by())
    return target


def set_back(branch: BranchHere, archive: Path) -> None:
    """Bring the branch's database to what it was, as when only its file is copied back; the home stays."""
    home = branch.runtime.settings.home
    contacts = _contacts(home)
    _restore(branch.world, branch.runtime, archive, BRANCH_TABLES.name)
    for name, lines in contacts.items():
        home.write_lines(name, lines)
    branch.runtime = _opened(branch)


def restore(branch: BranchHere, archive: Path) -> None:
    """Restore the branch's node as the command does."""
    _restore(branch.world, branch.runtime, archive, BRANCH_TABLES.name)
    branch.runtime = _opened(branch)
    replace_earlier(branch.runtime)


def copy(branch: BranchHere) -> BranchHere:
    """Return a second node that is byte for byte the first: its database, keys and contacts."""
    world = branch.world
    archive = back_up_branch(branch)
    home = Home(world.folder / f"{branch.code}-copy{next(_numbers)}")
    restore_backup(
        archive,
        home,
        app=BRANCH_TABLES.name,
        now=world.clock.now(),
        force=True,
        database_url=world.make_branch_database(),
    )
    for name, lines in _contacts(branch.runtime.settings.home).items():
        home.write_lines(name, lines)
    twin = replace(
        branch, runtime=replace(branch.runtime, settings=replace(branch.runtime.settings, home=home))
    )
    twin.runtime = _opened(twin)
    world.copies.append(twin)
    return twin


def set_back_hq(world: World, archive: Path) -> None:
    """Bring HQ to what it was, as after a restore of its backup."""
    _restore(world, world.hq, archive, HQ_TABLES.name)
    home = world.hq.settings.home.path
    world.hq = replace(hq_app.open_runtime(home), clock=world.clock)
    world.__dict__.pop("app", None)
    for branch in world.branches.values():
        branch.runtime = replace(branch.runtime, transport=world.transport())


def _contacts(home: Home) -> dict[str, list[str]]:
    """Return the files of contacts, one a receiver."""
    return {path.name: home.read_lines(path.name) for path in home.path.glob(f"{CONTACTS}*")}


def _back_up(world: World, runtime: Any, app: str, look: Look | None = None) -> Path:
    target = world.folder / f"backup{next(_numbers)}"
    make_backup(runtime.database, runtime.settings.home, target, app=app, now=world.clock.now(), look=look)
    return target


def _restore(world: World, runtime: Any, archive: Path, app: str) -> None:
    runtime.database.dispose()
    world.advance(seconds=1)  # what is moved aside is named by the second
    restore_backup(archive, runtime.settings.home, app=app, now=world.clock.now(), force=True)


def _opened(branch: BranchHere) -> BranchRuntime:
    world, nonces = branch.world, count(1)
    name = f"{branch.code}-{next(_numbers)}"
    return replace(
        branch_app.open_runtime(branch.runtime.settings.home.path),
        clock=world.clock,
        transport=world.transport(),
        uniform=branch.runtime.uniform,
        new_nonce=lambda: f"{name}-{next(nonces)}",
    )
