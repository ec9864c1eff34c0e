"""What HQ's pages share: filters in the address, what a figure covers in words, and exports that say it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, TypeVar

from flask import request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from hq_server.branches.models import Branch
from hq_server.branches.queries import Coverage, coverage, list_branches
from shared.domain.vocabulary import Vocabulary
from shared.errors import N_, FieldError
from shared.exports.errors import TooManyRowsError
from shared.files.spreadsheets import Column
from shared.i18n import format_instant, format_number, label
from shared.i18n import gettext as _
from shared.web.context import runtime, stamp
from shared.web.exports.handing import Table, hand_out

Code = TypeVar("Code", bound=Vocabulary)
MOST_EXPORTED: Final = 100_000


class NotADateError(FieldError):
    """A filter by date holds something else."""

    code = "date-invalid"
    message = N_("%(field)s is not a date such as 2026-11-18.")


@dataclass(frozen=True, slots=True)
class Scope:
    """The branches there are, those asked for (none: all), and what figures over them cover."""

    branches: Mapping[int, Branch]
    chosen: frozenset[int]
    coverage: Coverage

    @property
    def codes(self) -> list[str]:
        """The codes of the chosen branches, for the address and for chips."""
        return [self.branches[number].code for number in sorted(self.chosen)]

    @property
    def shown(self) -> list[int]:
        """The numbers of the branches that are shown: those chosen, or all there are."""
        return [number for number in self.branches if not self.chosen or number in self.chosen]

    @property
    def options(self) -> list[tuple[str, str]]:
        """Return (code, name) of every branch, for a filter."""
        return [(branch.code, f"{branch.code} {branch.name}") for branch in self.branches.values()]

    def name(self, number: int) -> str:
        """Return what people call a branch."""
        return self.branches[number].name if number in self.branches else str(number)

    def code(self, number: int) -> str:
        """Return a branch's code."""
        return self.branches[number].code if number in self.branches else str(number)


def scope(session: Session) -> Scope:
    """Return the branches that ?branch=CODE asks for; an unknown code is left out."""
    branches = {branch.number: branch for branch in list_branches(session)}
    wanted = set(request.args.getlist("branch"))
    chosen = frozenset(branch.number for branch in branches.values() if branch.code in wanted)
    return Scope(branches, chosen, coverage(session, stamp().at).only(chosen))


def codes(name: str, vocabulary: type[Code], *, unknown: bool = False) -> frozenset[str]:
    """Return the codes that ?name= asks for, as far as they exist; `unknown` admits '-' for "not known"."""
    known = {member.value for member in vocabulary}
    asked = set(request.args.getlist(name))
    return frozenset(asked & known) | (frozenset({""}) if unknown and "-" in asked else frozenset())


def choices(vocabulary: type[Vocabulary], *, unknown: bool = False) -> list[tuple[str, str]]:
    """Return (code, word) of every member, for a filter."""
    found = [(member.value, label(member)) for member in vocabulary]
    return [*found, ("-", _("Not known"))] if unknown else found


def words(chosen: Iterable[str], options: Sequence[tuple[str, str]]) -> str:
    """Return the words of the chosen codes in one line, for a chip."""
    wanted = {code or "-" for code in chosen}
    return _(", ").join(word for code, word in options if code in wanted)


def day(name: str, field: str) -> date | None:
    """Return the day that ?name= asks for, or None; raises NotADateError."""
    text = request.args.get(name, "").strip()
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise NotADateError(field=field) from None


def missing_names(covered: Coverage) -> list[str]:
    """Return each branch a figure misses, with why."""
    return [f"{branch.name} ({label(branch.why)})" for branch in covered.missing]


@dataclass(frozen=True, slots=True)
class About:
    """What the About sheet of an export says; `conditions` are those lines of it that narrow the rows."""

    lines: Mapping[str, str]
    conditions: Mapping[str, str]


def about(covered: Coverage, filters: Iterable[tuple[str, str]]) -> About:
    """Return what the About sheet of an export says: filters, branches covered and as of when."""
    zone = runtime().settings.timezone
    lines = {
        _("Exported at"): f"{format_instant(covered.now, timezone=zone, style='second')} {zone}",
        _("Exported by"): stamp().actor,
        _("Branches covered"): _(
            "%(covered)s of %(total)s",
            covered=format_number(len(covered.included)),
            total=format_number(covered.total),
        ),
    }
    lines[_("As of")] = format_instant(covered.as_of, timezone=zone) if covered.as_of else "-"
    if covered.missing:
        lines[_("Missing")] = "; ".join(missing_names(covered))
    for branch in covered.included:
        key = _("%(branch)s as of", branch=f"{branch.code} {branch.name}")
        lines[key] = format_instant(branch.as_of, timezone=zone)
    conditions = {name: text for name, text in filters if text}
    narrowed = {_("Filter: %(name)s", name=name): text for name, text in conditions.items()}
    return About(lines | narrowed, conditions)


def send_xlsx(
    name: str,
    *,
    title: str,
    columns: Sequence[Column],
    rows: Iterable[Sequence[object]],
    about: About,
    pins: Mapping[str, str] | None = None,
    told: Callable[[int], None] = lambda _rows: None,
) -> ResponseReturnValue:
    """Answer with a workbook of `rows` and a second sheet `about` them, after asking why where it tells of people."""
    table = Table(
        "xlsx", name, title, columns, _at_most(rows), about.lines, about.conditions, pins or {}, told
    )
    return hand_out(table)


def _at_most(rows: Iterable[Sequence[object]]) -> Iterable[Sequence[object]]:
    for count, row in enumerate(rows, start=1):
        if count > MOST_EXPORTED:
            raise TooManyRowsError(most=format_number(MOST_EXPORTED))
        yield row
