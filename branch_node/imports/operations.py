"""Taking a file in, chunk by chunk: each row whole, each refusal explicit, and going on after a crash.

Why a transaction a chunk and not one for the file: docs/decisions/0010-imports.md. The caller
passes `begin`, its own way of opening the one writing transaction, so it stays the owner of them all.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Table as DbTable
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from branch_node.erased.queries import erased_among
from branch_node.identity.queries import merged_among
from branch_node.imports import decide, queries, store
from branch_node.imports.decide import Outcome, World
from branch_node.imports.filekeys import FileKeys
from branch_node.imports.mapping import ColumnMap, Plan, heading_key
from branch_node.imports.models import Import, ImportState
from branch_node.imports.rows import Reading, read_row
from shared.audit import operations as audit
from shared.errors import N_, BranchlineError, Kind
from shared.files.errors import FileError
from shared.files.tables import Table
from shared.ids import new_id
from shared.stamp import Stamp

Begin = Callable[[], AbstractContextManager[Session]]
Progress = Callable[[int, Outcome], None]

CHUNK: Final = 2_000
_TRIES: Final = 3


class TakenOverError(BranchlineError):
    """Somebody else went on with this import; nothing of the present chunk was kept."""

    code = "import-taken-over"
    kind = Kind.CONFLICT
    message = N_("Another process is going on with this import.")
    retryable = True


class WrongStateError(BranchlineError):
    """The import is not in a state in which this can be done."""

    code = "import-state"
    kind = Kind.CONFLICT
    message = N_("This import is %(state)s, so this cannot be done now.")


@dataclass(frozen=True, slots=True)
class Job:
    """One import at work: the open file, how it is read, and who asked."""

    table: Table
    plan: Plan
    by: Stamp


def start_import(
    session: Session,
    job: Job,
    *,
    file_name: str,
    sha256: str,
    column_map: ColumnMap,
    state: ImportState = ImportState.RUNNING,
) -> Import:
    """Write down that a file is to be taken in; no row of it is in yet."""
    record = Import(
        id=new_id(),
        kind=job.plan.kind.name,
        file_name=file_name[-255:],
        sha256=sha256,
        heading_key=heading_key(job.table.headings),
        headings=list(job.table.headings),
        unknown_columns=list(job.plan.unknown_columns),
        mapping=column_map.as_json(),
        update_by=job.plan.update_by,
        state=state,
        seen_at=job.by.at,
        started_at=job.by.at,
        started_by=job.by.actor[:80],
    )
    session.add(record)
    session.flush()
    return record


def dry_run(read: Begin, job: Job) -> Iterator[Outcome]:
    """Yield what would become of each chunk; nothing is written."""
    with FileKeys() as keys:
        for chunk in _chunks(job, keys, after=0):
            with read() as session:
                yield _examine(session, job, chunk, keys, writing=False)


def run_import(begin: Begin, import_id: str, job: Job, *, progress: Progress | None = None) -> None:
    """Take the file in from where the import stands, and finish it.

    Each chunk commits with the import's own progress. Raises TakenOverError when another process
    went on with it; any other failure leaves the import marked as interrupted, to be gone on with or undone.
    """
    go_on(begin, import_id, job, progress=progress, budget=None)


def go_on(
    begin: Begin,
    import_id: str,
    job: Job,
    *,
    progress: Progress | None = None,
    budget: Callable[[], bool] | None,
) -> bool:
    """Go on with an import (or with its check) and tell whether it is finished.

    `budget` is asked after each chunk whether there is time for another; an import left off
    is gone on with by whoever comes next.
    """
    token = new_id()
    with begin() as session:
        state, last_line = _claim(session, import_id, token, job)
    writing = state is ImportState.RUNNING
    try:
        with FileKeys() as keys:
            for chunk in _chunks(job, keys, after=last_line):
                outcome = _commit_chunk(begin, import_id, token, job, chunk, keys, writing=writing)
                if progress is not None:
                    progress(outcome.last_line, outcome)
                if budget is not None and not budget():
                    _release(begin, import_id, token)
                    return False
        with begin() as session:
            _finish(session, import_id, token, job, writing=writing)
    except TakenOverError:
        raise
    except BaseException as error:  # Ctrl-C as well: what is committed stays, and the import says so
        with begin() as session:
            _interrupt(session, import_id, token, error, writing=writing)
        raise
    return True


def _claim(session: Session, import_id: str, token: str, job: Job) -> tuple[ImportState, int]:
    record = queries.get_import(session, import_id)
    if record.state is ImportState.INTERRUPTED:
        record.state = ImportState.RUNNING
    if record.state not in {ImportState.RUNNING, ImportState.CHECKING}:
        raise WrongStateError(state=record.state.value)
    record.worker = token
    record.failure = None
    record.seen_at = job.by.at
    return record.state, record.last_line


def _chunks(job: Job, keys: FileKeys, *, after: int) -> Iterator[list[Reading]]:
    """Yield the rows behind line `after` in chunks; earlier rows only lend their numbers."""
    chunk: list[Reading] = []
    for row in job.table.rows():
        chunk.append(read_row(job.plan, row))
        if len(chunk) >= CHUNK or (chunk[0].line <= after < row.line):
            yield from _behind(job, keys, chunk, after)
            chunk = []
    if chunk:
        yield from _behind(job, keys, chunk, after)


def _behind(job: Job, keys: FileKeys, chunk: list[Reading], after: int) -> Iterator[list[Reading]]:
    if chunk[0].line <= after:
        _earlier(job, keys, [reading for reading in chunk if reading.line <= after])
    rest = [reading for reading in chunk if reading.line > after]
    if rest:
        yield rest


def _earlier(job: Job, keys: FileKeys, chunk: Sequence[Reading]) -> dict[tuple[str, int], int]:
    columns = dict.fromkeys((job.plan.update_by or job.plan.kind.key, job.plan.kind.key))
    return keys.claim(
        (column, reading.values[column], reading.line)
        for reading in chunk
        for column in columns
        if column in reading.values
    )


def _commit_chunk(
    begin: Begin, import_id: str, token: str, job: Job, chunk: list[Reading], keys: FileKeys, *, writing: bool
) -> Outcome:
    """Decide and write one chunk in one transaction; again, when somebody entered the same number."""
    for left in reversed(range(_TRIES)):
        try:
            with begin() as session:
                outcome = _examine(session, job, chunk, keys, writing=writing)
                _bump(session, import_id, token, outcome)
                store.write_refusals(session, import_id, outcome)
                if writing:
                    store.write(session, import_id, job.plan.kind, outcome, by=job.by)
                return outcome
        except IntegrityError:
            if not left:
                raise
    raise AssertionError


def _examine(session: Session, job: Job, chunk: list[Reading], keys: FileKeys, *, writing: bool) -> Outcome:
    """Look up what the chunk needs to know and decide; a dry run takes earlier lines for written."""
    plan, table = job.plan, job.plan.kind.table
    numbers = {reading.values[plan.kind.key] for reading in chunk if plan.kind.key in reading.values}
    existing = queries.find_ids(session, table, plan.kind.key, numbers)
    ids = {}
    for field in plan.fields:
        refers = field.column.refers
        if refers is not None:
            given = {reading.values[field.name] for reading in chunk if field.name in reading.values}
            found = queries.find_ids(session, refers, _key_of(refers), given)
            if not writing and refers is table:
                found |= {value: "" for value in given - found.keys() if keys.first_line("accepted", value)}
            ids[refers.name] = found
    matches = {}
    if plan.update_by is not None:
        wanted = {reading.values[plan.update_by] for reading in chunk if plan.update_by in reading.values}
        matches = queries.find_records(session, table, plan.update_by, wanted)
    world = World(
        _earlier(job, keys, chunk),
        ids,
        existing,
        matches,
        queries.find_origins(session, existing.values()),
        _erased(session, ids, matches),
        _merged(session, matches),
    )
    outcome = decide.decide(plan, chunk, world, by=job.by)
    if not writing and table.name in ids:
        keys.claim(("accepted", created.record[plan.kind.key], created.line) for created in outcome.created)
    return outcome


def _erased(
    session: Session, ids: Mapping[str, Mapping[str, str]], matches: Mapping[str, Sequence[Mapping[str, Any]]]
) -> set[str]:
    named = set(ids.get("customers", {}).values())
    return erased_among(session, named | {one["id"] for some in matches.values() for one in some})


def _merged(session: Session, matches: Mapping[str, Sequence[Mapping[str, Any]]]) -> set[str]:
    return merged_among(session, {one["id"] for some in matches.values() for one in some})


def _key_of(table: DbTable) -> str:
    return {
        "managers": "manager_no",
        "customers": "customer_no",
        "bill_lines": "bill_no",
        "work_logs": "log_no",
    }[table.name]


def _bump(session: Session, import_id: str, token: str, outcome: Outcome) -> None:
    """Count the chunk; a worker whose claim was replaced stops here, before it has written anything."""
    moved = session.execute(
        update(Import)
        .where(Import.id == import_id, Import.worker == token)
        .values(
            last_line=outcome.last_line,
            rows_read=Import.rows_read + outcome.read,
            rows_created=Import.rows_created + len(outcome.created),
            rows_updated=Import.rows_updated + len(outcome.updated),
            rows_unchanged=Import.rows_unchanged + outcome.unchanged,
            rows_refused=Import.rows_refused + len(outcome.refused),
        )
    )
    if moved.rowcount != 1:  # type: ignore[attr-defined]  # an UPDATE's result has it
        raise TakenOverError


def _finish(session: Session, import_id: str, token: str, job: Job, *, writing: bool) -> None:
    record = queries.get_import(session, import_id)
    if record.worker != token:
        raise TakenOverError
    record.worker = None
    record.total_rows = record.rows_read
    if not writing:
        record.state = ImportState.CHECKED
        return
    record.state = ImportState.DONE
    record.finished_at = job.by.at
    audit.record(
        session, "import.finished", subject=("import", record.id), by=job.by, details=_counts(record)
    )


def _counts(record: Import) -> Mapping[str, Any]:
    return {
        "kind": record.kind,
        "file": record.file_name,
        "sha256": record.sha256,
        "read": record.rows_read,
        "created": record.rows_created,
        "updated": record.rows_updated,
        "unchanged": record.rows_unchanged,
        "refused": record.rows_refused,
    }


def _release(begin: Begin, import_id: str, token: str) -> None:
    with begin() as session:
        session.execute(
            update(Import).where(Import.id == import_id, Import.worker == token).values(worker=None)
        )


def _interrupt(session: Session, import_id: str, token: str, error: BaseException, *, writing: bool) -> None:
    """Mark the import as broken off (a check as not begun); what is wrong with the file itself is kept."""
    failure = str(error)[:500] if isinstance(error, FileError) else type(error).__name__
    state = ImportState.INTERRUPTED if writing else ImportState.UPLOADED
    session.execute(
        update(Import)
        .where(Import.id == import_id, Import.worker == token)
        .values(state=state, worker=None, failure=failure)
    )
