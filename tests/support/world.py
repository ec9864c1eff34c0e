"""HQ and branches in one process: the real apps on real databases; only clock, network and randomness are ours."""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any, Final

from flask import Flask
from sqlalchemy import insert, select

from branch_node import app as branch_app
from branch_node.config import create_home as create_branch_home
from branch_node.outbound import operations as outbound
from branch_node.outbound.client import Credentials, HqClient
from branch_node.outbound.cycle import CycleResult, run_cycle
from branch_node.outbound.transport import NoAnswerError
from branch_node.runtime import Answer, BranchRuntime, Request, Transport
from branch_node.tables import APP as BRANCH_TABLES
from hq_server import app as hq_app
from hq_server.branches.models import Branch
from hq_server.branches.operations import enrol_branch
from hq_server.config import create_home as create_hq_home
from hq_server.runtime import HqRuntime
from hq_server.tables import APP as HQ_TABLES
from shared.clock import FakeClock
from shared.db.engine import Database
from shared.db.migrations import MigratedApp, pending, upgrade
from shared.ids import new_id
from shared.jobs.job import Progress
from shared.stamp import Stamp, Via
from sync_protocol.reconcile import TableDigest, digest_table
from tests.support.databases import DatabaseFactory

NOON: Final = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
HQ_URL: Final = "http://127.0.0.1:8000"
FAULTS: Final = (
    "lose",
    "lose-answer",
    "repeat",
    "late",
    "cut-answer",
    "portal",
    "cut-request",
    "change-request",
)


class WsgiTransport:
    """Carries requests to the HQ app in this process."""

    def __init__(self, app: Flask) -> None:
        """Deliver to HQ's `app`."""
        self._app = app

    def send(self, request: Request) -> Answer:
        """Call the app as its web server would."""
        response = self._app.test_client().open(
            request.url.removeprefix(HQ_URL),
            method=request.method,
            base_url=HQ_URL,
            headers=dict(request.headers),
            data=request.body,
        )
        return Answer(
            response.status_code, response.data, {k.lower(): v for k, v in response.headers.items()}
        )


