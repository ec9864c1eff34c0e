"""Taking files in, for programs: send one, have it checked, read what is wrong with it, take it in, take it back."""

from pathlib import Path
from typing import Any

from flask import Blueprint, Response, request
from marshmallow import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from branch_node.api import import_schemas as schemas
from branch_node.api.customer_routes import PAGED
from branch_node.api.schemas import Nothing
from branch_node.imports import queries, wizard
from branch_node.imports.kinds import KINDS
from branch_node.imports.mapping import ColumnMap, get_kind, own_columns, suggest
from branch_node.imports.models import Import
from branch_node.imports.pages import MOST_BYTES, too_large
from branch_node.imports.undo import UndoRefusedError, undo_import
from branch_node.imports.working import work_briefly
from shared.domain.form_fields import NOT_LISTED, REQUIRED, text
from shared.files.tables import open_table, sha256
from shared.i18n import gettext as _
from shared.i18n import lazy_gettext as _l
from shared.i18n import translate_error
from shared.jobs import operations as jobs
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires, takes_body
from shared.web.api import asking
from shared.web.api.document import Query, describe
from shared.web.api.once import REPLAYED, once
from shared.web.context import reading, runtime, stamp, writing
from shared.web.errors import Problem, answer
from shared.web.lists import text_argument

blueprint = Blueprint("api_imports", __name__, url_prefix="/api/v1")
NAME_LENGTH = 255


@blueprint.get("/import-kinds")
@requires(Resource.IMPORT, Action.READ)
@describe(_l("List the kinds of files that can be taken in"), answer=schemas.ImportKind, many=True)
def kinds() -> Response:
    """List every kind with its columns."""
    return asking.many(
        [
            {
                "name": kind.name,
                "columns": [
                    {"name": one.name, "chinese": one.chinese, "required": one.required, "what": _(one.help)}
                    for one in kind.columns
                ],
                "update_by": list(kind.update_by),
            }
            for kind in KINDS.values()
        ]
    )


@blueprint.get("/imports")
@requires(Resource.IMPORT, Action.READ)
@describe(
    _l("List the files that were sent, the first one first"), answer=schemas.Import, query=PAGED, many=True
)
def index() -> Response:
    """List imports, a page at a time."""
    with reading() as session:
        found, next_ = asking.page_by_id(session, select(Import), Import.id)
        return asking.many([shown_import(session, row[0]) for row in found], next_=next_)


@blueprint.post("/imports")
@requires(Resource.IMPORT, Action.CREATE)
@takes_body(MOST_BYTES)
@describe(
    _l("Send a file, as the body; nothing of it is taken in yet"),
    answer=schemas.Import,
    query=(Query("kind", _l("Kind"), [*KINDS]), Query("name", _l("Name of the file"))),
    status=201,
    once=True,
    takes_file=True,
)
def upload() -> Response:
    """Keep a file for the steps that follow."""
    kind = text_argument("kind")
    if kind not in KINDS:
        raise ValidationError({"kind": [NOT_LISTED]})
    name = _file_name() or kind
    if told := too_large():
        raise ValidationError({"file": [told]})
    if not request.content_length:
        raise ValidationError({"file": [REQUIRED]})
    import_id, path = wizard.store_upload(runtime(), request.stream)
    try:
        answered = _register(import_id, path, kind, name)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    if REPLAYED in answered.headers:
        # It was here with this key.
        path.unlink(missing_ok=True)
    return answered


@blueprint.get("/imports/<id:import_id>")
@requires(Resource.IMPORT, Action.READ)
@describe(_l("Read how far a file is"), answer=schemas.Import)
def one(import_id: str) -> Response:
    """Show an import at the step it stands at."""
    return _answered(import_id)


@blueprint.post("/imports/<id:import_id>/check")
@requires(Resource.IMPORT, Action.CREATE)
@describe(_l("Check a file; nothing of it is taken in yet"), answer=schemas.Import, body=schemas.Check)
def check(import_id: str) -> Response:
    """Say how the file is to be read, and check it."""
    with reading() as session:
        record = queries.get_import(session, import_id)
    given = asking.body(schemas.Check())
    context = wizard.context_of(runtime(), stamp())
    with writing() as session:
        wizard.start_check(
            session,
            import_id,
            context,
            column_map=_column_map(record, given),
            update_by=given.get("update_by") or None,
        )
        jobs.run_soon(session, wizard.JOB, now=stamp().at)
    return _go_on(import_id)


@blueprint.post("/imports/<id:import_id>/commit")
@requires(Resource.IMPORT, Action.CREATE)
@describe(_l("Take a checked file in"), answer=schemas.Import, body=Nothing)
def commit(import_id: str) -> Response:
    """Take the checked file in; rows that are wrong are left out."""
    _known(import_id)
    asking.body(Nothing())
    with writing() as session:
        wizard.confirm(session, import_id, by=stamp())
        jobs.run_soon(session, wizard.JOB, now=stamp().at)
    return _go_on(import_id)


