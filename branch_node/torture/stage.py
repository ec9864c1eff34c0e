"""A made-up company on this machine: set up once, and brought back to its first morning for each run."""

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from random import Random
from typing import Any, Final

from branch_node import app as branch_app
from branch_node import config as branch_config
from branch_node.outbound import log_head, upkeep
from branch_node.outbound.contacts import file_of
from branch_node.outbound.cycle import CycleResult, run_cycle
from branch_node.outbound.membership import join_hq, join_receiver
from branch_node.outbound.receivers import view_of
from branch_node.runtime import BranchRuntime
from branch_node.tables import APP as BRANCH_TABLES
from branch_node.torture.faults import FaultPoints
from branch_node.torture.line import HQ_URL, Carries, Line
from branch_node.torture.offices import REGION, Office, Offices, open_offices
from branch_node.torture.stores import SqliteStores, Stores
from shared.clock import Clock, FakeClock
from shared.config import Home
from shared.db.engine import Database
from shared.db.migrations import upgrade
from shared.db.scope import FIRST
from shared.jobs.job import Progress
from shared.stamp import Stamp, Via

NOON: Final = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
CODES: Final[Sequence[str]] = ("B001", "B002")
# Every branch has a second seat, for a copy of its machine.
SEATS: Final = 2
# With more changes of earlier days than this, today's go first.
FEW: Final = 1
ACTOR: Final = "torture"
# Files of a home that a node writes while it speaks with head office.
BESIDE: Final = (*map(file_of, (FIRST, REGION)), log_head.TOLD, log_head.ARCHIVE_TOLD, upkeep.TOLD)


class SkewedClock:
    """A node's own clock: the true time and how far this machine is off."""

    def __init__(self, base: Clock) -> None:
        """Begin with the right time."""
        self._base = base
        self.off = timedelta()

    def now(self) -> datetime:
        """Return what this machine takes for the present instant."""
        return self._base.now() + self.off


@dataclass(frozen=True)
class Saved:
    """A copy of a node's database, and of what stood beside it."""

    database: str
    beside: Mapping[str, Sequence[str]]
    memory: Any = None


class Node:
    """One machine of a branch: its home, database, clock and line."""

    def __init__(
        self, code: str, seat: int, runtime: BranchRuntime, line: Line, clock: SkewedClock, stores: Stores
    ) -> None:
        """Take a branch runtime and put the simulation's collaborators in."""
        self.code, self.seat, self.clock, self.line, self._stores = code, seat, clock, line, stores
        nonces = count(1)
        self.runtime = replace(
            runtime,
            settings=replace(runtime.settings, backlog_above=FEW),
            clock=clock,
            transport=line,
            uniform=lambda low, high: (low + high) / 2,
            monotonic=lambda: self.line.seconds,
            new_nonce=lambda: f"{code}-{seat}-{next(nonces)}",
        )
        stores.be_quick(runtime.database.engine)
        self.points = FaultPoints(runtime.database.engine)
        self.live = seat == 0

    @property
    def name(self) -> str:
        """What traces call it."""
        return self.code + "'" * self.seat

    def view(self, receiver: str) -> BranchRuntime:
        """Return this node as it is towards a receiver."""
        return view_of(self.runtime, receiver)

    def cycle(self, receiver: str = FIRST) -> CycleResult:
        """Run one sync cycle with a receiver."""
        return run_cycle(self.view(receiver), Progress())

    def save(self) -> Saved:
        """Return a copy of this node as it is."""
        kept = self._stores.keep(self.runtime.database)
        return Saved(kept, {name: self.runtime.settings.home.read_lines(name) for name in BESIDE})

    def load(self, saved: Saved, *, beside: bool) -> None:
        """Become what was saved; what stands beside the database stays as it is, unless asked for."""
        self._stores.put(saved.database, self.runtime.database)
        if beside:
            for name, lines in saved.beside.items():
                self.runtime.settings.home.write_lines(name, lines)


