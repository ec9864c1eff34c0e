"""What lists share: reading their filters from the address, and handing them out as a file."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
    """Return the id that ?name= gives, or nothing: what is no id cannot be asked of the database."""
    given = text_argument(name, args)
    return given if is_id(given) else ""


def code_arguments(name: str, vocabulary: type[Word], args: Arguments | None = None) -> tuple[Word, ...]:
    """Return the members that ?name= gives, in the vocabulary's order; codes it does not know are passed over."""
    given = set((request.args if args is None else args).getlist(name))
    return tuple(member for member in vocabulary if member.value in given)


def day_argument(name: str, args: Arguments | None = None) -> date | None:
    """Return the day that ?name= gives, or None; so is a day next to which there is none."""
    try:
        found = date.fromisoformat(text_argument(name, args))
    except ValueError:
        return None
    return found if date.min.year < found.year < date.max.year else None


def month_argument(name: str) -> str:
    """Return the month (2026-03) that ?name= gives, or nothing."""
    given = text_argument(name)
    return given if _MONTH.fullmatch(given) else ""


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