@blueprint.post("/imports/<id:import_id>/resume")
@requires(Resource.IMPORT, Action.CREATE)
@describe(_l("Go on with a file that was broken off"), answer=schemas.Import, body=Nothing)
def resume(import_id: str) -> Response:
    """Go on with an import that was broken off."""
    _known(import_id)
    asking.body(Nothing())
    with writing() as session:
        wizard.resume(session, import_id, by=stamp())
        jobs.run_soon(session, wizard.JOB, now=stamp().at)
    return _go_on(import_id)


@blueprint.post("/imports/<id:import_id>/undo")
@requires(Resource.IMPORT, Action.RETIRE)
@describe(_l("Take a whole import back, or hear why not"), answer=schemas.Import, body=Nothing)
def undo(import_id: str) -> Response:
    """Take the whole import back, or say under `obstacles` everything that keeps it from being taken back."""
    _known(import_id)
    asking.body(Nothing())
    try:
        with writing() as session:
            undo_import(session, import_id, by=stamp())
    except UndoRefusedError as refused:
        why = [_(each.message, **each.params) for each in refused.obstacles]
        return answer(Problem(409, refused.code, translate_error(refused), fields={"obstacles": why}))
    return _answered(import_id)


@blueprint.delete("/imports/<id:import_id>")
@requires(Resource.IMPORT, Action.RETIRE)
@describe(_l("Forget a file of which nothing was taken in"), answer=schemas.Import, body=Nothing)
def discard(import_id: str) -> Response:
    """Forget an upload; the answer is what was forgotten."""
    asking.body(Nothing())
    with writing() as session:
        shown = shown_import(session, queries.get_import(session, import_id))
        wizard.discard(session, import_id)
    wizard.stored_file(runtime(), import_id).unlink(missing_ok=True)
    return asking.one(shown)


def shown_import(session: Session, record: Import) -> dict[str, Any]:
    """Return an import as it is answered."""
    counts = queries.count_matches(session, record.id)
    plain = ("id", "kind", "file_name", "state", "headings", "update_by", "failure")
    shown = asking.dumped(
        schemas.Import(only=(*plain, "started_at", "started_by", "finished_at", "undone_at")), record
    )
    return shown | {
        "columns": _read_as(record),
        "left_out": list(record.unknown_columns),
        "rows": record.total_rows,
        "read": record.rows_read,
        "created": record.rows_created,
        "updated": record.rows_updated,
        "unchanged": record.rows_unchanged,
        "refused": record.rows_refused,
        "undecided": counts.get(None, 0),
    }


def _register(import_id: str, path: Path, kind: str, name: str) -> Response:
    table, digest = open_table(path), sha256(path)
    with writing() as session:
        return once(
            session,
            lambda: (
                wizard.register_upload(session, import_id, table, kind=kind, file_name=name, by=stamp()).id
            ),
            lambda at: asking.one(shown_import(session, queries.get_import(session, at)), status=201),
            sent=[digest],
        )


def _read_as(record: Import) -> dict[str, list[str]]:
    """Return which columns each heading fills: as was said, else as it says itself."""
    said = ColumnMap.from_json(record.mapping)
    own = record.headings[: own_columns(record.headings)]
    named = {heading: [name] for heading, name in suggest(get_kind(record.kind), own).items()}
    return {**{one: names for one, names in named.items() if one not in said.ignore}, **_plain(said)}


def _plain(said: ColumnMap) -> dict[str, list[str]]:
    return {heading: list(names) for heading, names in said.columns.items()}


def _column_map(record: Import, given: dict[str, Any]) -> ColumnMap:
    """Return how a file is to be read; what is not said stays as files with these headings were read last."""
    before = ColumnMap.from_json(record.mapping)
    columns = given.get("columns")
    return ColumnMap(
        columns={one: [name] for one, name in columns.items()} if columns is not None else before.columns,
        constants=given.get("constants", before.constants),
        defaults=before.defaults,
        values=before.values,
        ignore=given.get("ignore", before.ignore),
    )


def _file_name() -> str:
    try:
        return text(NAME_LENGTH)(text_argument("name"))
    except ValidationError as refused:
        raise ValidationError({"name": refused.messages}) from None


def _known(import_id: str) -> None:
    with reading() as session:
        queries.get_import(session, import_id)


def _go_on(import_id: str) -> Response:
    """Work for a moment and answer how far it is; a large file goes on in the job runner."""
    work_briefly(import_id)
    return _answered(import_id)


def _answered(import_id: str, *, status: int = 200) -> Response:
    with reading() as session:
        shown = shown_import(session, queries.get_import(session, import_id))
    return asking.one(shown, status=status)
