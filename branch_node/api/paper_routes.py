"""Documents and the retained archive for programs. Here files are added to both, and nothing changed."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response
from marshmallow import ValidationError
from sqlalchemy import Select
from sqlalchemy.orm import Session

from branch_node.api import record_schemas as schemas
from branch_node.api.customer_routes import PAGED
from branch_node.api.schemas import Reason
from branch_node.archive import operations as archiving
from branch_node.archive import queries as archive
from branch_node.archive.models import ArchiveEntry
from branch_node.archive.pages import shown_content
from branch_node.archive.queries import ArchiveFilter
from branch_node.customers.queries import get_customer
from branch_node.documents import operations, queries, taking
from branch_node.documents.errors import OpeningReasonError
from branch_node.documents.file_pages import REASONS, send_version
from branch_node.documents.listing import SPANS, wanted_documents
from branch_node.documents.models import Document
from branch_node.documents.queries import DocumentFilter
from branch_node.documents.sniffing import Checked
from shared.domain.archive.vocabulary import EntryKind
from shared.domain.form_fields import NOT_LISTED
from shared.i18n import lazy_gettext as _l
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires, takes_body
from shared.web.api import asking
from shared.web.api.bounds import take_rows
from shared.web.api.document import Query, describe
from shared.web.api.once import once
from shared.web.context import reading, stamp, writing
from shared.web.lists import code_arguments, id_argument, text_argument
from shared.web.noting import noted

blueprint = Blueprint("api_papers", __name__, url_prefix="/api/v1")
OWNERS = ((Resource.CUSTOMER, Action.READ),)
PAPERS = (
    Query("q", _l("Words of title, number, file or kind")),
    Query("kind", _l("Kind")),
    Query("state", _l("retired: those that are out of use")),
    Query("days", _l("Those that run out within so many days"), [str(one) for one in SPANS]),
)
ENTRIES = (
    Query("q", _l("Words of number or name, or who put it there")),
    Query("kind", _l("Kind"), [one.value for one in EntryKind]),
    Query("customer", _l("The customer's id")),
)


@blueprint.get("/documents")
@requires(Resource.DOCUMENT, Action.READ)
@describe(
    _l("List documents"),
    answer=schemas.Document,
    query=(*PAPERS, Query("manager", _l("The account manager's id")), *PAGED),
    many=True,
    needs=OWNERS,
)
def documents() -> Response:
    """List the documents that the filters name, without their files, a page at a time."""
    return _documents(wanted_documents())


@blueprint.get("/customers/<id:customer_id>/documents")
@requires(Resource.DOCUMENT, Action.READ)
@describe(
    _l("List the documents of a customer"),
    answer=schemas.Document,
    query=(*PAPERS, *PAGED),
    many=True,
    needs=OWNERS,
)
def of_customer(customer_id: str) -> Response:
    """List a customer's documents, without their files."""
    with reading() as session:
        customer = get_customer(session, customer_id)
    return _documents(wanted_documents(customer.id))


@blueprint.post("/customers/<id:customer_id>/documents")
@requires(Resource.DOCUMENT, Action.CREATE)
@takes_body(taking.MOST_BYTES)
@describe(
    _l("Add a document to a customer, with its file"),
    answer=schemas.WholeDocument,
    parts=schemas.SentDocument,
    status=201,
    once=True,
    needs=OWNERS,
)
def add(customer_id: str) -> Response:
    """Keep a file as a document of a customer."""
    with reading() as session:
        get_customer(session, customer_id)
    given = asking.form(schemas.SentDocument())
    file = taking.checked(given.pop("file"))
    room = taking.room()
    with writing() as session:
        values = taking.said_of(session, given)

        def keep() -> str:
            return operations.add_documents(session, customer_id, [file], values, room=room, by=stamp())[0].id

        return once(session, keep, lambda at: _kept(session, at), sent=_sent(given, file))


@blueprint.post("/documents/<id:document_id>/versions")
@requires(Resource.DOCUMENT, Action.CREATE)
@takes_body(taking.MOST_BYTES)
@describe(
    _l("Add a file as the newest version of a document; those before it stay"),
    answer=schemas.WholeDocument,
    parts=schemas.SentFile,
    status=201,
    once=True,
)
def add_version(document_id: str) -> Response:
    """Keep a file as the newest version."""
    with reading() as session:
        queries.get_document(session, document_id)
    given = asking.form(schemas.SentFile())
    file = taking.checked(given.pop("file"))
    room = taking.room()
    with writing() as session:
        return once(
            session,
            lambda: operations.add_version(session, document_id, file, room=room, by=stamp()).id,
            lambda at: _kept(session, at),
        )


@blueprint.get("/documents/<id:document_id>")
@requires(Resource.DOCUMENT, Action.READ)
@describe(
    _l("Read what a document is, and its versions; the ETag is for changing it"), answer=schemas.WholeDocument
)
def document(document_id: str) -> Response:
    """Show what is said of a document and of each of its files."""
    with reading() as session:
        shown = shown_document(session, document_id)
        changed = queries.get_document(session, document_id).updated_at
    noted("document.viewed", ("document", document_id), customer=shown["customer_id"])
    take_rows(1, "document")
    return asking.one(shown, at=changed)


