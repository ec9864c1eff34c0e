"""A node whose operation log has a year of entries of sixty people, and the people who ask it."""

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from flask import Flask
from sqlalchemy import delete, func, insert, select, text
from sqlalchemy.orm import Session

from benchmarks.search import made_up
from branch_node import app as branch_app
from branch_node.config import create_home
from branch_node.customers.models import Customer
from branch_node.managers.models import Manager
from branch_node.tables import APP as BRANCH
from hq_server.replica.models import ReplicaCustomer
from hq_server.tables import APP as HQ
from shared.audit.chain import FIELDS, GENESIS, link
from shared.audit.models import AuditEntry, AuditHead, json_text
from shared.audit.pending import INSERT
from shared.audit.vocabulary import action_of, module_of, outcome_of
from shared.auth import operations as auth
from shared.auth.models import SecondStep, User
from shared.clock import FakeClock
from shared.db.base import instant_text
from shared.db.engine import Database
from shared.db.migrations import upgrade
from shared.ids import new_id
from shared.rights.policy import ceiling
from shared.rights.vocabulary import Duty, StaffKind
from shared.stamp import Stamp, Via
from tests.integration.hq_server.conftest import make_app as hq_app
from tests.support.hq_company import Size, fill_company
from tests.support.page_client import PageClient

NOW: Final = datetime(2026, 11, 18, 4, tzinfo=UTC)
YEAR: Final = timedelta(days=365)
BY: Final = Stamp(at=NOW - YEAR, actor="bench", via=Via.COMMAND)
PASSWORD: Final = "correct horse battery"
AT_ONCE: Final = 20_000
CUSTOMERS: Final = 20_000
MANAGERS: Final = 45
SERVICE: Final = 12
TERMINALS: Final = 40
# How often people do what; "job" and "sync" are of the node itself.
EVENTS: Final[Mapping[tuple[str, str | None], int]] = {
    ("customer.changed", "customer"): 26,
    ("customer.viewed", "customer"): 24,
    ("customer.registered", "customer"): 4,
    ("customer.exported", None): 1,
    ("work-log.written", "work_log"): 12,
    ("bill-line.created", "bill_line"): 7,
    ("contact.changed", "contact"): 4,
    ("log.viewed", None): 1,
    ("log.printed", None): 1,
    ("sign-in.accepted", "user"): 6,
    ("sign-in.refused", "user"): 1,
    ("sign-out", "user"): 4,
    ("request.refused", None): 1,
    ("job.ran", "job"): 5,
    ("sync.finished", None): 3,
}
OF_THE_NODE: Final = ("job.ran", "sync.finished")
BRANCH_KINDS: Final = {
    "administrator": StaffKind.ADMINISTRATOR,
    "branch manager": StaffKind.BRANCH_MANAGER,
    "account manager": StaffKind.ACCOUNT_MANAGER,
    "service": StaffKind.SERVICE,
}
HQ_KINDS: Final = {
    "leader": StaffKind.LEADER,
    "analyst": StaffKind.ANALYST,
    "limited analyst": StaffKind.ANALYST,
    "administrator": StaffKind.ADMINISTRATOR,
}
Browsers = Mapping[str, PageClient]
People = Sequence[tuple[str, str | None, str | None]]


@dataclass(frozen=True)
class World:
    """One node, its application and how many entries its log had when it was filled."""

    tier: str
    database: Database
    app: Flask
    entries: int
    names: Mapping[str, str]

    def browsers(self) -> Browsers:
        """Return somebody of each kind, signed in."""
        kinds = BRANCH_KINDS if self.tier == "branch" else HQ_KINDS
        return {who: self._browser(who, kind) for who, kind in kinds.items()}

    def _browser(self, who: str, kind: StaffKind) -> PageClient:
        username = "m07" if kind is StaffKind.ACCOUNT_MANAGER else who.replace(" ", ".")
        with self.database.sessions.begin() as session:
            user = session.scalar(select(User).where(User.username == username))
            if user is None:
                user, _code = auth.create_user(
                    session, username=username, name="王芳", kind=kind, data_range=ceiling(kind), by=BY
                )
            user.duties = [Duty.LOG_AUDITOR.value] if kind is StaffKind.ANALYST else []
            user.branches = [1] if who.startswith("limited") else None
            auth.set_password(session, user, PASSWORD, by=BY)
            # A world that is kept has them sealed with the key of another home.
            session.execute(delete(SecondStep).where(SecondStep.user_id == user.id))
        self.app.test_client_class = PageClient
        browser = self.app.test_client()
        assert isinstance(browser, PageClient)
        assert browser.sign_in(username, PASSWORD).status_code == 303
        return browser


def open_world(tier: str, url: str, home: Path, entries: int) -> World:
    """Return a node over a database, filled first where it is empty."""
    home.mkdir(parents=True, exist_ok=True)
    database = Database(url)
    upgrade(database, BRANCH if tier == "branch" else HQ)
    with database.reads() as session:
        found = session.scalar(select(func.count()).select_from(AuditEntry)) or 0
    if found < entries:
        fill(database, tier, entries)
    with database.reads() as session:
        held = Customer if tier == "branch" else ReplicaCustomer
        customer = str(session.scalar(select(held.id).order_by(held.id).limit(1)))
    app = _branch(home, database) if tier == "branch" else hq_app(database, FakeClock(NOW), home)
    return World(tier, database, app, max(found, entries), {"customer": customer})


