"""How a proposed act can stand, and what each kind of act brings."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy.orm import Session

from shared.errors import N_
from shared.rights.vocabulary import Action, Resource
from shared.stamp import Stamp

if TYPE_CHECKING:
    from shared.twoperson.models import ProposedAct

WEEK: Final = timedelta(days=7)


class ActState(StrEnum):
    """A proposed act waits until somebody else decides, the proposer withdraws it, or its time is over."""

    WAITING = "waiting"
    APPROVED = "approved"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


STATE_WORDS: Final = {
    ActState.WAITING: (N_("waits for a second person"), "warn"),
    ActState.APPROVED: (N_("approved"), "ok"),
    ActState.REFUSED: (N_("refused"), "bad"),
    ActState.WITHDRAWN: (N_("withdrawn"), ""),
    ActState.EXPIRED: (N_("not decided in time"), ""),
}


@dataclass(frozen=True, slots=True)
class ActKind:
    """One kind of act that takes two people.

    `execute` does it, once, in the transaction of the approval; `drop` undoes what proposing left when it comes to
    nothing. `resource` and `action` are what the policy table must allow whoever proposes or decides. `facts` says
    what exactly would be done, as (msgid, value), to whoever decides.
    """

    name: str
    label: str
    resource: Resource
    action: Action
    execute: Callable[[Session, "ProposedAct", Stamp], Any]
    drop: Callable[[Session, "ProposedAct", Stamp], Any]
    lifetime: timedelta = WEEK
    facts: Callable[["ProposedAct"], Sequence[tuple[str, object]]] = lambda _act: ()
