"""What people and scripts are told of an import: counts, each refused row, and the error file."""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Self, TypeGuard

import msgspec

from branch_node.customers.belonging import BELONGINGS
from branch_node.imports.decide import Outcome
from branch_node.imports.kinds import KINDS
from branch_node.imports.mapping import own_columns, reason_columns
from branch_node.imports.models import Import
from branch_node.imports.undo import Obstacle
from shared.files.spreadsheets import Column, write_csv, write_xlsx
from shared.i18n import current_language
from shared.i18n import gettext as _

# What people call the records of a table.
TABLE_WORDS: Final = {one.table: one.word for one in BELONGINGS if one.word} | {
    kind.table.name: kind.label for kind in KINDS.values()
}
# Of a problem: its column, code, msgid and what stands in the msgid.
PARTS: Final = 4


class RefusedRow(NamedTuple):
    """One refused row: its line, its cells, and each problem as (column, code, msgid, params)."""

    row: int
    cells: Sequence[str]
    problems: Sequence[Sequence[Any]]


@dataclass(slots=True)
class Summary:
    """The counts of an import or a dry run."""

    kind: str
    file: str
    import_id: str | None = None
    read: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: int = 0
    unknown_columns: list[str] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        """Count one more chunk."""
        self.read += outcome.read
        self.created += len(outcome.created)
        self.updated += len(outcome.updated)
        self.unchanged += outcome.unchanged
        self.refused += len(outcome.refused)


def summary_of(record: Import) -> Summary:
    """Return the counts of an import that is in the database."""
    return Summary(
        kind=record.kind,
        file=record.file_name,
        import_id=record.id,
        read=record.rows_read,
        created=record.rows_created,
        updated=record.rows_updated,
        unchanged=record.rows_unchanged,
        refused=record.rows_refused,
        unknown_columns=list(record.unknown_columns),
    )


class Spool:
    """Keeps the refused rows of a dry run in a temporary file, so that memory stays flat."""

    def __init__(self) -> None:
        """Open an empty spool; the system deletes it when it is closed."""
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__

    def __enter__(self) -> Self:
        """Return the spool."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the spool."""
        self._file.close()

    def add(self, outcome: Outcome) -> None:
        """Keep the refused rows of one chunk."""
        for refused in outcome.refused:
            row = [refused.line, refused.cells, [list(problem) for problem in refused.problems]]
            self._file.write(msgspec.json.encode(row) + b"\n")

    def __iter__(self) -> Iterator[RefusedRow]:
        """Yield every refused row, in the order of the file."""
        self._file.seek(0)
        for line in self._file:
            yield RefusedRow(*msgspec.json.decode(line))


def sentence(problem: Sequence[Any]) -> str:
    """Return a problem as a sentence in the reader's language."""
    _column, _code, message, params = problem
    if current_language() == "zh_CN" and "words" in params:
        params = {**params, "allowed": params["words"]}
    try:
        return _(message, **params)
    except (KeyError, TypeError, ValueError):
        return str(message)  # what no program of ours has written is shown as it stands


def read_problems(stored: object) -> list[Sequence[Any]]:
    """Return the problems of a row as (column, code, msgid, params); what is of no such form, as its own message."""
    found = stored if isinstance(stored, list) and stored else [stored]
    return [one if _is_problem(one) else ("", "", str(one), {}) for one in found]


def _is_problem(one: object) -> TypeGuard[Sequence[Any]]:
    return isinstance(one, list) and len(one) == PARTS and isinstance(one[-1], Mapping)


def as_json(row: RefusedRow) -> dict[str, Any]:
    """Return a refused row as scripts get it: its first problem, and under `more` the others."""
    first, *others = ({"column": p[0], "code": p[1], "message": sentence(p)} for p in row.problems)
    entry: dict[str, Any] = {"row": row.row, **first}
    if others:
        entry["more"] = others
    return entry


def json_report(summary: Summary, refused: Iterable[RefusedRow], **more: object) -> Iterator[str]:
    """Yield the report for scripts piece by piece: one JSON object, however long the list of refused rows."""
    head: Mapping[str, object] = {
        "import_id": summary.import_id,
        "kind": summary.kind,
        "file": summary.file,
        "read": summary.read,
        "created": summary.created,
        "updated": summary.updated,
        "unchanged": summary.unchanged,
        "unknown_columns": summary.unknown_columns,
        **more,
    }
    yield _dump(head)[:-1] + ',"refused":['
    for number, row in enumerate(refused):
        yield ("," if number else "") + "\n" + _dump(as_json(row))
    yield "]}\n"


def _dump(data: object) -> str:
    return msgspec.json.encode(data).decode()


def write_error_file(path: Path, headings: Sequence[str], refused: Iterable[RefusedRow]) -> None:
    """Write the refused rows as given with the reasons beside them: CSV, or XLSX when the name says so.

    Mended, the file can be taken in as it is. It replaces an older one as a whole or not at all.
    """
    fresh = path.with_name(path.name + ".new")
    with fresh.open("wb") as stream:
        write_errors(stream, headings, refused, xlsx=path.suffix.casefold() == ".xlsx")
    fresh.replace(path)


def write_errors(
    stream: Any,  # noqa: ANN401 - any binary stream
    headings: Sequence[str],
    refused: Iterable[RefusedRow],
    *,
    xlsx: bool,
    word: Callable[[str], str] = str,
) -> None:
    """Write an error file to a binary stream; `word` says what people call a column."""
    own = headings[: own_columns(headings)]
    names = (*own, *reason_columns(own))
    columns = [Column(name=name, label=name) for name in names]
    rows = _error_rows(refused, len(own), word)
    if xlsx:
        about = {_("What this is"): _("Rows that were refused. Mend them and take this file in as it is.")}
        write_xlsx(stream, title=_("Refused rows"), columns=columns, rows=rows, about=about)
    else:
        write_csv(stream, columns=columns, rows=rows)


def _error_rows(refused: Iterable[RefusedRow], width: int, word: Callable[[str], str]) -> Iterator[list[str]]:
    for row in refused:
        first = row.problems[0]
        several = len(row.problems) > 1
        message = "; ".join(f"{word(p[0])}: {sentence(p)}" if several else sentence(p) for p in row.problems)
        cells = [*row.cells[:width], *[""] * (width - len(row.cells))]
        yield [*cells, str(row.row), word(str(first[0])), str(first[1]), message]


def obstacle_sentence(obstacle: Obstacle) -> str:
    """Return in the reader's words why an import cannot be taken back."""
    params = dict(obstacle.params)
    if word := TABLE_WORDS.get(str(params.get("table"))):
        params["table"] = _(word)
    return _(obstacle.message, **params)
