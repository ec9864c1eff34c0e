"""What lists share: reading their filters from the address, and handing them out as a file."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, TypeVar

from flask import request
from flask.typing import ResponseReturnValue
from sqlalchemy import Executable
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from shared.domain.vocabulary import Vocabulary
from shared.files.spreadsheets import Column
from shared.i18n import format_instant, label
from shared.i18n import gettext as _
from shared.ids import is_id
from shared.web.context import person, runtime, stamp
from shared.web.exports.handing import Table, hand_out
from shared.web.tables import Column as ListColumn
from shared.web.unreadable import A_CHOICE, A_DAY, A_MONTH, AN_ID, unreadable

Word = TypeVar("Word", bound=Vocabulary)
# What stands behind the question mark of an address, or was kept of one.
Arguments = MultiDict[str, str]
AT_ONCE: Final = 1_000
_MONTH: Final = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")


@dataclass(frozen=True)
class OwnNumber(ListColumn):
    """A column of figures that the page draws itself, because each row has a currency of its own."""

    @property
    def numeric(self) -> bool:
        """Right-aligned whatever its kind."""
        return True


def text_argument(name: str, args: Arguments | None = None) -> str:
    """Return a filter's text, trimmed, of the address or of other arguments; empty when it is not given."""
    return (request.args if args is None else args).get(name, "").strip()


def id_argument(name: str, args: Arguments | None = None) -> str:
    """Return the id that ?name= gives, or nothing when it is not given; raises UnreadableFilterError."""
    given = text_argument(name, args)
    if given and not is_id(given):
        raise unreadable(name, given, AN_ID)
    return given


def code_arguments(name: str, vocabulary: type[Word], args: Arguments | None = None) -> tuple[Word, ...]:
    """Return the members that ?name= gives, in the vocabulary's order; raises UnreadableFilterError."""
    given = {one.strip() for one in (request.args if args is None else args).getlist(name)} - {""}
    if strange := sorted(given - {member.value for member in vocabulary}):
        raise unreadable(name, strange[0], A_CHOICE)
    return tuple(member for member in vocabulary if member.value in given)


def choice_argument(name: str, known: Collection[str], args: Arguments | None = None) -> str:
    """Return which of a filter's choices ?name= gives, or nothing; raises UnreadableFilterError for any other."""
    given = text_argument(name, args)
    if given and given not in known:
        raise unreadable(name, given, A_CHOICE)
    return given


def number_argument(name: str, known: Collection[int], args: Arguments | None = None) -> int | None:
    """Return which of a filter's numbers ?name= gives, or None; raises UnreadableFilterError."""
    given = choice_argument(name, [str(one) for one in known], args)
    return int(given) if given else None


def day_argument(name: str, args: Arguments | None = None) -> date | None:
    """Return the day that ?name= gives, or None when it is not given; raises UnreadableFilterError."""
    given = text_argument(name, args)
    if given and (found := read_day(given)) is None:
        raise unreadable(name, given, A_DAY)
    return found if given else None


def read_day(text: str) -> date | None:
    """Return the day that a text is, or None; so is a day next to which there is none."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if date.min.year < found.year < date.max.year else None


def month_argument(name: str, args: Arguments | None = None) -> str:
    """Return the month (2026-03) that ?name= gives, or nothing when it is not given; raises UnreadableFilterError."""
    given = text_argument(name, args)
    if given and not _MONTH.fullmatch(given):
        raise unreadable(name, given, A_MONTH)
    return given


def choices(vocabulary: Iterable[Vocabulary]) -> list[tuple[str, str]]:
    """Return (code, word in the reader's language) for the `select` macro."""
    return [(member.value, label(member)) for member in vocabulary]


def words(members: Iterable[Vocabulary]) -> str:
    """Return members as one text for a chip."""
    return _(", ").join(label(member) for member in members)


def streamed(session: Session, statement: Executable) -> Iterator[Any]:
    """Yield the rows of a statement as they are asked for; one that nobody asks for is never sent.

    A form is shown, or a refusal, where a file might have been: a statement begun for it would stay open.
    """
    with session.execute(statement.execution_options(yield_per=AT_ONCE)) as found:
        yield from found


def send_table(
    kind: str,
    *,
    name: str,
    title: str,
    columns: Sequence[Column],
    rows: Iterable[Sequence[object]],
    filters: Sequence[tuple[str, str]] = (),
    pins: Mapping[str, str] | None = None,
    told: Callable[[int], None] = lambda _rows: None,
) -> ResponseReturnValue:
    """Answer with `rows` as a file `name` of `kind` xlsx or csv; memory stays flat.

    A workbook says on its second sheet which filters applied, as of when, and who took it out. Columns that tell of
    people make it ask first what the file is for (shared.web.exports.handing, which also explains `pins` and `told`).
    """
    conditions = {text: value for text, value in filters if value}
    return hand_out(Table(kind, name, title, columns, rows, _about(conditions), conditions, pins or {}, told))


def _about(conditions: Mapping[str, str]) -> Mapping[str, str]:
    as_of = format_instant(stamp().at, timezone=runtime().settings.timezone, style="second")
    by = f"{person().name} ({person().username})"
    return {**conditions, _("As of"): as_of, _("Exported by"): by}