@dataclass
class LossyTransport:
    """A bad line: loses requests, loses answers after HQ has committed, repeats and delays; seeded."""

    inner: Transport
    rng: random.Random
    rate: float = 0.3
    kinds: Sequence[str] = FAULTS
    faults: list[str] = field(default_factory=list)
    _held: list[Request] = field(default_factory=list)

    def send(self, request: Request) -> Answer:
        """Carry one request, or not."""
        if self.rng.random() >= self.rate:
            return self.inner.send(request)
        fault = self.rng.choice(self.kinds)
        self.faults.append(fault)
        return getattr(self, "_" + fault.replace("-", "_"))(request)  # type: ignore[no-any-return]

    def deliver_late(self) -> None:
        """Deliver every request that was held back, long after its sender gave up."""
        held, self._held = self._held, []
        self.rng.shuffle(held)
        for request in held:
            self.inner.send(request)

    def _lose(self, request: Request) -> Answer:
        raise NoAnswerError(reason="lost")

    def _lose_answer(self, request: Request) -> Answer:
        self.inner.send(request)
        raise NoAnswerError(reason="answer lost")

    def _repeat(self, request: Request) -> Answer:
        first = self.inner.send(request)
        self.inner.send(request)
        return first

    def _late(self, request: Request) -> Answer:
        self._held.append(request)
        raise NoAnswerError(reason="late")

    def _cut_answer(self, request: Request) -> Answer:
        answer = self.inner.send(request)
        return replace(answer, body=answer.body[: self.rng.randrange(len(answer.body) or 1)])

    def _portal(self, request: Request) -> Answer:
        return Answer(200, b"<html>Please sign in to the guest network</html>", {"content-type": "text/html"})

    def _cut_request(self, request: Request) -> Answer:
        return self.inner.send(replace(request, body=request.body[: len(request.body) // 2]))

    def _change_request(self, request: Request) -> Answer:
        body = bytearray(request.body or b"x")
        body[self.rng.randrange(len(body))] ^= 0x20
        return self.inner.send(replace(request, body=bytes(body)))


@dataclass
class BranchHere:
    """One branch of the world, with short ways to write rows as its staff would."""

    code: str
    runtime: BranchRuntime
    world: "World"
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def push(self, *, transport: Transport | None = None) -> CycleResult:
        """Run one sync cycle."""
        runtime = replace(self.runtime, transport=transport) if transport else self.runtime
        return run_cycle(runtime, Progress())

    def add_manager(self, **values: Any) -> str:
        """Insert an account manager and return the id."""
        number = next(self._numbers)
        return self._insert(
            "manager",
            {
                "manager_no": f"M{number:04}",
                "name": f"经理{number}",
                "status": "active",
                **self._touched(),
                **values,
            },
        )

    def add_customer(self, **values: Any) -> str:
        """Insert a customer and return the id."""
        number = next(self._numbers)
        row = {
            "customer_no": f"C{number:06}",
            "kind": "individual",
            "name": f"客户{number}",
            "status": "active",
            "tags": ["vip"],
            "attributes": {"level": "gold"},
        }
        return self._insert("customer", {**row, **self._touched(), **values})

    def add_contact(self, customer_id: str, **values: Any) -> str:
        """Insert a contact person of a customer and return the id."""
        number = next(self._numbers)
        row = {
            "contact_no": f"K{number:06}",
            "customer_id": customer_id,
            "name": f"联系人{number}",
            "standing": "key",
            "do_not_contact": [],
            "status": "active",
        }
        return self._insert("contact", {**row, **self._touched(), **values})

    def add_qualification(self, customer_id: str, **values: Any) -> str:
        """Insert an approved qualification of a customer and return the id."""
        at = self.world.clock.now()
        row = {
            "customer_id": customer_id,
            "occasion": "application",
            "outcome": "passed",
            "state": "approved",
            "kind": "individual",
            "grade": "B",
            "score": 70,
            "lines": ['["year","months_with_us","at_least",12,40,true,"points:10"]'],
            "rules_version": 0,
            "next_review_on": date(2027, 3, 31),
            "judged_at": at,
            "judged_by": "ana",
            "decided_at": at,
            "decided_by": "boris",
        }
        return self._insert("qualification", {**row, **values})

    def add_unit(self, customer_id: str, **values: Any) -> str:
        """Insert a tracked unit that came to a customer, with the event that says so, and return the id."""
        number = next(self._numbers)
        row = {"serial_no": f"LSV{number:014}", "status": "in_use", "owner_id": customer_id}
        unit = self._insert("unit", {**row, **self._touched(), **values})
        self.add_unit_event(unit, customer_id)
        return unit

    def add_unit_event(self, unit_id: str, customer_id: str | None, **values: Any) -> str:
        """Insert something that happened with a unit, that it came to a customer, and return the id."""
        row = {
            "unit_id": unit_id,
            "kind": "owner",
            "customer_id": customer_id,
            "happened_on": NOON.date(),
        }
        return self._insert("unit_event", {**row, **self._made(), **values})

    def add_offer_answer(self, customer_id: str, **values: Any) -> str:
        """Insert that an offer was made to a customer, and return the id."""
        row = {
            "customer_id": customer_id,
            "offer_code": "FIBRE",
            "step": "made",
            "happened_on": NOON.date(),
        }
        return self._insert("offer_answer", {**row, **self._made(), **values})

    def add_question_answer(self, customer_id: str, **values: Any) -> str:
        """Insert that a customer gave a score, and return the id."""
        row = {
            "customer_id": customer_id,
            "question_code": "NPS",
            "question_version": 1,
            "indicator": "satisfaction",
            "score": 4,
            "way": "phone",
            "answered_on": NOON.date(),
        }
        return self._insert("question_answer", {**row, **self._made(), **values})

    def add_bill_line(self, customer_id: str, **values: Any) -> str:
        """Insert a bill line and return the id."""
        number = next(self._numbers)
        row = {
            "bill_no": f"B{number:06}",
            "customer_id": customer_id,
            "product": "宽带",
            "period": "2026-10",
            "kind": "charge",
            "amount_minor": 9_900,
            "currency": "CNY",
            "booked_on": NOON.date(),
        }
        return self._insert("bill_line", {**row, **self._made(), **values})

    def add_work_log(self, manager_id: str, customer_id: str | None = None, **values: Any) -> str:
        """Insert a work log entry and return the id."""
        number = next(self._numbers)
        now = self.world.clock.now()
        row = {
            "log_no": f"L{number:06}",
            "manager_id": manager_id,
            "customer_id": customer_id,
            "kind": "visit",
            "started_at": now,
            "text": "走访",
            "entered_at": now,
        }
        return self._insert("work_log", {**row, **self._made(), **values})

    def digests(self) -> dict[str, TableDigest]:
        """Return the digest of every table that travels."""
        with self.runtime.database.reads() as session:
            return {name: digest_table(session, binding) for name, binding in self.runtime.bindings.items()}

    def _insert(self, record: str, values: dict[str, Any]) -> str:
        record_id = new_id()
        with self.runtime.database.sessions.begin() as session:
            session.execute(insert(self.runtime.bindings[record].table).values(id=record_id, **values))
        return record_id

    def _made(self) -> dict[str, Any]:
        return {"created_at": self.world.clock.now(), "created_by": "ana"}

    def _touched(self) -> dict[str, Any]:
        return {**self._made(), "updated_at": self.world.clock.now(), "updated_by": "ana"}


@dataclass
class World:
    """One HQ and its branches."""

    clock: FakeClock
    hq: HqRuntime
    folder: Path
    make_branch_database: Callable[[], str]
    branches: dict[str, BranchHere] = field(default_factory=dict)
    copies: list[BranchHere] = field(default_factory=list)

    def by(self, actor: str = "ana") -> Stamp:
        """Return a stamp of now."""
        return Stamp(at=self.clock.now(), actor=actor, via=Via.COMMAND, terminal="test")

    def transport(self) -> WsgiTransport:
        """Return a good line to HQ."""
        return WsgiTransport(self.app)

    @cached_property
    def app(self) -> Flask:
        """HQ's app, made once."""
        return hq_app.create_app(self.hq)

    def enrol(self, code: str, name: str = "分公司") -> str:
        """Register a branch at HQ and return its one-time code."""
        with self.hq.database.sessions.begin() as session:
            return enrol_branch(session, code, name, push_interval_s=600, by=self.by())[1]

    def make_branch(self, code: str) -> BranchHere:
        """Set up a branch node that has joined HQ."""
        branch = BranchHere(code, self._open_branch(code), self)
        join(branch.runtime, self.enrol(code), by=self.by())
        self.branches[code] = branch
        return branch

    def hq_digests(self, code: str) -> dict[str, TableDigest]:
        """Return the digest of HQ's rows of one branch, for every record type."""
        with self.hq.database.reads() as session:
            number = session.scalars(select(Branch.number).where(Branch.code == code)).one()
            return {
                name: digest_table(session, binding, binding.table.c.branch_number == number)
                for name, binding in self.hq.bindings.items()
            }

    def assert_equal(self) -> None:
        """Fail unless HQ holds exactly what each branch holds."""
        for code, branch in self.branches.items():
            assert self.hq_digests(code) == branch.digests(), f"HQ and {code} differ"

    def advance(self, **span: float) -> None:
        """Let time pass."""
        self.clock.advance(timedelta(**span))

    def _open_branch(self, code: str) -> BranchRuntime:
        home = self.folder / code
        create_branch_home(home, database_url=self.make_branch_database())
        opened = branch_app.open_runtime(home)
        bring_up(opened.database, BRANCH_TABLES)
        nonces = count(1)
        return replace(
            opened,
            clock=self.clock,
            transport=self.transport(),
            uniform=lambda low, high: (low + high) / 2,
            new_nonce=lambda: f"{code}-{next(nonces)}",
        )


def bring_up(database: Database, tables: MigratedApp) -> None:
    """Migrate a database unless it was copied from one that is."""
    if pending(database, tables):
        upgrade(database, tables)


def migrated(factory: DatabaseFactory, dialect: str, tables: MigratedApp) -> str:
    """Return the URL of a migrated database of one app, made once a run, to copy from."""

    def build(url: str) -> None:
        database = Database(url)
        upgrade(database, tables)
        database.dispose()

    return factory.template(dialect, f"world_{tables.name}", build)


def join(runtime: BranchRuntime, code: str, *, by: Stamp) -> None:
    """Join HQ the way the command does."""
    node = runtime.settings.node_id
    credentials = Credentials(node=node, private_key=runtime.private_key, hq_url=HQ_URL)
    answer = HqClient(runtime.transport, credentials, runtime.clock, runtime.new_nonce).enrol(code)
    with runtime.database.sessions.begin() as session:
        outbound.remember_membership(session, answer, node_id=node, hq_url=HQ_URL, by=by)


@contextmanager
def make_world(folder: Path, hq_url: str, make_branch_database: Callable[[], str]) -> Iterator[World]:
    """Set up HQ on the database at `hq_url`; branches get theirs from `make_branch_database`."""
    clock = FakeClock(NOON)
    create_hq_home(folder / "hq", database_url=hq_url)
    hq = replace(hq_app.open_runtime(folder / "hq"), clock=clock)
    bring_up(hq.database, HQ_TABLES)
    world = World(clock, hq, folder, make_branch_database)
    yield world
    for branch in (*world.branches.values(), *world.copies):
        branch.runtime.database.dispose()
    world.hq.database.dispose()
