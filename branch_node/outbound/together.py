"""One barrier for many record types: most have few rows, and a barrier of their own each costs more than reading them.

It goes in the channel of the first of them. The others say how far their channels were in the same snapshot, and
head office compares those that stand exactly there. Whatever cannot go together goes by itself (`Prover.seal_barrier`):
large tables, since head office writes nothing else while it reads them; types of which much is being changed; and
everything when a channel went on meanwhile, or with a head office that compares one type a barrier.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from msgspec import UNSET
from sqlalchemy import func, literal, select, union_all
from sqlalchemy.orm import Session

from branch_node.outbound.recovered import list_all_undecided
from branch_node.proof.queries import MOST_OPEN
from branch_node.receivers.queries import list_open_loads
from branch_node.resend.queries import list_ended_asks
from sync_protocol.catalog import BACKLOG, Binding
from sync_protocol.changelog.models import ChainHead, Change, OutboxBatch
from sync_protocol.changelog.oversize import list_oversize
from sync_protocol.changelog.sealing import Place, Sender
from sync_protocol.contract.messages import Barrier, Beside, Held
from sync_protocol.reconcile import Selection, digest_buckets

# The tables of one barrier have at most so many rows together.
MOST_ROWS: Final = 5_000
# Fewer go by themselves.
LEAST_TYPES: Final = 2


@dataclass(frozen=True, slots=True)
class Group:
    """What goes in one barrier, by record type, the first carrying it; and where each of their channels stood."""

    bindings: Sequence[Binding]
    held: Mapping[str, Held]
    places: Mapping[str, Place]

    @property
    def carrier(self) -> Binding:
        """Return the record type in whose channel the barrier goes."""
        return self.bindings[0]

    @property
    def barrier(self) -> Barrier:
        """Return the barrier as it is sent."""
        beside = {
            one.record.name: Beside(
                **_members(self.held[one.record.name]),
                schema=one.record.version,
                after=self.places[one.record.channel].batch_no,
            )
            for one in self.bindings[1:]
        }
        return Barrier(**_members(self.held[self.carrier.record.name]), beside=beside)

    def has_moved(self, session: Session, sender: Sender) -> bool:
        """Whether something was sealed in one of the channels since the barrier was taken."""
        now = list_places(session, self.bindings, sender)
        return any(now[channel] != place for channel, place in self.places.items())


def take(session: Session, due: Sequence[Binding], sender: Sender, answers: Sequence[str]) -> Group | None:
    """Return what of the record types in `due` can go in one barrier; None when that is too little.

    All of it is read in the snapshot of `session`.
    """
    changed = _list_changed(session)
    chosen = _choose(session, due) if changed is not None else []
    if changed is None or len(chosen) < LEAST_TYPES:
        return None
    behind = _list_last_backlogs(session, sender.lineage)
    held = {}
    for binding in chosen:
        name = binding.record.name
        without = changed.get(name, set())
        found = digest_buckets(session, Selection(binding, without=without))
        ended = list_ended_asks(session, name, answers) if answers else []
        held[name] = Held(
            rows=found.total().rows,
            buckets=found.named(),
            open=sorted(without),
            backlog=behind.get(name) or UNSET,
            answers=ended or UNSET,
        )
    return Group(chosen, held, list_places(session, chosen, sender))


def list_places(session: Session, bindings: Sequence[Binding], sender: Sender) -> dict[str, Place]:
    """Return where the chains of these record types stand, by channel."""
    heads = {one.channel: one for one in session.scalars(select(ChainHead))}
    places = {}
    for channel in {one.record.channel for one in bindings}:
        head = heads.get(channel)
        here = head is not None and head.lineage == sender.lineage
        places[channel] = (
            Place(head.lineage, head.batch_no, head.digest) if head and here else Place(sender.lineage, 0, "")
        )
    return places


def _choose(session: Session, due: Sequence[Binding]) -> list[Binding]:
    """Return the record types whose rows are all delivered and few, the smallest first taken, in their order."""
    waiting = set(_list_undelivered(session))
    loading = {one.record_type for one in list_open_loads(session)}
    whole = [
        one
        for one in due
        if one.record.name not in loading
        and (BACKLOG, one.record.name) not in waiting
        and all(channel != one.record.channel for channel, _name in waiting)
    ]
    chosen, rows = set(), 0
    for count, name in sorted((count, name) for name, count in _count_rows(session, whole).items()):
        rows += count
        if rows <= MOST_ROWS:
            chosen.add(name)
    return [one for one in whole if one.record.name in chosen]


def _count_rows(session: Session, bindings: Sequence[Binding]) -> dict[str, int]:
    """Return how many rows each table holds; counts no further than matters."""
    if not bindings:
        return {}
    some = {one.record.name: select(one.table.c.id).limit(MOST_ROWS + 1).subquery() for one in bindings}
    counts = [select(literal(name), func.count()).select_from(rows) for name, rows in some.items()]
    return {row[0]: row[1] for row in session.execute(union_all(*counts))}


def _list_changed(session: Session) -> dict[str, set[str]] | None:
    """Return the records that HQ cannot hold as they are, by type, or are undecided; None when they are many."""
    unsealed = select(Change.record_type, Change.record_id).where(Change.batch_id.is_(None)).distinct()
    rows = session.execute(unsealed.limit(MOST_OPEN + 1)).all()
    if len(rows) > MOST_OPEN:
        return None
    changed = list_all_undecided(session)
    for name, record_id in rows:
        changed.setdefault(name, set()).add(record_id)
    for one in list_oversize(session):
        changed.setdefault(one.record_type, set()).add(one.record_id)
    return changed


def _list_undelivered(session: Session) -> list[tuple[str, str]]:
    """Return channel and record type of the batches without a receipt."""
    waiting = select(OutboxBatch.channel, OutboxBatch.record_type).where(
        OutboxBatch.acknowledged_at.is_(None), OutboxBatch.voided_at.is_(None)
    )
    return [(row[0], row[1]) for row in session.execute(waiting.distinct())]


def _list_last_backlogs(session: Session, lineage: int) -> dict[str, int]:
    last = select(OutboxBatch.record_type, func.max(OutboxBatch.batch_no)).where(
        OutboxBatch.lineage == lineage, OutboxBatch.channel == BACKLOG, OutboxBatch.voided_at.is_(None)
    )
    return {row[0]: row[1] for row in session.execute(last.group_by(OutboxBatch.record_type))}


def _members(held: Held) -> dict[str, Any]:
    return {name: getattr(held, name) for name in held.__struct_fields__}
