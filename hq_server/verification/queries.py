"""How the proof stands: of each branch and table, and of each closed day."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hq_server.branches.models import Branch
from hq_server.branches.queries import list_branches
from hq_server.ingest.models import ChainPosition, InboxBatch
from hq_server.parking.models import ParkedRecord
from hq_server.parking.vocabulary import ParkedState
from hq_server.proof.models import DayCheck, Proof
from hq_server.proof.operations import ALARM_AFTER
from hq_server.proof.queries import list_proofs
from hq_server.replica.models import ReplicaDayClose
from shared.db.base import instant_text
from sync_protocol.catalog import BACKLOG, CATALOG

Key = tuple[int, str]
# Without it nothing says what a day should hold.
MANIFEST: Final = "day_close"


class Verdict(StrEnum):
    """How a branch stands, best first."""

    EQUAL = "equal"
    UNPROVEN = "unproven"
    REPAIRING = "repairing"
    PERSON = "needs-person"


class DayState(StrEnum):
    """How a branch's day stands."""

    COMPLETE = "complete"
    DIFFERS = "differs"
    UNCHECKED = "unchecked"
    MISSING = "missing"


# What `hq-server verify` ends with.
EXIT_CODES: Final[Mapping[Verdict, int]] = {
    Verdict.EQUAL: 0,
    Verdict.UNPROVEN: 1,
    Verdict.REPAIRING: 1,
    Verdict.PERSON: 2,
}


@dataclass(frozen=True, slots=True)
class TableProof:
    """How one record type of a branch stands: the latest comparison, and how many records are parked now.

    It was equal at batch `through` of its channel and is up to there: later batches up to it had none of its rows.
    `backlog_through` is the like in the channel of the backlog.
    """

    record_type: str
    proof: Proof | None
    parked: int
    through: int | None
    backlog_through: int = 0

    @property
    def compared(self) -> bool:
        """Whether there was a comparison."""
        return self.proof is not None and self.proof.compared_at is not None

    @property
    def equal(self) -> bool:
        """Whether the latest comparison found all rows equal."""
        return self.compared and self.proof is not None and self.proof.equal

    @property
    def verdict(self) -> Verdict:
        """How it stands; a parked record needs a person."""
        if self.parked or (self.proof is not None and self.proof.unequal >= ALARM_AFTER):
            return Verdict.PERSON
        if not self.compared:
            return Verdict.UNPROVEN
        return Verdict.EQUAL if self.equal else Verdict.REPAIRING


@dataclass(frozen=True, slots=True)
class BranchProof:
    """How a branch stands, by record type in the order they travel."""

    branch: Branch
    tables: Sequence[TableProof]

    @property
    def equal(self) -> bool:
        """Whether every table was equal when it was last compared."""
        return all(table.equal for table in self.tables)

    @property
    def verdict(self) -> Verdict:
        """The worst of its tables."""
        order = list(Verdict)
        return max((table.verdict for table in self.tables), key=order.index, default=Verdict.UNPROVEN)

    @property
    def through(self) -> int:
        """The last batch up to which all tables were equal, summed over channels as in `received_through`."""
        channels: dict[str, int] = {}
        for table in self.tables:
            places = {CATALOG[table.record_type].channel: table.through or 0, BACKLOG: table.backlog_through}
            for channel, at in places.items():
                channels[channel] = min(channels.get(channel, at), at)
        return sum(channels.values())

    @property
    def as_of(self) -> datetime | None:
        """When the oldest of its tables was last found equal; None when one never was."""
        times = [table.proof.equal_at if table.proof else None for table in self.tables]
        return None if None in times or not times else min(time for time in times if time is not None)

    @property
    def asked_at(self) -> datetime | None:
        """Since when somebody waits for a proof."""
        times = (table.proof.asked_at for table in self.tables if table.proof is not None)
        return min((time for time in times if time is not None), default=None)

    @property
    def parked(self) -> int:
        """How many of its records are parked."""
        return sum(table.parked for table in self.tables)


@dataclass(frozen=True, slots=True)
class BranchDay:
    """How one branch's day stands; `check` tells what differs."""

    branch: Branch
    state: DayState
    check: DayCheck | None


def branch_proofs(session: Session, *, code: str | None = None) -> list[BranchProof]:
    """Return how every branch that has joined stands, or the one named."""
    known = {(one.branch_number, one.record_type): one for one in list_proofs(session)}
    parked, through = _parked(session), _through(session, known)
    return [
        BranchProof(
            branch,
            [
                TableProof(name, known.get(key), parked.get(key, 0), *through.get(key, (None, 0)))
                for name in CATALOG
                if branch.sends(name)
                for key in ((branch.number, name),)
            ],
        )
        for branch in list_branches(session)
        if branch.node_id is not None and code in {None, branch.code}
    ]


