"""What can happen in a company: people at work, cycles, crashes, restores, copies, clocks, and damage."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from random import Random
from typing import Any, Final
from uuid import UUID

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError, OperationalError

from branch_node.outbound.contacts import file_of
from branch_node.outbound.cycle import CycleResult
from branch_node.outbound.receivers import replace_earlier
from branch_node.resend import operations as resend
from branch_node.resend.operations import Wish
from branch_node.statistics.jobs import compute_months
from branch_node.torture.faults import KilledError, disk_error, killed
from branch_node.torture.ledger import MARK, Key, Ledger, Versions, versions_at
from branch_node.torture.offices import REGION, Office
from branch_node.torture.stage import NOON, Node, Saved, Stage
from shared.db.scope import FIRST
from shared.jobs.job import Progress

POISON: Final[Mapping[str, Any]] = {"nested": {}}
HEALTHY: Final[Mapping[str, Any]] = {"level": "gold"}
# A cycle makes between 120 and 350 calls at a branch, and up to 400 at head office.
LONGEST: Final = 260
MOST_SAVED: Final = 3
JUMPS: Final = (
    timedelta(days=-3650),
    timedelta(days=-2),
    timedelta(minutes=-20),
    timedelta(),
    timedelta(days=1),
)


@dataclass
class Company:
    """One run's company: what stands on the stage, the truth about it, and the acts that change both."""

    stage: Stage
    rng: Random
    ledger: Ledger = field(init=False)
    trace: list[str] = field(default_factory=list)
    _saved: dict[Node, list[Saved]] = field(default_factory=dict)
    _saved_offices: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Bring the stage to its beginning."""
        self.stage.reset(self.rng)
        self.ledger = Ledger(self.stage)
        self._saved = {node: [] for node in self.stage.seats}
        self._saved_offices = {office.name: [] for office in self.stage.offices}

    # --- people at work ----------------------------------------------------------------------------

    def add(self, node: Node) -> None:
        """Enter a new record of some type that can be entered now."""
        held = {name for name, _id in versions_at(node)}
        kinds = ["manager", "customer", "customer"]
        kinds += ["bill_line", "bill_line"] if "customer" in held else []
        kinds += ["work_log"] if "manager" in held else []
        self.enter(node, self.rng.choice(kinds))

    def enter(self, node: Node, kind: str) -> None:
        """Enter a new record of a type; what it names is chosen among what is there."""
        version = self.ledger.next_version()
        key = (kind, str(UUID(int=self.rng.getrandbits(128), version=4)))
        values = {"id": key[1], MARK[kind]: str(version), **self._values(node, kind, version)}
        with node.runtime.database.sessions.begin() as session:
            session.execute(insert(node.runtime.bindings[kind].table).values(**values))
        if kind == "bill_line":
            self.ledger.amounts[key] = values["amount_minor"]
        self.ledger.wrote(node, key, version)

    def compute_months(self, node: Node) -> None:
        """Do the statistics of the night."""
        compute_months(node.runtime, self.stage.stamp(), Progress())

    def edit(self, node: Node, *, poison: bool = False) -> None:
        """Change a manager or a customer; with `poison` into something head office refuses."""
        kinds = ("customer",) if poison else ("manager", "customer")
        key = self._pick(node, kinds)
        if key is None:
            return
        version = self.ledger.next_version()
        values: dict[str, Any] = {MARK[key[0]]: str(version), "name": f"名{version}"}
        if key[0] == "customer":
            values["attributes"] = POISON if poison else HEALTHY
        self._update(node, key, values)
        self.ledger.wrote(node, key, version)
        if poison:
            self.stage.faults["poison"] += 1

    def remove(self, node: Node) -> None:
        """Remove a customer that nothing refers to."""
        key = self._pick(node, ("customer",))
        if key is None:
            return
        table = node.runtime.bindings["customer"].table
        try:
            with node.runtime.database.sessions.begin() as session:
                session.execute(delete(table).where(table.c.id == key[1]))
        except IntegrityError:
            return
        self.ledger.removed(node, key)

    def send_again(self, node: Node) -> None:
        """Ask for a record type, or for everything, to be sent once more."""
        kind = self.rng.choice([*MARK, None])
        wish = Wish(reason="torture", record_type=kind, everything=kind is None)
        with node.runtime.database.sessions.begin() as session:
            resend.ask(session, node.runtime.bindings, wish, by=self.stage.stamp())

    # --- cycles and crashes ------------------------------------------------------------------------

    def push(self, node: Node, receiver: str = FIRST, *, strike: str = "") -> CycleResult | None:
        """Run a cycle; struck by a crash or a failing disk on either side, it may end half way (None)."""
        office = self.stage.office_of(receiver)
        self._arm(node, office, strike)
        try:
            return node.cycle(receiver)
        except (KilledError, OperationalError):
            node.runtime.database.dispose()
            return None
        finally:
            self._disarm(node, office, strike)

    def deliver_late(self) -> None:
        """Let every message that was held up arrive now."""
        for node in self.stage.seats:
            node.line.deliver_late()

    def pass_time(self, **span: float) -> None:
        """Let time pass for everybody."""
        self.stage.clock.advance(timedelta(**span))

    def jump_clock(self, node: Node) -> None:
        """Set one machine's clock wrong, or right again."""
        node.clock.off = self.rng.choice(JUMPS)
        self.stage.faults["clock"] += 1

    # --- backups, restores, copies -----------------------------------------------------------------

    def back_up(self, node: Node) -> None:
        """Keep a copy of a node as it is now."""
        saved = replace(node.save(), memory=dict(self.ledger.expected[node]))
        self._saved[node] = [*self._saved[node], saved][-MOST_SAVED:]

    def back_up_hq(self, receiver: str = FIRST) -> None:
        """Keep a copy of head office, or of another receiver, as it is now."""
        saved = self._saved_offices
        saved[receiver] = [*saved[receiver], self.stage.office_of(receiver).save()][-MOST_SAVED:]

    def set_back(self, node: Node, *, restored: bool) -> None:
        """Bring a node's database to what it was; `restored` by the command, which tells that it replaces the node."""
        if not self._saved[node]:
            self.back_up(node)
            return
        saved = self.rng.choice(self._saved[node])
        node.load(saved, beside=False)
        if restored:
            replace_earlier(node.runtime)
        then: Versions = saved.memory
        self.ledger.fell_back(node, then)
        self.stage.faults["restored" if restored else "set-back"] += 1

    def set_back_hq(self, receiver: str = FIRST) -> None:
        """Bring head office, or another receiver, to what it was."""
        if not self._saved_offices[receiver]:
            self.back_up_hq(receiver)
            return
        self.stage.office_of(receiver).load(self.rng.choice(self._saved_offices[receiver]))
        self.ledger.hq_fell_back()
        self.stage.faults[f"{receiver}-set-back"] += 1

    def copy(self, node: Node) -> None:
        """Copy a whole machine; from now on both run."""
        twin = next(one for one in self.stage.seats if one.code == node.code and one is not node)
        if twin.live:
            return
        twin.load(node.save(), beside=False)
        ours, theirs = node.runtime.settings.home, twin.runtime.settings.home
        for name in map(file_of, (FIRST, REGION)):
            theirs.write_lines(name, ours.read_lines(name))
        twin.live = True
        self.ledger.expected[twin] = dict(self.ledger.expected[node])
        self.stage.faults["copy"] += 1

    # --- damage ------------------------------------------------------------------------------------

    def damage(self, node: Node) -> None:
        """Change or drop one row where nothing notices, at head office or at the branch."""
        at_hq = self.rng.random() < 0.5  # noqa: PLR2004 - one in two
        runtime: Any = self.stage.hq if at_hq else node.runtime
        dropped = self.rng.random() < 0.5  # noqa: PLR2004 - one in two
        kinds = ("bill_line", "work_log") if dropped else ("customer", "bill_line")
        key = self._pick(node, kinds)
        if key is None:
            return
        table = runtime.bindings[key[0]].table
        with (
            runtime.database.engine.begin() as connection,
            self.stage.stores.unnoticed(connection, table),
        ):
            here = table.c.id == key[1]
            if dropped:
                connection.execute(delete(table).where(here))
            elif key[0] == "customer":
                connection.execute(update(table).where(here).values(address="?"))
            else:
                connection.execute(update(table).where(here).values(amount_minor=table.c.amount_minor + 1))
        self.ledger.excused.add(key)
        self.ledger.damaged = True
        self.stage.faults["damage-hq" if at_hq else "damage-branch"] += 1

    # --- how -----------------------------------------------------------------------------------------

    def poisoned(self, node: Node) -> list[Key]:
        """Return the customers of a node that head office refuses as they stand."""
        table = node.runtime.bindings["customer"].table
        with node.runtime.database.reads() as session:
            rows = session.execute(select(table.c.id, table.c.attributes)).all()
        return [("customer", one) for one, attributes in rows if attributes == POISON]

    def mend(self, node: Node, key: Key) -> None:
        """Make a poisoned customer one that head office takes."""
        version = self.ledger.next_version()
        self._update(node, key, {"remark": str(version), "attributes": HEALTHY})
        self.ledger.wrote(node, key, version)

    def _arm(self, node: Node, office: Office, strike: str) -> None:
        if strike == "line-kill":
            node.line.strike_in = self.rng.randrange(1, 8)
        elif strike:
            points = office.points if strike.startswith("hq") else node.points
            points.arm(self.rng.randrange(1, LONGEST), killed if strike.endswith("kill") else disk_error)

    def _disarm(self, node: Node, office: Office, strike: str) -> None:
        untouched = [node.points.disarm(), office.points.disarm(), node.line.strike_in > 0]
        node.line.strike_in = 0
        if strike and not any(untouched):
            self.stage.faults[strike] += 1

    def _pick(self, node: Node, kinds: tuple[str, ...]) -> Key | None:
        found = sorted(key for key in versions_at(node) if key[0] in kinds)
        return self.rng.choice(found) if found else None

    def _update(self, node: Node, key: Key, values: Mapping[str, Any]) -> None:
        table = node.runtime.bindings[key[0]].table
        with node.runtime.database.sessions.begin() as session:
            session.execute(update(table).where(table.c.id == key[1]).values(**values))

    def _values(self, node: Node, kind: str, version: int) -> dict[str, Any]:
        manager, customer = self._pick(node, ("manager",)), self._pick(node, ("customer",))
        now = node.clock.now()
        made = {"created_at": now, "created_by": "ana"}
        touched = {"updated_at": now, "updated_by": "ana", **made}
        named = {"manager_id": manager and manager[1], "customer_id": customer and customer[1]}
        values: Mapping[str, Mapping[str, Any]] = {
            "manager": {"manager_no": f"M{version}", "name": f"经理{version}", "status": "active", **touched},
            "customer": {
                "customer_no": f"C{version}",
                "kind": "individual",
                "name": f"客户{version}",
                "status": "active",
                "tags": ["vip"],
                "attributes": HEALTHY,
                "manager_id": named["manager_id"],
                **touched,
            },
            "bill_line": {
                "bill_no": f"B{version}",
                "customer_id": named["customer_id"],
                "product": "宽带",
                "period": "2026-10",
                "kind": "charge",
                "amount_minor": self.rng.randrange(-(10**6), 10**6),
                "currency": "CNY",
                "booked_on": NOON.date(),
                **made,
            },
            "work_log": {
                "log_no": f"L{version}",
                "kind": "visit",
                "started_at": now,
                "entered_at": now,
                "text": "走访",
                **named,
                **made,
            },
        }
        return dict(values[kind])
