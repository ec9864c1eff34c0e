"""When a paper counts: until its last day, and for so many months from its own day where that is asked."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from shared.domain.calendar import add_months


@dataclass(frozen=True, slots=True)
class Paper:
    """A paper that is not retired, as rules see it: which document, its day, and its last one if it has any."""

    document: str
    dated: date
    until: date | None = None

    def last_day(self, months: int | None = None) -> date:
        """Return the last day on which it counts, when one of more than so many months does not."""
        until = self.until or date.max
        return until if months is None else min(until, add_months(self.dated, months))

    def told(self) -> tuple[str, str, str]:
        """Return it as a judgement records it: three texts, the last empty without an end."""
        return self.document, self.dated.isoformat(), self.until.isoformat() if self.until else ""


def read_paper(told: object) -> Paper | None:
    """Return the paper that a judgement recorded, or None of what is no paper."""
    if not isinstance(told, tuple) or len(told) != 3 or not all(isinstance(one, str) for one in told):  # noqa: PLR2004 - as `told`
        return None
    document, dated, until = told
    try:
        return Paper(document, date.fromisoformat(dated), date.fromisoformat(until) if until else None)
    except ValueError:
        return None


def counts_longest(papers: Iterable[Paper], months: int | None) -> Paper | None:
    """Return the paper that counts longest, also when that is over; None of none."""
    return max(papers, key=lambda one: (one.last_day(months), one.dated, one.document), default=None)


def papers_of(data: Sequence[object]) -> tuple[Paper, ...]:
    """Return those of several things that are papers."""
    return tuple(one for one in data if isinstance(one, Paper))
