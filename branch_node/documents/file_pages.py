"""Handing out what documents hold: opening in the browser, downloading, identity papers for a reason, all as one file.

What leaves here says what it is by its bytes as they were sniffed, may run nothing, and is never shown as a page.
"""

import io
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any, Final, cast
from zipfile import ZIP_STORED, ZipFile

from flask import Blueprint, Response, redirect, request, send_file, url_for
from flask.typing import ResponseReturnValue

from branch_node.customers.queries import get_customer
from branch_node.documents import operations, queries
from branch_node.documents.errors import OpeningReasonError
from branch_node.documents.models import Document, DocumentVersion, OpeningReason
from branch_node.documents.queries import DocumentFilter
from branch_node.documents.sniffing import form_of
from shared.files.spreadsheets import Column, Mark, write_csv
from shared.i18n import gettext as _
from shared.i18n import translate_error
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.context import reading, stamp, whole_asked, writing
from shared.web.exports.handing import Table, hand_out, may_whole
from shared.web.forms import notice
from shared.web.noting import noted

blueprint = Blueprint("document_files", __name__)
IN_MEMORY: Final = 1024 * 1024
# Nothing of a file may run, load or be framed, whatever a browser takes it for.
CONTENT_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox"
# A browser shows no PDF in a sandbox: its own viewer is one.
PDF_POLICY: Final = "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'none'"
REASONS: Final = {one.value: one for one in OpeningReason}
# What no file may be called where somebody unpacks.
_AWKWARD: Final = str.maketrans(dict.fromkeys('<>:"|?*', "_"))


@blueprint.get("/documents/<id:document_id>/versions/<int:no>/file")
@requires(Resource.DOCUMENT, Action.READ)
def file(document_id: str, no: int) -> ResponseReturnValue:
    """Hand out one version, to be shown or as a download; of an identity paper it asks first why."""
    with reading() as session:
        document = queries.get_document(session, document_id)
        version = queries.get_version(session, document_id, no)
    if document.is_sensitive:
        notice(translate_error(OpeningReasonError()), kind="problem")
        return redirect(url_for("documents.one", document_id=document_id), code=303)
    download = "download" in request.args
    sent = send_version(version, download=download)
    subject, told = ("document", document_id), {"customer": document.customer_id, "no": no}
    if download:
        noted("document.downloaded", subject, **told)
    else:
        noted("document.viewed", subject, **told)
    return sent


@blueprint.post("/documents/<id:document_id>/versions/<int:no>/open")
@requires(Resource.DOCUMENT, Action.READ)
def open_sensitive(document_id: str, no: int) -> ResponseReturnValue:
    """Hand out an identity paper, once the reason is in the operation log."""
    reason = REASONS.get(request.form.get("reason", ""))
    if reason is None:
        notice(translate_error(OpeningReasonError()), kind="problem")
        return redirect(url_for("documents.one", document_id=document_id), code=303)
    with writing() as session:
        version = queries.get_version(session, document_id, no)
        operations.note_opened(session, version, reason, by=stamp())
        session.expunge(version)
    return send_version(version, download=request.form.get("as") == "download")


@blueprint.route("/customers/<id:customer_id>/documents/export.zip", methods=["GET", "POST"])
@requires(Resource.DOCUMENT, Action.EXPORT)
def export(customer_id: str) -> ResponseReturnValue:
    """Hand out the newest files of a customer's documents in one, identity papers only when asked for in full."""
    with reading() as session:
        customer = get_customer(session, customer_id)
        words = queries.kind_words(session)
        wanted = queries.select_documents(session, DocumentFilter(customer_id=customer.id), words)
        found = session.execute(wanted.order_by(Document.id)).all()
    whole = whole_asked() and may_whole()
    columns = _columns(sensitive=any(row[0].is_sensitive for row in found))
    items = [
        _item(turn, row[0], row[1], words, whole=whole or not row[0].is_sensitive)
        for turn, row in enumerate(found, 1)
    ]
    return hand_out(
        Bundle(
            "zip",
            f"documents-{customer.customer_no}",
            _("Documents of %(number)s", number=customer.customer_no),
            columns,
            [item.row[: len(columns)] for item in items],
            {_("Customer"): customer.customer_no},
            items=items,
        )
    )


@dataclass(frozen=True, slots=True)
class Item:
    """One document in a file of all: its line of the list, and its version where the bytes go along."""

    row: Sequence[object]
    name: str
    version: DocumentVersion | None


@dataclass(frozen=True)
class Bundle(Table):
    """A list of documents with the documents themselves, as one file."""

    items: Sequence[Item] = ()

    def write(self, file: IO[bytes], mark: Mark | None = None, more: Mapping[str, str] | None = None) -> int:
        """Write the list and every file that goes along; returns how many lines the list has.

        Raises DocumentDamagedError.
        """
        with ZipFile(file, "w", ZIP_STORED) as parts, reading() as session:
            listed = io.BytesIO()
            rows = write_csv(listed, columns=self.columns, rows=self.bounded(), mark=mark)
            parts.writestr("list.csv", listed.getvalue())
            if more:
                parts.writestr("about.txt", "".join(f"{name}: {text}\r\n" for name, text in more.items()))
            for item in self.items:
                if item.version is not None:
                    with parts.open(item.name, "w") as sink:
                        queries.copy_content(session, item.version, sink)
        return rows


def _columns(*, sensitive: bool) -> list[Column]:
    named = [
        Column("turn", _("No."), "number"),
        Column("name", _("Title of the document"), personal="person"),
        Column("kind", _("Kind")),
        Column("number", _("Number"), personal="person"),
        Column("dated_on", _("Date of the document"), "date"),
        Column("valid_until", _("Valid until"), "date"),
        Column("version", _("Version"), "number"),
        Column("digest", _("SHA-256 of the file")),
    ]
    file = Column("file", _("File"))
    papers = Column("papers", _("Files of identity papers"), personal="contact")
    return [*named, file, *([papers] if sensitive else [])]


def _item(
    turn: int, document: Document, version: DocumentVersion, words: Mapping[str, str], *, whole: bool
) -> Item:
    along = whole and version.content_digest is not None
    name = f"{turn:03}-{version.file_name.translate(_AWKWARD)}"
    row: list[Any] = [
        turn,
        document.name,
        words.get(document.kind, document.kind),
        document.number,
        document.dated_on,
        document.valid_until,
        version.no,
        version.content_digest,
        name if along and not document.is_sensitive else "",
        name if along and document.is_sensitive else "",
    ]
    return Item(row, name, version if along else None)


def send_version(version: DocumentVersion, *, download: bool) -> Response:
    """Answer with a version's bytes, once all of them are known to be those that were stored."""
    form = form_of(version.form)
    sink = cast("IO[bytes]", tempfile.SpooledTemporaryFile(max_size=IN_MEMORY))  # noqa: SIM115 - send_file closes it
    try:
        with reading() as session:
            queries.copy_content(session, version, sink)
    except BaseException:
        sink.close()
        raise
    sink.seek(0)
    shown = form.shown and not download
    response = send_file(
        sink,
        mimetype=form.media_type,
        as_attachment=not shown,
        download_name=version.file_name,
        etag=False,
        conditional=False,
        max_age=0,
    )
    response.headers["Content-Security-Policy"] = (
        PDF_POLICY if shown and form.code == "pdf" else CONTENT_POLICY
    )
    return response
