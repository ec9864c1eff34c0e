"""Reads of tracked units as branches sent them, and how far recalls have come at each branch."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, exists, func, select
from sqlalchemy.orm import Session, aliased

from hq_server.feed.models import FeedVersion
from hq_server.feed.queries import ItemFilter, list_standings
from hq_server.replica.models import ReplicaCustomer, ReplicaUnit, ReplicaUnitEvent
from shared.domain.published.vocabulary import ItemKind
from shared.domain.units.recalls import Recall, problem_of, read_recall
from shared.domain.units.rules import normal_serial
from shared.domain.units.vocabulary import UnitEventKind, UnitStatus
from shared.errors import N_, BranchlineError, Kind

SORTS: Final = {
    "serial_no": ReplicaUnit.serial_no,
    "model": ReplicaUnit.model,
    "branch": ReplicaUnit.branch_number,
    "warranty_until": ReplicaUnit.warranty_until,
}
OPEN: Final = "open"
DONE: Final = "done"
_Later = aliased(ReplicaUnitEvent)


class UnitNotHeldError(BranchlineError):
    """No such unit of this branch has arrived."""

    code = "unit-not-held"
    kind = Kind.NOT_FOUND
    message = N_("No such unit of this branch has arrived.")


class RecallNotFoundError(BranchlineError):
    """There is no such recall, or it is withdrawn."""

    code = "recall-not-found"
    kind = Kind.NOT_FOUND
    message = N_("There is no such recall, or it is withdrawn.")


@dataclass(frozen=True, slots=True)
class Published:
    """A recall that is out, the item it is published as, and to which branches (none: to all)."""

    item_id: str
    recall: Recall
    branches: Sequence[str]

    def calls_in(self, code: str, today: date) -> bool:
        """Tell whether it calls units of a branch in today."""
        return self.recall.holds_on(today) and (not self.branches or code in self.branches)


@dataclass(frozen=True, slots=True)
class UnitFilter:
    """Which units are wanted; everything empty means all. Of a recall, those it means that are `open` or `done`."""

    text: str = ""
    branches: Collection[int] = ()
    statuses: Collection[str] = ()
    recall: Recall | None = None
    state: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a recall has come among the units in use of one branch, or of several."""

    matched: int = 0
    done: int = 0

    @property
    def open(self) -> int:
        """How many are still to be called in."""
        return self.matched - self.done

    def __add__(self, other: "Progress") -> "Progress":
        """Return both together."""
        return Progress(self.matched + other.matched, self.done + other.done)


def select_units(wanted: UnitFilter) -> Select[ReplicaUnit, ReplicaCustomer]:
    """Return the statement of the units wanted, each with its owner."""
    unit, owner = ReplicaUnit, ReplicaCustomer
    same = and_(owner.branch_number == unit.branch_number, owner.id == unit.owner_id)
    return select(unit, owner).outerjoin(owner, same).where(*_conditions(wanted))


def get_unit(session: Session, branch_number: int, unit_id: str) -> ReplicaUnit:
    """Return one unit of a branch; raises UnitNotHeldError."""
    found = session.get(ReplicaUnit, (branch_number, unit_id))
    if found is None:
        raise UnitNotHeldError
    return found


def list_events(session: Session, unit: ReplicaUnit) -> Sequence[ReplicaUnitEvent]:
    """Return every event of a unit that has arrived, in the order of their days."""
    event = ReplicaUnitEvent
    mine = (event.branch_number == unit.branch_number, event.unit_id == unit.id)
    return session.scalars(select(event).where(*mine).order_by(event.happened_on, event.id)).all()


def list_customers(
    session: Session, branch_number: int, ids: Collection[str | None]
) -> dict[str, ReplicaCustomer]:
    """Return those customers of a branch that have arrived, by id."""
    owner = ReplicaCustomer
    wanted = owner.id.in_({one for one in ids if one})
    found = session.scalars(select(owner).where(owner.branch_number == branch_number, wanted))
    return {one.id: one for one in found}


