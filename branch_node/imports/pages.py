"""The import wizard: upload, map, check, commit, result; and the list of imports with undo."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from branch_node.imports import queries, reports, wizard
from branch_node.imports.choosing import UndecidedError
from branch_node.imports.columns import Kind
from branch_node.imports.kinds import KINDS
from branch_node.imports.mapping import ColumnMap, UnrecognisedKindError, get_kind, own_columns, suggest
from branch_node.imports.models import IN_WORK, Import, ImportRefusal, ImportState, MatchChoice, RowAction
from branch_node.imports.row_pages import SHOWN, alike
from branch_node.imports.undo import UndoRefusedError, undo_import
from branch_node.imports.words import column_label, say_columns
from branch_node.imports.working import work_a_while
from branch_node.inbound.queries import policy
from shared.domain.published.policies import IMPORT_MEGABYTES
from shared.errors import BranchlineError
from shared.files.tables import open_table
from shared.i18n import gettext as _
from shared.i18n import label, translate_error
from shared.jobs import operations as jobs
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires, takes_body
from shared.web.context import reading, runtime, stamp, writing
from shared.web.forms import field_errors, notice
from shared.web.paging import DEEPEST, PageRequest, paginate

blueprint = Blueprint("imports", __name__, template_folder="templates", url_prefix="/imports")
MB: Final = 1024 * 1024
MOST_BYTES: Final = 200 * MB
FIRST_ROWS: Final = 4
PROBLEMS: Final = 50
CONSTANT: Final = "constant-"
HEADING: Final = "column-"


@blueprint.get("/")
@requires(Resource.IMPORT, Action.READ)
def index() -> ResponseReturnValue:
    """List the imports, latest first."""
    sorts = {"started": Import.id}
    asked = PageRequest.from_query(sorts, default="-started")
    with reading() as session:
        page = paginate(session, queries.imports(), asked, sorts=sorts, tie=Import.id)
    return render_template("imports/index.html", page=page, kinds=KINDS)


@blueprint.get("/new")
@requires(Resource.IMPORT, Action.CREATE)
def new() -> ResponseReturnValue:
    """Ask for the file."""
    return _ask_for_file({}, {})


@blueprint.post("/")
@requires(Resource.IMPORT, Action.CREATE)
@takes_body(MOST_BYTES)
def upload() -> ResponseReturnValue:
    """Keep the uploaded file and go on to its mapping."""
    given = request.files.get("file")
    if given is None or not given.filename:
        return _ask_for_file(request.form, {"file": _("Choose a file.")})
    if told := too_large():
        return _ask_for_file(request.form, {"file": told})
    node = runtime()
    import_id, path = wizard.store_upload(node, given.stream)
    try:
        table = open_table(path)
        with writing() as session:
            wizard.register_upload(
                session,
                import_id,
                table,
                kind=request.form.get("kind", ""),
                file_name=given.filename,
                by=stamp(),
            )
    except BranchlineError as error:
        path.unlink(missing_ok=True)
        field = "kind" if isinstance(error, UnrecognisedKindError) else "file"
        return _ask_for_file(request.form, {field: translate_error(error)})
    return redirect(url_for("imports.show", import_id=import_id, step="map"), code=303)


@blueprint.get("/<import_id>")
@requires(Resource.IMPORT, Action.READ)
def show(import_id: str) -> ResponseReturnValue:
    """Show an import at the step it stands at."""
    with reading() as session:
        record = queries.get_import(session, import_id)
    mappable = record.state in {ImportState.UPLOADED, ImportState.CHECKED}
    if record.state is ImportState.UPLOADED or (mappable and request.args.get("step") == "map"):
        return _mapping_page(record, {})
    if record.state in IN_WORK:
        part = "imports/_progress.html" if request.headers.get("HX-Request") else "imports/progress.html"
        return render_template(part, record=record, first=_first_rows(record))
    return _result_page(record)


@blueprint.get("/<import_id>/progress")
@requires(Resource.IMPORT, Action.READ)
def progress(import_id: str) -> ResponseReturnValue:
    """Answer the page that follows the work; when it is finished, send it to the result."""
    with reading() as session:
        record = queries.get_import(session, import_id)
    if record.state not in IN_WORK:
        return Response(headers={"HX-Redirect": url_for("imports.show", import_id=import_id)})
    return render_template("imports/_progress.html", record=record)


@blueprint.post("/<import_id>/mapping")
@requires(Resource.IMPORT, Action.CREATE)
def check(import_id: str) -> ResponseReturnValue:
    """Take the mapping and check the file; nothing of it is taken in yet."""
    with reading() as session:
        record = queries.get_import(session, import_id)
    kind = get_kind(record.kind)
    column_map = _mapping_of_form(record, request.form)
    update_by = request.form.get("update_by") or None
    try:
        with writing() as session:
            context = wizard.context_of(runtime(), stamp())
            wizard.start_check(session, import_id, context, column_map=column_map, update_by=update_by)
            jobs.run_soon(session, wizard.JOB, now=stamp().at)
    except BranchlineError as error:
        record.mapping, record.update_by = (
            column_map.as_json(),
            update_by if update_by in kind.update_by else None,
        )
        say_columns(error, kind)
        return _mapping_page(record, field_errors(error)), 400
    return work_a_while(import_id)


@blueprint.post("/<import_id>/commit")
@requires(Resource.IMPORT, Action.CREATE)
def commit(import_id: str) -> ResponseReturnValue:
    """Take the checked file in."""
    try:
        with writing() as session:
            wizard.confirm(session, import_id, by=stamp())
            jobs.run_soon(session, wizard.JOB, now=stamp().at)
    except UndecidedError as refused:
        # Back to the check, where the rows stand with what can become of each.
        notice(translate_error(refused), kind="problem")
        return redirect(url_for("imports.show", import_id=import_id), code=303)
    return work_a_while(import_id)


@blueprint.post("/<import_id>/resume")
@requires(Resource.IMPORT, Action.CREATE)
def resume(import_id: str) -> ResponseReturnValue:
    """Go on with an import that was broken off."""
    with writing() as session:
        wizard.resume(session, import_id, by=stamp())
        jobs.run_soon(session, wizard.JOB, now=stamp().at)
    return work_a_while(import_id)


@blueprint.post("/<import_id>/discard")
@requires(Resource.IMPORT, Action.RETIRE)
def discard(import_id: str) -> ResponseReturnValue:
    """Forget an upload of which nothing was taken in."""
    with writing() as session:
        wizard.discard(session, import_id)
    wizard.stored_file(runtime(), import_id).unlink(missing_ok=True)
    notice(_("The upload was discarded; nothing of it was taken in."))
    return redirect(url_for("imports.index"), code=303)


@blueprint.get("/<import_id>/undo")
@requires(Resource.IMPORT, Action.RETIRE)
def ask_undo(import_id: str) -> ResponseReturnValue:
    """Show what an undo would touch."""
    return _undo_page(import_id, ())


@blueprint.post("/<import_id>/undo")
@requires(Resource.IMPORT, Action.RETIRE)
def undo(import_id: str) -> ResponseReturnValue:
    """Take the whole import back, or say why not."""
    try:
        with writing() as session:
            undone = undo_import(session, import_id, by=stamp())
    except UndoRefusedError as error:
        return _undo_page(import_id, [reports.obstacle_sentence(each) for each in error.obstacles]), 409
    text = _(
        "The import is undone: %(deleted)s records deleted, %(restored)s restored.",
        deleted=undone.deleted,
        restored=undone.restored,
    )
    notice(text)
    return redirect(url_for("imports.show", import_id=import_id), code=303)


# --- what the steps show -------------------------------------------------------------------------


def _ask_for_file(values: Mapping[str, Any], errors: Mapping[str, str]) -> ResponseReturnValue:
    page = render_template("imports/new.html", kinds=KINDS, values=values, errors=errors)
    return (page, 400) if errors else page


def _mapping_page(record: Import, errors: Mapping[str, str]) -> str:
    kind = get_kind(record.kind)
    own = record.headings[: own_columns(record.headings)]
    column_map = ColumnMap.from_json(record.mapping)
    left_out = set(column_map.ignore)
    chosen = {heading: name for heading, name in suggest(kind, own).items() if heading not in left_out}
    chosen |= {heading: names[0] for heading, names in column_map.columns.items() if heading in own and names}
    return render_template(
        "imports/map.html",
        record=record,
        kind=kind,
        headings=own,
        chosen=chosen,
        constants=column_map.constants,
        choices=[(column.name, column_label(kind, column.name)) for column in kind.columns],
        needed=[column_label(kind, column.name) for column in kind.columns if column.required],
        first=_first_rows(record),
        errors=errors,
    )


def _result_page(record: Import) -> str:
    number, part = _page("page"), _page("alike")
    kind = get_kind(record.kind)
    positions = positions_of(record, kind)
    with reading() as session:
        rows = queries.list_refusals(session, record.id, limit=PROBLEMS, offset=(number - 1) * PROBLEMS)
        counts = queries.count_matches(session, record.id)
        like = alike(session, record, positions, part) if counts else []
    checked = record.state is ImportState.CHECKED
    return render_template(
        "imports/result.html",
        record=record,
        kind=kind,
        update_by=column_label(kind, record.update_by) if record.update_by else None,
        problems=[one for row in rows for one in _problems(row, kind, positions, mendable=checked)],
        number=number,
        pages=max(1, -(-record.rows_refused // PROBLEMS)),
        first=_first_rows(record) if checked else None,
        alike=like,
        part=part,
        alike_pages=max(1, -(-sum(counts.values()) // SHOWN)),
        said={choice.value: counts.get(choice, 0) for choice in MatchChoice},
        undecided=counts.get(None, 0),
        choices=[(choice.value, label(choice)) for choice in MatchChoice],
    )


def _problems(
    row: ImportRefusal, kind: Kind, positions: Mapping[str, int], *, mendable: bool
) -> Iterator[dict[str, Any]]:
    """Yield what is wrong with a row; each cell of it is mended in one place."""
    told: set[int] = set()
    for problem in reports.read_problems(row.problems):
        at = positions.get(problem[0])
        given = row.cells[at] if at is not None and at < len(row.cells) else ""
        yield {
            "row": row.row,
            "column": column_label(kind, problem[0]) if problem[0] else "",
            "given": given,
            "text": reports.sentence(problem),
            "position": at if mendable and at not in told else None,
        }
        if at is not None:
            told.add(at)


def _page(name: str) -> int:
    return min(max(request.args.get(name, 1, type=int), 1), DEEPEST)


def _undo_page(import_id: str, obstacles: Any) -> str:  # noqa: ANN401 - a sequence of sentences
    with reading() as session:
        record = queries.get_import(session, import_id)
        counts = {
            action: queries.count_rows(session, import_id, action)
            for action in (RowAction.CREATED, RowAction.UPDATED)
        }
    return render_template(
        "imports/undo.html",
        record=record,
        created=counts[RowAction.CREATED],
        updated=counts[RowAction.UPDATED],
        obstacles=obstacles,
    )


def _first_rows(record: Import) -> list[tuple[int, list[str]]] | None:
    """Return the file's first rows, or None when the file is no longer kept."""
    path = wizard.stored_file(runtime(), record.id)
    if not path.is_file():
        return None
    return [(row.line, list(row.cells)) for row in islice(open_table(path).rows(), FIRST_ROWS)]


