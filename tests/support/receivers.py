"""More receivers of one branch: a further head office in the same process, and lines that can be cut one by one."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Final

from flask import Flask
from sqlalchemy import event

from branch_node.outbound.cycle import CycleResult, run_cycle
from branch_node.outbound.membership import join_receiver
from branch_node.outbound.receivers import views
from branch_node.outbound.transport import NoAnswerError
from branch_node.runtime import Answer, BranchRuntime, Request
from shared.db.base import Base
from shared.db.engine import Database
from shared.db.scope import EVERY, OfReceiver
from shared.jobs.job import Progress
from tests.support.world import HQ_URL, BranchHere, World

REGION_URL: Final = "http://127.0.0.1:8001"


@dataclass
class Lines:
    """Carries requests to whichever app is at their address; those in `away` cannot be reached."""

    apps: dict[str, Callable[[], Flask]]
    away: set[str] = field(default_factory=set)
    requests: list[Request] = field(default_factory=list)

    def send(self, request: Request) -> Answer:
        """Call the app as its web server would."""
        self.requests.append(request)
        base = next(url for url in self.apps if request.url.startswith(url + "/"))
        if base in self.away:
            raise NoAnswerError(reason="away")
        response = (
            self.apps[base]()
            .test_client()
            .open(
                request.url.removeprefix(base),
                method=request.method,
                base_url=base,
                headers=dict(request.headers),
                data=request.body,
            )
        )
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status_code, response.data, headers)


def connect(branch: BranchHere, region: World) -> Lines:
    """Put both head offices on the branch's line, and both worlds on one clock."""
    region.clock = branch.world.clock
    region.hq = replace(region.hq, clock=branch.world.clock)
    lines = Lines({HQ_URL: lambda: branch.world.app, REGION_URL: lambda: region.app})
    branch.runtime = replace(branch.runtime, transport=lines)
    return lines


def join_region(
    branch: BranchHere,
    region: World,
    records: Iterable[str],
    *,
    name: str = "region",
    code: str | None = None,
) -> None:
    """Join the second head office for some record types."""
    shown = code or region.enrol(branch.code)
    join_receiver(branch.runtime, name, list(records), REGION_URL, shown, by=region.by())


def view_of(branch: BranchHere, name: str = "region") -> BranchRuntime:
    """Return the branch as it is towards a receiver."""
    return next(one for one in views(branch.runtime) if one.receiver == name)


def push_region(branch: BranchHere) -> CycleResult:
    """Run a cycle with the second head office."""
    return run_cycle(view_of(branch), Progress())


def scoped_tables() -> list[str]:
    """Return the names of the tables whose rows belong to receivers."""
    classes = [mapper.class_ for mapper in Base.registry.mappers if issubclass(mapper.class_, OfReceiver)]
    return sorted({str(one.__tablename__) for one in classes if issubclass(one, Base)}, key=len, reverse=True)


def unscoped(statement: str) -> list[str]:
    """Return what a statement reads or changes of tables that belong to receivers without saying whose."""
    names = "|".join(scoped_tables())
    used = re.findall(rf"(?:FROM|JOIN|UPDATE|,)\s+({names})\b(?:\s+AS\s+(\w+))?", statement)
    found = [alias or name for name, alias in used]
    # A number of a row is one receiver's: an object that was loaded is written back by it.
    told = rf"^(?:UPDATE|DELETE FROM) (?:{names}) .*WHERE (?:{names})\.id = \S+$"
    return [name for name in found if not re.search(rf"\b{name}\.receiver = |{told}", statement, re.DOTALL)]


def forbid_unscoped(database: Database) -> list[str]:
    """Fail every ORM or Core statement over such a table that is not narrowed; return the list of those seen."""
    seen: list[str] = []

    @event.listens_for(database.engine, "before_cursor_execute")
    def look(_connection: Any, _cursor: Any, statement: str, _values: Any, context: Any, _many: bool) -> None:
        if context is None or context.compiled is None or statement.startswith("INSERT INTO sync_"):
            return
        if re.fullmatch(r"SELECT count\(\*\) FROM \w+", statement):  # a backup counts what it holds
            return
        every = any(context.execution_options.get(option) for option in EVERY)
        left = [] if every else unscoped(statement)
        seen.extend(left)
        assert not left, f"says nothing of the receiver of {left}: {statement}"

    return seen