def list_elsewhere(session: Session, units: Collection[ReplicaUnit]) -> dict[str, list[ReplicaUnit]]:
    """Return by number all the units that bear it, where two branches hold one of the same number."""
    numbers = {unit.serial_no for unit in units}
    found: dict[str, list[ReplicaUnit]] = {}
    ordered = select(ReplicaUnit).where(ReplicaUnit.serial_no.in_(numbers))
    for unit in session.scalars(ordered.order_by(ReplicaUnit.branch_number, ReplicaUnit.id)):
        found.setdefault(unit.serial_no, []).append(unit)
    return {number: held for number, held in found.items() if len({unit.branch_number for unit in held}) > 1}


def list_recalls(session: Session, now: datetime) -> list[Published]:
    """Return the recalls that are out, the latest made first."""
    standings = list_standings(session, ItemFilter(kinds=frozenset({ItemKind.RECALL.value})))
    return [
        Published(one.item.id, read_recall(one.item.name, one.current.body), one.current.branches)
        for one in standings
        if one.current is not None and _is_out(one.item.name, one.current, now)
    ]


def get_recall(session: Session, number: str, now: datetime) -> Published:
    """Return one recall that is out; raises RecallNotFoundError."""
    found = next((one for one in list_recalls(session, now) if one.recall.number == number), None)
    if found is None:
        raise RecallNotFoundError
    return found


def count_progress(session: Session, recall: Recall) -> dict[int, Progress]:
    """Return by branch how many units in use a recall means, and on how many it was carried out."""
    counted = (
        select(ReplicaUnit.branch_number, func.count(), func.count().filter(_is_done(recall)))
        .where(*_meant(recall))
        .group_by(ReplicaUnit.branch_number)
    )
    return {number: Progress(matched, done) for number, matched, done in session.execute(counted)}


def list_done(session: Session, unit: ReplicaUnit) -> set[str]:
    """Return the numbers of the recalls that were carried out on a unit."""
    event = ReplicaUnitEvent
    wanted = select(event.recall_no).where(
        event.branch_number == unit.branch_number,
        event.unit_id == unit.id,
        event.kind == UnitEventKind.RECALL_DONE,
        _stands(),
    )
    return {number for number in session.scalars(wanted) if number}


def _is_out(number: str, version: FeedVersion, now: datetime) -> bool:
    over = version.expires_at is not None and version.expires_at <= now
    return not version.withdrawn and not over and problem_of(number, version.body) is None


def _meant(recall: Recall) -> tuple[ColumnElement[bool], ...]:
    return ReplicaUnit.status == UnitStatus.IN_USE, recall.meant(ReplicaUnit)


def _stands() -> ColumnElement[bool]:
    later = exists().where(
        _Later.branch_number == ReplicaUnitEvent.branch_number, _Later.corrects_id == ReplicaUnitEvent.id
    )
    return ~later


def _is_done(recall: Recall) -> ColumnElement[bool]:
    event = ReplicaUnitEvent
    return (
        select(event.id)
        .where(
            event.branch_number == ReplicaUnit.branch_number,
            event.unit_id == ReplicaUnit.id,
            event.kind == UnitEventKind.RECALL_DONE,
            event.recall_no == recall.number,
            _stands(),
        )
        .exists()
    )


def _conditions(wanted: UnitFilter) -> list[ColumnElement[bool]]:
    unit: Any = ReplicaUnit
    found: list[ColumnElement[bool]] = []
    if wanted.text:
        found.append(unit.serial_no.contains(normal_serial(wanted.text), autoescape=True))
    if wanted.branches:
        found.append(unit.branch_number.in_(sorted(wanted.branches)))
    if wanted.statuses:
        found.append(unit.status.in_(sorted(wanted.statuses)))
    if wanted.recall is not None:
        found += _meant(wanted.recall)
    if wanted.recall is not None and wanted.state in {OPEN, DONE}:
        done = _is_done(wanted.recall)
        found.append(done if wanted.state == DONE else ~done)
    return found
