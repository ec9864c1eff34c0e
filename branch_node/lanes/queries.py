"""Which unsealed changes are of today and which are backlog, and how much of each waits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from branch_node.lanes.models import DayMark
from sync_protocol.catalog import BACKLOG, CATALOG, Binding, Bindings, RecordKind
from sync_protocol.changelog.models import Change, OutboxBatch
from sync_protocol.changelog.sealing import Lane

# A day's manifest counts the day's facts: it is of no use before them.
MANIFEST: Final = "day_close"


@dataclass(frozen=True, slots=True)
class Lanes:
    """Up to which change each record type's backlog goes; a type that is not named has none.

    0 says that nothing more is to be sealed: batches of its backlog are under way still.
    """

    backlog: Mapping[str, int]
    manifest_waits: bool = False

    def today(self, binding: Binding) -> Lane:
        """Return what goes first, in the record type's own channel."""
        return Lane(after=self.backlog.get(binding.record.name, 0))

    def earlier(self, binding: Binding) -> Lane:
        """Return what goes once all of today is in, in the channel for that."""
        return Lane(channel=BACKLOG, through=self.backlog.get(binding.record.name, 0))

    def in_order(self, bindings: Bindings) -> list[tuple[Binding, Lane]]:
        """Return every lane that may hold something, in the order in which they go."""
        every = bindings.values()
        return [
            *((one, self.today(one)) for one in every if not self.waits(one)),
            *((one, self.earlier(one)) for one in every if one.record.name in self.backlog),
            *((one, self.today(one)) for one in every if self.waits(one)),
        ]

    def delays(self, binding: Binding) -> bool:
        """Whether a record type has backlog, or waits for that of others."""
        return binding.record.name in self.backlog or self.waits(binding)

    def waits(self, binding: Binding) -> bool:
        """Whether a record type has no turn before the backlog is through."""
        return self.manifest_waits and binding.record.name == MANIFEST


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many changes head office has not acknowledged: made today, and before."""

    today: int
    earlier: int


@dataclass(frozen=True, slots=True)
class Marks:
    """The newest change there is, the newest noted today (None: none yet), and the newest noted before today."""

    newest: int
    noted: int | None
    before: int


def newest_before(session: Session, today: date) -> int:
    """Return the newest change noted on the last day before `today`, 0 when nothing was."""
    return session.scalar(_last_before(today)) or 0


def read_marks(session: Session, today: date) -> Marks:
    """Return where the change log stands, up to where today has noted it, and where the days before ended."""
    newest = select(func.coalesce(func.max(Change.id), 0)).scalar_subquery()
    noted = select(DayMark.newest).where(DayMark.day == today).scalar_subquery()
    row = session.execute(
        select(newest, noted, func.coalesce(_last_before(today).scalar_subquery(), 0))
    ).one()
    return Marks(*row)


def plan(
    session: Session,
    unsealed: Mapping[str, int],
    under_way: Mapping[str, int],
    *,
    through: int,
    above: int,
) -> Lanes:
    """Part every record type with more than `above` changes from before, up to change `through`, into its two lanes.

    With fewer it goes in one queue: they are through in a moment. `unsealed` counts changes by record type,
    `under_way` by channel, both in this snapshot.
    """
    backlog = dict.fromkeys(_list_under_way(session), 0) if BACKLOG in under_way else {}
    many = (name for name, changes in unsealed.items() if changes > above) if through else ()
    backlog |= {name: through for name in many if _has_more(session, name, through, above)}
    facts = any(CATALOG[name].kind is RecordKind.FACT for name in backlog)
    return Lanes(backlog, manifest_waits=facts)


def count_waiting(session: Session, today: date) -> Waiting:
    """Return how much of what waits is today's and how much is from before."""
    through = newest_before(session, today)
    unsealed = select(
        func.count().filter(Change.id > through), func.count().filter(Change.id <= through)
    ).where(Change.batch_id.is_(None))
    own = OutboxBatch.channel != BACKLOG
    sealed = select(
        func.coalesce(func.sum(OutboxBatch.changes).filter(own), 0),
        func.coalesce(func.sum(OutboxBatch.changes).filter(~own), 0),
    ).where(OutboxBatch.acknowledged_at.is_(None), OutboxBatch.voided_at.is_(None))
    new, old = session.execute(unsealed).one()
    new_sealed, old_sealed = session.execute(sealed).one()
    return Waiting(today=new + int(new_sealed), earlier=old + int(old_sealed))


def _last_before(today: date) -> Select[int]:
    return select(DayMark.newest).where(DayMark.day < today).order_by(DayMark.day.desc()).limit(1)


def _list_under_way(session: Session) -> Sequence[str]:
    """Return the record types of which a batch of backlog has no receipt yet."""
    sealed = select(OutboxBatch.record_type).where(
        OutboxBatch.channel == BACKLOG,
        OutboxBatch.acknowledged_at.is_(None),
        OutboxBatch.voided_at.is_(None),
    )
    return session.scalars(sealed.distinct()).all()


def _has_more(session: Session, record_type: str, through: int, above: int) -> bool:
    some = (
        select(Change.id)
        .where(Change.record_type == record_type, Change.batch_id.is_(None), Change.id <= through)
        .limit(above + 1)
        .subquery()
    )
    return (session.scalar(select(func.count()).select_from(some)) or 0) > above
