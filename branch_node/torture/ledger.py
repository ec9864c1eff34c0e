"""What must come of a run: every version of every row that was ever committed, and where it may rightly be.

Each write carries a number of its own, kept in one column of the row. What a node holds can therefore be
read off its tables, whatever the product believes about it.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Table, select
from sqlalchemy.orm import Session

from branch_node.outbound.models import RecoveredRow
from branch_node.outbound.recovered import CONFLICT, KEPT_OURS, TOOK_HQ
from branch_node.torture.stage import Node, Stage
from hq_server.branches.models import Branch
from hq_server.parking.models import ParkedRecord
from hq_server.parking.vocabulary import ParkedState
from hq_server.proof.models import Difference
from hq_server.replica.models import Tombstone
from shared.alarms.models import Alarm
from shared.db.scope import FIRST
from sync_protocol.catalog import Bindings
from sync_protocol.reconcile import TableDigest, digest_table

Key = tuple[str, str]
Versions = dict[Key, int]
TOLD: Final = (CONFLICT, TOOK_HQ, KEPT_OURS)
# The column of each record type that carries the number of the write.
MARK: Final[Mapping[str, str]] = {
    "manager": "post",
    "customer": "remark",
    "bill_line": "remark",
    "work_log": "place",
}
FAILINGS: Final = ("lost", "doubled", "resurrected", "stale", "money_off", "unsettled", "false_alarms")
# What must have happened for an alarm to be true.
CAUSES: Final[Mapping[str, frozenset[str]]] = {
    "hq-lost-batches": frozenset({"hq-set-back", "region-set-back"}),
    "hq-behind": frozenset({"hq-set-back", "region-set-back"}),
    "database-set-back": frozenset({"set-back", "restored", "copy"}),
    "lineage-opened": frozenset({"set-back", "restored", "copy"}),
    "refused-as-copy": frozenset({"copy", "restored"}),
    "duplicate-node": frozenset({"copy", "restored"}),
    "node-replaced": frozenset({"restored"}),
    "fork-detected": frozenset({"set-back", "restored", "copy", "hq-set-back", "region-set-back"}),
    "control-differs": frozenset(),
    "divergence": frozenset({"damage-hq", "damage-branch"}),
}


@dataclass
class Ledger:
    """The truth about one run.

    `expected` is what each node must end with, by its own writes; `owed` what a branch must get from head
    office; `told` the records a person was asked about; `excused` those that were damaged on purpose.
    """

    stage: Stage
    expected: dict[Node, Versions] = field(default_factory=dict)
    owed: dict[str, Versions] = field(default_factory=dict)
    told: dict[str, set[Key]] = field(default_factory=dict)
    excused: set[Key] = field(default_factory=set)
    amounts: dict[Key, int] = field(default_factory=dict)
    removals: dict[Key, int] = field(default_factory=dict)
    made: set[Key] = field(default_factory=set)
    damaged: bool = False
    _last: int = 0

    def __post_init__(self) -> None:
        """Begin with nodes that hold nothing."""
        self.expected = {node: {} for node in self.stage.seats}
        for node in self.stage.seats:
            self.owed.setdefault(node.code, {})
            self.told.setdefault(node.code, set())

    def next_version(self) -> int:
        """Return the number of the next write."""
        self._last += 1
        return self._last

    def wrote(self, node: Node, key: Key, version: int) -> None:
        """Note a committed write."""
        self.expected[node][key] = version
        self.made.add(key)

    def removed(self, node: Node, key: Key) -> None:
        """Note a committed removal."""
        version = self.next_version()
        self.expected[node][key] = self.removals[key] = version

    def fell_back(self, node: Node, then: Versions) -> None:
        """Note that a node's database is an older one, of which `then` was true.

        What it had sent must come back from head office; what nobody else had is gone with the disk.
        """
        self.expected[node] = dict(then)
        self.note_told(node)
        owed = self.owed[node.code]
        for key, version in self.received(node.code).items():
            owed[key] = max(version, owed.get(key, 0))

    def hq_fell_back(self) -> None:
        """Note that head office is an older one: it owes what it holds now, the branches have the rest."""
        for code in self.owed:
            self.owed[code] = self.received(code)

    def note_told(self, node: Node) -> None:
        """Keep in mind which records a person was asked about."""
        asked = select(RecoveredRow.record_type, RecoveredRow.record_id).where(RecoveredRow.state.in_(TOLD))
        for office in self.stage.offices:
            with node.view(office.name).database.reads() as session:
                self.told[node.code].update((name, record_id) for name, record_id in session.execute(asked))

    def at_hq(self, code: str, receiver: str = FIRST) -> Versions:
        """Return what head office, or another receiver, holds of a branch, removals included."""
        hq = self.stage.office_of(receiver).runtime
        with hq.database.reads() as session:
            number = session.scalars(select(Branch.number).where(Branch.code == code)).one()
            stones = session.execute(
                select(Tombstone.record_type, Tombstone.id).where(Tombstone.branch_number == number)
            )
            held = {(name, one): self.removals.get((name, one), 0) for name, one in stones}
            return held | dict(_marks(session, hq.bindings, number))

    def received(self, code: str) -> Versions:
        """Return the newest that any receiver has received of a branch, be it in its tables or parked."""
        newest: Versions = {}
        for office in self.stage.offices:
            hq, held = office.runtime, list(self.at_hq(code, office.name).items())
            with hq.database.reads() as session:
                number = session.scalars(select(Branch.number).where(Branch.code == code)).one()
                held += _refused_marks(session, hq.bindings, number)
            for key, version in held:
                newest[key] = max(version, newest.get(key, 0))
        return newest

    def judge(self, code: str, node: Node) -> Counter[str]:
        """Compare what head office and the branch's one `node` hold with what they must hold."""
        found: Counter[str] = Counter()
        # A refused copy still shows what it asked people about, and what they choose there can be taken out.
        for each in self.stage.nodes:
            if each.code == code:
                self.note_told(each)
        with node.runtime.database.reads() as session:
            held = dict(_marks(session, node.runtime.bindings))
            ours = digests(session, node.runtime.bindings)
        found["unsettled"] += ours != self._judge_copy(code, FIRST, found)
        with node.runtime.database.reads() as session:
            found["false_alarms"] += self._false(session)
        found["doubled"] += len(held.keys() - self.made)
        due = dict(self.owed[code])
        for key, version in self.expected[node].items():
            due[key] = max(version, due.get(key, 0))
        for key, version in due.items():
            if key not in self.excused and key not in self.told[code]:
                found[self._verdict(key, version, held.get(key))] += 1
        return found

    def judge_copy(self, code: str, node: Node, receiver: str) -> Counter[str]:
        """Compare what another receiver holds with what the `node` that speaks for the branch there holds of that."""
        found: Counter[str] = Counter()
        with node.runtime.database.reads() as session:
            ours = digests(session, node.view(receiver).bindings)
        theirs = self._judge_copy(code, receiver, found)
        found["unsettled"] += any(theirs[name] != digest for name, digest in ours.items())
        return found

    def _judge_copy(self, code: str, receiver: str, found: Counter[str]) -> dict[str, TableDigest]:
        """Count what is wrong with what a receiver holds of a branch, by itself; return its digests."""
        hq = self.stage.office_of(receiver).runtime
        with hq.database.reads() as session:
            number = session.scalars(select(Branch.number).where(Branch.code == code)).one()
            theirs = digests(session, hq.bindings, number)
            amounts = _amounts(session, hq.bindings["bill_line"].table, number)
            found["doubled"] += _repeated(session, hq.bindings, number)
            differences = session.scalars(
                select(Difference.id).where(Difference.branch_number == number)
            ).all()
            found["false_alarms"] += self._false(session)
        # A record in the place of another, which a person was told of, may be found by a barrier before they decide.
        found["false_alarms"] += bool(differences) and not (self.damaged or self.told[code])
        found["money_off"] += sum(
            abs(amount - self.amounts.get(("bill_line", one), 0))
            for one, amount in amounts.items()
            if ("bill_line", one) not in self.excused
        )
        return theirs

    def _false(self, session: Session) -> int:
        return sum(not self._true(alarm) for alarm in set(session.scalars(select(Alarm.code))))

    def _true(self, alarm: str) -> bool:
        return alarm not in CAUSES or any(self.stage.faults[cause] for cause in CAUSES[alarm])

    def _verdict(self, key: Key, due: int, held: int | None) -> str:
        removed = self.removals.get(key) == due
        if held is None:
            return "right" if removed or self.removals.get(key, 0) > due else "lost"
        if removed:
            return "resurrected" if held < due else "right"
        return "stale" if held < due else "right"


