"""The receivers of a made-up company: head office, and where asked for a regional office that gets the facts."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from branch_node.runtime import Answer, Request
from branch_node.torture.faults import FaultPoints
from branch_node.torture.line import HQ_URL, HeadOffice
from branch_node.torture.stores import Stores
from hq_server import app as hq_app
from hq_server import config as hq_config
from hq_server.branches.operations import enrol_branch
from hq_server.runtime import HqRuntime
from hq_server.tables import APP as HQ_TABLES
from shared.clock import Clock
from shared.db.migrations import upgrade
from shared.db.scope import FIRST
from shared.stamp import Stamp

INTERVAL_S: Final = 600
REGION: Final = "region"
REGION_URL: Final = "http://127.0.0.1:8001"
# What the regional office gets: records nobody changes or removes, of customers and managers it does not know.
FACTS: Final[Sequence[str]] = ("bill_line", "work_log")


class Office:
    """A receiver in this process: its database, where it can be struck, and its door. None of `records`: all."""

    def __init__(
        self, folder: Path, stores: Stores, clock: Clock, *, name: str, url: str, records: Sequence[str] = ()
    ) -> None:
        """Make it in a folder of its own, migrated."""
        self.name, self.url, self.records, self._stores = name, url, records, stores
        home = folder / name
        hq_config.create_home(home, database_url=stores.new(name))
        self.runtime: HqRuntime = replace(hq_app.open_runtime(home), clock=clock)
        stores.be_quick(self.runtime.database.engine)
        upgrade(self.runtime.database, HQ_TABLES)
        self.points = FaultPoints(self.runtime.database.engine)
        self.door = HeadOffice(hq_app.create_app(self.runtime), self.runtime.database.dispose, url)

    def enrol(self, code: str, by: Stamp) -> str:
        """Make a branch known; return the code it joins with."""
        with self.runtime.database.sessions.begin() as session:
            return enrol_branch(session, code, code, push_interval_s=INTERVAL_S, by=by)[1]

    def save(self) -> str:
        """Return a copy of its database as it is."""
        return self._stores.keep(self.runtime.database)

    def load(self, saved: str) -> None:
        """Bring its database to what was saved."""
        self._stores.put(saved, self.runtime.database)


class Offices:
    """Carries a request to the receiver at its address."""

    def __init__(self, doors: Mapping[str, HeadOffice]) -> None:
        """Deliver to whoever is at the address."""
        self._doors = doors

    def send(self, request: Request) -> Answer:
        """Call it; raises NoAnswerError when it was killed."""
        return next(door for url, door in self._doors.items() if request.url.startswith(url)).send(request)


def open_offices(folder: Path, stores: Stores, clock: Clock, *, receivers: int) -> list[Office]:
    """Open head office, and the regional office where there are two receivers."""
    offices = [Office(folder, stores, clock, name=FIRST, url=HQ_URL)]
    if receivers > 1:
        offices.append(Office(folder, stores, clock, name=REGION, url=REGION_URL, records=FACTS))
    return offices