def fill(database: Database, tier: str, entries: int) -> None:
    """Write people, customers and the log."""
    with database.sessions.begin() as session:
        if tier == "branch":
            customers, managers = _customers(session)
        else:
            fill_company(session, Size(branches=10, customers=CUSTOMERS // 10, months=1, logs=1), NOW)
            customers, managers = [str(one) for one in session.scalars(select(ReplicaCustomer.id))], []
        people = _people(session, managers)
    with database.sessions.begin() as session:
        write_log(session, people, customers, entries)
    if database.dialect == "postgresql":
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))


def write_log(session: Session, people: People, customers: Sequence[str], entries: int) -> None:
    """Append entries to the log, chained as the product chains them, but with no key of a node."""
    session.flush()
    found = session.execute(select(AuditHead.seq, AuditHead.digest)).one_or_none()
    seq, digest = found or (0, GENESIS)
    waiting: list[tuple[Any, ...]] = []
    for row in _rows(people, customers, entries, seq):
        digest = link(digest, row)
        waiting.append((*row, digest))
        if len(waiting) == AT_ONCE:
            _insert(session, waiting)
            waiting = []
    _insert(session, waiting)
    session.execute(text("DELETE FROM audit_head"))
    session.execute(insert(AuditHead).values(id=1, seq=seq + entries, digest=digest, mac=None))


def _insert(session: Session, rows: Sequence[tuple[Any, ...]]) -> None:
    connection = session.connection()
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name == "sqlite":
        driver.executemany(INSERT, rows)
        return
    with (
        driver.cursor() as cursor,
        cursor.copy(f"COPY audit_entries ({', '.join(FIELDS)}, digest) FROM STDIN") as copy,
    ):
        for row in rows:
            copy.write_row(row)


def _rows(
    people: People, customers: Sequence[str], entries: int, seq: int
) -> Iterator[tuple[str | int | None, ...]]:
    chance = random.Random(5)
    events = chance.choices([*EVENTS], [*EVENTS.values()], k=entries)
    mine = {manager: customers[at :: max(1, MANAGERS)] for at, (_name, _id, manager) in enumerate(people)}
    step = YEAR / entries
    for number, (event, noun) in enumerate(events, 1):
        actor, actor_id, manager = ("job", None, None) if event in OF_THE_NODE else chance.choice(people)
        subject = None
        if noun == "customer":
            subject = chance.choice(mine[manager] or customers)
        elif noun is not None:
            subject = "push" if noun == "job" else actor_id if noun == "user" else new_id()
        changes = None
        if event == "customer.changed":
            grades = chance.choices("abcd", k=2)
            changes = json_text({"grade": grades, "name": "sealed"})
        elif event.endswith((".created", ".registered", ".written")):
            changes = '{"kind":[null,"visit"],"note":"sealed","on":[null,"2026-03-18"]}'
        yield (
            seq + number, new_id(), instant_text(BY.at + number * step), actor, actor_id, manager,
            "job" if actor == "job" else "web", "" if actor == "job" else f"10.0.0.{chance.randrange(TERMINALS)}",
            action_of(event).value, event, module_of(event), outcome_of(event).value, noun, subject,
            "{}" if changes else '{"rows":25}', changes, "0" * 120 if changes else None,
        )  # fmt: skip


def _customers(session: Session) -> tuple[list[str], list[str]]:
    stamps = {"created_at": BY.at, "created_by": "bench", "updated_at": BY.at, "updated_by": "bench"}
    managers = [new_id() for _ in range(MANAGERS)]
    session.execute(
        insert(Manager),
        [
            {"id": one, "manager_no": f"M{at:02}", "name": "王芳", "status": "active", **stamps}
            for at, one in enumerate(managers)
        ],
    )
    customers: list[str] = []
    for chunk in made_up(CUSTOMERS):
        for row in chunk:
            row["manager_id"] = managers[len(customers) % MANAGERS]
            customers.append(row["id"])
        session.execute(insert(Customer), chunk)
    return customers, managers


def _people(session: Session, managers: Sequence[str]) -> People:
    """Return (name, account, account manager) of who acts."""
    found: list[tuple[str, str | None, str | None]] = []
    for at, manager in enumerate(managers or [None] * MANAGERS):
        kind = StaffKind.ACCOUNT_MANAGER if manager else StaffKind.ANALYST
        user = _user(session, f"m{at:02}", kind)
        user.manager_id = manager
        found.append((user.username, user.id, manager))
    for at in range(SERVICE):
        kind = StaffKind.SERVICE if managers else StaffKind.LEADER
        user = _user(session, f"s{at:02}", kind)
        found.append((user.username, user.id, None))
    return found


def _user(session: Session, username: str, kind: StaffKind) -> User:
    user, _code = auth.create_user(
        session, username=username, name="王芳", kind=kind, data_range=ceiling(kind), by=BY
    )
    session.flush()
    return user


def _branch(home: Path, database: Database) -> Flask:
    create_home(home, database_url=database.url)
    runtime = branch_app.open_runtime(home)
    with closing(runtime.database.engine.raw_connection()):
        pass
    runtime.database.dispose()
    return branch_app.create_app(replace(runtime, database=database, clock=FakeClock(NOW)))