def digests(session: Session, bindings: Bindings, number: int | None = None) -> dict[str, TableDigest]:
    """Return the digest of every table that travels, at head office of one branch's rows."""
    return {
        name: digest_table(
            session, binding, *([] if number is None else [binding.table.c.branch_number == number])
        )
        for name, binding in bindings.items()
    }


def versions_at(node: Node) -> Versions:
    """Return the number of the last write of every row a node holds."""
    with node.runtime.database.reads() as session:
        return dict(_marks(session, node.runtime.bindings))


def _marks(session: Session, bindings: Bindings, number: int | None = None) -> Iterator[tuple[Key, int]]:
    for name, mark in MARK.items():
        table = bindings[name].table
        statement = select(table.c.id, table.c[mark])
        if number is not None:
            statement = statement.where(table.c.branch_number == number)
        for record_id, text in session.execute(statement):
            yield (name, record_id), int(text)


def _refused_marks(session: Session, bindings: Bindings, number: int) -> Iterator[tuple[Key, int]]:
    """Yield the number of the write of every row that is parked."""
    parked = select(ParkedRecord).where(
        ParkedRecord.branch_number == number, ParkedRecord.state == ParkedState.PARKED
    )
    for one in session.scalars(parked):
        if one.record_type in MARK:
            columns = bindings[one.record_type].record.columns
            values = dict(zip(columns, json.loads(one.line)[1:], strict=True))
            yield (one.record_type, values["id"]), int(values[MARK[one.record_type]])


def _amounts(session: Session, table: Table, number: int) -> dict[str, int]:
    rows = session.execute(select(table.c.id, table.c.amount_minor).where(table.c.branch_number == number))
    return {str(one): int(amount) for one, amount in rows}


def _repeated(session: Session, bindings: Bindings, number: int) -> int:
    """Return how many rows of head office are another row of the branch once more."""
    twice = 0
    for name, mark in MARK.items():
        table = bindings[name].table
        marks = session.scalars(select(table.c[mark]).where(table.c.branch_number == number)).all()
        twice += len(marks) - len(set(marks))
    return twice