@blueprint.get("/documents/<id:document_id>/versions/<int:no>/file")
@requires(Resource.DOCUMENT, Action.READ)
@describe(_l("Download a file; identity papers are opened for a reason only"), gives_file=True)
def download(document_id: str, no: int) -> Response:
    """Hand out one version of a paper that is no identity paper."""
    with reading() as session:
        found = queries.get_document(session, document_id)
        version = queries.get_version(session, document_id, no)
    if found.is_sensitive:
        raise OpeningReasonError
    take_rows(1, "document")
    sent = send_version(version, download=True)
    noted("document.downloaded", ("document", document_id), customer=found.customer_id, no=no)
    return sent


@blueprint.post("/documents/<id:document_id>/versions/<int:no>/open")
@requires(Resource.DOCUMENT, Action.READ)
@describe(_l("Download a file, and say why"), body=schemas.OpeningReason, gives_file=True)
def open_sensitive(document_id: str, no: int) -> Response:
    """Hand out an identity paper, once the reason is in the operation log."""
    with reading() as session:
        queries.get_version(session, document_id, no)
    reason = REASONS.get(asking.body(schemas.OpeningReason())["reason"])
    if reason is None:
        raise ValidationError({"reason": [NOT_LISTED]})
    take_rows(1, "document")
    with writing() as session:
        version = queries.get_version(session, document_id, no)
        operations.note_opened(session, version, reason, by=stamp())
        session.expunge(version)
    return send_version(version, download=True)


@blueprint.get("/archive")
@requires(Resource.ARCHIVE, Action.READ)
@describe(
    _l("List what lies in the retained archive"),
    answer=schemas.ArchiveEntry,
    query=(*ENTRIES, *PAGED),
    many=True,
    needs=OWNERS,
)
def entries() -> Response:
    """List entries without what they hold, a page at a time."""
    kinds = code_arguments("kind", EntryKind)
    wanted = ArchiveFilter(text_argument("q"), kinds[0] if kinds else None, id_argument("customer"))
    statement: Select[ArchiveEntry, str] = archive.select_entries(wanted)
    with reading() as session:
        found, next_ = asking.page_by_id(session, statement, ArchiveEntry.id)
        shown = [asking.dumped(schemas.ArchiveEntry(), row[0]) for row in found]
    take_rows(len(shown), "archive")
    return asking.many(shown, next_=next_)


@blueprint.get("/archive/<id:entry_id>")
@requires(Resource.ARCHIVE, Action.READ)
@describe(_l("Read an entry of the retained archive"), answer=schemas.WholeEntry, needs=OWNERS)
def entry(entry_id: str) -> Response:
    """Show one entry with what it holds, masked as the owner of the token sees it."""
    with reading() as session:
        found = archive.get_entry(session, entry_id)
        shown = asking.dumped(schemas.WholeEntry(exclude=("content", "about")), found)
        shown["content"] = shown_content(session, found)
        shown["about"] = [one.id for one in archive.list_about(session, found)]
    take_rows(1, "archive")
    return asking.one(shown)


@blueprint.post("/customers/<id:customer_id>/archive")
@requires(Resource.ARCHIVE, Action.CREATE)
@describe(
    _l("Put a customer's file as it stands into the retained archive"),
    answer=schemas.ArchiveEntry,
    body=Reason,
    status=201,
    once=True,
    needs=OWNERS,
)
def put_in(customer_id: str) -> Response:
    """Put a file away; files already there stay beside it."""
    with reading() as session:
        found = get_customer(session, customer_id)
    reason = asking.body(Reason())["reason"]
    # The file is put away whole, also what of it the owner of the token does not see.
    with writing(as_node=True) as session:
        return once(
            session,
            lambda: archiving.put_in(session, found.id, reason=reason, by=stamp()).id,
            lambda at: asking.one(
                asking.dumped(schemas.ArchiveEntry(), archive.get_entry(session, at)), status=201
            ),
        )


def shown_document(session: Session, document_id: str) -> dict[str, Any]:
    """Return what is said of a document and of each of its files."""
    found = queries.get_document(session, document_id)
    shown = asking.dumped(schemas.WholeDocument(exclude=("files",)), found)
    files = queries.list_versions(session, found.id)
    return shown | {"files": [asking.dumped(schemas.DocumentFile(), one) for one in files]}


def _kept(session: Session, document_id: str) -> Response:
    return asking.one(shown_document(session, document_id), status=201)


def _sent(given: Mapping[str, str], file: Checked) -> list[str]:
    """Return what a form with a file says, whatever its parts are cut with."""
    return [*(f"{name}={given[name]}" for name in sorted(given)), file.name, file.digest]


def _documents(wanted: DocumentFilter) -> Response:
    with reading() as session:
        statement = queries.select_documents(session, wanted, queries.kind_words(session))
        found, next_ = asking.page_by_id(session, statement, Document.id)
        shown = [asking.dumped(schemas.Document(), row[0]) for row in found]
    take_rows(len(shown), "document")
    return asking.many(shown, next_=next_)
