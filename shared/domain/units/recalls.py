"""Recalls as they travel, and which units they mean: decided alike for one unit and for a table of them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, or_

from shared.domain.units.fields import SERIAL_LENGTH, UnitFields
from shared.domain.units.rules import normal_serial
from shared.errors import N_

NUMBER_LENGTH: Final = 40
TITLE_LENGTH: Final = 120
SAID_LENGTH: Final = 2_000
NAME_LENGTH: Final = 60
MOST_SERIALS: Final = 2_000
# Stands at the end of a beginning.
ANY: Final = "*"
NUL: Final = "\x00"
NO_NUMBER: Final = N_("A recall needs a number of at most 40 characters.")
NO_TITLE: Final = N_("A recall needs a title of at most 120 characters.")
NOT_SAID: Final = N_("A recall says in at most 2,000 characters why it is and what is to be done.")
NOT_DAYS: Final = N_("The days of this recall are no days, or end before they begin.")
MEANS_ALL: Final = N_("A recall says which units it means: a product, a model, days of making, or numbers.")
NOT_SERIALS: Final = N_(
    "The numbers of a recall are at most 2,000, each a whole number or a beginning of at least 3 characters and *."
)
_LEAST_BEGINNING: Final = 3


@dataclass(frozen=True, slots=True)
class Recall:
    """A recall; a unit is meant when it is all that is said: product, model, days of making, one of the numbers.

    It holds from the day `begins` through `ends`; of the numbers one with a star at the end means all that begin so.
    """

    number: str
    title: str
    why: str
    remedy: str
    begins: date
    ends: date | None = None
    product: str = ""
    model: str = ""
    made_from: date | None = None
    made_until: date | None = None
    serials: tuple[str, ...] = ()

    @property
    def numbers(self) -> list[str]:
        """The whole numbers."""
        return [one for one in self.serials if not one.endswith(ANY)]

    @property
    def beginnings(self) -> list[str]:
        """The beginnings of numbers."""
        return [one.removesuffix(ANY) for one in self.serials if one.endswith(ANY)]

    def holds_on(self, day: date) -> bool:
        """Tell whether units are called in on that day."""
        return self.begins <= day and (self.ends is None or day <= self.ends)

    def means(self, unit: UnitFields) -> bool:
        """Tell whether a unit is meant."""
        made = unit.made_on
        return (
            (not self.product or unit.product == self.product)
            and (not self.model or unit.model == self.model)
            and (self.made_from is None or (made is not None and self.made_from <= made))
            and (self.made_until is None or (made is not None and made <= self.made_until))
            and (
                not self.serials
                or unit.serial_no in self.numbers
                or any(unit.serial_no.startswith(one) for one in self.beginnings)
            )
        )

    def meant(self, units: type[UnitFields]) -> ColumnElement[bool]:
        """Return the same as a condition on a table of units."""
        said: list[ColumnElement[bool]] = []
        if self.product:
            said.append(units.product == self.product)
        if self.model:
            said.append(units.model == self.model)
        if self.made_from:
            said.append(units.made_on >= self.made_from)
        if self.made_until:
            said.append(units.made_on <= self.made_until)
        if self.serials:
            begin = (units.serial_no.startswith(one, autoescape=True) for one in self.beginnings)
            said.append(or_(units.serial_no.in_(self.numbers), *begin))
        return and_(*said)

    def body(self) -> dict[str, Any]:
        """Return the recall as it travels; its number is the item's name."""
        return {
            "title": self.title,
            "why": self.why,
            "remedy": self.remedy,
            "from": self.begins.isoformat(),
            "until": _text(self.ends),
            "product": self.product,
            "model": self.model,
            "made_from": _text(self.made_from),
            "made_until": _text(self.made_until),
            "serials": list(self.serials),
        }


def read_recall(number: str, body: Mapping[str, Any]) -> Recall:
    """Return the recall of a body that `problem_of` finds good."""
    return Recall(
        number=number,
        title=body["title"],
        why=body["why"],
        remedy=body["remedy"],
        begins=date.fromisoformat(body["from"]),
        ends=_day(body.get("until")),
        product=body.get("product") or "",
        model=body.get("model") or "",
        made_from=_day(body.get("made_from")),
        made_until=_day(body.get("made_until")),
        serials=tuple(body.get("serials") or ()),
    )


def problem_of(number: str, body: Mapping[str, Any]) -> str | None:
    """Return what is wrong with a recall, as a msgid, or None."""
    return next(problems(number, body), (None, None))[1]


def problems(number: str, body: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (field of the form, msgid) for everything that is wrong with a recall."""
    if not _said(number, NUMBER_LENGTH):
        yield "number", NO_NUMBER
    if not _said(body.get("title"), TITLE_LENGTH):
        yield "title", NO_TITLE
    yield from ((name, NOT_SAID) for name in ("why", "remedy") if not _said(body.get(name), SAID_LENGTH))
    for first, last in (("from", "until"), ("made_from", "made_until")):
        if not _in_order(body, first, last) or (first == "from" and not body.get(first)):
            yield last if body.get(first) else first, NOT_DAYS
    serials = body.get("serials") or []
    if not isinstance(serials, list) or len(serials) > MOST_SERIALS or not all(map(_is_serial, serials)):
        yield "serials", NOT_SERIALS
    named = ("product", "model")
    if not all(_may_be_said(body.get(name), NAME_LENGTH) for name in named) or not (
        serials or any(body.get(name) for name in (*named, "made_from", "made_until"))
    ):
        yield "product", MEANS_ALL


def parse_serials(text: str) -> list[str]:
    """Return the numbers of a form, parted by lines, commas or spaces, as they are stored; each once."""
    parts = text.replace("，", ",").replace("、", ",").replace(",", "\n").replace(";", "\n").split()
    return list(dict.fromkeys(one for part in parts if (one := normal_serial(part))))


def _is_serial(value: object) -> bool:
    if not isinstance(value, str) or len(value) > SERIAL_LENGTH:
        return False
    plain = value.removesuffix(ANY)
    least = _LEAST_BEGINNING if value.endswith(ANY) else 1
    # Which the databases take nowhere, or in no JSON.
    fits = plain.isprintable() and ANY not in plain
    return len(plain) >= least and fits and normal_serial(plain) == plain


def _in_order(body: Mapping[str, Any], first: str, last: str) -> bool:
    try:
        begin, end = _day(body.get(first)), _day(body.get(last))
    except (TypeError, ValueError):
        return False
    return begin is None or end is None or begin <= end


def _said(value: object, most: int) -> bool:
    return isinstance(value, str) and bool(value.strip()) and len(value) <= most and NUL not in value


def _may_be_said(value: object, most: int) -> bool:
    return value is None or (isinstance(value, str) and len(value) <= most)


def _day(value: Any) -> date | None:  # noqa: ANN401 - a JSON value
    return date.fromisoformat(value) if value else None


def _text(day: date | None) -> str | None:
    return day.isoformat() if day else None