class Stage:
    """Head office and branches in `folder`; `reset` brings them back to the morning of the first day."""

    def __init__(self, folder: Path, stores: Stores | None = None, *, receivers: int = 1) -> None:
        """Migrate, enrol and join once; takes a few seconds. The data is in `stores`, in the folder without any.

        With two `receivers` there is a regional office beside head office.
        """
        self.folder = folder
        self.stores = stores or SqliteStores(folder)
        self.clock = FakeClock(NOON)
        self.faults: Counter[str] = Counter()
        self.offices = open_offices(folder, self.stores, self.clock, receivers=receivers)
        self.hq, self.hq_points = self.offices[0].runtime, self.offices[0].points
        self.office: Carries = Offices({each.url: each.door for each in self.offices})
        self.seats = [self._open_node(code, seat) for seat in range(SEATS) for code in CODES]
        self._join()
        self._begin = {node: node.save() for node in self.seats}
        self._begin_offices = [each.save() for each in self.offices]
        self.stores.mark()

    @property
    def nodes(self) -> list[Node]:
        """The machines that run."""
        return [node for node in self.seats if node.live]

    def reset(self, rng: Random) -> None:
        """Bring everything back to the beginning, with the randomness of the next run."""
        self.stores.forget()
        self.clock.set(NOON)
        self.faults.clear()
        for office, saved in zip(self.offices, self._begin_offices, strict=True):
            office.load(saved)
        for node in self.seats:
            node.load(self._begin[node], beside=True)
            node.live, node.clock.off = node.seat == 0, timedelta()
            node.line = Line(self.office, rng, self.faults)
            node.runtime = replace(node.runtime, transport=node.line)

    def office_of(self, receiver: str) -> Office:
        """Return the office of a receiver."""
        return next(each for each in self.offices if each.name == receiver)

    def save_hq(self) -> str:
        """Return a copy of head office's database as it is."""
        return self.offices[0].save()

    def load_hq(self, saved: str) -> None:
        """Bring head office's database to what was saved."""
        self.offices[0].load(saved)

    def stamp(self) -> Stamp:
        """Return a stamp of now."""
        return Stamp(self.clock.now(), ACTOR, Via.COMMAND, "")

    def close(self) -> None:
        """Close every database."""
        for database in self._databases():
            database.dispose()
        self.stores.close()

    def _databases(self) -> Iterator[Database]:
        for office in self.offices:
            yield office.runtime.database
        for node in self.seats:
            yield node.runtime.database

    def _open_node(self, code: str, seat: int) -> Node:
        home = self.folder / f"{code}-{seat}"
        if seat:
            shutil.copytree(self.folder / f"{code}-0", home)
            config = Home(home)
            url = self.stores.new(f"{code}-{seat}")
            config.write_config({**config.read_config(), "database_url": url})
        else:
            branch_config.create_home(home, database_url=self.stores.new(f"{code}-0"))
        line = Line(self.office, Random(0), self.faults)  # noqa: S311 - a simulation
        return Node(code, seat, branch_app.open_runtime(home), line, SkewedClock(self.clock), self.stores)

    def _join(self) -> None:
        for node in self.seats:
            if node.seat:
                continue
            upgrade(node.runtime.database, BRANCH_TABLES)
            for office in self.offices:
                code, by = office.enrol(node.code, self.stamp()), self.stamp()
                if office.records:
                    join_receiver(node.runtime, office.name, office.records, office.url, code, by=by)
                else:
                    join_hq(node.runtime, HQ_URL, code, by=by)
        for node in self.seats:
            if node.seat:
                first = next(one for one in self.seats if one.code == node.code and not one.seat)
                node.load(first.save(), beside=False)
                ours, theirs = (one.runtime.settings.home.path / "keys" for one in (node, first))
                shutil.copytree(theirs, ours, dirs_exist_ok=True)
