"""A question to the operation log as it stands in an address, read, and told in words."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from flask import request

from shared.domain.calendar import local_day
from shared.i18n import gettext as _
from shared.web.context import runtime, stamp
from shared.web.lists import choice_argument, text_argument
from shared.web.oplog import words
from shared.web.oplog.elements import LISTED, Element, Measure
from shared.web.oplog.question import Question, address
from shared.web.unreadable import A_DAY, AN_HOUR, unreadable

# What a page shows that nobody has asked anything yet; a record's own story is shown whole.
USUAL_DAYS: Final = 30
MOST_VALUES: Final = 50
MOST_LENGTH: Final = 80


@dataclass(frozen=True, slots=True)
class Asked:
    """A question and how it is told."""

    question: Question

    def chips(self) -> list[tuple[str, str, str]]:
        """Return the conditions as (name, words, name in the address)."""
        question = self.question
        days = [day.isoformat() if day else "" for day in question.days]
        listed = [
            (_(element.label), _words(element, question.wanted(element)), element.value) for element in LISTED
        ]
        hour = words.name_of(Element.HOUR, question.hour) if question.hour else ""
        return [(_("From"), days[0], "from"), (_("To"), days[1], "to"), (_("Hour"), hour, "hour"), *listed]

    def conditions(self) -> dict[str, str]:
        """Return the conditions in words, for a sheet, a print and the log itself."""
        return {name: value for name, value, _name in self.chips() if value}

    def grouped(self) -> str:
        """Return how entries are counted, in words; empty when they are not."""
        question = self.question
        if question.rows is None:
            return ""
        elements = [question.rows, *([question.columns] if question.columns else [])]
        return f"{_(question.measure.label)}: {' × '.join(_(element.label) for element in elements)}"


def read() -> Asked:
    """Return the question of this request's address; raises UnreadableFilterError for what nobody can mean."""
    values = {
        element: frozenset(given)
        for element in LISTED
        if (given := [one[:MOST_LENGTH] for one in request.args.getlist(element.value)[:MOST_VALUES] if one])
    }
    rows, columns = (Element.with_code(choice_argument(name, [*Element])) for name in ("rows", "cols"))
    measure = Measure.with_code(choice_argument("measure", [*Measure])) or Measure.ENTRIES
    return Asked(
        Question(
            days=_days(whole=Element.SUBJECT in values),
            hour=_hour(),
            values=values,
            rows=rows,
            columns=columns if rows and columns is not rows else None,
            measure=measure,
        )
    )


def query_of(question: Question) -> dict[str, Any]:
    """Return a question as the query of an address."""
    return dict(address(question))


def _days(*, whole: bool) -> tuple[date | None, date | None]:
    if "from" not in request.args and "to" not in request.args:
        if whole:
            return None, None
        today = local_day(stamp().at, runtime().settings.timezone)
        return today - timedelta(days=USUAL_DAYS - 1), today
    return _asked_day("from"), _asked_day("to")


def _day(text: str) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    # Outside of these the databases and clocks have no instants.
    return found if date(2000, 1, 1) <= found <= date(2999, 1, 1) else None


def _asked_day(name: str) -> date | None:
    given = text_argument(name)
    if given and (found := _day(given)) is None:
        raise unreadable(name, given, A_DAY)
    return found if given else None


def _hour() -> str:
    name = "hour"
    given = text_argument(name)
    day, _t, hour = given.partition("T")
    if given and not (_day(day) and hour.isdigit() and len(given) == len("2026-11-22T08")):
        raise unreadable(name, given, AN_HOUR)
    return given


def _words(element: Element, values: frozenset[str]) -> str:
    return _(", ").join(words.name_of(element, value) for value in sorted(values))
