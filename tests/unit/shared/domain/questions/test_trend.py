"""A trend counts every answer in its month, and says by how much mean and shares rose against the month before."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.questions.rules import read_question
from shared.domain.questions.trend import Counted, Month, month_after, months_until, trends
from shared.domain.questions.vocabulary import Indicator
from tests.unit.shared.domain.questions.test_questions import CHOICE, GOOD

TODAY = date(2026, 11, 20)
MONTHS = months_until(TODAY, 13)
scores = st.lists(st.tuples(st.sampled_from(MONTHS), st.integers(1, 5), st.integers(1, 9)), max_size=30)


@given(scores)
def test_the_answers_of_all_months_are_those_counted_and_the_mean_is_theirs(
    given_: list[tuple[date, int, int]],
) -> None:
    counted = [Counted("x", Indicator.DEMAND, month, score, None, n) for month, score, n in given_]
    (found,) = trends(counted, {}, {"x": read_question("x", GOOD, 1)}, TODAY)

    assert [line.month.month for line in found.lines] == MONTHS[:12]
    assert not any(line.month.answers for line in found.lines[len(found.told) :])
    assert len(found.told) == 1 or found.told[-1].month.answers
    for line in found.lines:
        each = [score for month, score, n in given_ if month == line.month.month for _one in range(n)]
        assert line.month.answers == len(each)
        assert line.month.mean == (pytest.approx(sum(each) / len(each)) if each else None)
        assert line.month.is_few == (0 < len(each) < 5)
        assert (line.mean_change is None) == (not each or line.before.mean is None)
        if each:
            assert sum(line.month.share(one) or 0 for one in found.answers) == pytest.approx(1)


def test_months_go_back_over_the_turn_of_the_year() -> None:
    assert months_until(date(2026, 2, 28), 4) == [
        date(2026, 2, 1), date(2026, 1, 1), date(2025, 12, 1), date(2025, 11, 1)
    ]  # fmt: skip
    assert month_after(date(2026, 12, 1)) == date(2027, 1, 1)
    assert month_after(date(2026, 1, 1)) == date(2026, 2, 1)


def test_a_share_rises_in_points_and_what_is_no_choice_any_more_is_counted_by_its_code() -> None:
    one, before = MONTHS[:2]
    counted = [
        Counted("x", Indicator.DEMAND, one, None, "a", 3),
        Counted("x", Indicator.DEMAND, one, None, "gone", 1),
        Counted("x", Indicator.DEMAND, before, None, "a", 1),
        Counted("x", Indicator.DEMAND, before, None, "b", 1),
        # Another scale under the same code is none of it.
        Counted("x", Indicator.DEMAND, before, 4, None, 9),
    ]
    (found,) = trends(counted, {("x", one): 2}, {"x": read_question("x", CHOICE, 1)}, TODAY)

    assert found.answers == ("a", "b", "gone")
    line = found.lines[0]
    assert (line.month.customers, line.month.share("a"), line.share_change("a")) == (2, 0.75, 0.25)
    assert (line.before.answers, line.share_change("gone")) == (2, 0.25)


def test_a_month_without_answers_has_no_mean_and_no_share() -> None:
    assert (Month(TODAY).mean, Month(TODAY).share("1"), Month(TODAY).is_few) == (None, None, False)
