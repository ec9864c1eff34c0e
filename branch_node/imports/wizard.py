"""An upload on its way through the wizard's steps; the import's own row says where it stands.

There is no second list of work: an import that is `checking` or `running` is what the job runner
takes up, so it can be left, found again, and survives the process.
"""

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import IO, Final
from zoneinfo import ZoneInfo

from sqlalchemy import delete
from sqlalchemy.orm import Session

from branch_node.imports import operations, queries
from branch_node.imports.choosing import refuse_undecided
from branch_node.imports.coded import known_codes
from branch_node.imports.columns import Context
from branch_node.imports.mapping import ColumnMap, get_kind, heading_key, make_plan, recognise
from branch_node.imports.models import Import, ImportEdit, ImportMatch, ImportRefusal, ImportState
from branch_node.imports.operations import Begin, Job, WrongStateError, in_state
from shared.errors import BranchlineError
from shared.files.tables import Table, open_table, sha256
from shared.ids import new_id
from shared.runtime import NodeRuntime
from shared.stamp import Stamp

KEPT: Final = timedelta(days=7)
FOLDER: Final = "imports"
# The job that goes on with uploads; a page asks for it by this name.
JOB: Final = "imports"


def store_upload(runtime: NodeRuntime, content: IO[bytes]) -> tuple[str, Path]:
    """Keep an uploaded file under the id its import will have."""
    import_id = new_id()
    path = stored_file(runtime, import_id)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with path.open("wb") as file:
        shutil.copyfileobj(content, file)
    return import_id, path


def stored_file(runtime: NodeRuntime, import_id: str) -> Path:
    """Return where the file of an import is kept while it is needed."""
    return runtime.settings.home.files / FOLDER / import_id


def register_upload(
    session: Session, import_id: str, table: Table, *, kind: str, file_name: str, by: Stamp
) -> Import:
    """Write down an upload; files with the same headings are read as the last one was.

    Without a `kind` it is what such a file was last, or what its headings say; raises ImportFileError.
    """
    key = heading_key(table.headings)
    kind = kind or queries.find_kind(session, heading_key=key) or recognise(table.headings).name
    remembered = queries.find_mapping(session, kind=kind, heading_key=key)
    record = Import(
        id=import_id,
        kind=get_kind(kind).name,
        file_name=file_name[-255:] or kind,
        sha256=sha256(table.path),
        heading_key=key,
        headings=list(table.headings),
        unknown_columns=[],
        mapping=dict(remembered) if remembered else ColumnMap().as_json(),
        state=ImportState.UPLOADED,
        stored=True,
        total_rows=table.count() if table.format == "csv" else None,
        seen_at=by.at,
        started_at=by.at,
        started_by=by.actor[:80],
    )
    session.add(record)
    session.flush()
    return record


def start_check(
    session: Session, import_id: str, context: Context, *, column_map: ColumnMap, update_by: str | None
) -> Import:
    """Check the file as mapped, from its first row; raises ImportFileError when it cannot be read that way."""
    record = in_state(session, import_id, ImportState.UPLOADED, ImportState.CHECKED, ImportState.CHECKING)
    plan = make_plan(get_kind(record.kind), record.headings, column_map, context, update_by=update_by)
    record.mapping = column_map.as_json()
    record.update_by = update_by
    left_out = {*plan.unknown_columns, *column_map.ignore}
    record.unknown_columns = [heading for heading in record.headings if heading in left_out]
    _forget_refusals(session, import_id)
    record.start_over(ImportState.CHECKING)
    record.seen_at = context.now
    return record


def confirm(session: Session, import_id: str, *, by: Stamp) -> Import:
    """Take in what was checked; every row is examined anew, for the branch went on working.

    Raises UndecidedError while rows that are very likely customers who are here wait for a word.
    """
    record = in_state(session, import_id, ImportState.CHECKED)
    refuse_undecided(session, import_id)
    _forget_refusals(session, import_id)
    record.start_over(ImportState.RUNNING)
    record.started_at = record.seen_at = by.at
    record.started_by = by.actor[:80]
    return record


def resume(session: Session, import_id: str, *, by: Stamp) -> Import:
    """Go on with an import that was broken off."""
    record = in_state(session, import_id, ImportState.INTERRUPTED)
    if not record.stored:
        raise WrongStateError(state=record.state.value)
    record.state = ImportState.RUNNING
    record.seen_at = by.at
    return record


def discard(session: Session, import_id: str) -> None:
    """Forget an upload of which nothing was taken in."""
    record = in_state(session, import_id, ImportState.UPLOADED, ImportState.CHECKED, ImportState.CHECKING)
    _forget_refusals(session, import_id)
    session.execute(delete(ImportMatch).where(ImportMatch.import_id == import_id))
    session.execute(delete(ImportEdit).where(ImportEdit.import_id == import_id))
    session.delete(record)


def job_of(runtime: NodeRuntime, record: Import, by: Stamp) -> Job:
    """Return an uploaded import ready to be worked on; raises FileError and ImportFileError."""
    table = open_table(stored_file(runtime, record.id))
    column_map = ColumnMap.from_json(record.mapping)
    context = context_of(runtime, by)
    plan = make_plan(get_kind(record.kind), table.headings, column_map, context, update_by=record.update_by)
    with runtime.database.reads() as session:
        edits = queries.find_edits(session, record.id)
    return Job(table, plan, by, edits)


def context_of(runtime: NodeRuntime, by: Stamp) -> Context:
    """Return what parsers need to know of this node and moment, head office's codes included."""
    with runtime.database.reads() as session:
        codes = known_codes(session, by.at)
    return Context(ZoneInfo(runtime.settings.timezone), by.at, runtime.settings.currency, codes)


def work_on(
    runtime: NodeRuntime, import_id: str, by: Stamp, *, begin: Begin, budget: Callable[[], bool] | None
) -> bool:
    """Go on with one upload as far as `budget` allows; True when its step is finished.

    `begin` is the entry point's way of opening a writing transaction.
    """
    with runtime.database.reads() as session:
        record = queries.get_import(session, import_id)
    try:
        job = job_of(runtime, record, by)
    except (BranchlineError, OSError) as error:
        with begin() as session:
            _break_off(session, import_id, error)
        raise
    finished = operations.go_on(begin, import_id, job, budget=budget)
    if finished and record.state is not ImportState.CHECKING:
        stored_file(runtime, import_id).unlink(missing_ok=True)
    return finished


def _break_off(session: Session, import_id: str, error: Exception) -> None:
    """Take an upload that cannot be opened out of work, so that it is not tried for ever."""
    record = queries.get_import(session, import_id)
    checking = record.state is ImportState.CHECKING
    record.state = ImportState.UPLOADED if checking else ImportState.INTERRUPTED
    record.failure = str(error)[:500]


def _forget_refusals(session: Session, import_id: str) -> None:
    session.execute(delete(ImportRefusal).where(ImportRefusal.import_id == import_id))
