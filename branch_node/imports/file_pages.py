"""The files that the wizard hands out: empty ones with the right headings, and the rows that were refused."""

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, send_file
from flask.typing import ResponseReturnValue

from branch_node.imports import queries, reports
from branch_node.imports.mapping import get_kind
from branch_node.imports.words import column_word
from shared.files.spreadsheets import Column, write_csv, write_xlsx
from shared.i18n import gettext as _
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.context import reading

blueprint = Blueprint("import_files", __name__, url_prefix="/imports")


@blueprint.get("/template/<kind>.<any(xlsx, csv):extension>")
@requires(Resource.IMPORT, Action.CREATE)
def template(kind: str, extension: str) -> ResponseReturnValue:
    """Send an empty file with the headings of a kind; a workbook also says what belongs below each."""
    of = get_kind(kind)
    own = [(column_word(of, column.name), column) for column in of.columns if column.template]
    columns = [Column(heading, heading) for heading, _column in own]
    told = {
        heading: _("%(what)s (required)", what=_(column.help)) if column.required else _(column.help)
        for heading, column in own
    }
    name = _(of.label)

    def write(stream: Any) -> None:  # noqa: ANN401 - any binary stream
        if extension == "xlsx":
            write_xlsx(stream, title=name, columns=columns, rows=(), about=told)
        else:
            write_csv(stream, columns=columns, rows=())

    return _download(write, f"{name}.{extension}")


@blueprint.get("/<import_id>/refused.<extension>")
@requires(Resource.IMPORT, Action.CREATE)
def error_file(import_id: str, extension: str) -> ResponseReturnValue:
    """Send the refused rows with their reasons, to be mended and taken in as they are."""
    with reading() as session:
        record = queries.get_import(session, import_id)
        xlsx, kind = extension == "xlsx", get_kind(record.kind)
        name = f"{Path(record.file_name).stem}-{_('refused')}.{'xlsx' if xlsx else 'csv'}"
        rows = (
            reports.RefusedRow(row.row, row.cells, reports.read_problems(row.problems))
            for row in queries.each_refusal(session, import_id)
        )

        def write(stream: Any) -> None:  # noqa: ANN401 - any binary stream
            word = partial(column_word, kind)
            reports.write_errors(stream, record.headings, rows, xlsx=xlsx, word=word)

        return _download(write, name)


def _download(write: Callable[[Any], object], name: str) -> Response:
    stream = tempfile.TemporaryFile()  # noqa: SIM115 - send_file closes it
    write(stream)
    stream.seek(0)
    return send_file(stream, as_attachment=True, download_name=name, etag=False)
