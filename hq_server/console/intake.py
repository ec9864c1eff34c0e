"""Who is being taken in at this moment and who waits, as people read it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from hq_server.branches.models import Branch
from hq_server.intake import Lane, Look
from shared.domain.vocabulary import Vocabulary
from shared.errors import N_


class Load(Vocabulary):
    """What a branch has to deliver."""

    LITTLE = ("little", N_("a little"), "少量")
    TODAY = ("today", N_("much, of today"), "大量，今日")
    BACKLOG = ("backlog", N_("backlog of earlier days"), "往日积压")


_LOADS: Final = {Lane.LITTLE: Load.LITTLE, Lane.TODAY: Load.TODAY, Lane.BACKLOG: Load.BACKLOG}


@dataclass(frozen=True, slots=True)
class AtTheDoor:
    """A branch that is being taken in, or waits: since how many seconds, and what it has."""

    code: str
    name: str
    load: Load
    seconds: float
    taken_in: bool
    batches: int = 0


def at_the_door(look: Look, branches: Sequence[Branch]) -> list[AtTheDoor]:
    """Return the branches being taken in, then those who wait in the order they will go."""
    known = {branch.number: branch for branch in branches}
    found = [
        AtTheDoor(
            code=known[turn.branch].code,
            name=known[turn.branch].name,
            load=_LOADS[turn.lane],
            seconds=look.now - turn.began,
            taken_in=True,
            batches=turn.delivered,
        )
        for turn in look.turns
        if turn.branch in known
    ]
    return found + [
        AtTheDoor(
            code=known[ticket.branch].code,
            name=known[ticket.branch].name,
            load=_LOADS[ticket.lane],
            seconds=look.now - ticket.since,
            taken_in=False,
        )
        for ticket in look.line
        if ticket.branch in known
    ]
