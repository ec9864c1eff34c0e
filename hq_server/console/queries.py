"""What stands across slices: the state of the whole fleet, what was refused, what was delivered."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Select, case, func, select
from sqlalchemy.orm import Session

from hq_server.analysis import sources
from hq_server.analysis.grid import Counts
from hq_server.analysis.queries import count_customers
from hq_server.branches.models import Branch
from hq_server.branches.queries import Coverage, LinkState, branch_link, list_branches
from hq_server.customers.identities import count_shared
from hq_server.ingest.models import ChainPosition, InboxBatch
from hq_server.parking.models import ParkedRecord
from hq_server.parking.vocabulary import ParkedState
from hq_server.replica.models import ReplicaBillLine
from shared.db.base import instant_text
from shared.db.parts import Part, first_of
from shared.errors import N_, BranchlineError, Kind

TREND_DAYS: Final = 7
MOST_REFUSED: Final = 200
_TROUBLE: Final = {LinkState.DOWN: 0, LinkState.WAITING: 1, LinkState.SLOW: 2, LinkState.UP: 3}


class BatchNotFoundError(BranchlineError):
    """There is no such batch."""

    code = "batch-not-found"
    kind = Kind.NOT_FOUND
    message = N_("There is no such batch.")


@dataclass(frozen=True, slots=True)
class BranchState:
    """One branch as the fleet list shows it."""

    branch: Branch
    link: LinkState
    parked: int
    records: dict[str, int]
    received_through: int
    trend: Sequence[int]
    customers: Counts

    @property
    def caught_up(self) -> bool:
        """Whether we hold everything the branch had when last heard, and its line is not down."""
        heard = self.link in {LinkState.UP, LinkState.SLOW}
        return heard and self.branch.pending == 0 and self.branch.data_as_of is not None

    @property
    def trouble(self) -> tuple[int, int, int, str]:
        """What the fleet list is sorted by: worst first."""
        return (_TROUBLE[self.link], -self.parked, -self.branch.pending, self.branch.code)


@dataclass(frozen=True, slots=True)
class Strip:
    """The four figures at the top of the overview."""

    branches: int
    caught_up: int
    parked: int
    as_of: datetime | None
    complete_today: int


def fleet(session: Session, now: datetime, *, timezone: str) -> list[BranchState]:
    """Return every branch with its state, most troubled first; a handful of statements for any number."""
    parked, records = _parked_counts(session), sources.record_counts(session)
    through, trends = _received_through(session), _trends(session, now, timezone)
    customers = count_customers(session)
    states = [
        BranchState(
            branch=branch,
            link=branch_link(branch, now),
            parked=parked.get(branch.number, 0),
            records=records.get(branch.number, {}),
            received_through=through.get(branch.number, 0),
            trend=trends.get(branch.number, (0,) * TREND_DAYS),
            customers=customers[branch.number],
        )
        for branch in list_branches(session)
    ]
    return sorted(states, key=lambda state: state.trouble)


def strip(states: Sequence[BranchState], coverage: Coverage, *, timezone: str) -> Strip:
    """Sum the fleet up; a branch is complete today when all it had at some time today has arrived."""
    zone = ZoneInfo(timezone)
    today = coverage.now.astimezone(zone).date()
    return Strip(
        branches=len(states),
        caught_up=sum(state.caught_up for state in states),
        parked=sum(state.parked for state in states),
        as_of=coverage.as_of,
        complete_today=sum(one.as_of.astimezone(zone).date() == today for one in coverage.included),
    )


def customers_together(session: Session, states: Sequence[BranchState]) -> Counts:
    """Return how many files and customers all branches hold together; who is served by several counts once."""
    return sum((state.customers for state in states), Counts(shared=count_shared(session)))


def status_document(session: Session, now: datetime) -> dict[str, Any]:
    """Return what `hq-server status --json` prints: everything counted afresh from the replica.

    Totals are in minor units, summed as given: currency -> month -> kind.
    """
    numbers = [branch.number for branch in list_branches(session)]
    records = _fresh_counts(session, numbers)
    parked, through, totals = _parked_counts(session), _received_through(session), _totals(session)
    return {
        "as_of": instant_text(now),
        "branches": [
            {
                "code": branch.code,
                "name": branch.name,
                "link": branch_link(branch, now).value,
                "last_seen": instant_text(branch.last_seen_at) if branch.last_seen_at else None,
                "data_as_of": instant_text(branch.data_as_of) if branch.data_as_of else None,
                "received_through": through.get(branch.number, 0),
                "applied_through": through.get(branch.number, 0),
                "pending": branch.pending,
                "parked": parked.get(branch.number, 0),
                "records": dict.fromkeys(sources.REPLICAS, 0) | records.get(branch.number, {}),
                "totals": totals.get(branch.number, {}),
            }
            for branch in list_branches(session)
        ],
    }


def select_batches(*, branches: Collection[int] = (), record_type: str | None = None) -> Select[InboxBatch]:
    """Select the batches received, newest first."""
    statement = select(InboxBatch).order_by(InboxBatch.id.desc())
    if branches:
        statement = statement.where(InboxBatch.branch_number.in_(sorted(branches)))
    return statement.where(InboxBatch.record_type == record_type) if record_type else statement


def get_batch(session: Session, batch_id: int) -> InboxBatch:
    """Return one batch; raises BatchNotFoundError."""
    found = session.get(InboxBatch, batch_id)
    if found is None:
        raise BatchNotFoundError
    return found


def find_batch_before(session: Session, batch: InboxBatch) -> InboxBatch | None:
    """Return the batch before in its chain, or None."""
    return session.scalar(
        select(InboxBatch).where(
            InboxBatch.branch_number == batch.branch_number,
            InboxBatch.lineage == batch.lineage,
            InboxBatch.channel == batch.channel,
            InboxBatch.batch_no == batch.batch_no - 1,
        )
    )


def list_refused(session: Session, batch: InboxBatch, *, limit: int = MOST_REFUSED) -> Part[ParkedRecord]:
    """Return the first rows of a batch that were refused, however they stand now, and how many were."""
    refused = select(ParkedRecord).where(
        ParkedRecord.branch_number == batch.branch_number, ParkedRecord.batch_id == batch.id
    )
    return first_of(session, refused.order_by(ParkedRecord.id), limit)


def totals_of(control: Mapping[str, Any]) -> list[tuple[str, str, str, int]]:
    """Return control totals as (currency, period, kind, minor units); what is of no such form is left out."""
    return [
        (currency, period, kind, amount)
        for currency, periods in _sorted(control)
        for period, kinds in _sorted(periods)
        for kind, amount in _sorted(kinds)
    ]


def receipt_of(batch: InboxBatch) -> object:
    """Return the receipt that was given for a batch, or None when it is kept no more or cannot be read."""
    kept: object = batch.receipt
    return kept.get("receipt") if isinstance(kept, Mapping) else None


def _sorted(members: object) -> list[tuple[str, Any]]:
    return sorted(members.items()) if isinstance(members, Mapping) else []


def sum_batches(
    session: Session, *, branches: Collection[int] = (), record_type: str | None = None
) -> tuple[int, int, int]:
    """Return how many rows and bytes the selected batches brought, and how many rows were refused."""
    some = select_batches(branches=branches, record_type=record_type).order_by(None).subquery()
    sums = select(func.sum(some.c.rows), func.sum(some.c.wire_bytes), func.sum(some.c.parked))
    rows, size, parked = session.execute(sums).one()
    return int(rows or 0), int(size or 0), int(parked or 0)


def _parked_counts(session: Session) -> dict[int, int]:
    statement = (
        select(ParkedRecord.branch_number, func.count())
        .where(ParkedRecord.state == ParkedState.PARKED)
        .group_by(ParkedRecord.branch_number)
    )
    return {row[0]: row[1] for row in session.execute(statement)}


def _received_through(session: Session) -> dict[int, int]:
    statement = select(ChainPosition.branch_number, func.sum(ChainPosition.batch_no)).group_by(
        ChainPosition.branch_number
    )
    return {row[0]: int(row[1]) for row in session.execute(statement)}


def _fresh_counts(session: Session, numbers: Sequence[int]) -> dict[int, dict[str, int]]:
    counts: dict[int, dict[str, int]] = {}
    for row in session.execute(sources.record_rows(numbers)):
        number, record_type, rows = tuple(row)
        counts.setdefault(number, {})[record_type] = int(rows)
    return counts


def _totals(session: Session) -> dict[int, dict[str, dict[str, dict[str, int]]]]:
    line = ReplicaBillLine
    groups = (line.branch_number, line.currency, line.period, line.kind)
    statement = select(*groups, func.sum(line.amount_minor)).group_by(*groups).order_by(*groups)
    totals: dict[int, dict[str, dict[str, dict[str, int]]]] = {}
    for number, currency, period, kind, amount in session.execute(statement):
        months = totals.setdefault(number, {}).setdefault(currency, {})
        months.setdefault(period, {})[kind.value] = int(amount)
    return totals


def _trends(session: Session, now: datetime, timezone: str) -> dict[int, tuple[int, ...]]:
    """Return the rows received on each of the last days, oldest first, by branch."""
    midnight = now.astimezone(ZoneInfo(timezone)).replace(hour=0, minute=0, second=0, microsecond=0)
    starts = [(midnight - timedelta(days=back)).astimezone(UTC) for back in range(TREND_DAYS - 1, -1, -1)]
    batch = InboxBatch
    days = []
    for at, start in enumerate(starts):
        inside = batch.received_at >= start
        if at + 1 < len(starts):
            inside = inside & (batch.received_at < starts[at + 1])
        days.append(func.sum(case((inside, batch.rows), else_=0)))
    statement = (
        select(batch.branch_number, *days).where(batch.received_at >= starts[0]).group_by(batch.branch_number)
    )
    return {row[0]: tuple(int(rows) for rows in tuple(row)[1:]) for row in session.execute(statement)}
