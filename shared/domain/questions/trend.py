"""What came of questions month by month: how many answered, the mean or the shares, against the month before."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise
from typing import Final, NamedTuple

from shared.domain.questions.rules import SCORES, Question
from shared.domain.questions.vocabulary import Indicator, Scale

# A mean or share of fewer answers says little, and is marked.
FEW: Final = 5
MONTHS: Final = 12
_IN_YEAR: Final = 12


class Counted(NamedTuple):
    """So many standing answers of one kind in one month."""

    code: str
    indicator: Indicator
    month: date
    score: int | None
    choice: str | None
    answers: int


@dataclass(frozen=True, slots=True)
class Month:
    """The answers of one month by what was answered, and how many customers gave them."""

    month: date
    counts: Mapping[str, int] = field(default_factory=dict)
    customers: int = 0

    @property
    def answers(self) -> int:
        """How many answers there are."""
        return sum(self.counts.values())

    @property
    def is_few(self) -> bool:
        """Whether there are so few answers that mean and shares say little."""
        return 0 < self.answers < FEW

    @property
    def mean(self) -> float | None:
        """The mean of the scores, None where there is none."""
        return (
            sum(int(score) * n for score, n in self.counts.items()) / self.answers if self.answers else None
        )

    def share(self, answer: str) -> float | None:
        """Return how great a part of the answers is this one, None where there is none at all."""
        return self.counts.get(answer, 0) / self.answers if self.answers else None


@dataclass(frozen=True, slots=True)
class Line:
    """A month beside the one before it."""

    month: Month
    before: Month

    @property
    def mean_change(self) -> float | None:
        """By how much the mean rose, None where one of the months has none."""
        return _change(self.month.mean, self.before.mean)

    def share_change(self, answer: str) -> float | None:
        """Return by how much the share of an answer rose, None where one of the months has no answers."""
        return _change(self.month.share(answer), self.before.share(answer))


@dataclass(frozen=True, slots=True)
class Trend:
    """One question month by month, the latest first, each beside the one before it.

    Of a question that nobody here knows there is no `question`; its answers are known by their codes.
    """

    code: str
    indicator: Indicator
    scale: Scale
    question: Question | None
    lines: Sequence[Line]

    @property
    def answers(self) -> tuple[str, ...]:
        """What may be answered, and what was answered besides under an earlier version."""
        said = {answer for line in self.lines for answer in line.month.counts}
        offered = SCORES if self.scale is Scale.SCORE else self.question.answers if self.question else ()
        return (*offered, *sorted(said - set(offered)))

    @property
    def is_withdrawn(self) -> bool:
        """Whether it is asked no more."""
        return self.question is None or self.question.withdrawn

    @property
    def is_over(self) -> bool:
        """Whether it is asked no more and nobody answered it in these months."""
        return self.is_withdrawn and not any(line.month.answers for line in self.lines)

    @property
    def told(self) -> Sequence[Line]:
        """The months from the first that has answers, at least the latest."""
        before = next((at for at in range(len(self.lines), 1, -1) if self.lines[at - 1].month.answers), 1)
        return self.lines[:before]

    @property
    def is_score(self) -> bool:
        """Whether it is answered by scores, which have a mean."""
        return self.scale is Scale.SCORE


def months_until(day: date, count: int = MONTHS) -> list[date]:
    """Return the first days of the month a day is in and of those before it, the latest first."""
    last = day.year * _IN_YEAR + day.month - 1
    return [date(at // _IN_YEAR, at % _IN_YEAR + 1, 1) for at in range(last, last - count, -1)]


def month_after(month: date) -> date:
    """Return the first day of the month behind the one that begins on a day."""
    at = month.year * _IN_YEAR + month.month
    return date(at // _IN_YEAR, at % _IN_YEAR + 1, 1)


def blank(today: date) -> list[Line]:
    """Return the months of a question that nobody answered."""
    return [Line(Month(month), Month(before)) for month, before in pairwise(months_until(today, MONTHS + 1))]


def trends(
    counted: Iterable[Counted],
    customers: Mapping[tuple[str, date], int],
    questions: Mapping[str, Question],
    today: date,
) -> list[Trend]:
    """Return the trend of every question that is known or was answered, by indicator and code."""
    counts: dict[str, dict[date, dict[str, int]]] = {code: {} for code in questions}
    about = {code: (one.indicator, one.scale) for code, one in questions.items()}
    for one in counted:
        answer = str(one.score) if one.score is not None else one.choice or ""
        about.setdefault(one.code, (one.indicator, Scale.SCORE if one.score is not None else Scale.CHOICE))
        if (one.score is not None) == (about[one.code][1] is Scale.SCORE):
            of_month = counts.setdefault(one.code, {}).setdefault(one.month, {})
            of_month[answer] = of_month.get(answer, 0) + one.answers
    wanted, order = months_until(today, MONTHS + 1), tuple(Indicator)
    found = []
    for code in sorted(counts, key=lambda each: (order.index(about[each][0]), each)):
        each = [Month(at, counts[code].get(at, {}), customers.get((code, at), 0)) for at in wanted]
        lines = [Line(month, before) for month, before in pairwise(each)]
        found.append(Trend(code, *about[code], questions.get(code), lines))
    return found


def _change(now: float | None, before: float | None) -> float | None:
    return now - before if now is not None and before is not None else None
