"""Reads of what branches have counted."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from fractions import Fraction

from sqlalchemy import select
from sqlalchemy.orm import Session

from hq_server.branches.models import Branch
from hq_server.branches.queries import Coverage, Covered, Missing, MissingReason
from hq_server.upkeep.models import UpkeepCount


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts of one branch or of several together."""

    customers: int = 0
    flagged: int = 0
    stale: int = 0
    conflicting: int = 0
    # Percent times the customers of who has told it, and how many these are: a mean of means would be wrong.
    completed: int = 0
    weighed: int = 0

    @classmethod
    def of(cls, counted: UpkeepCount) -> "Figures":
        """Return the figures of one branch."""
        told = counted.complete is not None
        return cls(
            counted.customers,
            counted.flagged,
            counted.stale,
            counted.conflicting,
            (counted.complete or 0) * counted.customers if told else 0,
            counted.customers if told else 0,
        )

    def __add__(self, other: "Figures") -> "Figures":
        """Return both together."""
        return Figures(
            self.customers + other.customers,
            self.flagged + other.flagged,
            self.stale + other.stale,
            self.conflicting + other.conflicting,
            self.completed + other.completed,
            self.weighed + other.weighed,
        )

    @property
    def share(self) -> Fraction | None:
        """Return the part of the customers who have a flagged field, or None where there is no customer."""
        return Fraction(self.flagged, self.customers) if self.customers else None

    @property
    def complete(self) -> int | None:
        """Return the mean completeness of files in percent, each customer counting alike, or None."""
        return self.completed // self.weighed if self.weighed else None


def list_counts(session: Session, branches: Collection[int] = ()) -> Sequence[UpkeepCount]:
    """Return the last count of each branch that has told one, by branch code."""
    wanted = select(UpkeepCount).join(Branch, Branch.number == UpkeepCount.branch_number)
    if branches:
        wanted = wanted.where(UpkeepCount.branch_number.in_(sorted(branches)))
    return session.scalars(wanted.order_by(Branch.code)).all()


def counted_coverage(covered: Coverage, counts: Sequence[UpkeepCount]) -> Coverage:
    """Return what figures of counts cover: who has told one, each as of when it counted."""
    told = {one.branch_number: one.counted_at for one in counts}
    included, missing = [], []
    branches: list[Covered | Missing] = [*covered.included, *covered.missing]
    for one in branches:
        if one.number in told:
            included.append(Covered(one.number, one.code, one.name, told[one.number]))
            continue
        why = one.why if isinstance(one, Missing) else MissingReason.NEVER_COUNTED
        missing.append(Missing(one.number, one.code, one.name, why))
    return Coverage(tuple(included), tuple(missing), covered.now)
