"""The rows of a checked file on screen: who is here already, and cells that are mended in place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from branch_node.customers import queries as customers
from branch_node.customers.models import Customer
from branch_node.customers.telling import tell_served
from branch_node.duplicates.pages import said_fields
from branch_node.imports import choosing, queries, wizard
from branch_node.imports.mapping import ColumnMap
from branch_node.imports.models import Import, ImportMatch, ImportState, MatchChoice
from branch_node.imports.working import work_a_while
from shared.files.tables import open_table
from shared.i18n import gettext as _
from shared.jobs import operations as jobs
from shared.rights.vocabulary import Action, Resource
from shared.runtime import NodeRuntime
from shared.web.access import requires
from shared.web.context import runtime, stamp, writing
from shared.web.forms import notice

blueprint = Blueprint("import_rows", __name__, url_prefix="/imports")
SHOWN: Final = 25
CELL: Final = "cell-"
CHOICE: Final = "choice-"
CHOICES: Final = {choice.value: choice for choice in MatchChoice}


@dataclass(frozen=True, slots=True)
class Alike:
    """A row that looks like a customer, as the page shows it; `customer` only if who looks may see them.

    `told` says whether it is known here who serves them: of files out of sight, only of so many a day.
    """

    row: int
    number: str
    name: str
    customer: Customer | None
    manager: str | None
    told: bool
    other_row: int | None
    fields: Sequence[str]
    certain: bool
    choice: MatchChoice | None


@blueprint.post("/<import_id>/duplicates")
@requires(Resource.IMPORT, Action.CREATE)
def choose(import_id: str) -> ResponseReturnValue:
    """Take what was said of the rows on the page."""
    said = {
        int(row): CHOICES.get(value)
        for name, value in request.form.items()
        if name.startswith(CHOICE) and _is_number(row := name.removeprefix(CHOICE))
    }
    with writing() as session:
        changed = choosing.choose(session, import_id, said, by=stamp())
    notice(_("Noted for %(count)s rows.", count=changed))
    return redirect(url_for("imports.show", import_id=import_id), code=303)


@blueprint.post("/<import_id>/duplicates/<any(new, update, leave):choice>")
@requires(Resource.IMPORT, Action.CREATE)
def choose_all(import_id: str, choice: str) -> ResponseReturnValue:
    """Say the same of every row that nobody has decided."""
    with writing() as session:
        changed = choosing.choose_all(session, import_id, CHOICES[choice], by=stamp())
    notice(_("Noted for %(count)s rows.", count=changed))
    return redirect(url_for("imports.show", import_id=import_id), code=303)


@blueprint.post("/<import_id>/mend")
@requires(Resource.IMPORT, Action.CREATE)
def mend(import_id: str) -> ResponseReturnValue:
    """Take the mended cells and check the file again; nothing of it is taken in yet."""
    cells: dict[int, dict[int, str]] = {}
    for name, text in request.form.items():
        row, _dash, position = name.removeprefix(CELL).partition("-")
        if name.startswith(CELL) and _is_number(row) and _is_number(position):
            cells.setdefault(int(row), {})[int(position)] = text
    context = wizard.context_of(runtime(), stamp())
    with writing() as session:
        mended = choosing.mend(session, import_id, cells, by=stamp())
        if mended:
            record = queries.get_import(session, import_id)
            column_map, update_by = ColumnMap.from_json(record.mapping), record.update_by
            wizard.start_check(session, import_id, context, column_map=column_map, update_by=update_by)
            jobs.run_soon(session, wizard.JOB, now=stamp().at)
    if not mended:
        notice(_("No cell was changed."), kind="warning")
        return redirect(url_for("imports.show", import_id=import_id), code=303)
    notice(_("%(count)s rows were mended; the file was checked again.", count=mended))
    return work_a_while(import_id)


def alike(session: Session, record: Import, positions: Mapping[str, int], number: int) -> list[Alike]:
    """Return one page of the rows of an import that look like a customer who is here, or like an earlier row."""
    found = queries.list_matches(session, record.id, limit=SHOWN, offset=(number - 1) * SHOWN)
    seen = customers.find_by_ids(session, [one.other_id for one in found if one.other_id])
    rows = _cells(runtime(), record, {one.row for one in found}, queries.find_edits(session, record.id))
    hidden = [one.other_id for one in found if one.other_id and one.other_id not in seen]
    serving = tell_served(hidden) if hidden else {}
    return [_shown(one, rows.get(one.row, ()), positions, seen, serving) for one in found]


def _shown(
    match: ImportMatch,
    cells: Sequence[str],
    positions: Mapping[str, int],
    seen: Mapping[str, Customer],
    serving: Mapping[str, str | None],
) -> Alike:
    number, name = (
        cells[at] if (at := positions.get(column, len(cells))) < len(cells) else ""
        for column in ("customer_no", "name")
    )
    return Alike(
        match.row,
        number,
        name,
        seen.get(match.other_id or ""),
        serving.get(match.other_id or ""),
        match.other_row is not None or match.other_id in seen or match.other_id in serving,
        match.other_row,
        # Of a file out of sight not even what agrees: cells of a file would ask for it one by one.
        said_fields(match.levels) if match.other_row or match.other_id in seen else (),
        match.score >= choosing.CERTAIN,
        match.choice,
    )


def _cells(
    node: NodeRuntime, record: Import, wanted: set[int], edits: Mapping[int, Sequence[str]]
) -> dict[int, Sequence[str]]:
    """Return some rows of the uploaded file as they are now; none once it is no longer kept."""
    path = wizard.stored_file(node, record.id)
    found: dict[int, Sequence[str]] = {}
    if record.state is not ImportState.CHECKED or not wanted or not path.is_file():
        return found
    for row in open_table(path).rows():
        if row.line in wanted:
            found[row.line] = edits.get(row.line, row.cells)
            if len(found) == len(wanted):
                break
    return found


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10  # noqa: PLR2004 - digits of a line
