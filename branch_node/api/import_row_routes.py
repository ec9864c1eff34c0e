"""The rows of a checked file, for programs: what is wrong with each, whom they look like, and mending them."""

from collections.abc import Iterator, Mapping
from typing import Any

from flask import Blueprint, Response
from marshmallow import ValidationError

from branch_node.api import import_schemas as schemas
from branch_node.api.customer_routes import PAGED
from branch_node.api.import_routes import shown_import
from branch_node.customers.queries import find_by_ids
from branch_node.customers.telling import tell_served
from branch_node.imports import choosing, queries, reports, wizard
from branch_node.imports.mapping import ColumnMap, get_kind
from branch_node.imports.models import Import, ImportMatch, ImportRefusal, MatchChoice
from branch_node.imports.pages import positions_of
from branch_node.imports.working import work_briefly
from shared.domain.form_fields import NOT_LISTED
from shared.i18n import lazy_gettext as _l
from shared.jobs import operations as jobs
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.api import asking
from shared.web.api.bounds import take_rows
from shared.web.api.document import describe
from shared.web.context import reading, runtime, stamp, writing

blueprint = Blueprint("api_import_rows", __name__, url_prefix="/api/v1/imports")
CHOICES = {one.value: one for one in MatchChoice}


@blueprint.get("/<id:import_id>/problems")
@requires(Resource.IMPORT, Action.READ)
@describe(_l("List what is wrong with the rows of a file"), answer=schemas.RowProblem, query=PAGED, many=True)
def problems(import_id: str) -> Response:
    """List every problem of the refused rows: row, column, what stands there, what to do; a page of rows at a time."""
    size, begin = asking.size(), asking.offset()
    with reading() as session:
        record = queries.get_import(session, import_id)
        rows = queries.list_refusals(session, import_id, limit=size + 1, offset=begin)
        positions = positions_of(record, get_kind(record.kind))
        shown = [one for row in rows[:size] for one in _problems(row, positions)]
    take_rows(len(rows[:size]), "import")
    return asking.many(shown, next_=asking.cursor(str(begin + size)) if len(rows) > size else None)


@blueprint.get("/<id:import_id>/alike")
@requires(Resource.IMPORT, Action.READ)
@describe(
    _l("List the rows of a file that look like a customer who is here"),
    answer=schemas.Alike,
    query=PAGED,
    many=True,
    needs=[(Resource.CUSTOMER, Action.READ)],
)
def alike(import_id: str) -> Response:
    """List rows that look like a customer or an earlier row: those nobody has decided first."""
    size, begin = asking.size(), asking.offset()
    with reading() as session:
        queries.get_import(session, import_id)
        rows = queries.list_matches(session, import_id, limit=size + 1, offset=begin)
        seen = find_by_ids(session, [row.other_id for row in rows if row.other_id])
        shown = [_alike(row, seen) for row in rows[:size]]
    # Of files out of sight no more than that they exist: each of them is in the log, as on the page.
    tell_served([row.other_id for row in rows[:size] if row.other_id and row.other_id not in seen])
    take_rows(len(shown), "import")
    return asking.many(shown, next_=asking.cursor(str(begin + size)) if len(rows) > size else None)


@blueprint.put("/<id:import_id>/choices")
@requires(Resource.IMPORT, Action.CREATE)
@describe(
    _l("Say what becomes of rows that look like a customer"), answer=schemas.Import, body=schemas.Choices
)
def choose(import_id: str) -> Response:
    """Take what is said of single rows, then of all others."""
    with writing() as session:
        record = queries.get_import(session, import_id)
        given = asking.body(schemas.Choices())
        said = {one["row"]: CHOICES[one["choice"]] for one in given.get("rows", ())}
        choosing.choose(session, import_id, said, by=stamp())
        if given.get("others"):
            choosing.choose_all(session, import_id, CHOICES[given["others"]], by=stamp())
        session.flush()
        return asking.one(shown_import(session, record))


@blueprint.post("/<id:import_id>/mend")
@requires(Resource.IMPORT, Action.CREATE)
@describe(
    _l("Mend cells of refused rows and check the file again"), answer=schemas.Import, body=schemas.Mended
)
def mend(import_id: str) -> Response:
    """Put other words into cells; the file stays as it was sent, and nothing of it is taken in yet."""
    context = wizard.context_of(runtime(), stamp())
    with writing() as session:
        record = queries.get_import(session, import_id)
        cells = _cells(record, asking.body(schemas.Mended())["rows"])
        mended = choosing.mend(session, import_id, cells, by=stamp())
        if mended:
            column_map, update_by = ColumnMap.from_json(record.mapping), record.update_by
            wizard.start_check(session, import_id, context, column_map=column_map, update_by=update_by)
            jobs.run_soon(session, wizard.JOB, now=stamp().at)
    if mended:
        work_briefly(import_id)
    with reading() as session:
        return asking.one(shown_import(session, queries.get_import(session, import_id)))


def _problems(row: ImportRefusal, positions: Mapping[str, int]) -> Iterator[dict[str, Any]]:
    for problem in reports.read_problems(row.problems):
        at = positions.get(problem[0])
        given = row.cells[at] if at is not None and at < len(row.cells) else ""
        yield {
            "row": row.row,
            "field": problem[0],
            "given": given,
            "code": problem[1],
            "cure": reports.sentence(problem),
        }


def _alike(match: ImportMatch, seen: Mapping[str, object]) -> dict[str, Any]:
    return {
        "row": match.row,
        "other_id": match.other_id if match.other_id in seen else None,
        "other_row": match.other_row,
        "score": match.score,
        "certain": match.score >= choosing.CERTAIN,
        "choice": match.choice.value if match.choice else None,
    }


def _cells(record: Import, rows: list[dict[str, Any]]) -> dict[int, dict[int, str]]:
    """Return by line and place what cells should say; raises ValidationError for a heading the file does not have."""
    places = {heading: at for at, heading in enumerate(record.headings)}
    try:
        return {row["row"]: {places[heading]: said for heading, said in row["cells"].items()} for row in rows}
    except KeyError:
        raise ValidationError({"rows": [NOT_LISTED]}) from None
