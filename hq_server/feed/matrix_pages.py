"""Which branch has applied which version: the matrix, and the same and the list of items as files and as JSON."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from flask import Blueprint, Response, jsonify, render_template, request
from flask.typing import ResponseReturnValue

from hq_server.branches.web import Scope, scope
from hq_server.feed import standing
from hq_server.feed.standing import Cell, Row
from hq_server.feed.web import OUTCOMES, STATES, Listed, asked, listed
from shared.db.base import instant_text
from shared.domain.published.words import item_name, kind_word
from shared.files.spreadsheets import Column as SheetColumn
from shared.i18n import gettext as _
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.context import reading, stamp
from shared.web.lists import send_table
from shared.web.paging import Page, PageRequest

blueprint = Blueprint("feed_matrix", __name__, template_folder="templates", url_prefix="/published")
# More do not fit the width of a screen; the branch's row and the files tell of all.
MOST_COLUMNS: Final = 8


@blueprint.get("/branches")
@requires(Resource.PUBLISHED, Action.READ)
def matrix() -> str:
    """Show which branch has applied which version, those furthest behind first."""
    wanted = PageRequest.from_query(("behind",), default="-behind")
    with reading() as session:
        around, rows = scope(session), _rows(session)
        items = _columns(rows)
        first = (wanted.number - 1) * wanted.size
        return render_template(
            "feed/matrix.html",
            page=Page(rows[first : first + wanted.size], len(rows), wanted),
            items=items[:MOST_COLUMNS],
            left_out=max(0, len(items) - MOST_COLUMNS),
            behind=sum(bool(row.behind) for row in rows),
            total=len(rows),
            scope=around,
            only_behind=_only_behind(),
            outcomes=OUTCOMES,
            item_name=item_name,
        )


@blueprint.get("/branches.<any(xlsx, csv, json):kind>")
@requires(Resource.PUBLISHED, Action.EXPORT)
def export_matrix(kind: str) -> ResponseReturnValue:
    """Answer with every branch and item: version due, version applied, as of when."""
    with reading() as session:
        rows = _rows(session)
        cells = [cell for row in rows for cell in row.cells.values()]
        if kind == "json":
            return _json("branches", [_cell_document(cell) for cell in cells])
        chips = [(_("Branch"), ", ".join(scope(session).codes))]
    return send_table(
        kind,
        name="published-branches",
        title=_("Who has applied what"),
        columns=_cell_columns(),
        rows=_cell_rows(cells),
        filters=chips,
    )


@blueprint.get("/items.<any(xlsx, csv, json):kind>")
@requires(Resource.PUBLISHED, Action.EXPORT)
def export_items(kind: str) -> ResponseReturnValue:
    """Answer with the list of items, filtered as the address says."""
    filters = asked()
    with reading() as session:
        found = listed(session, filters, stamp().at)
    if kind == "json":
        return _json("items", [_item_document(one) for one in found])
    return send_table(
        kind,
        name="published",
        title=_("Published items"),
        columns=_item_columns(),
        rows=(_item_row(one) for one in found),
        filters=[
            (_("Search"), filters.text),
            (_("Kind"), _(", ").join(kind_word(one) for one in sorted(filters.kinds))),
            (_("State"), _(", ").join(_(STATES[one][0]) for one in sorted(filters.states))),
        ],
    )


def _rows(session: Any) -> list[Row]:  # noqa: ANN401 - a session
    around: Scope = scope(session)
    found = [row for row in standing.rows(session, stamp().at, branches=around.chosen) if row.cells]
    return [row for row in found if row.behind] if _only_behind() else found


def _only_behind() -> bool:
    return request.args.get("behind") == "yes"


def _columns(rows: Sequence[Row]) -> list[Any]:
    """Return the items of the matrix: those some branch has not applied first, then the latest published."""
    behind: dict[str, int] = {}
    newest: dict[str, Cell] = {}
    for row in rows:
        for item_id, cell in row.cells.items():
            behind[item_id] = behind.get(item_id, 0) + cell.is_behind
            newest.setdefault(item_id, cell)
    order = sorted(newest.values(), key=lambda cell: cell.published_at, reverse=True)
    return [cell.item for cell in sorted(order, key=lambda cell: -behind[cell.item.id])]


def _json(name: str, documents: list[dict[str, Any]]) -> Response:
    return jsonify({"as_of": instant_text(stamp().at), name: documents})


def _item_document(one: Listed) -> dict[str, Any]:
    found = one.found
    version = found.current or found.draft
    return {
        "id": found.item.id,
        "kind": found.item.kind.value,
        "name": found.item.name,
        "title": one.name,
        "state": one.state,
        "version": version.version if version else None,
        "branches": list(version.branches) if version else [],
        "published_at": instant_text(version.published_at) if version and version.published_at else None,
        "expires_at": instant_text(version.expires_at) if version and version.expires_at else None,
        "addressed": one.addressed,
        "applied": one.applied,
        "refused": one.refused,
        "reads": one.reads,
        "readers": one.readers,
    }


def _item_columns() -> Sequence[SheetColumn]:
    return (
        SheetColumn("kind", _("Kind")),
        SheetColumn("title", _("Item")),
        SheetColumn("says", _("Says")),
        SheetColumn("state", _("State")),
        SheetColumn("version", _("Version"), "number"),
        SheetColumn("branches", _("Addressed to")),
        SheetColumn("published_at", _("Published"), "instant"),
        SheetColumn("expires_at", _("Until"), "instant"),
        SheetColumn("addressed", _("Branches addressed"), "number"),
        SheetColumn("applied", _("Applied"), "number"),
        SheetColumn("refused", _("Refused"), "number"),
        SheetColumn("reads", _("Read by"), "number"),
    )


def _item_row(one: Listed) -> list[object]:
    version = one.found.current or one.found.draft
    return [
        one.kind,
        one.name,
        one.says,
        _(STATES[one.state][0]),
        version.version if version else None,
        ", ".join(version.branches) if version and version.branches else _("all"),
        version.published_at if version else None,
        version.expires_at if version else None,
        one.addressed,
        one.applied,
        one.refused,
        one.reads,
    ]


def _cell_document(cell: Cell) -> dict[str, Any]:
    telling = cell.telling
    return {
        "branch": cell.branch.code,
        "item": cell.item.id,
        "kind": cell.item.kind.value,
        "name": cell.item.name or cell.item.title,
        "version_due": cell.version,
        "withdrawn": cell.withdrawn,
        "version_applied": cell.applied,
        "outcome": cell.outcome,
        "reasons": list(telling.reasons) if telling else [],
        "told_at": instant_text(telling.told_at) if telling else None,
    }


def _cell_columns() -> Sequence[SheetColumn]:
    return (
        SheetColumn("code", _("Branch code")),
        SheetColumn("branch", _("Branch")),
        SheetColumn("kind", _("Kind")),
        SheetColumn("item", _("Item")),
        SheetColumn("due", _("Version due"), "number"),
        SheetColumn("applied", _("Version applied"), "number"),
        SheetColumn("outcome", _("State")),
        SheetColumn("reasons", _("Why")),
        SheetColumn("published_at", _("Published"), "instant"),
        SheetColumn("told_at", _("As of"), "instant"),
    )


def _cell_rows(cells: Sequence[Cell]) -> Iterator[list[object]]:
    for cell in cells:
        telling = cell.telling
        yield [
            cell.branch.code,
            cell.branch.name,
            kind_word(cell.item.kind.value),
            item_name(cell.item.kind.value, cell.item.name, cell.item.title),
            cell.version,
            cell.applied,
            _(OUTCOMES[cell.outcome][0]) if cell.outcome in OUTCOMES else cell.outcome,
            "; ".join(_(reason) for reason in telling.reasons) if telling else "",
            cell.published_at,
            telling.told_at if telling else None,
        ]
