"""What happened with a unit as a page tells it: each event that counts, with the versions it took the place of."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from branch_node.customers.models import Customer
from branch_node.customers.queries import find_by_ids
from branch_node.units.models import UnitEvent
from shared.domain.corrections import versions_before
from shared.domain.units.rules import standing
from shared.domain.units.vocabulary import UnitEventKind


@dataclass(frozen=True, slots=True)
class Told:
    """One event, whom it is about where their file is seen, and the versions before, the latest first.

    Of what was taken back `event` is the entry that took it back.
    """

    event: UnitEvent
    customer: Customer | None
    before: Sequence[UnitEvent]

    @property
    def counts(self) -> bool:
        """Whether it happened."""
        return self.event.kind is not UnitEventKind.VOID


def told(session: Session, events: Sequence[UnitEvent]) -> list[Told]:
    """Return the events of a unit, the latest day first: those that count, and what was taken back."""
    by_id = {one.id: one for one in events}
    void = [one for one in events if one.kind is UnitEventKind.VOID]
    shown = sorted([*standing(events), *void], key=lambda one: (one.happened_on, one.id), reverse=True)
    known = find_by_ids(session, [one.customer_id for one in shown if one.customer_id])
    return [Told(one, known.get(one.customer_id or ""), versions_before(one, by_id)) for one in shown]
