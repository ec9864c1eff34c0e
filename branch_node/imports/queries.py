"""Reading imports, and looking up what a chunk of rows needs to know of the database."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import Select, Table, func, select
from sqlalchemy.orm import Session

from branch_node.imports.models import (
    IN_WORK,
    Import,
    ImportEdit,
    ImportMatch,
    ImportRefusal,
    ImportRow,
    ImportState,
    MatchChoice,
)
from shared.errors import N_, BranchlineError, Kind
from shared.ids import is_id

_AT_ONCE: Final = 1000


class ImportNotFoundError(BranchlineError):
    """There is no import with that id."""

    code = "import-not-found"
    kind = Kind.NOT_FOUND
    message = N_("There is no import %(import_id)s.")


class Origin(NamedTuple):
    """The import that first brought a record in."""

    import_id: str
    file_name: str
    row: int


class Chosen(NamedTuple):
    """What somebody said of a row that looks like a customer; `record` is whom it updates, as they are now."""

    choice: MatchChoice
    record: dict[str, Any] | None


def get_import(session: Session, import_id: str) -> Import:
    """Return one import; raises ImportNotFoundError."""
    found = session.get(Import, import_id) if is_id(import_id) else None
    if found is None:
        raise ImportNotFoundError(import_id=import_id)
    return found


def find_unfinished(session: Session, *, kind: str, sha256: str) -> Import | None:
    """Return the latest import of the very same file that was broken off half way, or None."""
    return session.scalars(
        select(Import)
        .where(
            Import.sha256 == sha256,
            Import.kind == kind,
            Import.state.in_([ImportState.RUNNING, ImportState.INTERRUPTED]),
        )
        .order_by(Import.id.desc())
        .limit(1)
    ).one_or_none()


def find_same_file(session: Session, *, kind: str, sha256: str) -> Import | None:
    """Return the latest finished import of the very same file, or None."""
    return session.scalars(
        select(Import)
        .where(Import.sha256 == sha256, Import.kind == kind, Import.state == ImportState.DONE)
        .order_by(Import.id.desc())
        .limit(1)
    ).one_or_none()


def find_kind(session: Session, *, heading_key: str) -> str | None:
    """Return the kind as which a file of the same headings was last read, or None."""
    return session.scalars(
        select(Import.kind)
        .where(Import.heading_key == heading_key, Import.state.in_(_MAPPED))
        .order_by(Import.id.desc())
        .limit(1)
    ).one_or_none()


def find_mapping(session: Session, *, kind: str, heading_key: str) -> Mapping[str, Any] | None:
    """Return how a file of the same kind and headings was last read, or None."""
    return session.scalars(
        select(Import.mapping)
        .where(
            Import.kind == kind,
            Import.heading_key == heading_key,
            Import.state.in_(_MAPPED),
            Import.mapping.is_not(None),
        )
        .order_by(Import.id.desc())
        .limit(1)
    ).one_or_none()


_MAPPED: Final = (ImportState.CHECKED, ImportState.RUNNING, ImportState.DONE, ImportState.UNDONE)


def imports() -> Select[Import]:
    """Return the statement that lists imports, latest first."""
    return select(Import).order_by(Import.id.desc())


def list_in_work(session: Session) -> Sequence[Import]:
    """Return the uploaded files that wait for the job runner to go on with them, oldest first."""
    return session.scalars(
        select(Import).where(Import.state.in_(IN_WORK), Import.stored.is_(True)).order_by(Import.id)
    ).all()


def list_abandoned(session: Session, *, before: datetime) -> Sequence[Import]:
    """Return the uploads that nobody has gone on with since `before`."""
    waiting = [ImportState.UPLOADED, ImportState.CHECKED]
    return session.scalars(select(Import).where(Import.state.in_(waiting), Import.seen_at < before)).all()


def list_refusals(
    session: Session, import_id: str, *, limit: int, offset: int = 0
) -> Sequence[ImportRefusal]:
    """Return a page of the rows an import refused, in the order of the file."""
    return session.scalars(
        select(ImportRefusal)
        .where(ImportRefusal.import_id == import_id)
        .order_by(ImportRefusal.row)
        .limit(limit)
        .offset(offset)
    ).all()


def each_refusal(session: Session, import_id: str) -> Iterator[ImportRefusal]:
    """Yield every row an import refused, in the order of the file and in flat memory."""
    last = 0
    while True:
        page = session.scalars(
            select(ImportRefusal)
            .where(ImportRefusal.import_id == import_id, ImportRefusal.row > last)
            .order_by(ImportRefusal.row)
            .limit(_AT_ONCE)
        ).all()
        if not page:
            return
        yield from page
        last = page[-1].row
        session.expunge_all()


def count_problems(session: Session, import_id: str) -> int:
    """Return how many rows an import refused."""
    return (
        session.scalar(
            select(func.count()).select_from(ImportRefusal).where(ImportRefusal.import_id == import_id)
        )
        or 0
    )


def find_ids(session: Session, table: Table, column: str, values: Iterable[str]) -> dict[str, str]:
    """Return the ids of the records whose unique `column` is one of `values`."""
    found: dict[str, str] = {}
    for some in _portions(values):
        rows = session.execute(select(table.c[column], table.c.id).where(table.c[column].in_(some)))
        found.update({value: record_id for value, record_id in rows})  # noqa: C416 - rows are not tuples to dict()
    return found


def find_records(
    session: Session, table: Table, column: str, values: Iterable[str]
) -> dict[str, list[dict[str, Any]]]:
    """Return whole records by `column`, which need not be unique."""
    found: dict[str, list[dict[str, Any]]] = {}
    for some in _portions(values):
        for row in session.execute(
            select(table).where(table.c[column].in_(some)).order_by(table.c.id)
        ).mappings():
            found.setdefault(row[column], []).append(dict(row))
    return found


def find_origins(session: Session, record_ids: Iterable[str]) -> dict[str, Origin]:
    """Return which import created each record; those entered otherwise are left out."""
    found: dict[str, Origin] = {}
    for some in _portions(record_ids):
        rows = session.execute(
            select(ImportRow.record_id, Import.id, Import.file_name, ImportRow.row)
            .join(Import, Import.id == ImportRow.import_id)
            .where(
                ImportRow.record_id.in_(some),
                ImportRow.action == "created",
                Import.state != ImportState.UNDONE,
            )
        )
        found.update({row[0]: Origin(row[1], row[2], row[3]) for row in rows})
    return found


def _portions(values: Iterable[str]) -> Iterator[list[str]]:
    distinct = sorted(set(values))
    for start in range(0, len(distinct), _AT_ONCE):
        yield distinct[start : start + _AT_ONCE]


def count_rows(session: Session, import_id: str, action: str) -> int:
    """Return how many records an import created, or updated."""
    counted = select(func.count()).select_from(ImportRow)
    # What stands beside the record of a line has its negative number.
    wanted = (ImportRow.import_id == import_id, ImportRow.action == action, ImportRow.row > 0)
    return session.scalar(counted.where(*wanted)) or 0


def find_chosen(session: Session, import_id: str, table: Table, lines: Sequence[int]) -> dict[int, Chosen]:
    """Return what was said of rows between the first and the last of `lines` that look like a customer."""
    found = session.execute(
        select(ImportMatch.row, ImportMatch.choice, ImportMatch.other_id).where(
            ImportMatch.import_id == import_id,
            ImportMatch.row.between(lines[0], lines[-1]),
            ImportMatch.choice.is_not(None),
        )
    ).all()
    updated = [other for _row, choice, other in found if choice is MatchChoice.UPDATE and other]
    records = find_records(session, table, "id", updated)
    return {
        row: Chosen(choice, next(iter(records.get(other or "", ())), None))
        for row, choice, other in found
        if choice
    }


def find_changed(session: Session, import_id: str, record_ids: Iterable[str]) -> set[str]:
    """Return those of some records that an import has created or changed already."""
    found: set[str] = set()
    for some in _portions(record_ids):
        wanted = select(ImportRow.record_id).where(
            ImportRow.import_id == import_id, ImportRow.record_id.in_(some)
        )
        found |= set(session.scalars(wanted))
    return found


def refused_lines(session: Session, import_id: str) -> set[int]:
    """Return the lines an import has refused so far."""
    return set(session.scalars(select(ImportRefusal.row).where(ImportRefusal.import_id == import_id)))


def find_edits(session: Session, import_id: str) -> dict[int, list[str]]:
    """Return by line the rows that somebody mended on the page."""
    found = select(ImportEdit.row, ImportEdit.cells).where(ImportEdit.import_id == import_id)
    return {row: cells for row, cells in session.execute(found)}  # noqa: C416 - rows are not tuples to dict()


def list_matches(session: Session, import_id: str, *, limit: int, offset: int = 0) -> Sequence[ImportMatch]:
    """Return a page of the rows that look like a customer: those nobody has decided first, the likeliest first."""
    return session.scalars(
        select(ImportMatch)
        .where(ImportMatch.import_id == import_id)
        .order_by(ImportMatch.choice.is_not(None), ImportMatch.score.desc(), ImportMatch.row)
        .limit(limit)
        .offset(offset)
    ).all()


def count_matches(session: Session, import_id: str) -> dict[MatchChoice | None, int]:
    """Return how many rows look like a customer, by what was said of them."""
    found = (
        select(ImportMatch.choice, func.count())
        .where(ImportMatch.import_id == import_id)
        .group_by(ImportMatch.choice)
    )
    return {choice: count for choice, count in session.execute(found)}  # noqa: C416 - rows are not tuples to dict()
