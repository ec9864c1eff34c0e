"""Taking a file in, chunk by chunk: each row whole, each refusal explicit, and going on after a crash.

Why a transaction a chunk and not one for the file: docs/decisions/0010-imports.md. The caller
passes `begin`, its own way of opening the one writing transaction, so it stays the owner of them all.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Table as DbTable
from sqlalchemy import delete, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from branch_node.customers.groups import count_members
from branch_node.erased.queries import erased_among
from branch_node.identity.queries import merged_among
from branch_node.imports import decide, queries, store
from branch_node.imports.decide import Outcome, World
from branch_node.imports.filekeys import FileKeys
from branch_node.imports.likeness import Likeness
from branch_node.imports.mapping import ColumnMap, Plan, heading_key
from branch_node.imports.models import Import, ImportEdit, ImportState
from branch_node.imports.rows import Reading, read_row
from shared.audit import operations as audit
from shared.errors import N_, BranchlineError, Kind
from shared.files.errors import FileError
from shared.files.tables import Row, Table
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
    """One import at work: the open file, how it is read, who asked, and the rows mended since by line."""

    table: Table
    plan: Plan
    by: Stamp
    edits: Mapping[int, Sequence[str]] = field(default_factory=dict)

    def rows(self) -> Iterator[Row]:
        """Yield the rows of the file, those that were mended as they are now."""
        for row in self.table.rows():
            mended = self.edits.get(row.line)
            yield row if mended is None else Row(row.line, mended)


def in_state(session: Session, import_id: str, *states: ImportState) -> Import:
    """Return an import in one of some states; raises ImportNotFoundError and WrongStateError."""
    record = queries.get_import(session, import_id)
    if record.state not in states:
        raise WrongStateError(state=record.state.value)
    return record


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
    """Yield what would become of each chunk, and whom its rows look like; nothing is written."""
    with FileKeys() as keys, Likeness(job.plan) as likeness:
        for chunk in _chunks(job, keys, likeness, after=0):
            with read() as session:
                outcome = _examine(session, job, chunk, keys, import_id=None)
                _compare(session, chunk, outcome, likeness)
                yield outcome


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

    `budget` is asked before each further chunk whether there is time for it; an import left off
    is gone on with by whoever comes next.
    """
    token = new_id()
    with begin() as session:
        state, last_line = _claim(session, import_id, token, job)
        writing = state is ImportState.RUNNING
        refused = set() if writing else queries.refused_lines(session, import_id)
    try:
        with FileKeys() as keys, Likeness(job.plan, refused) as likeness:
            compared = None if writing else likeness
            worked = False
            for chunk in _chunks(job, keys, compared, after=last_line):
                if worked and budget is not None and not budget():
                    _release(begin, import_id, token)
                    return False
                outcome = _commit_chunk(begin, import_id, token, job, chunk, keys, compared)
                worked = True
                if progress is not None:
                    progress(outcome.last_line, outcome)
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


def _chunks(job: Job, keys: FileKeys, likeness: Likeness | None, *, after: int) -> Iterator[list[Reading]]:
    """Yield the rows behind line `after` in chunks; earlier rows only lend their numbers, and what they look like."""
    chunk: list[Reading] = []
    for row in job.rows():
        chunk.append(read_row(job.plan, row))
        if len(chunk) >= CHUNK or (chunk[0].line <= after < row.line):
            yield from _behind(job, keys, likeness, chunk, after)
            chunk = []
    if chunk:
        yield from _behind(job, keys, likeness, chunk, after)


def _behind(
    job: Job, keys: FileKeys, likeness: Likeness | None, chunk: list[Reading], after: int
) -> Iterator[list[Reading]]:
    if chunk[0].line <= after:
        before = [reading for reading in chunk if reading.line <= after]
        _earlier(job, keys, before)
        if likeness is not None:
            likeness.remember(before)
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
    begin: Begin,
    import_id: str,
    token: str,
    job: Job,
    chunk: list[Reading],
    keys: FileKeys,
    likeness: Likeness | None,
) -> Outcome:
    """Decide and write one chunk in one transaction; again, when somebody entered the same number.

    With a `likeness` the file is only being checked.
    """
    for left in reversed(range(_TRIES)):
        try:
            with begin() as session:
                outcome = _examine(
                    session, job, chunk, keys, import_id=None if likeness is not None else import_id
                )
                _bump(session, import_id, token, outcome)
                store.write_refusals(session, import_id, outcome)
                if likeness is None:
                    record = queries.get_import(session, import_id)
                    store.write(session, record, job.plan, outcome, by=job.by)
                else:
                    _compare(session, chunk, outcome, likeness)
                    store.write_matches(session, import_id, [one.line for one in chunk], outcome)
                return outcome
        except IntegrityError:
            if not left:
                raise
    raise AssertionError


def _compare(session: Session, chunk: Sequence[Reading], outcome: Outcome, likeness: Likeness) -> None:
    """Look whom the customers to be created may be already."""
    created = {one.line for one in outcome.created}
    outcome.matches = likeness.find(session, [one for one in chunk if one.line in created])


def _examine(
    session: Session, job: Job, chunk: list[Reading], keys: FileKeys, *, import_id: str | None
) -> Outcome:
    """Look up what the chunk needs to know and decide; without an `import_id` earlier lines are taken for written."""
    plan, table = job.plan, job.plan.kind.table
    numbers = {reading.values[plan.kind.key] for reading in chunk if plan.kind.key in reading.values}
    existing = queries.find_ids(session, table, plan.kind.key, numbers)
    ids = {}
    for field_ in plan.fields:
        refers = field_.column.refers
        if refers is not None:
            given = {reading.values[field_.name] for reading in chunk if field_.name in reading.values}
            found = queries.find_ids(session, refers, _key_of(refers), given)
            if import_id is None and refers is table:
                found |= {value: "" for value in given - found.keys() if keys.first_line("accepted", value)}
            ids[refers.name] = found
    matches = {}
    if plan.update_by is not None:
        wanted = {reading.values[plan.update_by] for reading in chunk if plan.update_by in reading.values}
        matches = queries.find_records(session, table, plan.update_by, wanted)
    chosen = {} if import_id is None else _chosen(session, import_id, table, chunk)
    touched = {one["id"] for some in matches.values() for one in some}
    touched |= {one.record["id"] for one in chosen.values() if one.record is not None}
    named = set(ids.get("customers", {}).values()) | touched
    world = World(
        _earlier(job, keys, chunk),
        ids,
        existing,
        matches,
        queries.find_origins(session, existing.values()),
        erased_among(session, named),
        merged_among(session, named),
        chosen,
        queries.find_changed(session, import_id, touched) if import_id is not None else set(),
        count_members(session, touched, lock=import_id is not None) if _may_change_kind(plan) else {},
    )
    outcome = decide.decide(plan, chunk, world, by=job.by)
    if import_id is None and table.name in ids:
        keys.claim(("accepted", created.record[plan.kind.key], created.line) for created in outcome.created)
    return outcome


def _may_change_kind(plan: Plan) -> bool:
    return plan.kind.table.name == "customers" and any(field_.name == "kind" for field_ in plan.fields)


def _chosen(
    session: Session, import_id: str, table: DbTable, chunk: Sequence[Reading]
) -> dict[int, queries.Chosen]:
    if table.name != "customers":
        return {}
    return queries.find_chosen(session, import_id, table, [one.line for one in chunk])


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
    session.execute(delete(ImportEdit).where(ImportEdit.import_id == import_id))
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