def too_large() -> str | None:
    """Return what is to be said of a request with a larger file than head office lets be taken in, or None."""
    with reading() as session:
        megabytes = policy(session, IMPORT_MEGABYTES, now=stamp().at)
    if megabytes is None or (request.content_length or 0) <= megabytes * MB:
        return None
    return _("Head office lets files of at most %(most)s MB be taken in.", most=megabytes)


def positions_of(record: Import, kind: Kind) -> dict[str, int]:
    """Return in which cell of a row each column stands."""
    column_map = ColumnMap.from_json(record.mapping)
    found = {name: record.headings.index(heading) for heading, name in suggest(kind, record.headings).items()}
    for heading, names in column_map.columns.items():
        if heading in record.headings:
            found |= dict.fromkeys(names, record.headings.index(heading))
    return found


def _mapping_of_form(record: Import, form: Mapping[str, str]) -> ColumnMap:
    """Return the mapping a person chose; the words of a remembered mapping stay."""
    own = record.headings[: own_columns(record.headings)]
    before = ColumnMap.from_json(record.mapping)
    chosen = {heading: form.get(f"{HEADING}{position}", "") for position, heading in enumerate(own)}
    constants = {
        name.removeprefix(CONSTANT): value.strip()
        for name, value in form.items()
        if name.startswith(CONSTANT) and value.strip()
    }
    return ColumnMap(
        columns={heading: _kept_or(before, heading, name) for heading, name in chosen.items() if name},
        constants=constants,
        defaults=before.defaults,
        values=before.values,
        ignore=[heading for heading, name in chosen.items() if not name],
    )


def _kept_or(before: ColumnMap, heading: str, name: str) -> list[str]:
    """Keep the further columns that one heading filled, as only a mapping file can say."""
    names = list(before.columns.get(heading, ()))
    return names if names[:1] == [name] else [name]
