"""Both apps with somebody of every kind signed in, and rows that are foreign to most of them: for tests of rights."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from flask import Flask
from sqlalchemy import Connection, Table, event, inspect, select
from sqlalchemy.orm import Session
from werkzeug.routing import Rule

from branch_node import app as branch_app
from branch_node.config import create_home as create_branch_home
from branch_node.contacts.operations import add_contact
from branch_node.customers.models import Serving
from branch_node.documents.operations import Room, add_documents
from branch_node.documents.sniffing import check
from branch_node.statistics.models import CustomerMonth
from branch_node.tables import APP as BRANCH_TABLES
from hq_server import app as hq_app
from hq_server.config import create_home as create_hq_home
from hq_server.tables import APP as HQ_TABLES
from shared.audit import operations as audit
from shared.auth import operations
from shared.auth.models import User
from shared.clock import FakeClock
from shared.db.base import Base
from shared.db.engine import Database
from shared.domain.contacts.vocabulary import ContactStanding, ContactStatus
from shared.ids import new_id
from shared.rights.policy import ceiling
from shared.rights.vocabulary import DataRange, Duty, StaffKind
from shared.web.access import access_of
from shared.web.api.bounds import A_MINUTE
from tests.contract.wire_rows import as_line, example_row
from tests.support.branch import ANA, NOON, Rows
from tests.support.databases import DatabaseFactory
from tests.support.hq_rows import add_branch, add_parked
from tests.support.interfaces import token_for
from tests.support.page_client import PageClient
from tests.support.world import migrated

_CONTACTS: Final = {"short_name": None, "mobile": None, "phone": None, "email": None, "address": None}
PASSWORD: Final = "correct horse battery"
# What is written whatever anybody does: who came, what they asked for, and how often they failed.
NOT_BUSINESS: Final = frozenset(
    {
        "audit_entries",
        "audit_head",
        "audit_keys",
        "sessions",
        "second_steps",
        "recovery_codes",
        "sign_in_throttles",
        "access_tokens",
    }
)
# Fields of somebody's customer that nobody else of the branch may read anywhere.
SECRET: Final = {
    "customer_no": "ZQ-771-3390",
    "name": "Zorblatt Quuxley",
    "short_name": "Zorbqx",
    "mobile": "13977130662",
    "phone": "0571-77130663",
    "email": "zorblatt@quuxley.example",
    "address": "Quuxley Lane 7713",
    "remark": "pays in gold dust",
}
AMOUNT: Final = 771_339_013
SECRET_LINE: Final = {"bill_no": "BQX-771339", "product": "Zorbline", "remark": "quuxfee"}
SECRET_LOG: Final = {"log_no": "LQX-771339", "place": "Quuxham", "text": "zorb talks went well"}
CONTACT: Final = frozenset(SECRET[name] for name in ("mobile", "phone", "email", "address"))
OF_CUSTOMER: Final = frozenset(SECRET.values())
SUMS: Final = frozenset({"Zorbline", "7,713,390.13", "7713390.13", str(AMOUNT)})
OF_MONEY: Final = frozenset(SECRET_LINE.values()) | SUMS
OF_LOGS: Final = frozenset(SECRET_LOG.values())
WHAT_IS_SECRET: Final = OF_CUSTOMER | OF_MONEY | OF_LOGS


@dataclass
class Somebody:
    """A person at a node: what rights are decided by, and a browser in which they are signed in."""

    name: str
    browser: PageClient
    user: User | None = None
    sees: Collection[str] = frozenset()
    """What of WHAT_IS_SECRET they may see after all."""

    @property
    def may_sign_in(self) -> bool:
        """Whether a request of theirs has somebody behind it."""
        return self.user is not None and self.user.disabled_at is None


@dataclass
class Place:
    """A node with everybody at it; `own` and `foreign` are what addresses may name, by the name of the part."""

    tier: str
    app: Flask
    database: Database
    everybody: dict[str, Somebody] = field(default_factory=dict)
    own: dict[str, Any] = field(default_factory=dict)
    foreign: dict[str, Any] = field(default_factory=dict)

    def add(
        self,
        name: str,
        kind: StaffKind,
        *,
        data_range: DataRange | None = None,
        duties: Sequence[Duty] = (),
        sees: Collection[str] = frozenset(),
        **values: Any,
    ) -> Somebody:
        """Let somebody in who has the whole range of their kind unless another is given."""
        granted = ceiling(kind) if data_range is None else data_range
        with self.database.sessions.begin() as session:
            user, _code = operations.create_user(
                session, username=name, name=name, kind=kind, data_range=granted, by=ANA
            )
            user.duties, user.language = list(duties), "en"
            for key, value in values.items():
                setattr(user, key, value)
            operations.set_password(session, user, PASSWORD, by=ANA)
        browser = self.app.test_client()
        assert isinstance(browser, PageClient)
        assert browser.sign_in(name, PASSWORD).status_code == 303
        # An authenticator is shown to everybody once: exports then ask for nothing more.
        browser.prove(name)
        browser.token()
        browser.api_token = token_for(self.app, name)
        self.everybody[name] = Somebody(name, browser, user, sees)
        return self.everybody[name]

    def nobody(self) -> Somebody:
        """Return a browser in which nobody is signed in."""
        browser = self.app.test_client()
        assert isinstance(browser, PageClient)
        return self.everybody.setdefault("nobody", Somebody("nobody", browser))

    def disable(self, name: str) -> None:
        """Disable somebody who is signed in."""
        with self.database.sessions.begin() as session:
            user = session.scalars(select(User).where(User.username == name)).one()
            operations.disable_user(session, user, by=ANA)
        self.everybody[name].user = user


def routes(app: Flask) -> Iterator[tuple[Rule, str]]:
    """Yield every rule with every method it takes, but for static files."""
    for rule in sorted(app.url_map.iter_rules(), key=lambda one: one.rule):
        if rule.endpoint.rpartition(".")[2] == "static":
            continue
        for method in sorted((rule.methods or set()) - {"OPTIONS", "HEAD"}):
            yield rule, method


def address(app: Flask, rule: Rule, known: Mapping[str, Any]) -> str:
    """Return an address of a rule with what is known for its parts, and made-up ids for the rest."""
    values = {part: known.get(part, _made_up(rule, part)) for part in rule.arguments}
    built = app.url_map.bind("localhost").build(rule.endpoint, values, method=_any_method(rule))
    return str(built)


def _any_method(rule: Rule) -> str:
    return min((rule.methods or {"GET"}) - {"OPTIONS", "HEAD"})


def _made_up(rule: Rule, part: str) -> Any:
    kind = type(rule._converters[part]).__name__
    if kind == "AnyConverter":
        return rule._converters[part].regex.strip("(?:)").split("|")[0]
    if kind == "NumberConverter":
        return 1
    if kind == "UnicodeConverter" and "64" in rule._converters[part].regex:
        return "0" * 64
    return new_id()


def access(app: Flask, rule: Rule) -> Any:
    """Return who may call a rule."""
    return access_of(app, rule.endpoint)


@contextmanager
def business_writes(database: Database) -> Iterator[list[str]]:
    """Collect the statements that would change a business table, with the values they had."""
    found: list[str] = []

    def note(_connection: Connection, _cursor: Any, statement: str, *_rest: Any) -> None:
        words = statement.replace('"', "").split()
        if words and words[0].upper() in {"INSERT", "UPDATE", "DELETE"}:
            table = next(word for word in words[1:] if word.upper() not in {"INTO", "FROM", "OR", "REPLACE"})
            if table.partition("(")[0] not in NOT_BUSINESS:
                found.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(database.engine, "before_cursor_execute", note)


def digest(database: Database) -> str:
    """Return a digest of every row of every business table."""
    made = sha256()
    with database.reads() as session:
        names = set(inspect(session.connection()).get_table_names())
        for table in sorted(Base.metadata.tables.values(), key=lambda one: one.name):
            if table.name in names - NOT_BUSINESS:
                made.update(table.name.encode())
                made.update("\n".join(sorted(_lines(session, table))).encode(errors="surrogatepass"))
    return made.hexdigest()


def _lines(session: Session, table: Table) -> Iterator[str]:
    # Being let in is no business: when somebody last came is told on the row of the user.
    columns = [one for one in table.columns if one.name != "last_sign_in_at"]
    yield from (repr(tuple(row)) for row in session.execute(select(*columns)))


# --- the two tiers -----------------------------------------------------------------------------------


@contextmanager
def everyone_at(tier: str, dialect: str, factory: DatabaseFactory, folder: Path) -> Iterator[Place]:
    """Serve a node of `tier` with everybody signed in; its database is migrated as a real one."""
    tables = BRANCH_TABLES if tier == "branch" else HQ_TABLES
    url = factory.create(dialect, migrated(factory, dialect, tables))
    database = Database(url)
    try:
        place = Place(tier, _app(tier, database, folder / "home"), database)
        {"branch": _fill_branch, "hq": _fill_hq}[tier](place)
        yield place
    finally:
        database.dispose()
        factory.drop(url)


def _app(tier: str, database: Database, home: Path) -> Flask:
    create_home: Callable[..., Any] = create_branch_home if tier == "branch" else create_hq_home
    package: Any = branch_app if tier == "branch" else hq_app
    create_home(home, database_url=database.url)
    runtime = package.open_runtime(home)
    runtime.database.dispose()
    settings = replace(runtime.settings, language="en")
    made = package.create_app(replace(runtime, database=database, clock=FakeClock(NOON), settings=settings))
    made.test_client_class = PageClient
    made.config[A_MINUTE] = 10**9  # the clock stands still: all is asked in one minute
    assert isinstance(made, Flask)
    return made


def _fill_branch(place: Place) -> None:
    rows = Rows(place.database.sessions)  # type: ignore[arg-type]  # a session of ours is one
    wu, li = rows.manager(name="Wu"), rows.manager(name="Li")
    place.own |= _customer_of(place, rows, wu, {"customer_no": "C-OWN", "name": "Own Customer"}, {}, {})
    place.foreign |= _customer_of(place, rows, li, SECRET, SECRET_LINE, SECRET_LOG)
    place.add("boss", StaffKind.BRANCH_MANAGER, sees=WHAT_IS_SECRET)
    place.add("wu", StaffKind.ACCOUNT_MANAGER, manager_id=wu)
    place.add("unlinked", StaffKind.ACCOUNT_MANAGER)
    place.add("desk", StaffKind.SERVICE)
    place.add("cashier", StaffKind.SERVICE, duties=[Duty.CASHIER])
    place.add("serving", StaffKind.SERVICE, sees=OF_CUSTOMER)
    place.add("admin", StaffKind.ADMINISTRATOR)
    place.add("ungranted", StaffKind.BRANCH_MANAGER, data_range=DataRange.NONE)
    place.add("disabled", StaffKind.BRANCH_MANAGER)
    place.disable("disabled")
    place.nobody()
    _serve(place, "serving", place.foreign["customer_id"])


def _serve(place: Place, name: str, customer_id: str) -> None:
    user = place.everybody[name].user
    assert user is not None
    with place.database.sessions.begin() as session:
        ends = NOON + timedelta(hours=8)
        session.add(Serving(user_id=user.id, customer_id=customer_id, began_at=NOON, ends_at=ends))


def _customer_of(
    place: Place,
    rows: Rows,
    manager: str,
    customer: Mapping[str, Any],
    line: Mapping[str, Any],
    log: Mapping[str, Any],
) -> dict[str, Any]:
    customer_id = rows.customer(manager_id=manager, **customer)
    person = {"name": customer.get("name", "Li"), "mobile": customer.get("mobile"), "do_not_contact": []}
    with place.database.sessions.begin() as session:
        standing = {"standing": ContactStanding.KEY, "status": ContactStatus.ACTIVE}
        contact_id = add_contact(session, customer_id, {**person, **standing}, by=ANA).id
        paper = check(BytesIO(b"%PDF-1.7\n"), "paper.pdf", most_mb=1)
        called = {"kind": "identity", "name": customer.get("remark", "plain")}
        room = Room(quota_mb=1, stored=0)
        document_id = add_documents(session, customer_id, [paper], called, room=room, by=ANA)[0].id
    found = {
        "customer_id": customer_id,
        "contact_id": contact_id,
        "document_id": document_id,
        "manager_id": manager,
        "line_id": rows.bill_line(customer_id, amount_minor=AMOUNT if line else 100, **line),
        "log_id": rows.work_log(manager, customer_id=customer_id, **log),
        "record_type": "customer",
        "record_id": customer_id,
        "subject_type": "customer",
        "subject_id": customer_id,
        "field": "remark",
        "month": "2026-02",
    }
    with place.database.sessions.begin() as session:
        amount = AMOUNT if line else 100
        session.add(month_of_customer(customer_id, amount))
        change = {"remark": [None, customer.get("remark", "plain")]}
        audit.record(session, "customer.changed", subject=("customer", customer_id), by=ANA, details=change)
    return found


def month_of_customer(customer_id: str, amount: int) -> CustomerMonth:
    money = {
        name: amount if name.endswith("_minor") else 1
        for name, column in CustomerMonth.__table__.columns.items()
        if not column.nullable and name not in {"id", "customer_id", "month", "currency", "computed_at"}
    }
    more = {"computed_at": NOON} if "computed_at" in CustomerMonth.__table__.columns else {}
    return CustomerMonth(
        id=new_id(), customer_id=customer_id, month="2026-02", currency="CNY", **{**money, **more}
    )


def _fill_hq(place: Place) -> None:
    with place.database.sessions.begin() as session:
        near = add_branch(session, "B001", NOON, name="Near")
        far = add_branch(session, "B002", NOON, name="Far")
        numbers = near.number, far.number
        for branch, known, customer, line, log in (
            (near, place.own, {"customer_no": "C-OWN", "name": "Own Customer"}, {}, {}),
            (far, place.foreign, SECRET, SECRET_LINE, SECRET_LOG),
        ):
            manager = branch.manager("M1", "Wu")
            values: dict[str, Any] = dict(customer)
            held = branch.customer(manager_id=manager, **values)
            branch.bill(held, AMOUNT if line else 100, "2026-02", **line)
            branch.log(manager, NOON, held, **log)
            branch.deliver()
            known |= {
                "code": "B001" if branch is near else "B002",
                "customer_id": held,
                "manager_id": manager,
            }
            row = as_line(example_row("customer", **{**_CONTACTS, **customer})).decode()
            known["parked_id"] = add_parked(session, branch, line=row, reasons={"name": ["bad"]}, at=NOON)
    place.add("analyst", StaffKind.ANALYST, sees=WHAT_IS_SECRET - CONTACT)
    place.add("near", StaffKind.ANALYST, branches=[numbers[0]])
    place.add("auditor", StaffKind.ANALYST, duties=[Duty.LOG_AUDITOR], branches=[numbers[0]])
    place.add("leader", StaffKind.LEADER, sees=(OF_CUSTOMER | OF_LOGS | SUMS) - CONTACT)
    # Of rows that were refused, the fields that say nothing of how to reach somebody.
    place.add("admin", StaffKind.ADMINISTRATOR, sees=OF_CUSTOMER - CONTACT)
    place.add("ungranted", StaffKind.ANALYST, data_range=DataRange.NONE)
    place.add("disabled", StaffKind.ANALYST)
    place.disable("disabled")
    place.nobody()
