"""Reads of what people ask branches about their data: kinds and days; who asked is known at the branch alone."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from hq_server.branches.models import Branch
from hq_server.replica.models import ReplicaPersonalRequest
from shared.domain.calendar import local_day
from shared.domain.personal.vocabulary import RequestKind, RequestState
from shared.domain.vocabulary import Vocabulary
from shared.errors import N_

# How long an answer counts among the answered ones.
YEAR: Final = timedelta(days=365)


class Standing(Vocabulary):
    """How a request stands against the day its answer is due."""

    OVERDUE = ("overdue", N_("overdue"), "逾期未答复")
    WAITING = ("waiting", N_("within its time"), "期限内")
    IN_TIME = ("in-time", N_("answered in time"), "按期答复")
    LATE = ("late", N_("answered late"), "逾期答复")


@dataclass(frozen=True, slots=True)
class Today:
    """The moment of a question, where the company's days begin and end."""

    now: datetime
    timezone: str

    def standing(self, request: ReplicaPersonalRequest) -> Standing:
        """Tell how a request stands: answered by the end of its last day is in time."""
        if request.ended_at is None:
            today = local_day(self.now, self.timezone)
            return Standing.OVERDUE if today > request.due_on else Standing.WAITING
        answered = local_day(request.ended_at, self.timezone)
        return Standing.IN_TIME if answered <= request.due_on else Standing.LATE


@dataclass(frozen=True, slots=True)
class Asked:
    """One request and how it stands."""

    request: ReplicaPersonalRequest
    standing: Standing

    @property
    def kind(self) -> RequestKind:
        """What was asked for."""
        return self.request.kind

    @property
    def received_on(self) -> date:
        """The day it came in."""
        return self.request.received_on

    @property
    def due_on(self) -> date:
        """The last day for the answer."""
        return self.request.due_on

    @property
    def ended_at(self) -> datetime | None:
        """When it was answered, or None."""
        return self.request.ended_at

    @property
    def answer(self) -> RequestState | None:
        """How it was answered, or None."""
        return self.request.state if self.request.ended_at else None


@dataclass(frozen=True, slots=True)
class Tally:
    """How many requests stand how, and the first day an answer is due."""

    counts: Counter[Standing]
    first_due: date | None

    @classmethod
    def of(cls, asked: Iterable[Asked]) -> "Tally":
        """Count requests."""
        found = list(asked)
        due = [one.request.due_on for one in found if one.request.state is RequestState.OPEN]
        return cls(Counter(one.standing for one in found), min(due, default=None))

    @property
    def unanswered(self) -> int:
        """How many wait for an answer, overdue or not."""
        return self.counts[Standing.OVERDUE] + self.counts[Standing.WAITING]


@dataclass(frozen=True, slots=True)
class Line:
    """A branch and how its requests stand."""

    branch: Branch
    tally: Tally

    @classmethod
    def of(cls, branch: Branch, tallies: Mapping[int, Tally]) -> "Line":
        """Return a branch's line; one that was asked nothing has noughts."""
        return cls(branch, tallies.get(branch.number, Tally.of(())))


def list_requests(
    session: Session, today: Today, branches: Iterable[int] = (), kinds: Collection[RequestKind] = ()
) -> Sequence[Asked]:
    """Return the requests of some branches and kinds (none: all), open or answered in the last 365 days.

    The open ones come first and of those the one due first; then the last answered.
    """
    request = ReplicaPersonalRequest
    recent = or_(request.state == RequestState.OPEN, request.ended_at >= today.now - YEAR)
    chosen = select(request).join(Branch, Branch.number == request.branch_number).where(recent)
    wanted = list(branches)
    if wanted:
        chosen = chosen.where(request.branch_number.in_(wanted))
    if kinds:
        chosen = chosen.where(request.kind.in_(kinds))
    ordered = chosen.order_by(
        request.ended_at.is_not(None), request.ended_at.desc(), request.due_on, request.id
    )
    return [Asked(one, today.standing(one)) for one in session.scalars(ordered)]


def tally_branches(
    session: Session, today: Today, branches: Iterable[int] = (), kinds: Collection[RequestKind] = ()
) -> dict[int, Tally]:
    """Return by branch number how its requests stand; a branch without any is left out."""
    by_branch: dict[int, list[Asked]] = {}
    for one in list_requests(session, today, branches, kinds):
        by_branch.setdefault(one.request.branch_number, []).append(one)
    return {number: Tally.of(asked) for number, asked in by_branch.items()}