def days_of(session: Session, day: date, *, timezone: str) -> list[BranchDay]:
    """Return how a day stands at every branch that had joined by then, complete ones last."""
    zone = ZoneInfo(timezone)
    checks = {one.branch_number: one for one in session.scalars(select(DayCheck).where(DayCheck.day == day))}
    manifests = select(ReplicaDayClose.branch_number).where(ReplicaDayClose.day == day)
    arrived = set(session.scalars(manifests))
    joined = (
        branch
        for branch in list_branches(session)
        if branch.joined_at is not None and branch.joined_at.astimezone(zone).date() <= day
        if branch.sends(MANIFEST)
    )
    states = [
        _day_of(branch, checks.get(branch.number), arrived=branch.number in arrived) for branch in joined
    ]
    return sorted(states, key=lambda one: (list(DayState).index(one.state) * -1, one.branch.code))


def verify_document(session: Session, now: datetime, *, code: str | None = None) -> dict[str, Any]:
    """Return what `hq-server verify --json` prints."""
    return {
        "as_of": instant_text(now),
        "branches": [_branch_document(one) for one in branch_proofs(session, code=code)],
    }


def exit_code(verdicts: Collection[str]) -> int:
    """Return what the command ends with: 0 all equal, 1 not yet, 2 a person is needed."""
    return max((EXIT_CODES[Verdict(verdict)] for verdict in verdicts), default=1)


def _branch_document(one: BranchProof) -> dict[str, Any]:
    return {
        "code": one.branch.code,
        "equal": one.equal,
        "verdict": one.verdict.value,
        "through": one.through,
        "as_of": instant_text(one.as_of) if one.as_of else None,
        "tables": {table.record_type: _table_document(table) for table in one.tables},
    }


def _table_document(table: TableProof) -> dict[str, Any]:
    proof = table.proof
    compared_at = proof.compared_at if proof else None
    return {
        "equal": table.equal,
        "verdict": table.verdict.value,
        "rows": proof.rows if proof else 0,
        "parked": table.parked,
        "through": table.through,
        "as_of": instant_text(compared_at) if compared_at else None,
    }


def _day_of(branch: Branch, check: DayCheck | None, *, arrived: bool) -> BranchDay:
    if check is not None:
        return BranchDay(branch, DayState.COMPLETE if check.complete else DayState.DIFFERS, check)
    return BranchDay(branch, DayState.UNCHECKED if arrived else DayState.MISSING, None)


def _through(session: Session, known: Mapping[Key, Proof]) -> dict[Key, tuple[int, int]]:
    """Return the batches through which each record type is equal, in its own channel and in that of the backlog.

    That is a channel's last batch, if none with its rows came since.
    """
    moved = _moved_since(session)
    heads = {(one.branch_number, one.channel): one for one in session.scalars(select(ChainPosition))}
    found: dict[Key, tuple[int, int]] = {}
    for (number, name), proof in known.items():
        if name not in CATALOG or proof.equal_through is None:
            continue
        own, backlog = heads.get((number, CATALOG[name].channel)), heads.get((number, BACKLOG))
        here = own is not None and own.lineage == proof.lineage and (number, name) not in moved
        through = own.batch_no if own is not None and here else proof.equal_through
        late = moved.get((number, name))
        behind = backlog.batch_no if backlog is not None and backlog.lineage == proof.lineage else 0
        found[number, name] = through, late - 1 if late is not None else behind
    return found


def _moved_since(session: Session) -> dict[Key, int | None]:
    """Return the record types of which rows came after they were last equal, with the first such batch of backlog."""
    later = (
        select(
            InboxBatch.branch_number,
            InboxBatch.record_type,
            func.min(InboxBatch.batch_no).filter(InboxBatch.channel == BACKLOG),
        )
        .join(
            Proof,
            (Proof.branch_number == InboxBatch.branch_number)
            & (Proof.lineage == InboxBatch.lineage)
            & (Proof.record_type == InboxBatch.record_type),
        )
        # Entries of one branch are numbered in the order they were applied.
        .where(InboxBatch.id > Proof.equal_entry, InboxBatch.rows + InboxBatch.removed > 0)
        .group_by(InboxBatch.branch_number, InboxBatch.record_type)
    )
    return {(row[0], row[1]): row[2] for row in session.execute(later)}


def _parked(session: Session) -> dict[tuple[int, str], int]:
    statement = (
        select(ParkedRecord.branch_number, ParkedRecord.record_type, func.count())
        .where(ParkedRecord.state == ParkedState.PARKED)
        .group_by(ParkedRecord.branch_number, ParkedRecord.record_type)
    )
    return {(row[0], row[1]): int(row[2]) for row in session.execute(statement)}
