"""The register of exports: who took what out of this node and why, and finding it again by a number or a file."""

import hashlib
from typing import Final

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from shared.exports import operations, queries
from shared.exports.errors import ExportOverError
from shared.exports.models import Export
from shared.exports.store import PIECE
from shared.exports.vocabulary import KIND, STATE_WORDS, ExportState
from shared.i18n import gettext as _
from shared.i18n import lazy_gettext as _l
from shared.rights.vocabulary import Action, Resource
from shared.twoperson.queries import find_waiting
from shared.web.access import requires, takes_body
from shared.web.context import person, reading, stamp, writing
from shared.web.exports.handing import RULES, AskRules, send_stored
from shared.web.forms import notice
from shared.web.lists import text_argument
from shared.web.paging import PageRequest, paginate
from shared.web.tables import Column

MOST_BYTES: Final = 200 * 1024 * 1024
SORTS: Final = {"asked_at": Export.asked_at, "rows": Export.rows, "asked_by": Export.asked_by}
COLUMNS: Final = (
    Column("number", _l("Export no."), link="exports.one", link_arg="export_id"),
    Column("asked_at", _l("Asked at"), "instant", sort=True),
    Column("asked_by", _l("Who"), sort=True),
    Column("title", _l("What")),
    Column("rows", _l("Rows"), "number", sort=True),
    Column("reason", _l("Reason given"), wide=True),
    Column("state", _l("State"), "own"),
)


def exports_blueprint(rules: AskRules) -> Blueprint:
    """Return the pages; `rules` is asked for the bounds in force whenever something is to leave the node."""
    blueprint = Blueprint("exports", __name__, template_folder="templates", url_prefix="/exports")
    blueprint.record_once(lambda state: state.app.extensions.update({RULES: rules}))
    for method, rule, view in ROUTES:
        blueprint.add_url_rule(rule, view.__name__, view, methods=[method])
    return blueprint


@requires(Resource.EXPORT, Action.READ)
def index() -> str:
    """List the exports there are, or those that a number or the digest of a file names."""
    asked = text_argument("find")
    wanted = PageRequest.from_query(SORTS, default="-asked_at")
    with reading() as session:
        page = paginate(session, queries.select_exports(asked), wanted, sorts=SORTS, tie=Export.id)
    return render_template(
        "exports/index.html", page=page, columns=COLUMNS, states=STATE_WORDS, asked=asked, me=person().id
    )


@requires(Resource.EXPORT, Action.READ)
@takes_body(MOST_BYTES)
def find() -> ResponseReturnValue:
    """Look for the export that a file is, by its digest; nothing of the file is kept."""
    given = request.files.get("file")
    if given is None or not given.filename:
        notice(_("Choose a file."), kind="warning")
        return redirect(url_for("exports.index"), code=303)
    made = hashlib.sha256()
    while piece := given.stream.read(PIECE):
        made.update(piece)
    return redirect(url_for("exports.index", find=made.hexdigest()), code=303)


@requires(Resource.EXPORT, Action.READ)
def one(export_id: str) -> str:
    """Show one export: what is in it, why, what came of it, and to who asked for it the file."""
    with reading() as session:
        export = queries.get_export(session, export_id)
    return render_template(
        "exports/one.html",
        export=export,
        state=STATE_WORDS[export.state],
        own=export.asked_by_id == person().id,
        to_make=export.state is ExportState.APPROVED and export.is_open(stamp().at),
        to_fetch=export.state is ExportState.READY and export.is_open(stamp().at),
        waits=export.state is ExportState.WAITING,
    )


@requires(Resource.EXPORT, Action.EXPORT)
def fetch(export_id: str) -> ResponseReturnValue:
    """Hand out a file that was made, once more."""
    with writing() as session:
        export = operations.fetch(session, export_id, by=stamp())
        session.flush()
        session.expunge(export)
    return send_stored(export)


@requires(Resource.EXPORT, Action.EXPORT)
def withdraw(export_id: str) -> ResponseReturnValue:
    """Take back what one has asked for oneself."""
    with writing() as session:
        queries.get_export(session, export_id)
        act = find_waiting(session, KIND, ("export", export_id))
        if act is None:
            raise ExportOverError
        operations.withdraw(session, export_id, act.id, by=stamp())
    notice(_("The request is withdrawn; nothing was made."))
    return redirect(url_for("exports.one", export_id=export_id), code=303)


ROUTES: Final = (
    ("GET", "", index),
    ("POST", "/find", find),
    ("GET", "/<id:export_id>", one),
    ("POST", "/<id:export_id>/file", fetch),
    ("POST", "/<id:export_id>/withdrawal", withdraw),
)
